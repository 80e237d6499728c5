"""Cells on disk: round trip, keys, corruption, and the promise that a half-written cell is never seen."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dgpg_verify.core import Cell, Evidence, InputError, NonFiniteError, to_json
from dgpg_verify.runs import CellStore, cell_file, files, unique_cells
from dgpg_verify.runs.cells import write_cell
from dgpg_verify.runs.files import write_atomic
from dgpg_verify.runs.lock import is_empty
from tests.runs.damage import flipped, truncated

CELL = Cell("C1", "variance/cloud sparse", 8, 3, 12345, {"credit": "return", "k": (1, 2)})
VALUES: dict[str, Any] = {
    "variance": np.array([[0.1, 1e-300], [3.0, -2.0]]),
    "counts": np.arange(5),
    "mask": np.array([True, False]),
    "unknown": None,
    "share": 0.1 + 0.2,
    "names": ["return", "guidance"],
    "nested": {"a": [1, 2.5, None]},
}


def save(store: CellStore, evidence: Evidence) -> Path:
    path = store.path(evidence.cell)
    write_cell(path, store.key(evidence.cell), evidence)
    return path


def test_a_cell_comes_back_bit_for_bit(tmp_path: Path) -> None:
    store = CellStore(tmp_path, "source")
    save(store, Evidence(CELL, VALUES, 1.5))
    loaded = store.load(CELL)
    assert loaded.seconds == 1.5
    assert to_json(loaded.cell) == to_json(CELL)
    for name in ("variance", "counts", "mask"):
        assert loaded.values[name].dtype == VALUES[name].dtype
        np.testing.assert_array_equal(loaded.values[name], VALUES[name], strict=True)
    for name in ("unknown", "share", "names", "nested"):
        assert loaded.values[name] == VALUES[name]
    assert sorted(loaded.values) == sorted(VALUES)


def test_one_file_a_cell_and_nothing_else(tmp_path: Path) -> None:
    store = CellStore(tmp_path, "source")
    for _ in range(2):
        save(store, Evidence(CELL, VALUES, 1.5))
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")] == [cell_file(CELL)]


@pytest.mark.parametrize("field", ["claim", "row", "n", "replicate", "seed", "options"])
def test_every_field_of_a_cell_changes_its_key_and_its_file(field: str, tmp_path: Path) -> None:
    value = getattr(CELL, field)
    changed = {"options": {"credit": "guidance"}}.get(field, value + 1 if isinstance(value, int) else f"{value}x")
    other = dataclasses.replace(CELL, **{field: changed})
    store = CellStore(tmp_path, "source")
    assert store.key(other) != store.key(CELL)
    assert cell_file(other) != cell_file(CELL)


def test_another_source_changes_the_key_but_not_the_file(tmp_path: Path) -> None:
    old, new = CellStore(tmp_path, "old"), CellStore(tmp_path, lambda cell: "new")
    save(old, Evidence(CELL, VALUES, 1.0))
    assert old.has(CELL)
    assert not new.has(CELL)
    assert old.path(CELL) == new.path(CELL)


def test_the_order_of_options_does_not_matter(tmp_path: Path) -> None:
    turned = dataclasses.replace(CELL, options=dict(reversed(CELL.options.items())))
    assert cell_file(turned) == cell_file(CELL)
    assert unique_cells([CELL, turned]) == [CELL]


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path) -> None:
    path.write_text("not a cell")


def _pickled(path: Path) -> None:
    np.savez(path, record=np.array([{"a": 1}], dtype=object))


def _foreign(path: Path) -> None:
    np.savez(path, other=np.arange(3))


def _array_lost(path: Path) -> None:
    with np.load(path) as stored:
        np.savez(path, record=stored["record"])


@pytest.mark.parametrize("break_it", [truncated, flipped, _empty, _text, _pickled, _foreign, _array_lost])
def test_a_corrupt_cell_is_refused_by_name(break_it: Callable[[Path], None], tmp_path: Path) -> None:
    store = CellStore(tmp_path, "source")
    path = save(store, Evidence(CELL, VALUES, 1.0))
    break_it(path)
    for look in (store.load, store.has):
        with pytest.raises(InputError, match=r"cell file C1-variance-cloud-sparse-n8-r3-.*delete the file"):
            look(CELL)


def test_a_missing_cell_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"C1 variance/cloud sparse n=8 replicate=3 seed=12345.*--resume"):
        CellStore(tmp_path, "source").load(CELL)


BAD = {
    "NaN in an array": ({"x": np.array([[1.0, np.nan]])}, r"x\[0, 1\] = nan"),
    "infinite float": ({"x": float("inf")}, "x = inf"),
    "NaN in a list": ({"x": [0.0, float("nan")]}, r"x\[1\] = nan"),
    "NaN in a mapping": ({"x": {"y": np.float64("nan")}}, r"x\.y = nan"),
}


@pytest.mark.parametrize("values, said", BAD.values(), ids=BAD.keys())
def test_non_finite_numbers_stop_the_cell_by_name(values: dict, said: str, tmp_path: Path) -> None:
    with pytest.raises(NonFiniteError, match=rf"C1 variance/cloud sparse n=8 replicate=3.*{said}"):
        save(CellStore(tmp_path, "source"), Evidence(CELL, values, 1.0))
    assert not list(tmp_path.rglob("*.*"))


def test_objects_are_no_evidence(tmp_path: Path) -> None:
    for value in (np.array(["a"], dtype=object), object()):
        with pytest.raises(TypeError):
            save(CellStore(tmp_path, "source"), Evidence(CELL, {"x": value}, 1.0))
    assert not list(tmp_path.rglob("*.*"))


def test_an_interrupted_write_leaves_the_old_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = CellStore(tmp_path, "source")
    save(store, Evidence(CELL, {"x": 1.0}, 1.0))

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "fsync", stopped)
    with pytest.raises(KeyboardInterrupt):
        save(store, Evidence(CELL, {"x": 2.0}, 1.0))
    assert store.load(CELL).values["x"] == 1.0
    assert len(list(tmp_path.rglob("*.*"))) == 1


KILLED = """
import os, pathlib, signal, sys
from dgpg_verify.runs import files
files.os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
files.write_atomic(pathlib.Path(sys.argv[1]), "half a file, and longer than the whole one " * 9)
"""


def test_the_next_write_takes_over_what_a_kill_left(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    assert subprocess.run([sys.executable, "-c", KILLED, str(path)]).returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 1 and is_empty(tmp_path), "half a file is no file"
    write_atomic(path, "whole")
    assert [(found.name, found.read_text()) for found in tmp_path.iterdir()] == [("config.json", "whole")]


def test_two_writers_of_one_file_take_turns(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    contents = [f"{k}" * 100_000 for k in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(lambda content: write_atomic(path, content), contents * 5):
            assert path.read_text() in contents
    assert list(tmp_path.iterdir()) == [path]

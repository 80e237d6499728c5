"""Compact evidence: bit for bit, small over many cells, and never taken for what it is not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dgpg_verify.core import Cell, Evidence, InputError, to_json
from dgpg_verify.runs import CellStore
from dgpg_verify.runs.cells import Finished, read_cell, write_cell
from dgpg_verify.runs.evidence import EVIDENCE_INDEX, CompactEvidence, write_evidence
from tests.runs.damage import flipped, truncated

KEYS = ("ab" * 32, "cd" * 32)


def made(count: int = 2, family: str = "toy") -> list[Finished]:
    """Cells with arrays of several dtypes and orders, and a float that a decimal text must keep."""
    rng = np.random.default_rng(0)
    cells = []
    for k in range(count):
        values = {
            "table": rng.normal(size=(2, 3)),
            "turned": np.asfortranarray(rng.normal(size=(3, 2))),
            "scalar": np.array(0.1 + 0.2),
            "none": np.zeros((0, 4)),
            "mask": np.array([True, False]),
            "small": np.arange(3, dtype=np.uint8),
            "share": 0.1 + 0.2,
            "nested": {"a": [1, 2.5, None]},
        }
        cell = Cell(family, "row/one", 8, k, 2**62 + k, {"horizon": 100, "method": "dgpg", "seeds": [k]})
        cells.append((Evidence(cell, values, 1.5 + k), KEYS[k % 2]))
    return cells


def written(folder: Path, cells: Sequence[Finished] | None = None) -> Path:
    """The one file of evidence written into `folder`."""
    (path,) = write_evidence(folder, {"scale": "smoke"}, made() if cells is None else cells)
    return path


def test_cells_come_back_bit_for_bit_with_their_keys(tmp_path: Path) -> None:
    written(tmp_path)
    for evidence, key in made():
        found = CompactEvidence(tmp_path).find(evidence.cell)
        assert found is not None and found[1] == key and found[0].seconds == evidence.seconds
        assert to_json(found[0].cell) == to_json(evidence.cell)
        assert set(found[0].values) == set(evidence.values)
        for name, value in evidence.values.items():
            back = found[0].values[name]
            if isinstance(value, np.ndarray):
                assert back.dtype == value.dtype and back.flags.fnc == value.flags.fnc
                np.testing.assert_array_equal(back, value, strict=True)
            else:
                assert back == value


def test_the_same_cells_give_the_same_bytes(tmp_path: Path) -> None:
    assert written(tmp_path / "a").read_bytes() == written(tmp_path / "b").read_bytes()


def test_a_cell_that_is_not_there_is_none(tmp_path: Path) -> None:
    written(tmp_path)
    (absent, _), (other, _) = made(3)[2], made(1, "other")[0]
    assert CompactEvidence(tmp_path).find(absent.cell) is None
    assert CompactEvidence(tmp_path).find(other.cell) is None
    assert CompactEvidence(tmp_path / "nothing").find(other.cell) is None


def test_a_thousand_cells_are_an_eighth_of_their_files(tmp_path: Path) -> None:
    cells = made(1000)
    compact = written(tmp_path, cells).stat().st_size
    for k, (evidence, key) in enumerate(cells):
        write_cell(tmp_path / f"{k}.npz", key, evidence)
    assert 8 * compact < sum(path.stat().st_size for path in tmp_path.glob("*.npz"))


def _of_another_run(path: Path) -> None:
    path.write_bytes(written(path.parent.parent / "other", made(1)).read_bytes())


@pytest.mark.parametrize("break_it", [truncated, flipped, _of_another_run])
def test_a_file_that_the_index_does_not_name_is_refused(break_it: Callable[[Path], None], tmp_path: Path) -> None:
    break_it(written(tmp_path))
    with pytest.raises(InputError, match=r"evidence/toy\.npz is not the file that evidence/index\.json names"):
        CompactEvidence(tmp_path).keys()


def _pickled(path: Path) -> None:
    np.savez(path, records=np.array([{"a": 1}], dtype=object))


def _foreign(path: Path) -> None:
    np.savez(path, other=np.arange(3))


def _key_lost(path: Path) -> None:
    with np.load(path) as stored:
        np.savez(path, **{name: stored[name] for name in stored if name != "keys"}, keys=stored["keys"][1:])


def _array_short(path: Path) -> None:
    with np.load(path) as stored:
        np.savez(path, **{name: stored[name] for name in stored if name != "array0"}, array0=stored["array0"][1:])


def _text(path: Path) -> None:
    path.write_text("no evidence")


@pytest.mark.parametrize("break_it", [_pickled, _foreign, _key_lost, _array_short, _text, truncated, flipped])
def test_a_broken_file_that_the_index_names_is_refused_too(break_it: Callable[[Path], None], tmp_path: Path) -> None:
    path = written(tmp_path)
    break_it(path)
    index = json.loads((tmp_path / EVIDENCE_INDEX).read_text())
    index["families"]["toy"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (tmp_path / EVIDENCE_INDEX).write_text(json.dumps(index))
    with pytest.raises(InputError, match=r"evidence/toy\.npz is corrupt"):
        CompactEvidence(tmp_path).keys()


def test_a_missing_file_and_an_index_without_families_are_refused(tmp_path: Path) -> None:
    written(tmp_path).unlink()
    with pytest.raises(InputError, match=r"evidence/toy\.npz is missing"):
        CompactEvidence(tmp_path).keys()
    (tmp_path / EVIDENCE_INDEX).write_text("{}")
    with pytest.raises(InputError, match=r"evidence/index\.json names no families"):
        CompactEvidence(tmp_path).keys()


def test_a_kept_cell_counts_under_its_own_key_alone(tmp_path: Path) -> None:
    """Also beside a cell's file of another state of the code."""
    evidence = made()[0][0]
    new = CellStore(tmp_path, "new")
    written(tmp_path, [(evidence, new.key(evidence.cell))])
    kept = CompactEvidence(tmp_path).find
    assert not new.has(evidence.cell)
    assert CellStore(tmp_path, "new", kept).has(evidence.cell)
    assert not CellStore(tmp_path, "old", kept).has(evidence.cell)

    write_cell(new.path(evidence.cell), CellStore(tmp_path, "old").key(evidence.cell), replace(evidence, seconds=9.0))
    assert read_cell(new.path(evidence.cell))[1] != new.key(evidence.cell)
    assert CellStore(tmp_path, "new", kept).load(evidence.cell).seconds == evidence.seconds
    assert CellStore(tmp_path, "old", kept).load(evidence.cell).seconds == 9.0

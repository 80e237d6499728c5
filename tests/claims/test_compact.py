"""The committed form of a run: judged again without its cells, to the same bytes, and resumed from."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from dgpg_verify.claims.compact import compact_folder
from dgpg_verify.claims.run import judge_folder, run_claims
from dgpg_verify.core import Cell, InputError
from dgpg_verify.reporting.records import SUMMARY
from dgpg_verify.reporting.report import leave_out_derived
from dgpg_verify.runs.files import read_json
from tests.claims import toy_claim as toy
from tests.claims.toy_claim import toy_claim


def _run(folder: Path, seed: int = 5, **changes: Any) -> Path:
    return run_claims([toy_claim(**changes)], "smoke", seed, 1, True, folder, progress=False).folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _run(tmp_path_factory.mktemp("runs") / "finished")


@pytest.fixture
def compact(finished: Path, tmp_path: Path) -> Path:
    return compact_folder(finished, tmp_path / "compact", claims=[toy_claim()]).folder


def _files(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_the_ledger_is_that_of_the_cells_byte_for_byte(finished: Path, compact: Path) -> None:
    for name in ("ledger.json", "ledger.md"):
        assert (compact / name).read_bytes() == (finished / name).read_bytes()


def test_where_the_run_comes_from_stays_with_it(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "timed")
    (tmp_path / "timed" / "speed.json").write_text("[]")
    out = compact_folder(tmp_path / "timed", claims=[toy_claim()]).folder
    for name in ("environment.json", "speed.json"):
        assert read_json(out / name) == read_json(tmp_path / "timed" / name)


def test_what_is_made_again_is_left_out(compact: Path) -> None:
    assert {name for name in _files(compact) if not name.startswith("figures/")} == {
        "evidence/index.json", "evidence/toy.npz", "environment.json", "ledger.json", "ledger.md", "report.html",
        "index.html", "further.html", SUMMARY,
    }  # fmt: skip
    tables = read_json(compact / SUMMARY)["tables"]
    assert tables["declared"] and "moments" not in tables  # a record for each fleet


def test_judging_again_changes_no_committed_file_and_makes_the_others(finished: Path, compact: Path) -> None:
    before = _files(compact)
    judge_folder(compact, [toy_claim(measure=None, design=None)])
    after = _files(compact)
    assert {name: after[name] for name in before} == before
    for name in ("records.json", "variance_vs_n.csv"):
        assert after[name] == (finished / name).read_bytes()
    assert 'href="records.json"' not in after["further.html"].decode()


def test_named_figures_are_kept_as_png(compact: Path) -> None:
    judge_folder(compact, [toy_claim()])
    (compact / "figures").mkdir()
    for name in ("one.png", "one.svg", "two.png", "two.svg"):
        (compact / "figures" / name).write_text(name)
    with pytest.raises(InputError, match="figures = three: it must be among one, two"):
        leave_out_derived(compact, ["three"])
    leave_out_derived(compact, ["one"])
    assert [path.name for path in (compact / "figures").iterdir()] == ["one.png"]


def _measured(compact: Path, **changes: Any) -> list[Cell]:
    """The cells that a resumed run measures."""
    calls: list[Cell] = []

    def noted(cell: Cell) -> dict[str, Any]:
        calls.append(cell)
        return toy.measure(cell)

    noted.__module__, noted.__qualname__ = toy.measure.__module__, changes.pop("name", toy.measure.__qualname__)
    _run(compact, measure=noted, **changes)
    return calls


def test_resuming_measures_nothing_that_the_evidence_holds(finished: Path, compact: Path) -> None:
    assert _measured(compact) == []
    assert not list((compact / "cells").glob("*.npz"))
    assert (compact / "ledger.json").read_bytes() == (finished / "ledger.json").read_bytes()


def test_resuming_measures_what_another_code_or_nobody_measured(compact: Path) -> None:
    def larger(scale: str) -> list[Any]:
        return [*toy.design(scale), toy.Row("toy", "three", {2: 4}, {"scale": scale})]

    assert {cell.row for cell in _measured(compact, design=larger)} == {"three"}
    assert len(_measured(compact, name="other")) == 24


def test_an_unfinished_run_keeps_its_whole_rows(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "cut")
    for path in (tmp_path / "cut" / "cells").glob("toy-one-n8-r2-*.npz"):
        path.unlink()
    with pytest.raises(InputError, match="not finished"):
        compact_folder(tmp_path / "cut", claims=[toy_claim()])
    result = compact_folder(tmp_path / "cut", claims=[toy_claim()], unfinished=True)
    assert (result.folder.name, result.missing) == ("cut-compact", 4)
    assert read_json(result.folder / "environment.json")["unfinished"] == {"missing": 4, "cells": 24}


def test_folders_that_are_refused(finished: Path, compact: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="exists already"):
        compact_folder(finished, compact, claims=[toy_claim()])
    with pytest.raises(InputError, match="exists already"):
        run_claims([toy_claim()], "smoke", 5, 1, out=compact, progress=False)
    with pytest.raises(InputError, match="holds scale smoke, seed 5, not scale smoke, seed 6"):
        _run(compact, seed=6)
    with pytest.raises(InputError, match="not a run folder"):
        compact_folder(tmp_path / "nothing", tmp_path / "new")
    (compact / "evidence" / "toy.npz").write_bytes(b"")
    for use in (lambda: judge_folder(compact, [toy_claim()]), lambda: _run(compact)):
        with pytest.raises(InputError, match=r"evidence/toy\.npz is not the file"):
            use()

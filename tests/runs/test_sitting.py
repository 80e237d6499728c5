"""Sittings: parts of a run, one after the other, come to the run that was measured at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dgpg_verify.claims.run import RunResult, run_claims
from dgpg_verify.core import Cell, InputError
from dgpg_verify.runs.cells import read_cell
from dgpg_verify.runs.sitting import Sitting
from tests.claims.toy_claim import N_VALUES, toy_claim

CELLS = [Cell("toy", row, n, 0, 1, {}) for row in ("dgpg/sum", "dgpg/parts", "mappo") for n in (5, 50)]


def _run(folder: Path, **options: object) -> RunResult:
    return run_claims([toy_claim()], "smoke", 5, 1, out=folder, progress=False, **options)  # type: ignore[arg-type]


CHOICES = {
    "all": (None, None, ["dgpg/sum 5", "dgpg/sum 50", "dgpg/parts 5", "dgpg/parts 50", "mappo 5", "mappo 50"]),
    "small": (None, 49, ["dgpg/sum 5", "dgpg/parts 5", "mappo 5"]),
    "one row": ("mappo", None, ["mappo 5", "mappo 50"]),
    "a name is no prefix": ("dgpg/*,mapp?", 5, ["dgpg/sum 5", "dgpg/parts 5", "mappo 5"]),
    "two rows": ("mappo, dgpg/sum", 5, ["dgpg/sum 5", "mappo 5"]),
}


@pytest.mark.parametrize("rows, n_max, wanted", CHOICES.values(), ids=CHOICES.keys())
def test_cells_are_chosen_by_row_and_size(rows: str | None, n_max: int | None, wanted: list[str]) -> None:
    assert [f"{cell.row} {cell.n}" for cell in Sitting.of(rows, n_max).chosen(CELLS)] == wanted


REFUSED = {
    "a row that is not there": ("ippo", None, r"rows = 'ippo' fits no row.* dgpg/parts, dgpg/sum, mappo"),
    "one of two": ("mappo,dgpg", None, r"rows = 'dgpg' fits no row"),
    "an empty pattern": ("mappo,", None, r"rows = 'mappo,' is not allowed"),
    "nothing": ("", None, r"rows = '' is not allowed"),
    "no agents": (None, 0, "n_max = 0"),
    "less than the least": ("mappo", 4, "n_max = 4 leaves no cell: it must be at least 5"),
}


@pytest.mark.parametrize("rows, n_max, said", REFUSED.values(), ids=REFUSED.keys())
def test_bad_choices_are_refused(rows: str | None, n_max: int | None, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Sitting.of(rows, n_max).chosen(CELLS)


def test_a_refused_sitting_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="rows = 'three'"):
        _run(tmp_path / "x", rows="three")
    assert not (tmp_path / "x").exists()


def test_sittings_come_to_the_run_measured_at_once(tmp_path: Path) -> None:
    """First one row at small N, then all small N, then the rest; each says what is missing and judges what is whole."""
    whole, parts = _run(tmp_path / "whole"), tmp_path / "parts"
    first = _run(parts, rows="one", n_max=N_VALUES[1])
    assert first.missing == 16 and [row.row for row in first.rows] == ["C99.1/one"]
    assert first.rows[0].n_values == N_VALUES[:2]
    assert "not finished: 16 of 24 cells" in (parts / "index.html").read_text()
    kept = {path.name: path.stat().st_mtime_ns for path in parts.glob("cells/*.npz")}
    second = _run(parts, n_max=N_VALUES[1], resume=True)
    assert second.missing == 8 and [row.n_values for row in second.rows] == 2 * [N_VALUES[:2]]
    last = _run(parts, resume=True)
    spent = [read_cell(path)[0].seconds for path in parts.glob("cells/*.npz")]
    assert json.loads((parts / "environment.json").read_text())["cell_seconds"] == round(sum(spent), 1)
    assert last.missing == 0 and "not finished" not in (parts / "index.html").read_text()
    assert {path.name: path.stat().st_mtime_ns for path in parts.glob("cells/*.npz") if path.name in kept} == kept
    for name in ("ledger.json", "records.json"):
        read = [json.loads((folder / name).read_text()) for folder in (whole.folder, parts)]
        for ledger in read:
            for row in ledger.get("rows", []):
                del row["seconds"]
        assert read[0] == read[1]

"""What would decide a row: a command that the run accepts, at the next scale, and its time."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from dgpg_verify.claims.claim import Claim, select_claims
from dgpg_verify.claims.deciding import Deciding
from dgpg_verify.claims.design import Row
from dgpg_verify.claims.run import run_claims
from dgpg_verify.runs.sitting import Sitting
from tests.claims import toy_claim as toy
from tests.claims.toy_claim import toy_claim

FLEETS = {"smoke": 4, "standard": 40, "full": 400}


def design(scale: str, more: int = 0) -> list[Row]:
    rows = [replace(row, n_values=dict.fromkeys(toy.N_VALUES, FLEETS[scale])) for row in toy.design(scale)]
    return [*rows, *(replace(rows[0], key=f"other {k}") for k in range(more))]


def step(folder: Path, claim: Claim, scale: str = "smoke", seed: int = 0) -> str:
    """The next step of the first row, as if its cells had taken 6 s."""
    out = folder / f"{scale}{seed}"
    if not out.exists():
        run_claims([claim], scale, seed, 1, out=out, progress=False)
    rows = run_claims([claim], scale, seed, 1, out=out, progress=False, resume=True).rows
    return Deciding(out, 2, [claim]).next_step(replace(rows[0], seconds=6.0))


def test_the_next_scale_with_its_time(tmp_path: Path) -> None:
    """Ten times the cells on two workers; the other row costs as much, so all of the claim is measured."""
    said = step(tmp_path, toy_claim(design=design))
    assert said == (
        "to decide it (about 60 s): pytest theorems/ --benchmark --claims C99.1 --scale standard "
        "--out reports/C99.1-standard"
    )


def test_the_largest_scale_follows_the_usual_one(tmp_path: Path) -> None:
    said = step(tmp_path, toy_claim(design=design), "standard")
    assert said.startswith("to decide it (about 60 s)") and said.endswith("--scale full --out reports/C99.1-full")


def test_only_the_rows_that_it_needs_where_that_saves_time(tmp_path: Path) -> None:
    said = step(tmp_path, toy_claim(design=lambda scale: design(scale, more=2)))
    assert "(about 30 s)" in said and " --scale standard --rows one --out" in said


def test_a_row_that_only_a_later_scale_decides_is_sent_there(tmp_path: Path) -> None:
    said = step(tmp_path, toy_claim(design=design, decided_at="full"))
    assert "(about 10 min)" in said and "--scale full" in said


def test_at_the_largest_scale_another_seed_measures_other_fleets(tmp_path: Path) -> None:
    claim = toy_claim(design=lambda scale: design("smoke"))
    said = step(tmp_path, claim, "full", seed=3)
    assert said.startswith("no larger scale; on other fleets (about 6 s)")
    assert said.endswith("--scale full --seed 4 --out reports/C99.1-full-seed4")


def test_a_row_that_the_larger_scale_lacks_has_no_time(tmp_path: Path) -> None:
    said = step(tmp_path, toy_claim(design=lambda scale: design(scale)[scale == "standard" :]))
    assert "a time that is not known" in said and "--rows" not in said


@pytest.mark.parametrize("claim", ["C1.4", "C3.2", "C4.1a", "A3"])
def test_keys_of_designs_are_patterns_that_a_sitting_accepts(claim: str) -> None:
    (chosen,) = select_claims(claim)
    cells = [cell for row in chosen.design("standard") for cell in row.cells(0)]
    for row in chosen.design("standard"):
        (pattern,) = shlex.split(shlex.quote(row.key))
        assert {cell.row for cell in Sitting.of(pattern, None).chosen(cells)} == {row.key}

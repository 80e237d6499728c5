"""The design is fixed before measuring: its sizes keep the protocol's promises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dgpg_verify.claims.design import Row
from dgpg_verify.claims.noise import design as grid
from dgpg_verify.claims.noise.c1_1_shared_return import PRIMARY_NSR, PRIMARY_PAIRED
from dgpg_verify.claims.noise.c1_2_noise_free import PRIMARY as PRIMARY_SHARES
from dgpg_verify.claims.noise.c1_3_minimum_variance import NSR, PAIRED, RAW
from dgpg_verify.claims.noise.c1_4_as_run import PRIMARY_ALPHAS
from dgpg_verify.claims.noise.c1_5_descent import GAMES
from dgpg_verify.claims.noise.questions import describe
from dgpg_verify.claims.readings import is_leading
from dgpg_verify.claims.recorded import RECORDED
from dgpg_verify.statistics import PRIMARY_ROWS

SCALES = ("smoke", "standard", "full")


def test_primary_rows_are_at_most_what_bonferroni_divides_by() -> None:
    paired = [key for key in PAIRED if key in grid.GAMES or key == grid.DENSE_GAME]
    leading = [setting for setting in grid.SETTINGS if is_leading(setting)]  # the others decide nothing
    as_run = sum(len(alphas) for alphas in PRIMARY_ALPHAS.values()) * len(leading)
    descent = len(GAMES) + 1
    # C1.1's O(N) reads the intervals of its Theta(N)
    noise = len(PRIMARY_NSR) + len(PRIMARY_PAIRED) + len(PRIMARY_SHARES) + len(RAW) + len(paired) + len(NSR)
    assert noise + as_run + descent + 2 <= PRIMARY_ROWS  # two rows of A3; A1 is exact and needs no interval


@pytest.mark.parametrize("scale", ["standard", "full"])
def test_every_fitted_row_has_four_sizes_in_its_top_decade(scale: str) -> None:
    short = [row.key for row in grid.noise_design(scale) if _deciding(row) < 4]
    assert [key for key in short if not key.endswith("/measured")] == []


def _deciding(row: Row) -> int:
    largest = max(row.n_values)
    return sum(10 * n >= largest and n >= row.notes["minimum_n"] for n in row.n_values)


@pytest.mark.parametrize("scale", SCALES)
def test_cells_of_a_row_are_distinct_and_depend_on_the_seed(scale: str) -> None:
    for row in grid.noise_design(scale):
        first, second = row.cells(0), row.cells(1)
        assert len({(cell.n, cell.replicate) for cell in first}) == len(first)
        assert len({cell.seed for cell in first}) == len(first)
        assert not {cell.seed for cell in first} & {cell.seed for cell in second}


def test_no_path_enters_a_cell() -> None:
    for row in grid.noise_design("full"):
        for cell in row.cells(0)[:1]:
            assert "/" not in "".join(str(value) for value in cell.options["options"].values())


def test_raw_variance_is_a_verdict_only_with_sixty_fleets() -> None:
    rows = {row.key: row for row in grid.noise_design("standard")}
    for key in RAW:
        sizes = rows[key].n_values
        deciding = [fleets for n, fleets in sizes.items() if 10 * n >= max(sizes)]
        assert min(deciding) >= 60 and min(n for n in sizes if 10 * n >= max(sizes)) >= 64


def test_every_record_belongs_to_a_primary_row_of_a_reference_report() -> None:
    """A record of a row that no longer exists would never be looked at."""
    ledgers = (Path(__file__).resolve().parents[3] / "reports").glob("reference*/ledger.json")
    rows = [row for ledger in ledgers for row in json.loads(ledger.read_text())["rows"]]
    assert sorted(set(RECORDED) - {row["row"] for row in rows if row["primary"]}) == []


def test_a_row_is_described_as_it_was_measured() -> None:
    """Scales share row keys but not horizons: the page must name the horizon of the cells, not of another scale."""
    seen = set()
    for scale in SCALES:
        row = next(row for row in grid.noise_design(scale) if row.key == grid.CLOUD)
        horizon = row.options["options"]["horizon"]
        assert f"horizon {horizon}" in describe(row)
        seen.add(horizon)
    assert len(seen) == len(SCALES)

"""Rows of a design: their cells, seeds and JSON form."""

from __future__ import annotations

import itertools
import json

import pytest

from dgpg_verify.claims.claim import all_claims
from dgpg_verify.claims.design import Row, cell_seed, row_from_json
from dgpg_verify.core import to_json


def test_cell_seeds_differ_in_every_argument() -> None:
    grid = list(itertools.product((0, 1), ("cloud", "game"), (2, 4, 8), range(50)))
    seeds = {cell_seed(*point) for point in grid}
    assert len(seeds) == len(grid)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_rows_of_one_stream_meet_the_same_fleets() -> None:
    first, second = (Row("f", key, {4: 3}, stream="law") for key in "ab")
    assert [cell.seed for cell in first.cells(7)] == [cell.seed for cell in second.cells(7)]
    assert [cell.seed for cell in Row("f", "a", {4: 3}).cells(7)] != [cell.seed for cell in first.cells(7)]


def test_small_fleets_share_a_cell() -> None:
    row = Row("f", "a", {4: 5, 100: 2}, agents_per_cell=8)
    alone = Row("f", "a", {4: 5, 100: 2})
    assert [(cell.n, cell.replicate, len(cell.options["seeds"])) for cell in row.cells(0)] == [
        (4, 0, 2), (4, 2, 2), (4, 4, 1), (100, 0, 1), (100, 1, 1),
    ]  # fmt: skip
    assert [seed for cell in row.cells(0) for seed in cell.options["seeds"]] == [cell.seed for cell in alone.cells(0)]


def test_options_of_one_n_stand_over_those_of_the_row() -> None:
    row = Row("f", "a", {4: 1, 8: 1}, {"x": 1, "y": 2}, {8: {"x": 3}})
    assert [cell.options for cell in row.cells(0)] == [{"x": 1, "y": 2}, {"x": 3, "y": 2}]


@pytest.mark.parametrize("claim", all_claims(), ids=lambda claim: claim.id)
def test_every_row_survives_its_json_form(claim: object) -> None:
    """What the index of a run keeps gives back the same cells."""
    for row in claim.design("smoke"):  # type: ignore[attr-defined]
        again = row_from_json(json.loads(json.dumps(to_json(row))))
        assert to_json(again) == to_json(row)
        assert to_json(again.cells(3)) == to_json(row.cells(3))

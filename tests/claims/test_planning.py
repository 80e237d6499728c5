"""What a run takes, from cells whose seconds follow a law that is known here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.design import Row
from dgpg_verify.claims.planning import Earlier, needs_of, reach
from dgpg_verify.claims.run import run_claims
from dgpg_verify.claims.run_index import RunIndex
from dgpg_verify.claims.series import make_series
from dgpg_verify.core import InputError
from dgpg_verify.runs import CellStore, cell_file
from dgpg_verify.runs.cells import write_cell
from dgpg_verify.runs.sitting import Sitting
from tests.claims import toy_claim as toy

POWER, N_VALUES = 0.7, {"smoke": (8, 16, 32, 64), "standard": (8, 16, 32, 64, 512), "full": (512,)}
RATES = {"one": 0.5, "two": 2.0}


def design(scale: str) -> list[Row]:
    return [Row("toy", key, dict.fromkeys(N_VALUES[scale], 6), {}) for key in toy.ROWS]


def claim(**changes: object) -> Claim:
    return toy.toy_claim(design=design, cost=lambda cell: 3.0 * cell.n, **changes)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose cells took rate N^0.7 seconds."""
    folder = tmp_path_factory.mktemp("run") / "smoke"
    run_claims([claim()], "smoke", 0, 1, out=folder, progress=False)
    index = RunIndex.read(folder)
    store = CellStore(folder, "")
    for row in index.rows.values():
        for cell in row.cells(0):
            key = index.keys[cell_file(cell)]
            found = store.find(cell, key)
            assert found is not None
            write_cell(store.path(cell), key, replace(found, seconds=RATES[cell.row] * cell.n**POWER))
    return folder


def test_time_and_power_of_a_known_law(before: Path) -> None:
    """N = 512 is eight times the largest N that was measured."""
    plan = needs_of([claim()], "standard", 0, Sitting(), Earlier([before]))
    true = [6 * rate * n**POWER for rate in RATES.values() for n in N_VALUES["standard"]]
    (rule,) = plan.rules
    assert (rule.measured, rule.n_measured, rule.planned) == (48, (8, 64), (8, 512))
    assert rule.power == pytest.approx(POWER, abs=0.02) and rule.new == 0
    assert plan.total.seconds == pytest.approx(sum(true), rel=0.1)
    assert plan.total.longest == pytest.approx(2.0 * 512**POWER, rel=0.2)
    assert plan.total.wall(2) == plan.total.seconds / 2 and plan.total.wall(1000) == plan.total.longest


def test_bytes_are_those_of_the_files(before: Path) -> None:
    plan = needs_of([claim()], "smoke", 1, Sitting(), Earlier([before]))
    held = sum(path.stat().st_size for path in before.glob("cells/*.npz"))
    assert plan.total.size == pytest.approx(held, rel=0.01)


def test_shared_cells_count_once_and_finished_ones_not(before: Path) -> None:
    twice = [claim(), claim(id="C99.2")]
    plan = needs_of(twice, "smoke", 0, Sitting(("one",), 16), Earlier([before]))
    assert [len(need.cells) for need in (*plan.needs.values(), plan.total)] == [12, 12, 12]
    assert not needs_of(twice, "smoke", 0, Sitting(), Earlier([before]), before).needs
    with pytest.raises(InputError, match="holds scale smoke, seed 0, not scale full"):
        needs_of(twice, "full", 0, Sitting(), Earlier([before]), before)


def test_nothing_is_said_of_a_family_that_was_not_measured(before: Path) -> None:
    other = claim(id="C98.1")
    other = replace(other, design=lambda scale: [replace(row, family="other") for row in design(scale)])
    plan = needs_of([claim(), other], "smoke", 0, Sitting(), Earlier([before]))
    assert plan.needs["C98.1"].known == 0 and plan.total.known == 48 and len(plan.total.cells) == 96
    assert [rule.power is None for rule in plan.rules] == [False, True]


def test_cells_with_other_options_are_a_guess(before: Path) -> None:
    changed = replace(claim(), design=lambda scale: [replace(row, options={"more": 1}) for row in design(scale)])
    (rule,) = needs_of([changed], "smoke", 0, Sitting(), Earlier([before])).rules
    assert rule.new == rule.cells == 48


def test_a_row_on_paper(before: Path) -> None:
    found, unknown = reach([claim()], "smoke", 10**6, 1000, Earlier([before]))
    assert [item.cells for item in found] == [1000, 1000] and not unknown
    for item in found:
        assert item.n_measured == (8, 64) and item.time.value == pytest.approx(POWER)
        assert item.seconds == pytest.approx(RATES[item.row[1]] * 1e6**POWER)


def test_small_fleets_share_a_cell(before: Path) -> None:
    earlier = Earlier([before])
    batched = {
        name: replace(series, row=replace(series.row, agents_per_cell=256)) for name, series in earlier.rows.items()
    }
    earlier.rows = batched
    assert [reach([claim()], "smoke", n, 10, earlier)[0][0].cells for n in (64, 1000)] == [3, 10]


def test_a_row_of_few_sizes_is_not_extrapolated(before: Path) -> None:
    earlier = Earlier([before])
    earlier.rows = {name: series.only(64) for name, series in earlier.rows.items()}
    assert reach([claim()], "smoke", 10**6, 1, earlier) == ([], [("toy", "one"), ("toy", "two")])


def test_a_row_whose_exponent_is_hardly_known_is_not_extrapolated(before: Path) -> None:
    """Seconds that differ a hundredfold between fleets."""
    earlier = Earlier([before])
    cells = enumerate(earlier.rows["toy", "one"].evidence)
    apart = [replace(item, seconds=item.seconds * 100.0 ** (k % 2)) for k, item in cells]
    earlier.rows["toy", "one"] = make_series(earlier.rows["toy", "one"].row, apart)
    found, unknown = reach([claim()], "smoke", 10**6, 1, earlier)
    assert [item.row[1] for item in found] == ["two"] and unknown == [("toy", "one")]

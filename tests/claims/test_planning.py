"""What a run takes, from cells whose seconds follow a law that is known here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dgpg_verify.claims.claim import Claim, all_claims
from dgpg_verify.claims.design import Row
from dgpg_verify.claims.planning import Earlier, Reach, fleets_of, needs_of, reach
from dgpg_verify.claims.run import run_claims
from dgpg_verify.claims.run_index import RunIndex, is_run
from dgpg_verify.claims.series import make_series
from dgpg_verify.cli.plan.command import REPORTS
from dgpg_verify.core import Evidence, InputError
from dgpg_verify.runs import CellStore, cell_file
from dgpg_verify.runs.cells import write_cell
from dgpg_verify.runs.sitting import Sitting
from tests.claims import toy_claim as toy

POWER, N_VALUES = 0.7, {"smoke": (8, 16, 32, 64), "standard": (8, 16, 32, 64, 512), "full": (512,)}
RATES = {"one": 0.5, "two": 2.0}


def design(scale: str) -> list[Row]:
    return [Row("toy", key, dict.fromkeys(N_VALUES[scale], 6), {}) for key in toy.ROWS]


def claim(**changes: object) -> Claim:
    return toy.toy_claim(**({"design": design, "cost": lambda cell: 3.0 * cell.n} | changes))


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


def known(law: Callable[[int], float], n_values: Iterable[int], replicates: int = 4, **options: object) -> Earlier:
    """Cells of the row `one` that took law(N) seconds."""
    row = Row("toy", "one", dict.fromkeys(n_values, replicates), options)
    earlier = Earlier([])
    earlier.rows["toy", "one"] = make_series(row, [Evidence(c, {"mean": 0.5}, law(c.n)) for c in row.cells(0)])
    return earlier


def on_paper(earlier: Earlier, n: int, **changes: object) -> Reach:
    [found], unknown = reach([claim(**changes)], "smoke", n, earlier)
    assert unknown == [("toy", "two")]
    return found


OCTAVES = (8, 16, 32, 64, 128, 256)


def test_a_row_on_paper() -> None:
    """Its own law, two decades further, steeper than the cost that is declared: 3 N."""
    found = on_paper(known(lambda n: 0.5 * n**1.4, OCTAVES), 25_600)
    assert found.n_measured == (8, 256) and found.cell.n == 25_600 and found.is_fitted
    assert found.fitted.value == pytest.approx(1.4) and found.declared == pytest.approx(1.0)
    assert found.seconds == pytest.approx(0.5 * 25_600**1.4)


@pytest.mark.parametrize("overhead", [0.0, 1.0, 30.0])
def test_overhead_is_not_taken_for_a_law(overhead: float) -> None:
    """Never too short, and too long by no more than the overhead at the largest measured N."""

    def law(n: int) -> float:
        return overhead + 0.05 * n

    found = on_paper(known(law, OCTAVES), 25_600)
    assert found.seconds is not None and found.power == pytest.approx(1.0)
    assert 0.999 * law(25_600) <= found.seconds <= 1.001 * law(25_600) * law(256) / (0.05 * 256)
    assert overhead == 0.0 or not found.is_fitted


@pytest.mark.parametrize("declared", [1, 2])
def test_a_dense_row_grows_quadratically(declared: int) -> None:
    """Whether its exponent is measured, or its claim declares it and small N hide it."""
    overhead = 5.0 * (declared - 1)
    found = on_paper(
        known(lambda n: overhead + 0.001 * n**2, OCTAVES), 10_000, cost=lambda cell: 50.0 * cell.n + cell.n**declared
    )
    assert found.power == pytest.approx(2.0, rel=1e-6) and found.is_fitted is (declared == 1)
    assert found.seconds == pytest.approx(0.001 * 10_000**2, rel=0.1)


def test_a_power_is_never_negative() -> None:
    found = on_paper(known(lambda n: 10.0 * n**-0.3, OCTAVES), 25_600, cost=lambda cell: 1.0 / cell.n)
    assert (found.power, found.declared) == (0.0, 0.0) and found.seconds == pytest.approx(10.0 * 256**-0.3)


UNKNOWN = {
    "measured over less than a decade": ((32, 64, 128, 256), 257),
    "further than two decades": (OCTAVES, 25_601),
    "too few in the top decade": ((2, 4, 64, 256), 257),
}


@pytest.mark.parametrize("n_values, n", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_what_is_not_known_has_no_time(n_values: tuple[int, ...], n: int) -> None:
    earlier = known(lambda n: 0.5 * n**1.4, n_values)
    found = on_paper(earlier, n)
    assert (found.seconds, found.size) == (None, None) and found.n_measured == (min(n_values), max(n_values))
    assert on_paper(earlier, 256).seconds == pytest.approx(0.5 * 256**1.4)


def test_between_measured_n_and_below_them() -> None:
    earlier = known(lambda n: 0.5 * n**1.4, OCTAVES)
    assert on_paper(earlier, 100).seconds == pytest.approx(0.5 * 100**1.4)
    assert on_paper(earlier, 2).seconds == pytest.approx(0.5 * 8**1.4)


def test_other_options_count_as_the_cost_declares() -> None:
    """Measured with 10 roll-outs, asked for with 40."""
    made = {
        "design": lambda scale: [Row("toy", "one", {8: 1}, {"rollouts": 40}), Row("toy", "two", {8: 1})],
        "cost": lambda cell: float(cell.n * cell.options["rollouts"]),
    }
    found = on_paper(known(lambda n: 0.5 * n**1.4, OCTAVES, rollouts=10), 25_600, **made)
    assert found.seconds == pytest.approx(4 * 0.5 * 25_600**1.4)


def test_fleets_of_one_cell_share_its_time() -> None:
    """Cells of 256 agents, so that all take as long: a fleet's share grows like N."""
    row = Row("toy", "one", dict.fromkeys(OCTAVES, 128), agents_per_cell=256)
    earlier = Earlier([])
    cells = row.cells(0)
    earlier.rows["toy", "one"] = make_series(row, [Evidence(c, {"mean": 0.5}, 7.0) for c in cells])
    assert {len(c.options["seeds"]) for c in cells} == {32, 16, 8, 4, 2, 1}
    assert on_paper(earlier, 16).seconds == pytest.approx(7.0 / 16)
    assert on_paper(earlier, 1024).seconds == pytest.approx(7.0 * 4)


@pytest.mark.parametrize("name", ["fleets", "teams", "games"])
def test_draws_that_an_option_counts_share_the_time_of_their_cell(name: str) -> None:
    """Measured with 5 in a cell and asked for with 40: one of them takes as long either way."""
    made = {
        "design": lambda scale: [Row("toy", "one", {8: 1}, {name: 40}), Row("toy", "two", {8: 1})],
        "cost": lambda cell: float(cell.n * cell.options[name]),
    }
    found = on_paper(known(lambda n: 5 * 0.5 * n**1.4, OCTAVES, **{name: 5}), 25_600, **made)
    assert found.seconds == pytest.approx(0.5 * 25_600**1.4)


def test_a_cell_during_which_the_machine_stood_still_moves_nothing() -> None:
    earlier = known(lambda n: 0.5 * n**1.4, OCTAVES, replicates=40)
    row, cells = earlier.rows["toy", "one"].row, list(earlier.rows["toy", "one"].evidence)
    cells[-1] = replace(cells[-1], seconds=1000.0 * cells[-1].seconds)
    earlier.rows["toy", "one"] = make_series(row, cells)
    assert on_paper(earlier, 512).seconds == pytest.approx(0.5 * 512**1.4, rel=0.1)


def test_a_row_of_few_sizes_is_not_listed() -> None:
    assert reach([claim()], "smoke", 8, known(float, (8, 64, 256))) == ([], [("toy", "one"), ("toy", "two")])


def test_a_row_whose_exponent_is_hardly_known_is_not_extrapolated() -> None:
    """Seconds that differ a hundredfold between fleets."""
    earlier = known(float, OCTAVES)
    row, cells = earlier.rows["toy", "one"].row, enumerate(earlier.rows["toy", "one"].evidence)
    apart = [replace(item, seconds=item.seconds * 100.0 ** (k % 2)) for k, item in cells]
    earlier.rows["toy", "one"] = make_series(row, apart)
    assert on_paper(earlier, 512).seconds is None


def test_the_largest_n_of_committed_rows_from_the_smaller_ones() -> None:
    """Every committed row that can be held out: most within a factor of 2, and one at least in each of three families.
    No more is claimed: other work on the machine, and caches that are outgrown, change seconds more."""
    committed = Earlier(sorted(folder for folder in REPORTS.glob("reference*") if is_run(folder))).rows
    near: dict[str, list[bool]] = {}
    for n in {max(series.n_values) for series in committed.values()}:
        earlier, held = Earlier([]), {name: item for name, item in committed.items() if max(item.n_values) == n}
        rest = {name: [cell for cell in series.evidence if cell.cell.n < n] for name, series in held.items()}
        earlier.rows = {name: make_series(held[name].row, cells) for name, cells in rest.items() if cells}
        for item in reach(all_claims(), "full", n, earlier)[0]:
            true = np.median([cell.seconds / fleets_of(cell) for cell in held[item.cell.claim, item.cell.row].largest])
            if item.seconds is not None:
                near.setdefault(item.cell.claim, []).append(0.5 <= item.seconds / true <= 2.0)
    assert sum(map(any, near.values())) >= 3
    assert 2 * sum(map(sum, near.values())) > sum(map(len, near.values()))

"""The plan of the training experiments: every row can be run, methods meet on the same seeds, nothing is silent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dgpg_verify.claims.design import Row
from dgpg_verify.claims.training.c4_1_episodes import CLAIM as EPISODE_CLAIMS
from dgpg_verify.claims.training.c4_2_baselines_fail import CLAIM as BASELINE_CLAIMS
from dgpg_verify.claims.training.c4_2_baselines_fail import LARGE, SMALL
from dgpg_verify.claims.training.design import TUNED, training_design
from dgpg_verify.claims.training.measure import MEASURED_FROM, evaluated_at, measure_training, replicates_of
from dgpg_verify.claims.training.sizes import CLOSELY, LONGER, TOGETHER, Sizes
from dgpg_verify.claims.training.tried import SEARCH
from dgpg_verify.core import Cell, Evidence, InputError
from dgpg_verify.runs.sources import measuring_hash
from dgpg_verify.statistics import last_window
from dgpg_verify.statistics.calibration import settling
from dgpg_verify.training import make_method, make_schedule
from dgpg_verify.training.settings import Settings

SCALES = ("smoke", "standard", "full")


@pytest.mark.parametrize("scale", SCALES)
def test_every_row_names_known_methods_settings_and_schedules(scale: str) -> None:
    for row in training_design(scale):
        method = replace(make_method(row.options["method"]), **row.options["changes"])
        method.settings(row.options["settings"])
        make_schedule(row.options["alpha"] or method.alpha, 10)
        assert evaluated_at(row.options)[-1] == row.options["episodes"]
        assert row.n_values and min(row.n_values.values()) >= 2


def test_methods_meet_on_the_same_fleets_and_seeds_differ() -> None:
    design = {row.key: row for row in training_design("standard")}
    seeds = {
        key: {(cell.n, cell.replicate): cell.seed for cell in row.cells(3)}
        for key, row in design.items()
        if row.notes["part"] in ("main", "tuned")
    }
    for (n, replicate), seed in seeds["dgpg/sum"].items():
        for other in seeds.values():
            assert other.get((n, replicate), seed) == seed
    assert len(set(seeds["dgpg/sum"].values())) == len(seeds["dgpg/sum"])


@pytest.mark.parametrize("scale", ["standard", "full"])
def test_runs_are_long_enough_for_what_is_claimed(scale: str) -> None:
    """The level's window starts after the 20 claimed episodes, and there are the 10 evaluations that a time to settle
    needs; candidates of the search are judged by their level alone."""
    for row in training_design(scale):
        rollouts, due = row.options["settings"].get("rollouts", 1), np.array(evaluated_at(row.options))
        at = np.unique(rollouts * -(-due // rollouts))  # at the end of the iteration in which it is due
        assert at[-last_window(at)] > 20
        assert len(at) >= 10 or row.notes["part"] == "tuned"


def test_error_rates_are_measured_on_the_evaluations_that_are_made() -> None:
    assert [0, *CLOSELY] == settling.CLOSELY.tolist()


def test_every_method_is_tuned_with_the_same_budget() -> None:
    design = {row.key: row for row in training_design("full")}
    assert {design[key].options["method"] for key in TUNED} == {
        row.options["method"] for row in design.values() if row.notes["part"] == "main"
    }
    for key in TUNED:
        names = design[key].notes["candidates"]
        assert len({*names}) == 1 + len(SEARCH) and all(name in design for name in names)
    points = [design[name] for key in TUNED for name in design[key].notes["candidates"][1:]]
    assert len({(tuple(point.n_values.items()), point.options["episodes"]) for point in points}) == 1


def test_baselines_get_longer_runs() -> None:
    design = {row.key: row for row in training_design("standard")}
    assert design["mappo"].options["episodes"] >= LONGER * design["dgpg/sum"].options["episodes"]


@pytest.mark.parametrize("scale", ["standard", "full"])
def test_a_collapse_can_be_asked(scale: str) -> None:
    """Of IPPO, from the smaller N to the larger one, on as many seeds."""
    sizes = {row.key: row for row in training_design(scale)}["ippo"].n_values
    assert sizes[SMALL] == sizes[LARGE] > 2


def test_claims_share_their_training_cells() -> None:
    assert measuring_hash(EPISODE_CLAIMS[0].measure) == measuring_hash(BASELINE_CLAIMS[0].measure)


def tiny(key: str = "tiny", method: str = "dgpg", n_values: dict[int, int] | None = None, **changes: Any) -> Row:
    sizes = Sizes(horizon=4, episodes=2, every=1, grid={}, small={})
    return sizes.row(key, "tiny", "main", method, n_values or {3: 1}, **changes)


def evidence_of(cell: Cell) -> Evidence:
    return Evidence(cell, measure_training(cell), 0.0)


def test_a_cell_holds_its_curves_and_is_a_function_of_itself() -> None:
    cell = tiny(measured=4, n_values={MEASURED_FROM: 2}).cells(0)[0]
    first, again = evidence_of(cell), evidence_of(cell)
    for one in replicates_of(first):
        assert list(one.values["episodes"]) == [0, 1, 2] and len(one.values["returns"]) == 3
        assert {"random", "best_fit"} <= set(one.values["heuristics"])
        assert all(f"{point}/covariance" in one.values for point in ("start", "middle", "end"))
    assert len(first.values) == 2 * len(replicates_of(first)[0].values) and first.values.keys() == again.values.keys()
    for name, value in first.values.items():
        if not name.endswith("seconds"):
            np.testing.assert_array_equal(value, again.values[name])


def test_a_cell_holds_what_each_of_its_fleets_gives_alone() -> None:
    """Same fleet, same seed, same method, trained by itself: returns and moments agree to rounding."""
    cell = tiny(measured=4, n_values={MEASURED_FROM: 3}).cells(5)[0]
    together = replicates_of(evidence_of(cell))
    assert [one.cell.replicate for one in together] == [0, 1, 2]
    for one in together:
        alone = replace(one.cell, options={**cell.options, "seeds": [one.cell.seed]})
        found = replicates_of(evidence_of(alone))[0].values
        for name in ("returns", "reward", "start/covariance", "end/signal", "gain"):
            np.testing.assert_allclose(found[name], one.values[name], rtol=1e-4)
        assert found["heuristics"] == pytest.approx(one.values["heuristics"])
    assert len({float(one.values["returns"][0]) for one in together}) == 3


def test_fleets_share_cells_up_to_a_batch_worth_the_name() -> None:
    """Every replicate once, in order, no cell with more agents than a batch; a large fleet has its own."""
    row = tiny(n_values={5: 40, 50: 10, 200: 3})
    for n, replicates in row.n_values.items():
        cells = [cell for cell in row.cells(7) if cell.n == n]
        covered = [cell.replicate + k for cell in cells for k in range(len(cell.options["seeds"]))]
        assert covered == list(range(replicates))
        assert all(len(cell.options["seeds"]) == 1 or n * len(cell.options["seeds"]) <= TOGETHER for cell in cells)
        assert len(cells) < replicates or n > TOGETHER // 2
        assert all(cell.seed == cell.options["seeds"][0] for cell in cells)


def test_noise_is_measured_where_it_is_read() -> None:
    cells = {cell.n: cell for cell in tiny(measured=4, n_values={5: 1, MEASURED_FROM: 1, 50: 1}).cells(0)}
    assert [cells[n].options["measured"] for n in sorted(cells)] == [0, 4, 4]


def test_methods_meet_on_the_same_fleets() -> None:
    one, other = tiny(n_values={5: 4}), tiny(key="other", method="mappo", n_values={5: 3})
    assert one.cells(3)[0].options["seeds"][:3] == other.cells(3)[0].options["seeds"]


def test_alpha_zero_is_mappo_bit_for_bit() -> None:
    guided = evidence_of(tiny(alpha="0").cells(0)[0])
    base = evidence_of(tiny(method="mappo").cells(0)[0])
    other = evidence_of(tiny(alpha="0.5").cells(0)[0])
    assert np.array_equal(guided.values["0/returns"], base.values["0/returns"])
    assert not np.array_equal(other.values["0/returns"], base.values["0/returns"])


def test_an_unknown_scale_or_setting_is_refused() -> None:
    with pytest.raises(InputError, match="scale"):
        training_design("huge")
    with pytest.raises(InputError, match="setting"):
        Settings().changed({"actor_speed": 1.0})


def test_runs_that_all_say_the_same_decide_at_a_practitioners_settings() -> None:
    """At standard scale, at 95 % of the rows of both baselines: so many heads or tails of a fair coin in a row."""
    rows = [row for row in training_design("standard") if row.key in ("mappo/practitioner", "ippo/practitioner")]
    assert len(rows) == 2
    for row in rows:
        assert all(2.0 * 0.5**seeds <= 0.05 / len(rows) for seeds in row.n_values.values())

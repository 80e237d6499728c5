"""The plan of the training experiments: every row can be run, methods meet on the same seeds, nothing is silent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dgpg_verify.claims.noise.c1_4_as_run import CLAIM as AS_RUN
from dgpg_verify.claims.training.c4_1_episodes import CLAIM as EPISODES
from dgpg_verify.claims.training.c4_2_baselines_fail import CLAIM as FAIL
from dgpg_verify.claims.training.design import LONGER, SEARCH, TUNED, search_rows, training_design
from dgpg_verify.claims.training.measure import (
    MEASURED_FROM,
    TOGETHER,
    TrainingRow,
    measure_training_cell,
    replicates_of,
)
from dgpg_verify.core import InputError
from dgpg_verify.runs.sources import measuring_hash
from dgpg_verify.training import make_method, make_schedule
from dgpg_verify.training.settings import Settings

SCALES = ("smoke", "standard", "full")


@pytest.mark.parametrize("scale", SCALES)
def test_every_row_names_known_methods_settings_and_schedules(scale: str) -> None:
    for row in training_design(scale, recorded=True).values():
        method = replace(make_method(row.method), **row.changes)
        method.settings(row.settings)
        make_schedule(row.alpha or method.alpha, 10)
        assert row.episodes % row.evaluate_every == 0
        assert row.n_values and min(row.n_values.values()) >= 2


def test_methods_meet_on_the_same_fleets_and_seeds_differ() -> None:
    design = training_design("standard", recorded=False)
    seeds = {
        key: {(cell.n, cell.replicate): cell.seed for cell in row.cells(3)}
        for key, row in design.items()
        if row.part in ("main", "tuned")
    }
    for (n, replicate), seed in seeds["dgpg/sum"].items():
        for other in seeds.values():
            assert other.get((n, replicate), seed) == seed
    assert len(set(seeds["dgpg/sum"].values())) == len(seeds["dgpg/sum"])


@pytest.mark.parametrize("scale", ["standard", "full"])
def test_runs_are_long_enough_for_what_is_claimed(scale: str) -> None:
    """The level's window starts after the 20 claimed episodes, and there are the 10 evaluations that a time to settle
    needs; candidates of the search are judged by their level alone."""
    for row in training_design(scale, recorded=False).values():
        rollouts = row.settings.get("rollouts", 1)
        due = np.arange(row.evaluate_every, row.episodes + 1, row.evaluate_every)
        at = np.unique([0, *(rollouts * -(-due // rollouts))])  # at the end of the iteration in which it is due
        assert at[-((len(at) + 4) // 5)] > 20
        assert len(at) >= 10 or row.part == "tuned"


def test_every_method_is_tuned_with_the_same_budget() -> None:
    design = training_design("full", recorded=False)
    assert {design[key].method for key in TUNED} == {row.method for row in design.values() if row.part == "main"}
    for key in TUNED:
        assert len({*search_rows(key)}) == 1 + len(SEARCH) and all(name in design for name in search_rows(key))
    points = [design[name] for key in TUNED for name in search_rows(key)[1:]]
    assert len({(tuple(point.n_values.items()), point.episodes) for point in points}) == 1


def test_baselines_get_longer_runs() -> None:
    design = training_design("standard", recorded=False)
    assert design["mappo"].episodes >= LONGER * design["dgpg/sum"].episodes


def test_claims_share_their_training_cells() -> None:
    assert measuring_hash(EPISODES.measure) == measuring_hash(FAIL.measure)


def test_gradient_cells_do_not_depend_on_how_training_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    from dgpg_verify.runs import sources

    seen: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
    for name, measure in (("gradients", AS_RUN.measure), ("training", EPISODES.measure)):
        monkeypatch.setattr(sources, "source_hash", lambda rooms, files, n=name: seen.update({n: (rooms, files)}) or "")
        measuring_hash(measure)
    named = {name: {file.rsplit("/", 1)[-1] for file in files} for name, (_, files) in seen.items()}
    assert "training" in seen["training"][0] and "training" not in seen["gradients"][0]
    assert named["training"] == {"training_cells.py", "gradient_cells.py"}
    assert named["gradients"] == {"gradient_cells.py"}


def tiny(**changes: object) -> TrainingRow:
    row = TrainingRow("tiny", "tiny", "main", "dgpg", {3: 1}, 2, options={"horizon": 4}, evaluate_every=1)
    return replace(row, **changes)  # type: ignore[arg-type]


def test_a_cell_holds_its_curves_and_is_a_function_of_itself() -> None:
    cell = tiny(measured=4, n_values={MEASURED_FROM: 2}).cells(0)[0]
    first, again = measure_training_cell(cell), measure_training_cell(cell)
    for one in replicates_of(first):
        assert list(one.values["episodes"]) == [0, 1, 2] and len(one.values["returns"]) == 3
        assert {"random", "best_fit"} <= set(one.values["heuristics"])
        assert all(f"{point}/covariance" in one.values for point in ("start", "middle", "end"))
    assert len(first.values) == 2 * len(replicates_of(first)[0].values) and first.values.keys() == again.values.keys()
    for name, value in first.values.items():
        if not name.endswith("learning_seconds"):
            np.testing.assert_array_equal(value, again.values[name])


def test_a_cell_holds_what_each_of_its_fleets_gives_alone() -> None:
    """Same fleet, same seed, same method, trained by itself: returns and moments agree to rounding."""
    cell = tiny(measured=4, n_values={MEASURED_FROM: 3}).cells(5)[0]
    together = replicates_of(measure_training_cell(cell))
    assert [one.cell.replicate for one in together] == [0, 1, 2]
    for one in together:
        alone = replace(one.cell, options={**cell.options, "seeds": [one.cell.seed]})
        found = replicates_of(measure_training_cell(alone))[0].values
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
    guided = measure_training_cell(tiny(alpha="0").cells(0)[0])
    base = measure_training_cell(tiny(method="mappo").cells(0)[0])
    other = measure_training_cell(tiny(alpha="0.5").cells(0)[0])
    assert np.array_equal(guided.values["0/returns"], base.values["0/returns"])
    assert not np.array_equal(other.values["0/returns"], base.values["0/returns"])


def test_an_unknown_scale_or_setting_is_refused() -> None:
    with pytest.raises(InputError, match="scale"):
        training_design("huge")
    with pytest.raises(InputError, match="setting"):
        Settings().changed({"actor_speed": 1.0})

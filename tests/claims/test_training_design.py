"""The plan of the training experiments: every row can be run, methods meet on the same seeds, nothing is silent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dgpg_verify.claims.c1_4_as_run import CLAIM as AS_RUN
from dgpg_verify.claims.c4_1_episodes import CLAIM as EPISODES
from dgpg_verify.claims.c4_2_baselines_fail import CLAIM as FAIL
from dgpg_verify.claims.sources import measuring_hash
from dgpg_verify.claims.training_cells import TrainingRow, measure_training_cell
from dgpg_verify.claims.training_design import LONGER, SEARCH, TUNED, search_rows, training_design
from dgpg_verify.core import InputError
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
    """The level's window starts after the 20 claimed episodes, and there are the 10 evaluations the rule needs."""
    for row in training_design(scale, recorded=False).values():
        at = np.arange(0, row.episodes + 1, row.evaluate_every)
        assert len(at) >= 10 and at[-((len(at) + 4) // 5)] > 20


def test_every_tuned_method_has_the_same_budget() -> None:
    design = training_design("full", recorded=False)
    for key in TUNED:
        assert len(search_rows(key)) == 1 + len(SEARCH) and all(name in design for name in search_rows(key))
        assert len({tuple(design[name].n_values.items()) for name in search_rows(key)[1:]}) == 1


def test_baselines_get_longer_runs() -> None:
    design = training_design("standard", recorded=False)
    assert design["mappo"].episodes >= LONGER * design["dgpg/sum"].episodes


def test_claims_share_their_training_cells() -> None:
    assert measuring_hash(EPISODES.measure) == measuring_hash(FAIL.measure)


def test_gradient_cells_do_not_depend_on_how_training_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    from dgpg_verify.claims import sources

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


def test_a_cell_holds_its_curve_and_is_a_function_of_itself() -> None:
    cell = tiny(measured=4).cells(0)[0]
    first, again = measure_training_cell(cell), measure_training_cell(cell)
    assert list(first.values["episodes"]) == [0, 1, 2] and len(first.values["returns"]) == 3
    assert {"random", "best_fit"} <= set(first.values["heuristics"])
    assert all(f"{point}/covariance" in first.values for point in ("start", "middle", "end"))
    for name in ("returns", "start/covariance", "alpha", "reward"):
        assert np.array_equal(first.values[name], again.values[name])


def test_alpha_zero_is_mappo_bit_for_bit() -> None:
    guided = measure_training_cell(tiny(alpha="0").cells(0)[0])
    base = measure_training_cell(tiny(method="mappo").cells(0)[0])
    other = measure_training_cell(tiny(alpha="0.5").cells(0)[0])
    assert np.array_equal(guided.values["returns"], base.values["returns"])
    assert not np.array_equal(other.values["returns"], base.values["returns"])


def test_an_unknown_scale_or_setting_is_refused() -> None:
    with pytest.raises(InputError, match="scale"):
        training_design("huge")
    with pytest.raises(InputError, match="setting"):
        Settings().changed({"actor_speed": 1.0})

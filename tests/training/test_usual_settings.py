"""Settings of systems of one step where nothing else is asked: why they are needed, and what stays as it was."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from dgpg_verify.systems import AnalyticalModel, CloudScheduling, make_system
from dgpg_verify.training import heldout, train
from dgpg_verify.training.settings import ONE_STEP, Settings, usual_episodes, usual_settings

QUIET: dict[str, Any] = {"workloads": 4, "evaluate_every": 0, "progress": False}
ROADS = make_system("road_network", 12, 0)


@pytest.mark.parametrize("system", [CloudScheduling(3), make_system("inventory", 3)])
def test_systems_of_many_steps_keep_their_methods_settings(system: Any) -> None:
    assert usual_settings(system, 50) == {} and usual_episodes(system) == 20
    run = train(system, "happo", 2, **QUIET)
    assert run.config["settings"]["epochs"] == 5 and run.config["settings"]["rollouts"] == 1


@pytest.mark.parametrize(("episodes", "rollouts"), [(1280, 32), (50, 25), (2, 2), (37, 1), (64, 32)])
def test_rollouts_divide_the_episodes(episodes: int, rollouts: int) -> None:
    assert usual_settings(ROADS, episodes) == {**ONE_STEP[1], "rollouts": rollouts}


def test_a_game_of_ones_own_has_them_too() -> None:
    """They follow from the one step, not from the name of the system."""
    own = make_system("load_balancing", 3), AnalyticalModel(_counted, torch.ones(2)).game(lambda x: -(x**2).sum(), 3, 2)
    assert all(usual_settings(system, 64) == ONE_STEP[1] and usual_episodes(system) == 1280 for system in own)


def _counted(actions: torch.Tensor) -> torch.Tensor:
    return torch.stack([(actions == k).sum() for k in range(2)]).double()


def test_what_is_asked_goes_before() -> None:
    run = train(ROADS, "dgpg", 6, rollouts=3, setting="sum", **QUIET)
    settings = run.config["settings"]
    assert (settings["rollouts"], settings["setting"], settings["hidden"]) == (3, "sum", 16)
    assert settings["clip"] == Settings().clip


def test_with_one_rollout_an_iteration_the_shared_return_teaches_nothing() -> None:
    """One number for all agents, less its mean: the first step has no gradient at all; with two roll-outs it has."""
    norms = {}
    for rollouts in (1, 2):
        run = train(ROADS, "mappo", rollouts, rollouts=rollouts, epochs=1, entropy=0.0, **QUIET)
        norms[rollouts] = run.history[-1].gradient_norm
    assert norms[1] == 0.0 < norms[2]


def test_on_roads_the_usual_settings_learn_faster_than_the_defaults() -> None:
    """From as many roll-outs an iteration: what is left to the best of the rules is less than half."""
    best = max(float(returns.mean()) for returns in heldout(ROADS, 0, 4).returns.values())
    left = {}
    for name, changes in (
        ("usual", {}),
        ("defaults", {k: getattr(Settings(), k) for k in ONE_STEP[1] if k != "rollouts"}),
    ):
        run = train(ROADS, "dgpg", 320, **{**QUIET, "workloads": 40}, **changes)
        left[name] = best - run.evaluations[-1][1].mean
    assert left["usual"] < 0.5 * left["defaults"], left

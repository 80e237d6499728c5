"""What a run did to its system: the mean state against enumeration, the policy before training, the files."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dgpg_verify.rollouts import collect
from dgpg_verify.systems import CloudScheduling, make_system
from dgpg_verify.training import train
from dgpg_verify.training.evaluation import heldout
from dgpg_verify.training.outcome import (
    NAMES,
    RunOutcome,
    draw_outcome,
    has_picture,
    outcome_of,
    save_outcome,
)

SHORT: dict[str, Any] = {"episodes": 64, "workloads": 4, "evaluate_every": 0, "progress": False}
SYSTEMS = [("road_network", {}), ("road_network", {"network": "braess"}), ("power_dispatch", {"n_levels": 2}),
           ("power_dispatch", {"normalised": True}), ("rate_control", {})]  # fmt: skip


def trained(system: str, options: dict[str, Any], n: int = 5) -> tuple[Any, RunOutcome]:
    made: Any = make_system(system, n, 2, **options)
    run = train(made, "dgpg", **SHORT)
    first, last = (run.evaluations[k][1].returns for k in (0, -1))
    return run, outcome_of(made, run.config, run.policy, first, last)


@pytest.mark.parametrize(("system", "options"), SYSTEMS)
def test_the_mean_state_is_that_over_all_joint_actions(system: str, options: dict[str, Any]) -> None:
    game: Any = make_system(system, 3, 1, **options)
    chances = torch.rand(3, game.n_actions, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    chances /= chances.sum(1, keepdim=True)
    mean = torch.zeros(game.state_size, dtype=torch.float64)
    for joint in itertools.product(range(game.n_actions), repeat=3):
        z = game.influence(torch.tensor([joint]))
        chance = float(np.prod([float(chances[i, a]) for i, a in enumerate(joint)]))
        mean += chance * game.idle_state.index_add(0, z.index.flatten(), z.value.flatten())
    np.testing.assert_allclose(game.mean_state(chances).numpy(), mean.numpy(), atol=1e-12)


def test_before_training_is_the_policy_that_the_first_evaluation_played() -> None:
    """Almost uniform: it begins with a gain of 0.01. After training it is not."""
    run, outcome = trained("road_network", {"network": "pigou"})
    assert float((outcome.before - 0.5).abs().max()) < 0.1 < float((outcome.after - 0.5).abs().max())
    costs = [-float(evaluation.mean) for _, evaluation in run.evaluations]
    assert outcome.costs == pytest.approx((costs[0], costs[-1])) and outcome.workloads == 4
    assert outcome.rules["user_equilibrium"] == pytest.approx(1.0)


@pytest.mark.parametrize(("system", "options"), SYSTEMS)
def test_a_picture_says_both_costs_and_lies_in_the_folder(system: str, options: dict[str, Any], tmp_path: Path) -> None:
    _, outcome = trained(system, options)
    file = save_outcome(outcome, tmp_path)
    assert file == tmp_path / f"{NAMES[type(outcome.system)]}.png" and file.with_suffix(".svg").stat().st_size > 1000
    figure = draw_outcome(outcome)
    title = figure.texts[0].get_text().replace("\n", " ")
    scale = 1.0 if system == "rate_control" else float(outcome.system.cost_of(outcome.system.reference_state))
    for cost in outcome.costs:
        assert f"{cost / scale:.4g}" in title


@pytest.mark.parametrize("options", [{}, {"warehouse": 0.9}], ids=["separate", "warehouse"])
def test_stock_after_ordering_is_that_of_the_evaluated_policies(options: dict[str, Any], tmp_path: Path) -> None:
    """Played again by hand: what an episode costs is the evaluation's, and positions are what is shown."""
    run, outcome = trained("inventory", {"horizon": 5, **options})
    system: Any = outcome.system
    rollout = collect(system, run.policy, heldout(system, run.config["heldout_seed"], 4).noise, keep_states=True)
    assert outcome.costs[1] == pytest.approx(-float(rollout.reward.sum(1).mean()))
    states: Any = rollout.states
    shown = torch.stack([state.position for state in states], dim=1) + rollout.actions.clamp(min=0)
    assert torch.equal(outcome.after, shown.flatten(0, 1)) and not torch.equal(outcome.before, outcome.after)
    title = draw_outcome(outcome).texts[0].get_text().replace("\n", " ")
    assert all(f"{cost / outcome.rules['base_stock']:.4g}" in title for cost in outcome.costs)
    assert save_outcome(outcome, tmp_path) == tmp_path / "stock_levels.png"


def test_other_systems_have_no_picture() -> None:
    assert not has_picture(CloudScheduling(3)) and not has_picture(make_system("load_balancing", 3))

"""Regression values of LoadBalancingGame: what finished measurements stand on may not change by a bit.

`load_balancing_numbers.json` holds what `numbers_of` returned at commit 56ee1af, before the game became a
`ResourceGame`; `python -c "from tests.systems.test_load_balancing_numbers import write; write()"` writes it again.
Another processor may draw a fleet with another last bit; the numbers are then compared to 1e-12 instead.
"""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dgpg_verify.core import draw_noise
from dgpg_verify.credits import make_credit
from dgpg_verify.measurement.gradients_of import gradients_of
from dgpg_verify.policies import make_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import LoadBalancingGame

FILE = Path(__file__).with_name("load_balancing_numbers.json")
CREDITS = ("return:raw", "guidance", "guidance:exact", "guidance:demand", "difference")
GAMES: tuple[dict[str, Any], ...] = (
    {"n_agents": 5, "seed": 0},
    {"n_agents": 5, "seed": 1, "cost": "delay", "job_law": "lognormal", "reference": "biased:0.3"},
    {"n_agents": 5, "seed": 2, "cost": "mm1", "n_candidates": "all", "reference": "shuffled"},
    {"n_agents": 5, "seed": 3, "cost": "makespan", "n_servers": 3, "n_candidates": 2},
    {"n_agents": 1, "seed": 4, "reference": "noise:0.5", "n_servers": 1, "cost": "makespan"},
)


def numbers_of(game: LoadBalancingGame) -> dict[str, Any]:
    """Everything that a measurement reads off the game, on two roll-outs, of which one has an absent agent."""
    policy = make_policy("uniform", game)
    noise = draw_noise(7, 0, game, policy, 2)
    rollout = collect(game, policy, noise, keep_states=True)
    actions = rollout.actions[:, 0].clone()
    actions[1, 0] = -1
    state = game.start(noise.environment)
    step = game.step(state, actions)
    values = {
        "reward": step.reward, "x": step.x, "x_observed": step.x_observed, "reference": step.reference,
        "index": step.influence.index, "value": step.influence.value, "features": game.observe(state).features,
        "removal": game.removal_rewards(state, actions),
        "gradients": gradients_of(game, policy, [make_credit(name) for name in CREDITS], noise),
        **{name: game.heuristic_scores(name, game.observe(state)) for name in game.heuristic_names},
    }  # fmt: skip
    parts = {f.name: getattr(game, f.name) for f in fields(game)}
    drawn = {name: part.tolist() for name, part in parts.items() if isinstance(part, torch.Tensor)}
    return {"config": game.config(), "drawn": drawn, **{name: value.tolist() for name, value in values.items()}}


def write() -> None:
    FILE.write_text(json.dumps([numbers_of(LoadBalancingGame.random(**game)) for game in GAMES]) + "\n")


@pytest.mark.parametrize("place", range(len(GAMES)))
def test_the_numbers_are_those_of_before(place: int) -> None:
    old = json.loads(FILE.read_text())[place]
    new = json.loads(json.dumps(numbers_of(LoadBalancingGame.random(**GAMES[place]))))
    assert list(new) == list(old) and new["config"] == old["config"] and list(new["config"]) == list(old["config"])
    tolerance = 0.0 if new["drawn"] == old["drawn"] else 1e-12
    for name in (name for name in old if name not in ("config", "drawn")):
        np.testing.assert_allclose(np.array(new[name]), np.array(old[name]), rtol=tolerance, atol=0.0, err_msg=name)

"""A system that is given by its state and reference alone is the one that was written by hand; what does not fit is
refused in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dgpg_verify.contracts import check_system
from dgpg_verify.core import Influence, InputError, draw_noise, to_json
from dgpg_verify.credits import make_credit
from dgpg_verify.measurement import measure_gradients
from dgpg_verify.policies import make_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import (
    AnalyticalModel,
    LinearQuadraticTeam,
    LoadBalancingGame,
    RateControl,
    ResourceGame,
    RoadNetwork,
)
from dgpg_verify.training import train
from tests.systems.enumerated import check_credits
from tests.training.tools import QUICK

GAMES = {
    "load_balancing": lambda: LoadBalancingGame.random(12, seed=3),
    "makespan": lambda: LoadBalancingGame.random(6, seed=1, cost="makespan"),
    "road_network": lambda: RoadNetwork.random(20, seed=2, network="grid"),
    "rate_control": lambda: RateControl.random(15, seed=4),
}
CREDITS = ("return", "guidance", "guidance:exact", "difference", "guided:0.5")


def by_hand(game: Any) -> AnalyticalModel:
    """The states of three systems, in the words of their docstrings."""
    agents = torch.arange(game.n_agents)

    def servers(actions: Tensor) -> Tensor:
        server = game.candidates[agents, actions.clamp(min=0)]
        return game.background.index_add(0, server, (actions >= 0) * game.jobs / game.capacity[server])

    def roads(actions: Tensor) -> Tensor:
        path = game.links[agents, actions.clamp(min=0)]
        driven = (path >= 0) & (actions >= 0)[:, None]
        flow = torch.zeros(game.state_size, dtype=torch.float64)
        added = driven * game.weights[:, None]
        return flow.index_add(0, path.clamp(min=0).flatten(), added.flatten()) / game.capacity

    def flows(actions: Tensor) -> Tensor:
        sent = game.rates[agents, actions.clamp(min=0)] * (actions >= 0)
        load = torch.zeros(game.state_size, dtype=torch.float64)
        return load.index_add(0, game.routes.flatten(), sent.repeat_interleave(game.routes.shape[1])) / game.capacity

    state = {"load_balancing": servers, "road_network": roads, "rate_control": flows}[game.kind]
    return AnalyticalModel(state, game.reference_state)


def rebuilt(game: ResourceGame) -> ResourceGame:
    costs = game.action_costs
    return by_hand(game).game(lambda x: -game.cost_of(x), game.n_agents, game.n_actions, action_costs=costs)


def dense(z: Influence, size: int) -> Tensor:
    return torch.zeros(*z.index.shape[:2], size, dtype=torch.float64).scatter_add(-1, z.index, z.value)


@pytest.mark.parametrize("make", GAMES.values(), ids=GAMES)
def test_games_are_rebuilt_from_their_state(make: Callable[[], ResourceGame]) -> None:
    """z, x, reward, the reward without each agent, and every credit, to 1e-12."""
    game = make()
    again = rebuilt(game)
    check_system(again)
    assert isinstance(again, ResourceGame) and again.additions.index.shape[2] <= game.additions.index.shape[2]
    policy = make_policy("uniform", game)
    rollout, other = (collect(g, policy, draw_noise(7, 0, g, policy, 64), keep_states=True) for g in (game, again))
    assert torch.equal(rollout.actions, other.actions)
    for name in ("x", "x_observed", "reference", "reward"):
        torch.testing.assert_close(getattr(other, name), getattr(rollout, name), rtol=1e-12, atol=1e-12)
    played = rollout.actions[:, 0]
    z = dense(game.influence(played), game.state_size)
    for found in (again.influence(played), by_hand(game).influence(played)):
        torch.testing.assert_close(dense(found, game.state_size), z, rtol=1e-12, atol=1e-12)
    for name in CREDITS:
        weights = [make_credit(name).fit([r])(r) for r in (rollout, other)]
        torch.testing.assert_close(weights[1], weights[0], rtol=1e-11, atol=1e-11)


def test_its_credits_have_the_moments_of_their_definitions() -> None:
    """Against the enumeration of all profiles; control: a z that is 1 % larger."""
    game: Any = rebuilt(RateControl.random(4, seed=1))
    wrong: Any = rebuilt(RateControl.random(4, seed=1))
    object.__setattr__(wrong, "z", Influence(wrong.z.index, 1.01 * wrong.z.value))
    check_credits(game, wrong=wrong)


def test_continuous_actions_have_their_deviation_from_the_default() -> None:
    team = LinearQuadraticTeam.random(6, seed=0)
    z = team.matrix()
    actions, default = torch.randn(2, 5, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    model = AnalyticalModel(lambda a: z @ a, team.reference_state)
    torch.testing.assert_close(model.states(actions), actions @ z.T)
    found = model.influence(actions, default)
    torch.testing.assert_close(dense(found, team.state_size), dense(team.influence(actions - default), team.state_size))


def test_a_default_action_may_stand_for_none() -> None:
    """Action 0 of K = 3 adds nothing; the reference is one more than what is there when all take it."""
    model = AnalyticalModel(lambda a: 1.0 + a.double().sum(0, keepdim=True), lambda idle: idle + 1.0, absent=0)
    game = model.game(lambda x: -x.sum(), 2, 3)
    assert game.idle_state.tolist() == [1.0] and game.reference_state.tolist() == [2.0]
    assert game.additions.value[0, :, 0].tolist() == [0.0, 1.0, 2.0]
    assert game.step(game.start(torch.empty(1, 1, 0)), torch.tensor([[2, 1]])).reward.tolist() == [-4.0]


def test_it_is_measured_and_trained() -> None:
    game = rebuilt(LoadBalancingGame.random(4, seed=0))
    moments = measure_gradients(game, "uniform", list(CREDITS), rollouts=64, progress=False)
    assert all(bool(np.isfinite(moments[name].variance).all()) for name in moments)
    assert len(train(game, "dgpg", **{**QUICK, "episodes": 1}).to_frame())
    assert json.dumps(to_json(game.config())) != json.dumps(to_json(rebuilt(LoadBalancingGame.random(4, 1)).config()))


def pair(actions: Tensor) -> Tensor:
    """Agents 1 and 2 make 5 more on coordinate 1 when both play 1."""
    own = (actions >= 0).double()
    both = (actions[1] == 1) & (actions[2] == 1)
    return torch.stack([own.sum(), own.sum() + 5.0 * both])


def wraps(actions: Tensor) -> Tensor:
    return torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)[actions].sum(0, keepdim=True)


def branches(actions: Tensor) -> Tensor:
    return actions.double() if actions[0] > 0 else -actions.double()


ONE = torch.ones(1, dtype=torch.float64)
GOOD = dict.fromkeys(("state",), lambda a: (a + 1.0).sum(0, keepdim=True)) | {
    "reference": ONE,
    "reward": lambda x: -x.sum(),
}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "not additive": ({"state": pair, "reference": torch.ones(2)},
                     "action 1 of agent 2 adds 1 to coordinate 1 when alone, 6 beside others"),
    "-1 is an index": ({"state": wraps}, "as if -1 were an index from the end"),
    "a branch": ({"state": branches}, "torch.func.vmap must be able to map it"),
    "a number for x": ({"state": lambda a: a.double().sum()}, r"state(actions) has shape []: it must be x [D]"),
    "reference": ({"reference": torch.ones(2)}, "reference has shape [2]: it must be that of x, [D] = [1]"),
    "reward": ({"reward": lambda x: -x}, "reward(x) has shape [1]: it must be one number"),
    "costs": ({"action_costs": torch.ones(3)}, "action_costs has shape [3]: it must be [N, K] = [3, 3]"),
    "n_actions": ({"n_actions": 0}, "n_actions = 0 is not allowed"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "said"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_in_one_line(changes: dict[str, Any], said: str) -> None:
    given = {**GOOD, "n_agents": 3, "n_actions": 3, **changes}
    with pytest.raises(InputError) as refused:
        AnalyticalModel(given.pop("state"), given.pop("reference")).game(given.pop("reward"), **given)
    assert said in str(refused.value) and "\n" not in str(refused.value)


def test_control_what_fits_is_not() -> None:
    """Nor is a state that is rounded to float32."""
    AnalyticalModel(GOOD["state"], GOOD["reference"]).game(GOOD["reward"], 3, 3)
    size = torch.rand(50, generator=torch.Generator().manual_seed(0))
    rounded = AnalyticalModel(lambda a: (size * (a + 1) / 3.0).sum(0, keepdim=True), ONE)
    rounded.game(GOOD["reward"], 50, 3)

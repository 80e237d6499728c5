"""Counterfactual re-runs: closed forms against brute force, branches against re-played noise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given

from dgpg_verify.core import InputError, Noise, Observation, Rollout, draw_noise
from dgpg_verify.policies import make_policy
from dgpg_verify.rollouts import (
    branch_returns,
    collect,
    one_step_rewards,
    own_action_influence,
    own_action_returns,
    restep_rewards,
)
from dgpg_verify.systems import LoadBalancingGame, PowerDispatch, RateControl, RoadNetwork
from dgpg_verify.systems.load_balancing import COSTS
from dgpg_verify.testing import EXACT, SmallQueues, game_and_policy, noise_seeds, small_queues, team_and_policy


def assert_close(found: torch.Tensor, expected: torch.Tensor, scale: torch.Tensor) -> None:
    assert found.shape == expected.shape
    assert float((found - expected).abs().max()) <= 1e-11 * (1.0 + float(scale.abs().max()))


@pytest.mark.parametrize("cost", COSTS)
@EXACT
@given(data_seed=noise_seeds())
def test_removal_in_closed_form_equals_re_stepping(cost: str, data_seed: int) -> None:
    game = LoadBalancingGame.random(1 + data_seed % 6, seed=data_seed % 97, cost=cost)
    policy = make_policy("uniform", game)
    rollout = collect(game, policy, draw_noise(data_seed, 0, game, policy, 5), keep_states=True)
    brute = restep_rewards(rollout, 0, torch.full_like(rollout.actions[:, 0], -1))
    assert_close(one_step_rewards(rollout)[:, 0], brute, rollout.reward)


@EXACT
@given(case=game_and_policy(), seed=noise_seeds())
def test_removal_on_drawn_fleets(case: Any, seed: int) -> None:
    """Ties of the makespan, single servers and zero weights included."""
    game, policy = case
    rollout = collect(game, policy, draw_noise(seed, 0, game, policy, 3), keep_states=True)
    brute = restep_rewards(rollout, 0, torch.full_like(rollout.actions[:, 0], -1))
    assert_close(one_step_rewards(rollout)[:, 0], brute, rollout.reward)


@EXACT
@given(case=team_and_policy(), seed=noise_seeds())
def test_replacement_in_closed_form_equals_re_stepping(case: Any, seed: int) -> None:
    team, policy = case
    rollout = collect(team, policy, draw_noise(seed, 0, team, policy, 3), keep_states=True)
    defaults = policy.default_action(rollout.seen)
    brute = restep_rewards(rollout, 0, defaults[:, 0])
    assert_close(one_step_rewards(rollout, defaults)[:, 0], brute, rollout.reward.abs().max() + brute.abs().max())


@pytest.mark.parametrize("cost", COSTS)
@EXACT
@given(data_seed=noise_seeds())
def test_replacement_in_a_game_equals_re_stepping(cost: str, data_seed: int) -> None:
    """To another action, to the same one and to none."""
    game = LoadBalancingGame.random(1 + data_seed % 6, seed=data_seed % 97, cost=cost)
    policy = make_policy("uniform", game)
    rollout = collect(game, policy, draw_noise(data_seed, 0, game, policy, 5), keep_states=True)
    other = policy.act(rollout.seen, draw_noise(data_seed, 1, game, policy, 5).agents)
    for played in (other, rollout.actions, torch.full_like(other, -1)):
        brute = restep_rewards(rollout, 0, played[:, 0])
        assert_close(one_step_rewards(rollout, played)[:, 0], brute, rollout.reward)


@pytest.mark.parametrize("kind", [RateControl, RoadNetwork, PowerDispatch])
@pytest.mark.parametrize("seed", range(4))
def test_every_own_action_and_the_split_of_the_reward(kind: Any, seed: int) -> None:
    """Several coordinates an action, some of them in common with the action taken, and charges of their own."""
    game = kind.random(5, seed)
    policy = make_policy("uniform", game)
    rollout = collect(game, policy, draw_noise(seed, 0, game, policy, 6), keep_states=True)
    table, z = own_action_returns(rollout), own_action_influence(rollout)
    for k in range(game.n_actions):
        brute = restep_rewards(rollout, 0, torch.full_like(rollout.actions[:, 0], k))
        assert_close(table[:, 0, :, k], brute, rollout.reward)
    chosen = rollout.actions[..., None]
    assert_close(table.gather(-1, chosen)[..., 0], rollout.reward[..., None].expand_as(rollout.actions), rollout.reward)
    own = z.value.gather(3, chosen[..., None].expand(*rollout.influence.value.shape[:3], 1, z.value.shape[-1]))[
        ..., 0, :
    ]
    assert torch.equal(own, rollout.influence.value)
    parts = game.split_rewards(rollout.states[0], rollout.actions[:, 0])  # type: ignore[index]
    assert_close(sum(part.sum(1) for part in parts), rollout.reward[:, 0], rollout.reward)  # type: ignore[arg-type]


@EXACT
@given(system=small_queues(), seed=noise_seeds())
def test_own_actions_over_several_steps_respect_the_mask(system: SmallQueues, seed: int) -> None:
    """The entry of the action taken, and that of one not allowed, is what was received from then on."""
    policy = make_policy("linear", system)
    rollout = collect(system, policy, draw_noise(seed, 0, system, policy, 3), keep_states=True)
    table, z = own_action_returns(rollout), own_action_influence(rollout)
    gamma = system.discount ** torch.arange(system.horizon, dtype=torch.float64)
    received = (gamma * rollout.reward).flip(-1).cumsum(-1).flip(-1)[..., None, None].expand_as(table)
    taken = torch.nn.functional.one_hot(rollout.actions.clamp(min=0), system.n_actions).bool()
    same = taken | ~rollout.seen.mask | ~rollout.active[..., None]
    assert_close(table[same], received[same], rollout.reward)
    assert bool((z.value[~(rollout.seen.mask & rollout.active[..., None])] == 0.0).all())


@EXACT
@given(system=small_queues(), seed=noise_seeds())
def test_without_closed_form_every_agent_is_re_stepped(system: SmallQueues, seed: int) -> None:
    """One-step removal on the queues, against re-stepping one agent at a time by hand."""
    policy = make_policy("uniform", system)
    rollout = collect(system, policy, draw_noise(seed, 0, system, policy, 3), keep_states=True)
    found = one_step_rewards(rollout)
    assert rollout.states is not None
    for t in range(system.horizon):
        for agent in range(system.n_agents):
            actions = rollout.actions[:, t].clone()
            actions[:, agent] = -1
            expected = system.step(rollout.states[t], actions).reward
            assert torch.equal(found[:, t, agent], expected)


@EXACT
@given(system=small_queues(), seed=noise_seeds())
def test_branching_to_the_action_taken_changes_nothing(system: SmallQueues, seed: int) -> None:
    policy = make_policy("linear", system)
    rollout = collect(system, policy, draw_noise(seed, 0, system, policy, 3), keep_states=True)
    agents = torch.arange(system.n_agents)
    gamma = system.discount ** torch.arange(system.horizon, dtype=torch.float64)
    for t in range(system.horizon):
        to_go = (gamma * rollout.reward)[:, t:].sum(-1)
        again = branch_returns(rollout, t, agents, rollout.actions[:, t])
        assert_close(again, to_go[:, None].expand_as(again), to_go)


class Forced:
    """A policy with one action of one agent at one step replaced; everything else acts on its own uniforms."""

    def __init__(self, policy: Any, agent: int, step: int, action: torch.Tensor) -> None:
        self.policy, self.agent, self.at, self.action, self.now = policy, agent, step, action, 0
        self.sharing, self.parameters, self.noise_size = policy.sharing, policy.parameters, policy.noise_size

    def act(self, seen: Observation, noise: torch.Tensor) -> torch.Tensor:
        actions: torch.Tensor = self.policy.act(seen, noise)
        if self.now == self.at:
            actions[:, self.agent] = self.action
        self.now += 1
        return actions

    def log_prob(self, seen: Observation, actions: torch.Tensor) -> torch.Tensor:
        return torch.zeros(actions.shape)


@EXACT
@given(system=small_queues(), seed=noise_seeds())
def test_branch_equals_a_whole_episode_played_again(system: SmallQueues, seed: int) -> None:
    """The others react: a policy that looks at the load, one forced action, the episode re-run from its start."""
    policy = make_policy("linear", system)
    policy = replace(policy, parameters=policy.parameters - 1.5)  # type: ignore[type-var]
    noise = draw_noise(seed, 0, system, policy, 3)
    rollout = collect(system, policy, noise, keep_states=True)
    t, agent = system.horizon // 2, system.n_agents - 1
    replacement = torch.where(rollout.active[:, t], 0, -1)
    found = branch_returns(rollout, t, torch.arange(system.n_agents), replacement)[:, agent]
    forced: Any = Forced(policy, agent, t, replacement[:, agent])
    again = collect(system, forced, Noise(noise.environment, noise.agents))
    gamma = system.discount ** torch.arange(system.horizon, dtype=torch.float64)
    expected = (gamma * again.reward)[:, t:].sum(-1)
    assert_close(found, expected, expected)


def test_re_runs_need_kept_states() -> None:
    game = LoadBalancingGame.random(3, seed=0)
    policy = make_policy("uniform", game)
    rollout = collect(game, policy, draw_noise(0, 0, game, policy, 2))
    for call in (
        lambda r: one_step_rewards(r),
        lambda r: branch_returns(r, 0, torch.arange(3), r.actions[:, 0]),
        lambda r: restep_rewards(r, 0, r.actions[:, 0]),
    ):
        with pytest.raises(InputError, match="keep_states=True"):
            call(rollout)


def test_what_every_own_action_gives_is_played_once_for_each_roll_out(monkeypatch: pytest.MonkeyPatch) -> None:
    game = LoadBalancingGame.random(3, seed=0)
    policy = make_policy("uniform", game)
    rollout = collect(game, policy, draw_noise(0, 0, game, policy, 2), keep_states=True)
    played = []
    rewards = LoadBalancingGame.replaced_rewards
    monkeypatch.setattr(LoadBalancingGame, "replaced_rewards", lambda *given: played.append(0) or rewards(*given))
    first = own_action_returns(rollout)
    assert own_action_returns(rollout) is first and len(played) == game.n_actions
    other = own_action_returns(replace(rollout, actions=rollout.actions))
    assert len(played) == 2 * game.n_actions and torch.equal(other, first)


def test_re_runs_leave_the_rollout_alone() -> None:
    policy = make_policy("uniform", QUEUES)
    rollout: Rollout = collect(QUEUES, policy, draw_noise(0, 0, QUEUES, policy, 4), keep_states=True)
    kept = rollout.actions.clone(), rollout.reward.clone(), [s.load.clone() for s in rollout.states or ()]
    one_step_rewards(rollout)
    branch_returns(rollout, 1, torch.arange(3), torch.zeros_like(rollout.actions[:, 1]))
    assert torch.equal(kept[0], rollout.actions) and torch.equal(kept[1], rollout.reward)
    assert all(torch.equal(a, s.load) for a, s in zip(kept[2], rollout.states or ()))


QUEUES = SmallQueues(torch.tensor([[0, 1, 2], [2, 1, 0], [1, 0, 2]]), 3, horizon=4)

"""z by automatic differentiation equals the z that every built-in system writes down."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from torch import Tensor

from dgpg_verify.core import Influence, InputError, draw_noise
from dgpg_verify.policies import make_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import CloudScheduling, action_influence, choice_influence
from dgpg_verify.testing import EXACT, cloud_systems, game_and_policy, noise_seeds, team_and_policy


def dense(z: Influence, size: int) -> Tensor:
    """[B, N, D]"""
    empty = torch.zeros(*z.index.shape[:2], size, dtype=torch.float64)
    return empty.scatter_add(-1, z.index, z.value.double())


def assert_same(found: Influence, written: Influence, size: int) -> None:
    torch.testing.assert_close(dense(found, size), dense(written, size), rtol=1e-12, atol=1e-12)


@EXACT
@given(case=game_and_policy(), seed=noise_seeds())
def test_load_balancing(case: Any, seed: int) -> None:
    game, policy = case
    rollout = collect(game, policy, draw_noise(seed, 0, game, policy, 3))

    def analytical_state(actions: Tensor, presence: Tensor) -> Tensor:
        server = game.candidates[torch.arange(game.n_agents), actions]
        return game.background.index_add(0, server, presence * game.jobs / game.capacity[server])

    assert_same(choice_influence(analytical_state, rollout.actions[:, 0]),
                Influence(rollout.influence.index[:, 0], rollout.influence.value[:, 0]), game.state_size)  # fmt: skip


@EXACT
@given(case=team_and_policy(), seed=noise_seeds())
def test_linear_quadratic_team(case: Any, seed: int) -> None:
    team, policy = case
    rollout = collect(team, policy, draw_noise(seed, 0, team, policy, 3))
    z = team.matrix()
    found = action_influence(lambda actions: z @ actions, rollout.actions[:, 0], policy.means.expand(3, -1))
    assert_same(found, Influence(rollout.influence.index[:, 0], rollout.influence.value[:, 0]), team.state_size)


@EXACT
@given(system=cloud_systems(), seed=noise_seeds())
def test_cloud(system: CloudScheduling, seed: int) -> None:
    """The committed shares at the last step, job by job from its cores and memory."""
    policy = make_policy("uniform", system)
    rollout = collect(system, policy, draw_noise(seed, 0, system, policy, 1), keep_states=True)
    t, fleet = system.horizon - 1, system.fleet
    state = rollout.states[t]  # type: ignore[index]
    jobs = state.here

    def analytical_state(actions: Tensor, presence: Tensor) -> Tensor:
        server = system.candidates[torch.arange(system.n_agents), actions.clamp(min=0)]
        joins = presence * (jobs.active[0] & (actions >= 0))
        added = [joins * jobs.cores[0] / fleet.cores[server], joins * jobs.memory[0] / fleet.memory[server]]
        places = torch.cat([server, server + system.n_servers])
        return state.committed[0].index_add(0, places, torch.cat(added))

    found = choice_influence(analytical_state, rollout.actions[:, t])
    assert_same(found, Influence(rollout.influence.index[:, t], rollout.influence.value[:, t]), system.state_size)


def test_control_a_state_in_which_actions_interact_is_not_a_sum_of_contributions() -> None:
    """x = p_1 p_2: each derivative is 1, and so is each contribution, but together they add 2 to a state of 1."""
    found = choice_influence(lambda actions, presence: presence.prod()[None], torch.zeros(1, 2, dtype=torch.int64))
    assert found.value.flatten().tolist() == [1.0, 1.0]


def test_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match="must return x"):
        choice_influence(lambda actions, presence: presence.sum(), torch.zeros(2, 3, dtype=torch.int64))

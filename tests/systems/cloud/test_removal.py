"""What a job costs the others, by replay of all servers at once, against stepping every removal apart."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given

from dgpg_verify.core import Rollout, draw_noise
from dgpg_verify.policies import make_policy
from dgpg_verify.rollouts import collect, one_step_rewards, replay_each, replay_gains
from dgpg_verify.systems import CloudScheduling
from dgpg_verify.systems.cloud import removal
from dgpg_verify.testing import EXACT, cloud_systems, noise_seeds


def played(system: CloudScheduling, seed: int, size: int = 2) -> Rollout:
    policy = make_policy("linear", system)
    return collect(system, policy, draw_noise(seed, 0, system, policy, size), keep_states=True)


def one_by_one(rollout: Rollout) -> torch.Tensor:
    return replay_each(rollout, torch.full_like(rollout.actions, -1))


def assert_same(values: torch.Tensor, expected: torch.Tensor) -> None:
    assert values.shape == expected.shape
    assert float((values - expected).abs().max()) <= 1e-11 * (1.0 + float(expected.abs().max()))


@EXACT
@given(system=cloud_systems(), seed=noise_seeds())
def test_replay_of_all_servers_equals_every_removal_apart(system: CloudScheduling, seed: int) -> None:
    rollout = played(system, seed)
    assert_same(replay_gains(rollout), one_by_one(rollout))


def test_jobs_turned_away_cost_nothing() -> None:
    system = CloudScheduling(4, seed=3, horizon=12, load=2.0)
    policy = make_policy("linear", system)
    state, rewards, states = system.start(draw_noise(1, 0, system, policy, 2).environment), [], []
    rollout = played(system, 1)
    actions = torch.where(torch.arange(4) % 2 == 0, rollout.actions, -1)
    for t in range(system.horizon):
        states.append(state)
        transition = system.step(state, actions[:, t])
        rewards.append(transition.reward)
        state = transition.next_state
    rollout = Rollout(**{**vars(rollout), "actions": actions, "reward": torch.stack(rewards, 1), "states": states})
    gains = replay_gains(rollout)
    assert (gains[..., 1::2] == 0).all() and (gains[..., ::2] < 0).any()
    assert_same(gains, one_by_one(rollout))


@pytest.mark.parametrize("at_once", [1, 7])
def test_the_size_of_the_blocks_changes_nothing(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rollout = played(CloudScheduling(5, seed=2, horizon=20, load=1.5), 7)
    expected = replay_gains(rollout)
    monkeypatch.setattr(removal, "AT_ONCE", at_once)
    assert_same(replay_gains(rollout), expected)


def test_control_the_reward_of_one_step_misses_what_a_job_costs_the_others() -> None:
    """In the one-step form a job costs 1 / max(duration, 1) whichever server it joins: no signal to learn from."""
    rollout = played(CloudScheduling(5, seed=2, horizon=40), 7)
    joins = rollout.active & (rollout.actions >= 0)
    own = (rollout.reward[..., None] - one_step_rewards(rollout))[joins]
    durations = rollout.states[0].jobs.duration[joins]  # type: ignore[index]
    assert torch.allclose(own, -1.0 / durations.clamp(min=1.0), atol=1e-12)
    assert float((replay_gains(rollout)[joins] - own).abs().max()) > 1.0


def test_no_job_at_all() -> None:
    rollout = played(CloudScheduling(2, seed=0, horizon=3), 0)
    empty = Rollout(**{**vars(rollout), "actions": torch.full_like(rollout.actions, -1)})
    assert (replay_gains(empty) == 0).all()

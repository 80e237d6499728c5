"""play() against collect(): the same game, without its memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from dgpg_verify.core import NonFiniteError, Transition, draw_noise
from dgpg_verify.policies import TabularPolicy, uniform_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.rollouts.play import play
from dgpg_verify.testing import QueueState, SmallQueues

QUEUES = SmallQueues(torch.tensor([[0, 1], [2, 1], [1, 0]]), 3, horizon=5, discount=0.8)
SIZE = 7


def test_returns_are_the_discounted_rewards_of_the_same_roll_outs() -> None:
    policy = TabularPolicy(torch.tensor([[0.0, 1.0], [0.5, 0.0], [2.0, 0.0]], dtype=torch.float64))
    noise = draw_noise(0, 0, QUEUES, policy, SIZE)
    found, reward = play(QUEUES, policy.act, noise), collect(QUEUES, policy, noise).reward
    assert found.shape == (SIZE,) and found.dtype == torch.float64
    for b in range(SIZE):
        assert float(found[b]) == pytest.approx(sum(0.8**t * float(reward[b, t]) for t in range(5)), rel=1e-12)
    assert len(set(found.tolist())) == SIZE


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 50])
def test_chunks_do_not_change_a_bit(chunk: int) -> None:
    policy = uniform_policy(QUEUES)
    noise = draw_noise(1, 0, QUEUES, policy, SIZE)
    assert torch.equal(play(QUEUES, policy.act, noise, chunk), play(QUEUES, policy.act, noise))


@dataclass(frozen=True)
class Poisoned:
    """SmallQueues whose reward is not finite at step 2 of the roll-out with the largest first job."""

    inner: SmallQueues
    bad: float

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def step(self, state: QueueState, actions: Tensor) -> Transition:
        moved, first = self.inner.step(state, actions), state.size[:, 0, 0]
        hit = (first == first.max()) & (state.step == 2)
        return replace(moved, reward=torch.where(hit, self.bad, moved.reward))


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_a_reward_that_is_not_finite_names_its_roll_out(bad: float) -> None:
    policy = uniform_policy(QUEUES)
    noise = draw_noise(2, 0, QUEUES, policy, SIZE)
    worst = int(noise.environment[:, 0, 1].argmax())
    with pytest.raises(NonFiniteError, match=rf"return of roll-out \[{worst}\]"):
        play(Poisoned(QUEUES, bad), policy.act, noise)

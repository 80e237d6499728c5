"""The shared return as credit: discounts, baselines from the pilot, inactive agents."""

from __future__ import annotations

import pytest
import torch

from dgpg_verify.core import Rollout, draw_noise
from dgpg_verify.credits import discounted_to_go, episode_returns, make_credit
from dgpg_verify.policies import make_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.testing import SmallQueues

QUEUES = SmallQueues(torch.tensor([[0, 1, 2], [2, 1, 0], [1, 0, 2]]), 3, horizon=4, discount=0.5)


def played(seed: int, size: int = 20) -> Rollout:
    policy = make_policy("uniform", QUEUES)
    return collect(QUEUES, policy, draw_noise(seed, 0, QUEUES, policy, size), keep_states=True)


def test_episode_returns_by_hand() -> None:
    rollout = played(0)
    for b in range(20):
        expected = sum(0.5**t * float(rollout.reward[b, t]) for t in range(4))
        assert float(episode_returns(rollout)[b]) == pytest.approx(expected, rel=1e-12)
        for t in range(4):
            rest = sum(0.5**s * float(rollout.reward[b, s]) for s in range(t, 4))
            assert float(discounted_to_go(rollout)[b, t]) == pytest.approx(rest, rel=1e-12)


def test_credits_by_hand() -> None:
    """Baselines are pilot means, of the episode or of each step; zero where an agent had nothing to decide."""
    pilot, rollout = [played(0), played(1, 10)], played(2)
    mean = float(torch.cat([episode_returns(r) for r in pilot]).mean())
    by_step = torch.cat([discounted_to_go(r) for r in pilot]).mean(0)
    expected = {
        "return": (episode_returns(rollout) - mean)[:, None].expand(20, 4),
        "return:raw": episode_returns(rollout)[:, None].expand(20, 4),
        "return:to_go": discounted_to_go(rollout) - by_step,
        "score": torch.ones(20, 4, dtype=torch.float64),
    }
    for name, values in expected.items():
        found = make_credit(name).fit(pilot)(rollout)
        torch.testing.assert_close(found, values[..., None] * rollout.active)
        assert found.dtype == torch.float64


@pytest.mark.parametrize("name", ["return", "return:to_go", "gae:central", "normalised@return", "guided:0.5"])
def test_credits_are_frozen_after_fit(name: str) -> None:
    """Fitting returns a new object; the roll-outs measured later do not move the baseline."""
    plain = make_credit(name)
    fitted = plain.fit([played(0)])
    first = fitted(played(2))
    fitted(played(3))
    assert torch.equal(first, fitted(played(2))) and fitted is not plain
    assert not torch.equal(first, plain.fit([played(1)])(played(2)))


def test_the_return_does_not_centre_on_the_measured_rollouts() -> None:
    """A baseline from the same roll-outs would correlate with them: the mean of a fresh batch is not exactly 0."""
    credit, rollout = make_credit("return").fit([played(0)]), played(1)
    assert abs(float(credit(rollout)[rollout.active].mean())) > 1e-6

"""GAE against a slow plain version, its two ends, and the critics behind it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dgpg_verify.core import InputError, Rollout, draw_noise, generator
from dgpg_verify.credits import GAECredit, make_credit
from dgpg_verify.critics import gae, reward_to_go
from dgpg_verify.policies import make_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.testing import EXACT, SmallQueues

QUEUES = SmallQueues(torch.tensor([[0, 1, 2], [2, 1, 0], [1, 0, 2]]), 3, horizon=5, discount=0.8)


def played(seed: int = 0, size: int = 30) -> Rollout:
    policy = make_policy("uniform", QUEUES)
    return collect(QUEUES, policy, draw_noise(seed, 0, QUEUES, policy, size))


def slow_gae(rewards: list[float], values: list[float], discount: float, lam: float) -> list[float]:
    """A_t = sum_l (gamma lambda)^l delta_{t+l}, written as the double sum; the episode ends after the last step."""
    horizon, padded = len(rewards), [*values, 0.0]
    delta = [rewards[t] + discount * padded[t + 1] - padded[t] for t in range(horizon)]
    return [sum((discount * lam) ** (s - t) * delta[s] for s in range(t, horizon)) for t in range(horizon)]


numbers = st.lists(st.tuples(st.floats(-10, 10), st.floats(-10, 10)), min_size=1, max_size=6)


@EXACT
@given(steps=numbers, discount=st.floats(0, 1), lam=st.floats(0, 1))
def test_gae_equals_the_double_sum(steps: list[tuple[float, float]], discount: float, lam: float) -> None:
    rewards, values = zip(*steps, strict=True)
    found = gae(*(torch.tensor([v], dtype=torch.float64)[..., None] for v in (rewards, values)), discount, lam)
    expected = torch.tensor(slow_gae(list(rewards), list(values), discount, lam), dtype=torch.float64)
    torch.testing.assert_close(found[0, :, 0], expected, rtol=1e-11, atol=1e-11)


def test_agents_and_steps_are_not_mixed_up() -> None:
    """Each (roll-out, agent) column of a [B, T, N] block is the same as that column alone."""
    rng = generator(0)
    reward, values = torch.randn(2, 4, 1, generator=rng), torch.randn(2, 4, 3, generator=rng)
    whole = gae(reward, values, 0.9, 0.7)
    for b in range(2):
        for i in range(3):
            alone = gae(reward[b : b + 1], values[b : b + 1, :, i : i + 1], 0.9, 0.7)
            assert torch.equal(whole[b : b + 1, :, i : i + 1], alone)


def test_lambda_one_is_return_minus_value_and_lambda_zero_is_one_step() -> None:
    rng = generator(1)
    reward, values = (torch.randn(3, 5, 1, generator=rng, dtype=torch.float64) for _ in range(2))
    to_go = reward_to_go(reward[..., 0], 0.9)
    torch.testing.assert_close(gae(reward, values, 0.9, 1.0)[..., 0], to_go - values[..., 0])
    following = torch.cat([values[:, 1:], torch.zeros(3, 1, 1, dtype=torch.float64)], 1)
    torch.testing.assert_close(gae(reward, values, 0.9, 0.0), reward + 0.9 * following - values)


def test_nothing_is_bootstrapped_after_the_last_step() -> None:
    """The last advantage is r_T - V_T, whatever the value function would say about the step after."""
    reward, values = torch.full((1, 3, 1), 2.0), torch.full((1, 3, 1), 10.0)
    assert float(gae(reward, values, 1.0, 0.95)[0, -1, 0]) == -8.0


@dataclass(frozen=True)
class TrueValue:
    """A critic that knows the reward to go exactly."""

    def __call__(self, rollout: Rollout) -> torch.Tensor:
        return reward_to_go(rollout.reward, rollout.system.discount)


@pytest.mark.parametrize("lam", [0.0, 0.5, 1.0])
def test_a_perfect_hindsight_critic_leaves_no_advantage(lam: float) -> None:
    """delta_t = 0 at every step: advantages are on the scale of the raw reward, values are not normalised."""
    credit = GAECredit("central", lam, critic=TrueValue())  # type: ignore[arg-type]
    assert float(credit(played()).abs().max()) < 1e-12


@pytest.mark.parametrize("kind", ["central", "local"])
def test_credit_is_gae_of_the_fitted_critic(kind: str) -> None:
    pilot, fresh = played(0), played(1)
    credit: Any = make_credit(f"gae:{kind}").fit([pilot])
    values = credit.critic(fresh)
    values = values[..., None].expand(30, 5, 3) if kind == "central" else values
    found = credit(fresh)
    for i in range(3):
        for b in range(3):
            slow = slow_gae(fresh.reward[b].tolist(), values[b, :, i].tolist(), 0.8, 0.95)
            expected = torch.tensor(slow, dtype=torch.float64) * fresh.active[b, :, i]
            torch.testing.assert_close(found[b, :, i], expected)


def test_only_the_local_critic_tells_agents_apart() -> None:
    pilot, fresh = played(0), played(1)
    both_active = fresh.active[..., 0] & fresh.active[..., 1]
    central, local = (make_credit(f"gae:{kind}").fit([pilot])(fresh) for kind in ("central", "local"))
    assert torch.equal(central[..., 0][both_active], central[..., 1][both_active])
    assert not torch.equal(local[..., 0][both_active], local[..., 1][both_active])


def test_the_critic_is_frozen_after_the_pilot() -> None:
    """The credit of a roll-out does not depend on what else is in its chunk."""
    credit, fresh = make_credit("gae:central").fit([played(0)]), played(1)
    policy = make_policy("uniform", QUEUES)
    one = collect(
        QUEUES, policy, replace(fresh.noise, environment=fresh.noise.environment[:1], agents=fresh.noise.agents[:1])
    )
    torch.testing.assert_close(credit(one)[0], credit(fresh)[0])


@pytest.mark.parametrize(("kind", "lam"), [("centrl", 0.9), ("central", 1.5), ("local", float("nan"))])
def test_bad_options_are_refused(kind: str, lam: float) -> None:
    with pytest.raises(InputError, match="gae"):
        GAECredit(kind, lam)

"""Targets over several steps, the halves of a pilot, and what joint networks are given."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dgpg_verify.credits import gae
from dgpg_verify.critics import reward_to_go
from dgpg_verify.critics.joint_inputs import JointInputs, Targets, halves, lambda_returns
from dgpg_verify.testing import EXACT, SmallQueues
from tests.critics.payoffs import played, random_payoffs

QUEUES = SmallQueues(torch.tensor([[0, 1], [2, 1], [1, 0]]), 3, horizon=4)


@EXACT
@given(seed=st.integers(0, 2**16), discount=st.floats(0, 1), lam=st.floats(0, 1), steps=st.integers(1, 6))
def test_lambda_returns_are_advantages_plus_values(seed: int, discount: float, lam: float, steps: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    reward, values = torch.randn(2, 3, steps, generator=rng, dtype=torch.float64)
    found = lambda_returns(reward, values, discount, lam)
    expected = gae(reward[..., None], values[..., None], discount, lam)[..., 0] + values
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(lambda_returns(reward, values, discount, 1.0), reward_to_go(reward, discount))


def test_the_last_step_is_not_bootstrapped() -> None:
    """Whatever V says: only its own reward counts there; the control is the step before."""
    reward, values = torch.zeros(1, 3), torch.full((1, 3), 1e6)
    assert lambda_returns(reward, values, 1.0, 0.8)[0, -1] == 0.0
    assert lambda_returns(reward, values, 1.0, 0.8)[0, -2] > 1e5


def test_halves_are_apart_and_nearly_equal() -> None:
    one = played(QUEUES, 0, 7)
    first, second = halves([one])
    assert [len(part.reward) for part in (*first, *second)] == [3, 3]
    assert torch.equal(first[0].reward, one.reward[:3]) and torch.equal(second[0].reward, one.reward[3:6])
    assert halves([one, one, one]) == ([one], [one, one])


def test_candidates_that_never_change_are_kept_once() -> None:
    pilot = played(random_payoffs(0), 0, 5)
    inputs = JointInputs.of([pilot, pilot])
    assert inputs.fixed and len(inputs) == 10 and inputs.features.shape == (1, 3, 3, 3)
    assert inputs.rows(slice(2, 6)).features.shape == (4, 3, 3, 3)
    moving = JointInputs.of([played(QUEUES, 0, 5)])
    assert not moving.fixed and len(moving) == len(moving.features) == 20 and moving.sizes == (3, 2, 10)
    assert bool((moving.actions[~moving.allowed.any(-1)] == -1).all())


def test_what_is_explained() -> None:
    """All of it by the rewards to go themselves, none by V alone where V is a constant."""
    pilot = [played(random_payoffs(1), 0, 50)]
    targets = Targets.of(pilot)
    assert targets.explained(pilot, targets.left(pilot)) == pytest.approx(1.0)
    assert targets.explained(pilot, torch.zeros(50, dtype=torch.float64)) == pytest.approx(0.0, abs=1e-9)

"""Targets over several steps, the halves of a pilot, and what joint networks are given."""

from __future__ import annotations

import pytest
import torch

from dgpg_verify.critics.joint_inputs import JointInputs, Targets, halves
from dgpg_verify.testing import SmallQueues
from tests.critics.payoffs import played, random_payoffs

QUEUES = SmallQueues(torch.tensor([[0, 1], [2, 1], [1, 0]]), 3, horizon=4)


def test_what_is_left_is_the_lambda_return_minus_the_value() -> None:
    """Written out; nothing follows the last step, where only its own reward counts."""
    pilot = played(QUEUES, 0, 7)
    targets = Targets.of([pilot])
    values, reward = targets.value(pilot), pilot.reward.double()
    returns = torch.zeros(7, 5, dtype=torch.float64)
    for t in reversed(range(4)):
        following = values[:, t + 1] if t < 3 else torch.zeros(7, dtype=torch.float64)
        returns[:, t] = reward[:, t] + QUEUES.discount * (0.2 * following + 0.8 * returns[:, t + 1])
    torch.testing.assert_close(targets.left([pilot]), (returns[:, :4] - values).flatten())


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

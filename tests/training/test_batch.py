"""Packing against a plain loop: which decision of which agent ends up where."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from training_tools import played

from dgpg_verify.core import Rollout
from dgpg_verify.training.batch import pack


def numbered(rollout: Rollout) -> torch.Tensor:
    """A weight that says where it comes from: 100 b + 10 t + i, 0 where idle."""
    b, t, n = rollout.active.shape
    where = 100 * torch.arange(b)[:, None, None] + 10 * torch.arange(t)[:, None] + torch.arange(n)
    return torch.where(rollout.active, where, 0).double()


@pytest.mark.parametrize("size", [1, 4])
def test_packing_equals_a_loop_over_agents_roll_outs_and_steps(size: int) -> None:
    rollout = played(1, size)
    assert not bool(rollout.active.all()), "every agent is always active: nothing is packed"
    found, weight = pack(rollout, numbered(rollout)), numbered(rollout)
    horizon = rollout.active.shape[1]
    for i in range(rollout.active.shape[2]):
        mine = [(b, t) for b in range(size) for t in range(horizon) if bool(rollout.active[b, t, i])]
        assert found.live[:, i].tolist() == [True] * len(mine) + [False] * (len(found.live) - len(mine))
        for row, (b, t) in enumerate(mine):
            assert float(found.weight[row, i]) == float(weight[b, t, i]) == 100 * b + 10 * t + i
            assert int(found.actions[row, i]) == int(rollout.actions[b, t, i]) >= 0
            assert int(found.step[row, i]) == b * horizon + t
            assert float(found.old_log_prob[row, i]) == pytest.approx(float(rollout.log_prob[b, t, i]), abs=1e-6)
            assert torch.equal(found.seen.features[row, i], rollout.seen.features[b, t, i])
            assert torch.equal(found.seen.mask[row, i], rollout.seen.mask[b, t, i])


def test_the_length_is_that_of_the_busiest_agent() -> None:
    rollout = played(2)
    busiest = int(rollout.active.flatten(0, 1).sum(0).max())
    assert len(pack(rollout, numbered(rollout)).live) == busiest < 4 * 5


def test_a_roll_out_in_which_nobody_acts_has_one_dead_row() -> None:
    rollout = played(0)
    idle = torch.zeros_like(rollout.active)
    found = pack(replace(rollout, active=idle), torch.zeros(idle.shape))
    assert found.live.shape == (1, 3) and not bool(found.live.any())


def test_rows_and_agents_select_every_field() -> None:
    rollout = played(3)
    whole = pack(rollout, numbered(rollout))
    rows, agents = whole.rows(torch.tensor([2, 0])), whole.agents(torch.tensor([1]))
    for name in ("live", "actions", "old_log_prob", "weight", "step"):
        assert torch.equal(getattr(rows, name), getattr(whole, name)[[2, 0]])
        assert torch.equal(getattr(agents, name), getattr(whole, name)[:, [1]])
    for name in ("features", "mask", "active"):
        assert torch.equal(getattr(rows.seen, name), getattr(whole.seen, name)[[2, 0]])
        assert torch.equal(getattr(agents.seen, name), getattr(whole.seen, name)[:, [1]])

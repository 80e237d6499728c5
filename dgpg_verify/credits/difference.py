"""Difference rewards: how much the reward changes when agent i's action is replaced.

`difference` is the one-step one, r_t(a) - r_t(a_-i, default) (Wolpert & Tumer 2001), exact and unbiased in
one-shot systems and biased over several steps. `branch` re-runs the episode to its end with one action replaced by
an independent draw, the others reacting: unbiased at any horizon, at a cost of N T re-runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dgpg_verify.core import Observation, Rollout, generator, open_uniforms
from dgpg_verify.credits.base import discounts
from dgpg_verify.rollouts import branch_returns, one_step_rewards


@dataclass(frozen=True)
class DifferenceCredit:
    """w_t,i = gamma^t [r_t(a) - r_t(a with a_i replaced by its default)]. Default: no action; Gaussian: the mean."""

    name: str = "difference"
    keeps_states: bool = True

    def fit(self, pilot: Sequence[Rollout]) -> DifferenceCredit:
        return self

    def __call__(self, rollout: Rollout) -> Tensor:
        default = getattr(rollout.policy, "default_action", None)
        other = one_step_rewards(rollout, None if default is None else default(rollout.seen))
        gain = discounts(rollout)[:, None] * (rollout.reward[..., None] - other).double()
        return torch.where(rollout.active, gain, 0.0)

    def unbiased(self, rollout: Rollout) -> bool:
        return rollout.system.horizon == 1


@dataclass(frozen=True)
class BranchCredit:
    """w_t,i = R - R', R' from the same uniforms with a_t,i replaced by an independent draw from the policy.

    Cost: N T re-runs of T/2 steps on average; meant for small systems and as a yardstick.
    """

    name: str = "branch"
    keeps_states: bool = True

    def fit(self, pilot: Sequence[Rollout]) -> BranchCredit:
        return self

    def __call__(self, rollout: Rollout) -> Tensor:
        size, horizon, n = rollout.actions.shape
        # R' is counted from step t: the past is shared, so R - R' is the difference of the rewards to go
        gamma_r = discounts(rollout) * rollout.reward.double()
        to_go = gamma_r.flip(-1).cumsum(-1).flip(-1)
        fresh = _independent_uniforms(rollout)
        agents = torch.arange(n, device=rollout.actions.device)
        out = torch.empty(size, horizon, n, dtype=torch.float64, device=rollout.actions.device)
        for t in range(horizon):
            seen = Observation(rollout.seen.features[:, t], rollout.seen.mask[:, t], rollout.seen.active[:, t])
            replacement = rollout.policy.act(seen, fresh[:, t])
            out[:, t] = to_go[:, t, None] - branch_returns(rollout, t, agents, replacement)
        return torch.where(rollout.active, out, 0.0)

    def unbiased(self, rollout: Rollout) -> bool:
        return True


def _independent_uniforms(rollout: Rollout) -> Tensor:
    """Uniforms for the replacement draws: a stream keyed by the roll-out's own noise, independent of its values."""
    noise = rollout.noise.agents
    key = int(noise.detach().cpu().contiguous().view(torch.int64).sum()) & (2**63 - 1)
    return open_uniforms(tuple(noise.shape), generator(key, 6)).to(noise.device)

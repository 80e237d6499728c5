"""The return of rewards shaped by a potential (Ng, Harada & Russell 1999): r + gamma Phi(s') - Phi(s).

Phi(s_t) = -d, the distance between the state before acting and the reference, and Phi = 0 after the last step. The sum
telescopes: from step t on it is the return to go minus gamma^t Phi(s_t), which no action from t on can change. So
shaping is a baseline that depends on the state. In one-shot systems it is a constant: the credit is the return's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dgpg_verify.core import Rollout
from dgpg_verify.credits.base import fitted, to_agents
from dgpg_verify.credits.returns import discounted_to_go


@dataclass(frozen=True)
class ShapedCredit:
    """w_t = sum_{s >= t} gamma^s [r_s + gamma Phi(s_{s+1}) - Phi(s_s)] - b_t, with b_t its pilot mean."""

    baseline: tuple[float, ...] | None = None
    name: str = "shaped"
    keeps_states: bool = False

    def fit(self, pilot: Sequence[Rollout]) -> ShapedCredit:
        return replace(self, baseline=tuple(torch.cat([self.to_go(rollout) for rollout in pilot]).mean(0).tolist()))

    def __call__(self, rollout: Rollout) -> Tensor:
        to_go = self.to_go(rollout)
        baseline = torch.tensor(fitted(self.name, self.baseline), dtype=to_go.dtype, device=to_go.device)
        return to_agents(to_go - baseline, rollout)

    def to_go(self, rollout: Rollout) -> Tensor:
        """The shaped rewards from each step on, [B, T] float64."""
        potential = -0.5 * ((rollout.x_observed - rollout.reference).double() ** 2).sum(-1)
        following = torch.cat([potential[:, 1:], torch.zeros_like(potential[:, :1])], dim=1)
        reward = rollout.reward.double() + rollout.system.discount * following - potential
        return discounted_to_go(replace(rollout, reward=reward))

    def unbiased(self, rollout: Rollout) -> bool:
        return True

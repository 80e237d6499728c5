"""VDN where every step shows the same candidates, Q_tot = b + sum_i Q_i(a_i): least squares, solved as such."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from dgpg_verify.core import Rollout
from dgpg_verify.critics.ridge import Ridge, fit_ridge


@dataclass(frozen=True)
class AdditiveTables:
    """One table [K] for each agent, by ridge regression on the indicators of who played what.

    Under independent policies it tends, as the pilot grows, to the additive part of the reward's Hoeffding
    decomposition, up to a constant of each agent. Cost: `fit_ridge` of R rows of N K numbers.
    """

    ridge: Ridge
    shape: tuple[int, int]

    @classmethod
    def fit(cls, pilot: Sequence[Rollout], targets: Tensor) -> AdditiveTables:
        rows = torch.cat([_indicators(rollout).flatten(2).flatten(0, 1) for rollout in pilot])
        n, k = pilot[0].seen.mask.shape[-2:]
        return cls(fit_ridge(rows, targets), (n, k))

    @property
    def parameters(self) -> int:
        return len(self.ridge.slope) + 1

    def __call__(self, rollout: Rollout) -> Tensor:
        return self.ridge(_indicators(rollout).flatten(2))

    def table(self, rollout: Rollout) -> Tensor:
        utilities, taken = self.ridge.slope.view(self.shape), _indicators(rollout)
        own = (taken * utilities).sum(-1)
        return (own.sum(-1, keepdim=True) + self.ridge.offset - own)[..., None] + utilities


def _indicators(rollout: Rollout) -> Tensor:
    """1 for each action taken, [B, T, N, K] float64."""
    taken = F.one_hot(rollout.actions.clamp(min=0), rollout.system.n_actions)
    return torch.where(rollout.active[..., None], taken.double(), 0.0)

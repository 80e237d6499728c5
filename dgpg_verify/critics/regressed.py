"""A model of the reward in the state after acting, as for difference rewards with a learned reward model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dgpg_verify.core import Influence, Rollout
from dgpg_verify.critics.ridge import Ridge, fit_ridge
from dgpg_verify.rollouts import others_at, own_action_influence


@dataclass(frozen=True)
class StateModel:
    """Rhat(x) = offset + sum_m (b_m u_m + c_m u_m^2), u = x / scale, by ridge regression: exact where the reward is a
    separable quadratic of x. Over several steps it predicts what is still to come from x, not a step's reward alone.
    Cost: `fit_ridge` of R rows of 2 D numbers.
    """

    ridge: Ridge
    scale: Tensor

    @classmethod
    def fit(cls, pilot: Sequence[Rollout], targets: Tensor) -> StateModel:
        x = torch.cat([rollout.x.double().flatten(0, 1) for rollout in pilot])
        spread = x.std(0, correction=0)
        scale = torch.where(spread > 1e-9, spread, 1.0)
        return cls(fit_ridge(_powers(x / scale), targets), scale)

    @property
    def parameters(self) -> int:
        return len(self.ridge.slope) + 1

    def __call__(self, rollout: Rollout) -> Tensor:
        return self.ridge(_powers(rollout.x.double() / self.scale))

    def table(self, rollout: Rollout) -> Tensor:
        """Rhat(x - z_i + z_ik). Needs kept states, see `own_action_influence`."""
        every = own_action_influence(rollout)
        return self.without(rollout)[..., None] + self._added(others_at(rollout, every.index), every)

    def without(self, rollout: Rollout) -> Tensor:
        """Rhat(x - z_i), the state without agent i's action: [B, T, N]."""
        own = rollout.influence
        return self(rollout)[..., None] - self._added(others_at(rollout, own.index), own)

    def _added(self, before: Tensor, z: Influence) -> Tensor:
        """What z adds to Rhat where x is `before` at z's coordinates: [..., S] -> [...]."""
        linear, square = self.ridge.slope.chunk(2)
        scale, value = self.scale[z.index], z.value.double()
        gain = linear[z.index] * value / scale + square[z.index] * (2.0 * before + value) * value / scale**2
        return gain.sum(-1)


def _powers(u: Tensor) -> Tensor:
    return torch.cat([u, u**2], -1)

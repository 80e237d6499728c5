"""Value normalisation: critics learn targets of mean 0 and variance 1, whatever the reward's scale.

The normaliser of MAPPO (Yu et al. 2022): exponential moving averages of the targets' mean and square, divided by the
weight they have gathered so far (debiased), variance floored.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dgpg_verify.core import check_real

DECAY, VARIANCE_FLOOR = 0.99999, 1e-2


@dataclass(frozen=True)
class ValueNorm:
    """Running moments of value targets; frozen, `updated` returns a new one. All tensors are float64 scalars.

    mean, square: undebiased averages; weight: what the averages' weights add up to (0 = no data yet: identity).
    """

    mean: Tensor
    square: Tensor
    weight: Tensor
    decay: float = DECAY

    @classmethod
    def empty(cls, decay: float = DECAY) -> ValueNorm:
        """A normaliser without data, which is the identity. Raises InputError for a decay outside [0, 1]."""
        check_real("value_norm decay", decay, 0.0, 1.0)
        zero = torch.zeros((), dtype=torch.float64)
        return cls(zero, zero.clone(), zero.clone(), decay)

    def updated(self, targets: Tensor) -> ValueNorm:
        """With a batch of raw targets (any shape; only live entries may be passed). An empty batch changes nothing."""
        if targets.numel() == 0:
            return self
        values, keep = targets.detach().double(), self.decay
        return ValueNorm(
            keep * self.mean + (1 - keep) * values.mean(),
            keep * self.square + (1 - keep) * values.square().mean(),
            keep * self.weight + (1 - keep),
            keep,
        )

    def moments(self) -> tuple[Tensor, Tensor]:
        """Debiased mean and standard deviation; (0, 1) without data."""
        if not bool(self.weight > 0):
            return torch.zeros_like(self.mean), torch.ones_like(self.mean)
        mean = self.mean / self.weight
        variance = (self.square / self.weight - mean.square()).clamp(min=VARIANCE_FLOOR)
        return mean, variance.sqrt()

    def normalise(self, values: Tensor) -> Tensor:
        mean, sd = self.moments()
        return (values - mean) / sd

    def denormalise(self, values: Tensor) -> Tensor:
        mean, sd = self.moments()
        return values * sd + mean

    def state(self) -> dict[str, Tensor]:
        """For checkpoints."""
        return {"mean": self.mean, "square": self.square, "weight": self.weight}

    def with_state(self, state: dict[str, Tensor]) -> ValueNorm:
        return ValueNorm(state["mean"], state["square"], state["weight"], self.decay)

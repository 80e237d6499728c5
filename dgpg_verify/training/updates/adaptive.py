"""alpha* on line: the mixture with least variance, from running second moments of the two gradient parts.

V(alpha) = (1 - alpha)^2 V_PG + alpha^2 V_G + 2 alpha (1 - alpha) C is least at
alpha* = (V_PG - C) / (V_PG + V_G - 2 C). With one roll-out an iteration, variances come from differences between
successive iterations: E |g_k - g_{k-1}|^2 = 2 V as long as the policy moves slowly, so no mean has to be known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

DECAY = 0.8  # weight of the past: about the last five iterations


@dataclass(frozen=True)
class NoiseTracker:
    """Running V_PG, V_G and C, all summed over agents and parameters. last [2, ...]: parts of the last iteration."""

    moments: Tensor
    weight: float
    last: Tensor | None

    @classmethod
    def empty(cls) -> NoiseTracker:
        return cls(torch.zeros(3, dtype=torch.float64), 0.0, None)

    def updated(self, parts: Tensor) -> NoiseTracker:
        """With the gradients of the base and of the guidance, [2, ...]: mean over this iteration's roll-outs."""
        parts = parts.double()
        if self.last is None:
            return replace(self, last=parts)
        base, guidance = parts - self.last
        new = 0.5 * torch.stack([(base * base).sum(), (guidance * guidance).sum(), (base * guidance).sum()])
        return NoiseTracker(DECAY * self.moments + (1 - DECAY) * new, DECAY * self.weight + (1 - DECAY), parts)

    def best_alpha(self) -> float | None:
        """alpha* clipped to [0, 1]; None before two iterations were seen."""
        if self.weight == 0.0:
            return None
        base, guidance, cross = (self.moments / self.weight).tolist()
        spread = base + guidance - 2.0 * cross  # = V of the difference of the parts, >= 0
        if spread <= 0.0:
            return 1.0
        return min(max((base - cross) / spread, 0.0), 1.0)

    def state(self) -> dict[str, Tensor]:
        """For checkpoints."""
        known = {"moments": self.moments, "weight": torch.tensor(self.weight, dtype=torch.float64)}
        return known if self.last is None else {**known, "last": self.last}

    def with_state(self, state: dict[str, Tensor]) -> NoiseTracker:
        return NoiseTracker(state["moments"], float(state["weight"]), state.get("last"))

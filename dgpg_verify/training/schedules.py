"""Schedules of the guidance's weight: alpha as a function of training progress, of N, or of the measured noise.

Names: `0.4` (constant), `0.9->0.2` (linear over the episodes, the paper's), `0.9->0`, `n^-0.5` (1 - alpha = N^-1/2,
the slowest switch-off that keeps the variance bounded), `adaptive` (the alpha that minimises the variance,
estimated while training).

The last is alpha* on line: the mixture with least variance, from running second moments of the two gradient parts.
V(alpha) = (1 - alpha)^2 V_PG + alpha^2 V_G + 2 alpha (1 - alpha) C is least at
alpha* = (V_PG - C) / (V_PG + V_G - 2 C). With one roll-out per iteration, variances come from differences between
successive iterations: E |g_k - g_{k-1}|^2 = 2 V as long as the policy moves slowly, so no mean has to be known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dgpg_verify.core import InputError, check_real

DECAY = 0.8  # weight of the past: about the last five iterations
ADAPTIVE = "adaptive"
GRAMMAR = "A in [0, 1], A->B, n^-0.5 or adaptive"


@dataclass(frozen=True)
class Schedule:
    """alpha(progress in [0, 1], best): `best` is the running estimate of the variance-minimising alpha, or None."""

    name: str
    rule: Callable[[float, float | None], float]

    @property
    def adaptive(self) -> bool:
        return self.name == ADAPTIVE

    def __call__(self, progress: float, best: float | None = None) -> float:
        return self.rule(progress, best)


def make_schedule(name: str | float, n_agents: int) -> Schedule:
    """A schedule from its name or from a constant. Raises InputError on anything else, and on alpha outside [0, 1]."""
    text = str(name).replace(" ", "").lower()
    if text == ADAPTIVE:
        # until two gradients were seen there is nothing to estimate from: start with guidance alone
        return Schedule(text, lambda progress, best: 1.0 if best is None else best)
    if text == "n^-0.5":
        constant = 1.0 - n_agents**-0.5
        return Schedule(text, lambda progress, best: constant)
    first, arrow, last = text.partition("->")
    start, end = _alpha(name, first), _alpha(name, last) if arrow else _alpha(name, first)
    return Schedule(text, lambda progress, best: _between(start, end, min(max(progress, 0.0), 1.0)))


def _between(start: float, end: float, progress: float) -> float:
    """Linear, and exact at both ends; a constant stays what it was."""
    return start if start == end else (1.0 - progress) * start + progress * end


def _alpha(name: object, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise InputError(f"alpha = {name!r} is not allowed: it must be {GRAMMAR}") from None
    return check_real("alpha", value, 0.0, 1.0)


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

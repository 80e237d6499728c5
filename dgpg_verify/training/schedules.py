"""How much guidance: alpha as a function of training progress, of N, or of the measured noise.

Names: `0.4` (constant), `0.9->0.2` (linear over the episodes, the paper's), `0.9->0`, `n^-0.5` (1 - alpha = N^-1/2,
the slowest switch-off that keeps the variance bounded), `adaptive` (the alpha that minimises the variance,
estimated while training; see `adaptive`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dgpg_verify.core import InputError, check_real

PUBLISHED = "0.9->0.2"
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

"""All figures of a report: the families' lists joined. A figure is declared in the `__init__` of its family."""

from __future__ import annotations

from dgpg_verify.reporting import assumptions, cost, equilibria, noise, samples, training
from dgpg_verify.reporting.drawing.spec import FigureSpec

FIGURES: tuple[FigureSpec, ...] = (
    *noise.FIGURES,
    *equilibria.FIGURES,
    *samples.FIGURES,
    *training.FIGURES,
    *cost.FIGURES,
    *assumptions.FIGURES,
)

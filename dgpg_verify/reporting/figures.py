"""All figures of a report: the families' lists joined, and what other packages offer.

A figure of this package is declared in the `__init__` of its family. Another package names a FigureSpec, or a list of
them, as an entry point of the group `dgpg_verify.figures`; it stands on the page in the section of its `claim`.
"""

from __future__ import annotations

from dgpg_verify.core import check_unique, offered
from dgpg_verify.reporting import assumptions, comparison, cost, domains, equilibria, noise, samples, training
from dgpg_verify.reporting.drawing.spec import FigureSpec

ENTRY_POINTS = "dgpg_verify.figures"  # group in which another package names its figures
FIGURES: tuple[FigureSpec, ...] = (
    *noise.FIGURES,
    *equilibria.FIGURES,
    *samples.FIGURES,
    *training.FIGURES,
    *comparison.FIGURES,
    *cost.FIGURES,
    *assumptions.FIGURES,
    *domains.FIGURES,
)


def all_figures() -> tuple[FigureSpec, ...]:
    """The package's figures, then those from outside.

    Raises
    ------
    InputError : two figures of one name, or an entry point that is not a figure.
    """
    figures = (*FIGURES, *offered(ENTRY_POINTS, FigureSpec))
    check_unique("figures", [spec.name for spec in figures])
    return figures

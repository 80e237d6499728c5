"""Figures and the table of C6."""

from dgpg_verify.reporting.comparison.arrivals import draw_arrivals
from dgpg_verify.reporting.comparison.frontier import draw_frontier
from dgpg_verify.reporting.drawing.spec import FigureSpec

FIGURES = (
    FigureSpec("frontier", "Bias, noise and price of every credit", draw_frontier, "frontier", "C6"),
    FigureSpec("arrivals_compared", "Samples that every method needs", draw_arrivals, "compared_arrivals", "C6"),
)

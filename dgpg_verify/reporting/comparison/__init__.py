"""Figures and the table of C6."""

from dgpg_verify.reporting.comparison.frontier import draw_frontier
from dgpg_verify.reporting.drawing.spec import FigureSpec

FIGURES = (FigureSpec("frontier", "Bias, noise and time of every credit", draw_frontier, "frontier", "C6"),)

"""Figures of A3."""

from dgpg_verify.reporting.assumptions.locality import draw_locality
from dgpg_verify.reporting.drawing.spec import FigureSpec

FIGURES = (FigureSpec("locality", "Local influence against N", draw_locality, "assumptions", "A3"),)

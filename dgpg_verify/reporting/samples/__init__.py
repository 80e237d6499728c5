"""Figures and tables of C3 and A4."""

from dgpg_verify.reporting.drawing.spec import FigureSpec
from dgpg_verify.reporting.samples.arrivals import draw_samples_to_gap
from dgpg_verify.reporting.samples.collapse import draw_complexity_collapse
from dgpg_verify.reporting.samples.constants import draw_complexity_constants
from dgpg_verify.reporting.samples.floors import draw_complexity_floors
from dgpg_verify.reporting.samples.tables import BLOCKS

FIGURES = (
    FigureSpec("samples_to_gap", "Samples to a gap against N", draw_samples_to_gap, "complexity_arrivals",
               "C3"),
    FigureSpec("complexity_collapse", "Do the curves of all N fall onto one?", draw_complexity_collapse,
               "complexity_curves", "C3"),
    FigureSpec("complexity_floors", "The gap that no number of samples closes", draw_complexity_floors,
               "complexity_floors", "C3"),
    FigureSpec("complexity_constants", "Smoothness, gradient domination, and what they predict",
               draw_complexity_constants, "complexity_constants", "A4"),
)  # fmt: skip

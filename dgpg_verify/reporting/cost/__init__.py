"""Figures of C5."""

from dgpg_verify.reporting.cost.guidance_cost import draw_guidance_cost
from dgpg_verify.reporting.drawing.spec import FigureSpec

FIGURES = (
    FigureSpec("guidance_cost", "Added time and memory of guidance", draw_guidance_cost, "guidance_cost", "C5"),
)  # fmt: skip

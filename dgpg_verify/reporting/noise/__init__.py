"""Figures of C1."""

from dgpg_verify.reporting.drawing.spec import FigureSpec
from dgpg_verify.reporting.noise.alphas import draw_fixed_alpha, draw_optimal_alpha
from dgpg_verify.reporting.noise.over_n import draw_cross_agent, draw_efficiency, draw_paired_ratio, draw_variance
from dgpg_verify.reporting.noise.pointing import draw_pointing

FIGURES = (
    FigureSpec("pointing", "Roll-outs until an agent's step points the right way", draw_pointing, "pointing", "words"),
    FigureSpec("variance", "Variance and noise-to-signal against N", draw_variance, "moments", "C1.1", per_place=True),
    FigureSpec("paired_ratio", "Noise relative to the exact difference reward", draw_paired_ratio, "moments", "C1.1"),
    FigureSpec("cross_agent", "Noise that comes from the other agents", draw_cross_agent, "cross_agent", "C1.2"),
    FigureSpec("optimal_alpha", "The least noisy mixture, and what it leaves of the return", draw_optimal_alpha,
               "optimal", "C1.3", per_place=True, each_policy=False),
    FigureSpec("fixed_alpha", "Fixed \u03b1, minimum over \u03b1 and normalised mixing", draw_fixed_alpha, "alpha",
               "C1.4", per_place=True),
    FigureSpec("efficiency", "Efficiency against N", draw_efficiency, "moments", "C1.4"),
)  # fmt: skip

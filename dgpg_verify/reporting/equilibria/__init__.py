"""Figures and tables of C2 and A2."""

from dgpg_verify.reporting.drawing.spec import FigureSpec
from dgpg_verify.reporting.equilibria.alpha_limits import draw_alpha_limits
from dgpg_verify.reporting.equilibria.field import draw_equilibrium_field
from dgpg_verify.reporting.equilibria.rates import draw_equilibrium_bias, draw_equilibrium_rates
from dgpg_verify.reporting.equilibria.shift import draw_equilibrium_shift
from dgpg_verify.reporting.equilibria.tables import BLOCKS
from dgpg_verify.reporting.equilibria.tradeoff import draw_tradeoff
from dgpg_verify.reporting.equilibria.values import draw_equilibrium_values

FIGURES = (
    FigureSpec("equilibrium_field", "Where the gradient leads, in one small game", draw_equilibrium_field,
               "equilibrium_field", "C2"),
    FigureSpec("tradeoff", "What a rule for \u03b1 buys and what it costs", draw_tradeoff, "tradeoff", "C2"),
    FigureSpec("equilibrium_shift", "How far equilibria move", draw_equilibrium_shift, "equilibrium_shift",
               "C2"),
    FigureSpec("equilibrium_rates", "Equal sets of equilibria against \u03b1", draw_equilibrium_rates,
               "equilibrium_rates", "C2.2"),
    FigureSpec("equilibrium_bias", "Equal sets of equilibria against a biased reference",
               draw_equilibrium_bias, "equilibrium_rates", "C2.2"),
    FigureSpec("alpha_limits", "Up to which \u03b1 equilibria survive", draw_alpha_limits, "alpha_limits",
               "C2.2"),
    FigureSpec("equilibrium_values", "Value of the worst, best and reached equilibrium",
               draw_equilibrium_values, "equilibrium_values", "C2.2"),
)  # fmt: skip

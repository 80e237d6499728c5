"""All figures of a report: what each one shows, which claims it belongs to, whether it comes once per group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from dgpg_verify.reporting.assumptions.locality import draw_locality
from dgpg_verify.reporting.cost.guidance_cost import draw_guidance_cost
from dgpg_verify.reporting.drawing.saving import inline_svg, save_figure
from dgpg_verify.reporting.drawing.select import Group, NothingToDraw, main_groups
from dgpg_verify.reporting.equilibria.alpha_limits import draw_alpha_limits
from dgpg_verify.reporting.equilibria.field import draw_equilibrium_field
from dgpg_verify.reporting.equilibria.rates import draw_equilibrium_bias, draw_equilibrium_rates
from dgpg_verify.reporting.equilibria.shift import draw_equilibrium_shift
from dgpg_verify.reporting.equilibria.tradeoff import draw_tradeoff
from dgpg_verify.reporting.equilibria.values import draw_equilibrium_values
from dgpg_verify.reporting.noise.cross_agent import draw_cross_agent
from dgpg_verify.reporting.noise.efficiency import draw_efficiency
from dgpg_verify.reporting.noise.fixed_alpha import draw_fixed_alpha
from dgpg_verify.reporting.noise.optimal_alpha import draw_optimal_alpha
from dgpg_verify.reporting.noise.paired_ratio import draw_paired_ratio
from dgpg_verify.reporting.noise.pointing import draw_pointing
from dgpg_verify.reporting.noise.variance import draw_variance
from dgpg_verify.reporting.samples.arrivals import draw_samples_to_gap
from dgpg_verify.reporting.samples.collapse import draw_complexity_collapse
from dgpg_verify.reporting.samples.constants import draw_complexity_constants
from dgpg_verify.reporting.samples.floors import draw_complexity_floors
from dgpg_verify.reporting.training.ablations import draw_ablations
from dgpg_verify.reporting.training.alpha_sensitivity import draw_alpha_sensitivity
from dgpg_verify.reporting.training.curves_over_n import draw_curves_over_n
from dgpg_verify.reporting.training.learning_curves import (
    draw_learning_curves,
    draw_learning_curves_patient,
    draw_learning_curves_real,
)
from dgpg_verify.reporting.training.noise import draw_training_noise
from dgpg_verify.reporting.training.own_settings import draw_own_settings
from dgpg_verify.reporting.training.scaling import draw_training_scaling
from dgpg_verify.reporting.training.score_profiles import draw_score_profiles


@dataclass(frozen=True)
class FigureSpec:
    """One figure of the report. `draw(tables, group, dispute)`; `claim` is the section it stands in."""

    key: str
    heading: str
    draw: Callable[..., Figure]
    table: str
    claim: str
    per_group: bool = False
    each_policy: bool = True


FIGURES = (
    FigureSpec("pointing", "Roll-outs until an agent's step points the right way", draw_pointing, "pointing", "words"),
    FigureSpec("variance", "Variance and noise-to-signal against N", draw_variance, "moments", "C1.1", True),
    FigureSpec("paired_ratio", "Noise relative to the exact difference reward", draw_paired_ratio, "moments", "C1.1"),
    FigureSpec("cross_agent", "Noise that comes from the other agents", draw_cross_agent, "cross_agent", "C1.2"),
    FigureSpec("optimal_alpha", "The least noisy mixture, and what it leaves of the return", draw_optimal_alpha,
               "optimal", "C1.3", True, False),
    FigureSpec("fixed_alpha", "Fixed \u03b1, minimum over \u03b1 and normalised mixing", draw_fixed_alpha,
               "alpha", "C1.4", True),
    FigureSpec("efficiency", "Efficiency against N", draw_efficiency, "moments", "C1.4"),
    FigureSpec("equilibrium_field", "Where the gradient leads, in one small game", draw_equilibrium_field,
               "equilibrium_field", "C2"),
    FigureSpec("tradeoff", "What a rule for \u03b1 buys and what it costs", draw_tradeoff, "tradeoff", "C2"),
    FigureSpec("equilibrium_shift", "How far equilibria move", draw_equilibrium_shift, "equilibrium_shift", "C2"),
    FigureSpec("equilibrium_rates", "Equal sets of equilibria against \u03b1", draw_equilibrium_rates,
               "equilibrium_rates", "C2.2"),
    FigureSpec("equilibrium_bias", "Equal sets of equilibria against a biased reference", draw_equilibrium_bias,
               "equilibrium_rates", "C2.2"),
    FigureSpec("alpha_limits", "Up to which \u03b1 equilibria survive", draw_alpha_limits, "alpha_limits", "C2.2"),
    FigureSpec("equilibrium_values", "Value of the worst, best and reached equilibrium", draw_equilibrium_values,
               "equilibrium_values", "C2.2"),
    FigureSpec("samples_to_gap", "Samples to a gap against N", draw_samples_to_gap, "complexity_arrivals", "C3"),
    FigureSpec("complexity_collapse", "Do the curves of all N fall onto one?", draw_complexity_collapse,
               "complexity_curves", "C3"),
    FigureSpec("complexity_floors", "The gap that no number of samples closes", draw_complexity_floors,
               "complexity_floors", "C3"),
    FigureSpec("learning_curves", "Learning curves of all methods", draw_learning_curves, "curves", "C4"),
    FigureSpec("learning_curves_patient", "With many more samples", draw_learning_curves_patient, "curves",
               "C4.2"),
    FigureSpec("learning_curves_real", "Learning curves on recorded fleets", draw_learning_curves_real, "curves", "C4"),
    FigureSpec("ablations", "What is left when one thing is changed", draw_ablations, "runs", "C4"),
    FigureSpec("curves_over_n", "Learning curves over N", draw_curves_over_n, "curves", "C4.1"),
    FigureSpec("training_scaling", "Level and episodes to settle against N", draw_training_scaling,
               "training_scores", "C4.1"),
    FigureSpec("score_profiles", "How many runs reach which score", draw_score_profiles, "profiles", "C4.2"),
    FigureSpec("own_settings", "The preset, and each method's own settings", draw_own_settings,
               "training_scores", "C4.2"),
    FigureSpec("alpha_sensitivity", "Sensitivity to \u03b1", draw_alpha_sensitivity, "runs", "C4.4"),
    FigureSpec("training_noise", "Gradient noise along training", draw_training_noise, "training_noise", "C4.5"),
    FigureSpec("guidance_cost", "Added time and memory of guidance", draw_guidance_cost, "guidance_cost", "C5"),
    FigureSpec("locality", "Local influence against N", draw_locality, "assumptions", "A3"),
    FigureSpec("complexity_constants", "Smoothness, gradient domination, and what they predict",
               draw_complexity_constants, "complexity_constants", "A4"),
)  # fmt: skip

__all__ = [
    "FIGURES",
    "FigureSpec",
    "Group",
    "NothingToDraw",
    "draw_ablations",
    "draw_alpha_limits",
    "draw_alpha_sensitivity",
    "draw_complexity_collapse",
    "draw_complexity_constants",
    "draw_complexity_floors",
    "draw_cross_agent",
    "draw_curves_over_n",
    "draw_efficiency",
    "draw_equilibrium_bias",
    "draw_equilibrium_field",
    "draw_equilibrium_rates",
    "draw_equilibrium_shift",
    "draw_equilibrium_values",
    "draw_fixed_alpha",
    "draw_guidance_cost",
    "draw_learning_curves",
    "draw_learning_curves_patient",
    "draw_learning_curves_real",
    "draw_locality",
    "draw_optimal_alpha",
    "draw_own_settings",
    "draw_paired_ratio",
    "draw_pointing",
    "draw_samples_to_gap",
    "draw_score_profiles",
    "draw_tradeoff",
    "draw_training_noise",
    "draw_training_scaling",
    "draw_variance",
    "inline_svg",
    "main_groups",
    "save_figure",
]

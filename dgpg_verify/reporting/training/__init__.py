"""Figures and tables of C4.

A figure reads its tables (`methods.identified`: name, family and look of each row), lets `aggregate` compute what it
shows, and draws it with the axes and marks of this folder.
"""

from dgpg_verify.reporting.drawing.spec import FigureSpec
from dgpg_verify.reporting.training.budget import draw_score_by_budget
from dgpg_verify.reporting.training.comparisons import draw_ablations, draw_own_settings
from dgpg_verify.reporting.training.curves import (
    draw_curves_over_n,
    draw_learning_curves,
    draw_learning_curves_claimed,
    draw_learning_curves_patient,
    draw_learning_curves_real,
)
from dgpg_verify.reporting.training.noise import draw_training_noise
from dgpg_verify.reporting.training.scores import draw_alpha_sensitivity, draw_score_profiles, draw_training_scaling

FIGURES = (
    FigureSpec("learning_curves", "Learning curves of all methods", draw_learning_curves, "curves", "C4"),
    FigureSpec("score_by_budget", "Score by samples and by processor time", draw_score_by_budget, "curves", "C4"),
    FigureSpec(
        "learning_curves_claimed", "With the paper's 500 episodes", draw_learning_curves_claimed, "curves", "C4.2a"
    ),
    FigureSpec("learning_curves_patient", "With many more samples", draw_learning_curves_patient, "curves", "C4.2a"),
    FigureSpec("learning_curves_real", "Learning curves on recorded fleets", draw_learning_curves_real, "curves", "C4"),
    FigureSpec("ablations", "What is left when one thing is changed", draw_ablations, "runs", "C4"),
    FigureSpec("curves_over_n", "Learning curves over N", draw_curves_over_n, "curves", "C4.1b"),
    FigureSpec(
        "training_scaling", "Level and episodes to settle against N", draw_training_scaling, "training_scores", "C4.1b"
    ),
    FigureSpec("score_profiles", "How many runs reach which score", draw_score_profiles, "profiles", "C4.2a"),
    FigureSpec(
        "own_settings", "The preset, and each method's own settings", draw_own_settings, "training_scores", "C4.2a"
    ),
    FigureSpec("alpha_sensitivity", "Sensitivity to \u03b1", draw_alpha_sensitivity, "runs", "C4.4"),
    FigureSpec("training_noise", "Gradient noise along training", draw_training_noise, "training_noise", "C4.5"),
)

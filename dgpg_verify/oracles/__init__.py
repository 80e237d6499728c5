"""Exact answers, slow and plain: moments of every credit where enumeration or a closed form gives them."""

from dgpg_verify.oracles.games.enumeration import ENUMERATED_CREDITS, MAX_PROFILES, enumerate_moments
from dgpg_verify.oracles.games.load_balancing import load_balancing_moments
from dgpg_verify.oracles.games.separable import SEPARABLE_CREDITS, separable_moments
from dgpg_verify.oracles.mixing import (
    SETTINGS,
    crossover,
    minimal_variance,
    mixed_variance,
    mixing_weights,
    optimal_alpha,
    return_share,
    setting_scales,
)
from dgpg_verify.oracles.moments import CreditMoments, OracleMoments, SharedMoments
from dgpg_verify.oracles.pointing import POINTING_COSINE, rollouts_to_point
from dgpg_verify.oracles.teams.constants import (
    DescentConstants,
    ScheduleBound,
    biased_floor,
    descent_constants,
    predicted_samples,
    sampled_curvature,
    schedule_bound,
)
from dgpg_verify.oracles.teams.descent import (
    DESCENT_CREDITS,
    ExpectedGaps,
    best_step,
    expected_gaps,
    expected_return_gaps,
)
from dgpg_verify.oracles.teams.linear_quadratic import (
    LINEAR_QUADRATIC_CREDITS,
    linear_quadratic_moments,
    optimal_objective,
    stationary_point,
    team_arrays,
)
from dgpg_verify.oracles.teams.matrices import MATRIX_CREDITS, covariance_matrix, shared_variance
from dgpg_verify.oracles.trajectories.cells import (
    BranchMoments,
    UniformCells,
    branch_moments,
    cross_agent,
    uniform_cells,
)
from dgpg_verify.oracles.trajectories.scores import policy_scores, tabular_scores
from dgpg_verify.oracles.trajectories.trajectory import (
    TRAJECTORY_CREDITS,
    Trajectories,
    enumerate_trajectories,
    trajectory_moments,
)

__all__ = [
    "DESCENT_CREDITS",
    "ENUMERATED_CREDITS",
    "LINEAR_QUADRATIC_CREDITS",
    "MATRIX_CREDITS",
    "MAX_PROFILES",
    "POINTING_COSINE",
    "SEPARABLE_CREDITS",
    "SETTINGS",
    "TRAJECTORY_CREDITS",
    "BranchMoments",
    "CreditMoments",
    "DescentConstants",
    "ExpectedGaps",
    "OracleMoments",
    "ScheduleBound",
    "SharedMoments",
    "Trajectories",
    "UniformCells",
    "best_step",
    "biased_floor",
    "branch_moments",
    "covariance_matrix",
    "cross_agent",
    "crossover",
    "descent_constants",
    "enumerate_moments",
    "enumerate_trajectories",
    "expected_gaps",
    "expected_return_gaps",
    "linear_quadratic_moments",
    "load_balancing_moments",
    "minimal_variance",
    "mixed_variance",
    "mixing_weights",
    "optimal_alpha",
    "optimal_objective",
    "policy_scores",
    "predicted_samples",
    "return_share",
    "rollouts_to_point",
    "sampled_curvature",
    "schedule_bound",
    "separable_moments",
    "setting_scales",
    "shared_variance",
    "stationary_point",
    "tabular_scores",
    "team_arrays",
    "trajectory_moments",
    "uniform_cells",
]

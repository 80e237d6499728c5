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

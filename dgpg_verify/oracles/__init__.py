"""Exact answers, slow and plain: moments of every credit where enumeration or a closed form gives them.

The entry points are listed here; everything else is imported from its own module.
"""

from dgpg_verify.oracles.games.enumeration import enumerate_moments
from dgpg_verify.oracles.games.load_balancing import load_balancing_moments
from dgpg_verify.oracles.moments import OracleMoments
from dgpg_verify.oracles.teams.linear_quadratic import linear_quadratic_moments
from dgpg_verify.oracles.trajectories.action_sequences import enumerate_trajectories, trajectory_moments

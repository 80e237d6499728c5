"""Optima of a team by the oracle's arrays, for tests."""

from __future__ import annotations

from dgpg_verify.oracles.teams.linear_quadratic import stationary_point, team_arrays
from dgpg_verify.systems import LinearQuadraticTeam


def optimal_objective(system: LinearQuadraticTeam, sigma: float) -> float:
    """J* = max over theta of J = -1/2 sigma^2 tr A - 1/2 min e'He."""
    return team_arrays(system, stationary_point(system, 0.0)).objective(sigma)

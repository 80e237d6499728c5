"""Stationary points of J_alpha in the linear-quadratic team, in closed form (F5), and where its gradients agree.

J = -1/2 |H^(1/2) (Z theta - x*)|^2 - const and G = 1/2 |Z theta - x~|^2 + const do not mix sigma into their
gradients, so theta_alpha solves one least-squares problem whose rows are sqrt(1 - alpha) H^(1/2) Z against x* and
sqrt(alpha) Z against x~. Working on these rows, not on their squares, keeps the condition number small.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dgpg_verify.core import InputError, check_finite, check_real
from dgpg_verify.equilibria.arrays import EPS, Array
from dgpg_verify.equilibria.shift.first_order import predicted_shift
from dgpg_verify.equilibria.teams.affine_sets import AffineSet, solution_set
from dgpg_verify.systems import LinearQuadraticTeam


@dataclass(frozen=True, eq=False)
class TeamStationary:
    """All stationary points of J_alpha: `points`, with its certificate, and what J loses there.

    residual: largest entry of |grad J_alpha| at the point; residual_bound: the rounding that explains it;
    smallest_singular: the least non-zero singular value of the rows solved (flat directions are points.dimension);
    value_lost: J* - J at the point of least norm, >= 0, on the sum scale.
    """

    alpha: float
    points: AffineSet
    residual: float
    residual_bound: float
    smallest_singular: float
    value_lost: float

    @property
    def point(self) -> Array:
        return self.points.point


@dataclass(frozen=True, eq=False)
class TeamMatrices:
    """z [M, N]; a = Z'HZ, b = Z'Z [N, N]; weights, optimum, reference [M]."""

    z: Array
    a: Array
    b: Array
    weights: Array
    optimum: Array
    reference: Array

    def gradient_j(self, theta: ArrayLike) -> Array:
        """grad J [..., N] at theta [..., N]."""
        error = np.asarray(theta, dtype=np.float64) @ self.z.T - self.optimum
        return np.asarray(-(error * self.weights) @ self.z)

    def gradient_g(self, theta: ArrayLike) -> Array:
        """grad G [..., N] at theta [..., N]."""
        return np.asarray((np.asarray(theta, dtype=np.float64) @ self.z.T - self.reference) @ self.z)


def team_matrices(team: LinearQuadraticTeam) -> TeamMatrices:
    """Dense float64 matrices of a team. Cost: O(M N^2)."""
    z = team.matrix().cpu().numpy().astype(np.float64)
    names = ("weights", "optimum", "reference_state")
    weights, optimum, reference = (getattr(team, name).cpu().numpy().astype(np.float64) for name in names)
    return TeamMatrices(z, z.T @ (z * weights[:, None]), z.T @ z, weights, optimum, reference)


def team_stationary(team: LinearQuadraticTeam, alpha: float) -> TeamStationary:
    """The stationary set of J_alpha of a team, singular Hessians included (closed form F5).

    The set is never empty, since J_alpha is a concave quadratic with a maximum. Dense matrices: N up to a few hundred.
    Raises InputError on alpha outside [0, 1]. Cost O(M N^2).
    """
    share = check_real("alpha", alpha, 0.0, 1.0)
    m = team_matrices(team)
    points = _maximisers(m, share)
    gradient = (1.0 - share) * m.gradient_j(points.point) - share * m.gradient_g(points.point)
    # |grad| can be no smaller than the rounding of its own terms
    weight = (1.0 - share) * m.weights + share
    terms = np.abs(m.z).T @ (weight * (np.abs(m.z) @ np.abs(points.point)))
    targets = np.abs(m.z).T @ ((1.0 - share) * m.weights * np.abs(m.optimum) + share * np.abs(m.reference))
    bound = 16.0 * sum(m.z.shape) * EPS * float((terms + targets).max())
    moved = points.point - _maximisers(m, 0.0).point
    lost = 0.5 * float((m.weights * (m.z @ moved) ** 2).sum())
    residual = float(np.abs(gradient).max())
    return TeamStationary(share, points, residual, bound, points.smallest_singular, lost)


def team_shift(team: LinearQuadraticTeam, theta: ArrayLike, alpha: float) -> Array:
    """How far theta [N], the stationary point of J, moves by the shift law, which is exact here: [N].

    Raises InputError where J_alpha is flat in some direction, as predicted_shift.
    """
    m = team_matrices(team)
    return predicted_shift(-m.a, m.b, m.gradient_g(theta), alpha)


def _maximisers(m: TeamMatrices, share: float) -> AffineSet:
    """All least-squares solutions, as the solution set of U'W theta = U'y with U a basis of the range of W."""
    roots = np.sqrt((1.0 - share) * m.weights)
    rows = np.concatenate([roots[:, None] * m.z, np.sqrt(share) * m.z])
    target = np.concatenate([roots * m.optimum, np.sqrt(share) * m.reference])
    left, values, right = np.linalg.svd(rows, full_matrices=False)
    rank = int((values > max(rows.shape) * EPS * values[0]).sum())
    if rank == 0:  # Z or all weights vanish: every theta is stationary
        return solution_set(np.zeros((1, m.z.shape[1])), np.zeros(1))
    return solution_set(values[:rank, None] * right[:rank], left[:, :rank].T @ target)


def team_inner(team: LinearQuadraticTeam, theta: ArrayLike) -> tuple[Array, Array]:
    """<grad J, -grad G> [...] at theta [..., N] and a bound on its rounding error [...]."""
    m = team_matrices(team)
    points = np.asarray(theta, dtype=np.float64)
    if points.shape[-1:] != (m.z.shape[1],):
        raise InputError(f"theta has shape {points.shape}: its last axis must be N = {m.z.shape[1]}")
    check_finite("theta", points)
    first, second = m.gradient_j(points), -m.gradient_g(points)
    size, count = np.abs(points) @ np.abs(m.z).T, 8.0 * sum(m.z.shape) * EPS
    first_error = count * ((m.weights * (size + np.abs(m.optimum))) @ np.abs(m.z))
    second_error = count * ((size + np.abs(m.reference)) @ np.abs(m.z))
    bound = (np.abs(first) * second_error + first_error * np.abs(second) + first_error * second_error).sum(-1)
    return (first * second).sum(-1), bound + count * (np.abs(first) * np.abs(second)).sum(-1)


def misaligned_point(team: LinearQuadraticTeam) -> Array | None:
    """A theta [N] with <grad J, -grad G> < 0 beyond rounding where the closed form finds one, else None.

    With a common stationary point theta_0 the inner product is (theta - theta_0)' A B (theta - theta_0): it is
    negative somewhere iff AB + BA has a negative eigenvalue, and that eigenvector is the witness. Without one, the
    point between theta_J and theta_G where the two gradients oppose each other is tried as well. Cost: O(N^3).
    """
    m = team_matrices(team)
    start, end = _maximisers(m, 0.0).point, _maximisers(m, 1.0).point
    vectors = np.linalg.eigh(m.a @ m.b + m.b @ m.a)[1]
    length = 1.0 + float(np.linalg.norm(start) + np.linalg.norm(end))
    tries = [start + length * vectors[:, 0], end + length * vectors[:, 0], 0.5 * (start + end)]
    tries += [_maximisers(m, share).point for share in (0.1, 0.5, 0.9)]
    inner, bound = team_inner(team, np.stack(tries))
    worst = int((inner + bound).argmin())
    return tries[worst] if inner[worst] < -bound[worst] else None

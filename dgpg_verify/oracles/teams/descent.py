"""Exact expected gap of stochastic gradient ascent on the linear-quadratic team, step by step (closed form F5).

The estimate's mean is linear in theta and its covariance quadratic, so the first two moments m = E delta and
M = E delta delta' of delta = theta - theta_J obey an exact recursion, and E (J* - J) = 1/2 tr(A M). Nothing is
sampled. Credits are those of one roll-out with baseline J(theta) and default actions theta_i (delta_i = sigma xi_i).
Between two credits without the shared return (difference of J or of G, matrix P or Q, gradient p or q, and
k = 1/2 for an exact difference, 1 for the chain rule) the covariance used here is
    i = j: 2 p_i q_i + 3 sigma^2 [(PQ)_ii - P_ii Q_ii] + 15 k_p k_q sigma^2 P_ii Q_ii
    i /= j: sigma^2 [(PQ)_ij + (3 k_p - 1) P_ii Q_ij + (3 k_q - 1) P_ij Q_jj]
which has the rows "difference" and "guidance" of F4 as special cases and adds difference with guidance.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from dgpg_verify.core import InputError, check_choice, check_finite, check_int, check_real
from dgpg_verify.oracles.teams.linear_quadratic import Array, stationary_point, team_arrays
from dgpg_verify.systems import LinearQuadraticTeam

BASE_ONLY, GUIDANCE_ONLY = ("return", "difference"), ("guidance", "guidance:exact")
MIXED = ("guided", "guided+guidance:exact", "guided@difference", "guided@difference+guidance:exact")
DESCENT_CREDITS = BASE_ONLY + GUIDANCE_ONLY + MIXED  # the base is the return unless named, the guidance the chain rule
DENSE_AGENTS = 64  # up to here dense products are faster: a call of a sparse one takes longer than its arithmetic


def expected_gaps(
    team: LinearQuadraticTeam,
    sigma: float,
    credit: str,
    steps: ArrayLike,
    alpha: float,
    roll_outs: int,
    start: ArrayLike,
    records: Sequence[int] | np.ndarray,
) -> Array:
    """Exact E (J* - J) of theta <- theta + eta_k (mean of roll_outs estimates of grad J_alpha), closed form F5.

    Parameters
    ----------
    team, sigma : LinearQuadraticTeam, float
        The team and the standard deviation of its policies, > 0.
    credit, alpha : str, float
        One of DESCENT_CREDITS; alpha in [0, 1], 0 for a base alone and 1 for a guidance alone.
    steps : array [K]
        eta_k >= 0.
    roll_outs : int
        Independent joint roll-outs averaged in each step.
    start : array [N]
        theta_0.
    records : sequence of int [C]
        Numbers of steps after which the gap is written down, increasing, in [0, K].

    Returns
    -------
    array [C]
        Sum scale. Cost: O(N * non-zeros of A) per step (a few products of a sparse by a dense N x N matrix; O(N^3) up
        to 64 agents); O(N^2) memory.

    Raises
    ------
    InputError
        Unknown credit, wrong shape, alpha or record out of range.
    NonFiniteError
        The steps are so long that the moments overflow.
    """
    etas, marks, count = _plan(steps, roll_outs, records)
    model = DescentModel(team, sigma, credit, alpha)
    mean, gaps = model.centre(start), np.empty(len(marks))
    second = np.outer(mean, mean)
    with np.errstate(over="ignore", invalid="ignore"):
        for row, (first, last) in enumerate(pairwise([0, *marks.tolist()])):
            for eta in etas[first:last]:
                mean, second = model.advance(mean, second, eta, count)
            gaps[row] = 0.5 * float(_diagonal(model.a, second).sum())
    check_finite("expected gap at record ", gaps)
    return gaps


class DescentModel:
    """The team's matrices around theta_J, and the exact covariance of one credit's estimate at one alpha."""

    def __init__(self, team: LinearQuadraticTeam, sigma: float, credit: str, alpha: float) -> None:
        self.alpha, self.team, self.by_return = check_share(credit, alpha), team, "difference" not in credit
        sd = check_real("sigma", sigma, 0.0, open_low=True)
        self.origin = least_stationary(team, 0.0)
        arrays = team_arrays(team, self.origin)
        a, b = arrays.a.toarray(), arrays.b.toarray()
        self.a, self.b = (a, b) if team.n_agents <= DENSE_AGENTS else (arrays.a, arrays.b)
        self.f = (1.0 - self.alpha) * self.a + self.alpha * self.b
        self.pull = -arrays.v  # B (theta_G - theta_J)
        k = 0.5 if credit.endswith("exact") else 1.0
        if self.by_return:
            base, cross = _of_return(a), _return_with_guidance(a, b, k)
        else:
            base, cross = _of_parts(a, a, 0.5, 0.5), _of_parts(a, b, 0.5, k)
        self.still = sd**2 * self._mixed(base, _of_parts(b, b, k, k), 0.5 * (cross + cross.T))

    def _mixed(self, base: Array, guidance: Array, cross: Array) -> Array:
        """Second moments of (1 - alpha) base + alpha guidance from those of the two."""
        return np.asarray(
            (1.0 - self.alpha) ** 2 * base + self.alpha**2 * guidance + 2.0 * self.alpha * (1.0 - self.alpha) * cross
        )

    def centre(self, means: ArrayLike) -> Array:
        """delta = theta - theta_J, [N]."""
        return np.asarray(team_arrays(self.team, means).theta - self.origin)

    def advance(self, mean: Array, second: Array, eta: float, roll_outs: int) -> tuple[Array, Array]:
        """(m, M) after one step."""
        fm = self.f @ second
        drift, push = mean - eta * (self.f @ mean), eta * self.alpha * self.pull
        after = second - eta * (fm + fm.T) + eta**2 * (self.f @ fm.T)
        after += np.outer(drift, push) + np.outer(push, drift + push)
        after += (eta**2 / roll_outs) * self.noise(mean, second)
        return drift + push, after

    def noise(self, mean: Array, second: Array) -> Array:
        """E Cov of one roll-out's estimate over delta with moments (mean, second), [N, N]."""
        am, bm = self.a @ second, self.b @ second
        u_squared = _diagonal(self.a, am)
        v_squared = _diagonal(self.b, bm) - 2.0 * self.pull * (self.b @ mean) + self.pull**2
        diagonal = 2.0 * self._mixed(u_squared, v_squared, _diagonal(self.b, am) - self.pull * (self.a @ mean))
        result = self.still.copy()
        if self.by_return:  # (||u||^2) I + u u' in place of 2 diag(u^2)
            result += (1.0 - self.alpha) ** 2 * (self.a @ am.T)
            diagonal += (1.0 - self.alpha) ** 2 * (u_squared.sum() - 2.0 * u_squared)
        result[np.diag_indices_from(result)] += diagonal
        return result


def check_share(credit: str, alpha: float) -> float:
    """alpha, in [0, 1] for a mixture, 0 for a base alone and 1 for a guidance alone; InputError otherwise."""
    check_choice("credit", credit, DESCENT_CREDITS)
    return check_real("alpha", alpha, float(credit in GUIDANCE_ONLY), float(credit not in BASE_ONLY))


def _plan(steps: ArrayLike, roll_outs: int, records: Sequence[int] | np.ndarray) -> tuple[Array, np.ndarray, int]:
    """Checked step sizes [K], records [C] and roll-outs per step."""
    etas, marks = np.asarray(steps, dtype=np.float64), np.asarray(records)
    if etas.ndim != 1 or not bool((np.isfinite(etas) & (etas >= 0.0)).all()):
        raise InputError(f"steps has shape {etas.shape}: it must hold K finite numbers >= 0")
    whole = marks.ndim == 1 and len(marks) > 0 and np.issubdtype(marks.dtype, np.integer)
    if not whole or marks[0] < 0 or marks[-1] > len(etas) or bool((np.diff(marks) <= 0).any()):
        raise InputError(f"records must be increasing integers in [0, {len(etas)}], the number of steps")
    return etas, marks, check_int("roll_outs", roll_outs, 1)


def least_stationary(team: LinearQuadraticTeam, alpha: float) -> Array:
    """A stationary point of J_alpha, the one of least norm where it is not unique (a small, singular team)."""
    try:
        return stationary_point(team, alpha)
    except InputError:
        zero = team_arrays(team, np.zeros(team.n_agents))
        f = ((1.0 - alpha) * zero.a + alpha * zero.b).toarray()
        return np.asarray(np.linalg.lstsq(f, -((1.0 - alpha) * zero.u + alpha * zero.v), rcond=1e-12)[0])


def _diagonal(matrix: sparse.csr_array | Array, dense: Array) -> Array:
    """Diagonal of dense @ matrix for a symmetric matrix, [N]."""
    if isinstance(matrix, np.ndarray):
        return np.asarray(np.einsum("ij,ij->i", matrix, dense))
    return np.asarray(matrix.multiply(dense).sum(axis=1)).ravel()


def _of_return(a: Array) -> Array:
    """The part of Cov(return) / sigma^2 that does not depend on theta: 1/2 tr(A^2) I + 2 A^2."""
    square = a @ a
    return np.asarray(0.5 * np.trace(square) * np.eye(len(square)) + 2.0 * square)


def _of_parts(p: Array, q: Array, kp: float, kq: float) -> Array:
    """The constant part of the covariance of two local credits (formula of this file) over sigma^2, [N, N]."""
    product, p_ii, q_ii = p @ q, np.diag(p), np.diag(q)
    result = product + (3.0 * kp - 1.0) * p_ii[:, None] * q + (3.0 * kq - 1.0) * p * q_ii[None, :]
    np.fill_diagonal(result, 3.0 * (np.diag(product) - p_ii * q_ii) + 15.0 * kp * kq * p_ii * q_ii)
    return np.asarray(result)


def _return_with_guidance(a: Array, b: Array, k: float) -> Array:
    """The constant part of Cov(return_i, guidance_j) / sigma^2 at beta = 0 (closed form F4), [N, N]."""
    product, a_ii, b_ii = a @ b, np.diag(a), np.diag(b)
    result = product + a_ii[None, :] * b + (3.0 * k - 1.0) * a * b_ii[None, :]
    np.fill_diagonal(result, 3.0 * (np.diag(product) - a_ii * b_ii) + 6.0 * k * a_ii * b_ii)
    return np.asarray(result)

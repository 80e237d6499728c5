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
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from dgpg_verify.core import InputError, check_choice, check_finite, check_int, check_real
from dgpg_verify.oracles.teams.linear_quadratic import Array, TeamArrays, stationary_point, team_arrays
from dgpg_verify.systems import LinearQuadraticTeam

BASE_ONLY, GUIDANCE_ONLY = ("return", "difference"), ("guidance", "guidance:exact")
MIXED = ("guided", "guided+guidance:exact", "guided@difference", "guided@difference+guidance:exact")
DESCENT_CREDITS = BASE_ONLY + GUIDANCE_ONLY + MIXED  # the base is the return unless named, the guidance the chain rule


@dataclass(frozen=True, eq=False)
class ExpectedGaps:
    """Expected gap of ascent after some steps.

    records [C]: numbers of steps taken, 0 = the start; total [C] = E (J* - J), sum scale; noise_free [C]: J* - J at
    the mean E theta, which is the path of the same steps without noise; roll_outs: joint samples a step.
    """

    records: np.ndarray
    total: Array
    noise_free: Array
    n_agents: int
    roll_outs: int

    @property
    def per_agent(self) -> Array:
        """E (J* - J) / N, [C]."""
        return np.asarray(self.total / self.n_agents)

    @property
    def samples(self) -> np.ndarray:
        """Joint roll-outs used up to each record, [C]."""
        return np.asarray(self.records * self.roll_outs)


def expected_gaps(
    team: LinearQuadraticTeam,
    sigma: float,
    credit: str,
    steps: ArrayLike,
    alphas: ArrayLike,
    roll_outs: int,
    start: ArrayLike,
    records: Sequence[int] | np.ndarray,
) -> ExpectedGaps:
    """Exact E (J* - J) of theta <- theta + eta_k (mean of roll_outs estimates of grad J_alpha_k), closed form F5.

    Args:
        team, sigma: the team and the policies' standard deviation, > 0.
        credit: one of DESCENT_CREDITS.
        steps: eta_k [K], >= 0; alphas: [K] or one number in [0, 1]: 0 for a base alone, 1 for a guidance alone.
        roll_outs: independent joint roll-outs averaged in a step; start: theta_0 [N].
        records: increasing step numbers in [0, K].

    Returns: ExpectedGaps, one entry a record.

    Raises:
        InputError: unknown credit, wrong shape, alpha or record out of range.
        NonFiniteError: the steps are so long that the moments overflow.

    Cost: O(N * non-zeros of A) a step (a few products of a sparse by a dense N x N matrix); O(N^2) memory.
    """
    etas, shares, marks, count = _plan(credit, steps, alphas, roll_outs, records)
    model = _Model(team, sigma, credit)
    mean = model.centre(start)
    second = np.outer(mean, mean)
    gaps = np.empty((2, len(marks)))
    with np.errstate(over="ignore", invalid="ignore"):
        for row, (first, last) in enumerate(_stretches(marks)):
            for eta, alpha in zip(etas[first:last], shares[first:last]):
                mean, second = model.advance(mean, second, eta, alpha, count)
            gaps[:, row] = model.gap(second), 0.5 * float(mean @ (model.a @ mean))
    check_finite("expected gap at record ", gaps)
    return ExpectedGaps(marks, gaps[0], gaps[1], team.n_agents, count)


def expected_return_gaps(
    team: LinearQuadraticTeam,
    sigma: float,
    steps: ArrayLike,
    roll_outs: int,
    start: ArrayLike,
    records: Sequence[int] | np.ndarray,
) -> ExpectedGaps:
    """The same for the credit "return", in the eigenbasis of A (closed form F5); derived apart from `expected_gaps`.

    Cost: O(N^3) once, then O(N) a step: for runs of very many steps.
    """
    etas, _, marks, count = _plan("return", steps, 0.0, roll_outs, records)
    sd = check_real("sigma", sigma, 0.0, open_low=True)
    arrays = team_arrays(team, start)
    values, vectors = np.linalg.eigh(arrays.a.toarray())
    mean = vectors.T @ (arrays.theta - _stationary(team, 0.0))
    second, squares = mean**2, values**2
    constant = 0.5 * sd**2 * squares.sum() + 2.0 * sd**2 * squares
    gaps = np.empty((2, len(marks)))
    with np.errstate(over="ignore", invalid="ignore"):
        for row, (first, last) in enumerate(_stretches(marks)):
            for eta in etas[first:last]:
                signal = squares * second
                noise = signal.sum() + signal + constant
                second = (1.0 - eta * values) ** 2 * second + (eta**2 / count) * noise
                mean = (1.0 - eta * values) * mean
            gaps[:, row] = 0.5 * float(values @ second), 0.5 * float(values @ mean**2)
    check_finite("expected gap at record ", gaps)
    return ExpectedGaps(marks, gaps[0], gaps[1], team.n_agents, count)


def best_step(
    team: LinearQuadraticTeam, sigma: float, credit: str, alpha: float, roll_outs: int, means: ArrayLike
) -> float:
    """Step size >= 0 that minimises the expected gap of J after one step from the means [N] (closed form F5).

    eta = <grad J, E g> / (E g' A E g + tr(A Cov g)), 0 where the mean points downhill. Cost: O(N non-zeros of A).
    """
    _, shares, _, count = _plan(credit, [0.0], alpha, roll_outs, [0])
    model = _Model(team, sigma, credit)
    delta = model.centre(means)
    direction = -(model.mixed(shares[0]) @ delta) + shares[0] * model.pull
    second = np.outer(delta, delta)
    noise = model.noise(delta, second, model.a @ second, model.b @ second, shares[0])
    curvature = float(direction @ (model.a @ direction)) + 2.0 * model.gap(noise) / count
    slope = -float((model.a @ delta) @ direction)
    return max(0.0, slope / curvature) if curvature > 0.0 else 0.0


class _Model:
    """The team's matrices around theta_J, and the exact covariance of one credit's estimate."""

    def __init__(self, team: LinearQuadraticTeam, sigma: float, credit: str) -> None:
        check_choice("credit", credit, DESCENT_CREDITS)
        sd = check_real("sigma", sigma, 0.0, open_low=True)
        self.team, self.by_return = team, credit == "return" or (credit in MIXED and "difference" not in credit)
        self.origin = _stationary(team, 0.0)
        arrays = team_arrays(team, self.origin)
        self.a, self.b = _plain(arrays.a), _plain(arrays.b)
        self._last = 0.0, self.a  # alpha seldom changes between steps
        self.pull = -arrays.v  # B (theta_G - theta_J)
        k = 0.5 if credit.endswith("exact") else 1.0
        if self.by_return:
            self.base, self.cross = _of_return(arrays, sd), _return_with_guidance(arrays, sd, k)
        else:
            self.base, self.cross = (
                _of_parts(arrays.a, arrays.a, 0.5, 0.5, sd),
                _of_parts(arrays.a, arrays.b, 0.5, k, sd),
            )
        self.cross = self.cross + self.cross.T
        self.guidance = _of_parts(arrays.b, arrays.b, k, k, sd)

    def centre(self, means: ArrayLike) -> Array:
        """delta = theta - theta_J, [N]."""
        return np.asarray(team_arrays(self.team, means).theta - self.origin)

    def mixed(self, alpha: float) -> sparse.csr_array:
        """F = (1 - alpha) A + alpha B."""
        if alpha != self._last[0]:
            self._last = alpha, _plain((1.0 - alpha) * self.a + alpha * self.b)
        return self._last[1]

    def gap(self, second: Array) -> float:
        """1/2 tr(A M)."""
        return 0.5 * float(_diagonal(self.a, second).sum())

    def advance(self, mean: Array, second: Array, eta: float, alpha: float, roll_outs: int) -> tuple[Array, Array]:
        """(m, M) after one step."""
        f = self.mixed(alpha)
        am = self.a @ second
        bm = self.b @ second if alpha > 0.0 else am
        fm = (1.0 - alpha) * am + alpha * bm if 0.0 < alpha < 1.0 else bm if alpha == 1.0 else am
        drift, push = mean - eta * (f @ mean), eta * alpha * self.pull
        after = second - eta * (fm + fm.T) + eta**2 * (f @ fm.T)
        after += np.outer(drift, push) + np.outer(push, drift + push)
        after += (eta**2 / roll_outs) * self.noise(mean, second, am, bm, alpha)
        return drift + push, after

    def noise(self, mean: Array, second: Array, am: Array, bm: Array, alpha: float) -> Array:
        """E Cov of one roll-out's estimate over delta with moments (mean, second); am = A M, bm = B M. [N, N]."""
        base, guidance = 1.0 - alpha, alpha
        result = np.zeros_like(second)
        diagonal = np.zeros(len(mean))
        if base > 0.0:
            u_squared = _diagonal(self.a, am)
            result += base**2 * self.base
            if self.by_return:  # (||u||^2) I + u u'
                result += base**2 * (self.a @ am.T)
                diagonal += base**2 * u_squared.sum()
            else:
                diagonal += base**2 * 2.0 * u_squared
        if guidance > 0.0:
            v_squared = _diagonal(self.b, bm) - 2.0 * self.pull * (self.b @ mean) + self.pull**2
            result += guidance**2 * self.guidance
            diagonal += guidance**2 * 2.0 * v_squared
        if base > 0.0 and guidance > 0.0:
            uv = _diagonal(self.b, am) - self.pull * (self.a @ mean)
            result += base * guidance * self.cross
            diagonal += base * guidance * 4.0 * uv
        result[np.diag_indices_from(result)] += diagonal
        return result


def _plan(
    credit: str, steps: ArrayLike, alphas: ArrayLike, roll_outs: int, records: Sequence[int] | np.ndarray
) -> tuple[Array, Array, np.ndarray, int]:
    """Checked step sizes [K], alphas [K], records [C] and roll-outs a step."""
    check_choice("credit", credit, DESCENT_CREDITS)
    count = check_int("roll_outs", roll_outs, 1)
    etas, shares = np.asarray(steps, dtype=np.float64), np.asarray(alphas, dtype=np.float64)
    if etas.ndim != 1 or not bool((np.isfinite(etas) & (etas >= 0.0)).all()):
        raise InputError(f"steps has shape {etas.shape}: it must hold K finite numbers >= 0")
    if shares.shape not in ((), etas.shape):
        raise InputError(f"alphas has shape {shares.shape}: it must be one number or {etas.shape}")
    low, high = (0.0, 0.0) if credit in BASE_ONLY else (1.0, 1.0) if credit in GUIDANCE_ONLY else (0.0, 1.0)
    if not bool(((shares >= low) & (shares <= high)).all()):
        raise InputError(f"alphas of the credit {credit!r} must lie in [{low:g}, {high:g}]")
    marks = np.asarray(records)
    whole = marks.ndim == 1 and len(marks) > 0 and np.issubdtype(marks.dtype, np.integer)
    if not whole or marks[0] < 0 or marks[-1] > len(etas) or bool((np.diff(marks) <= 0).any()):
        raise InputError(f"records must be increasing integers in [0, {len(etas)}], the number of steps")
    return etas, np.broadcast_to(shares, etas.shape), marks, count


def _stretches(marks: np.ndarray) -> list[tuple[int, int]]:
    """First and last step between one record and the next."""
    return list(pairwise([0, *marks.tolist()]))


def _stationary(team: LinearQuadraticTeam, alpha: float) -> Array:
    """A stationary point of J_alpha, the one of least norm where it is not unique (a small, singular team)."""
    try:
        return stationary_point(team, alpha)
    except InputError:
        zero = team_arrays(team, np.zeros(team.n_agents))
        f = ((1.0 - alpha) * zero.a + alpha * zero.b).toarray()
        return np.asarray(np.linalg.lstsq(f, -((1.0 - alpha) * zero.u + alpha * zero.v), rcond=1e-12)[0])


def _plain(matrix: sparse.csr_array) -> sparse.csr_array:
    return sparse.csr_array(matrix, dtype=np.float64)


def _diagonal(matrix: sparse.csr_array, dense: Array) -> Array:
    """Diagonal of dense @ matrix for a symmetric sparse matrix, [N]."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    products = matrix.data * dense[rows, matrix.indices]
    return np.asarray(np.bincount(rows, products, minlength=matrix.shape[0]), dtype=np.float64)


def _of_return(team: TeamArrays, sd: float) -> Array:
    """The part of Cov(return) that does not depend on theta: 1/2 sigma^2 tr(A^2) I + 2 sigma^2 A^2."""
    square = (team.a @ team.a).toarray()
    return np.asarray(sd**2 * (0.5 * np.trace(square) * np.eye(len(square)) + 2.0 * square))


def _of_parts(p: sparse.csr_array, q: sparse.csr_array, kp: float, kq: float, sd: float) -> Array:
    """The constant part of the covariance of two local credits (formula of this file), [N, N]."""
    first, second, product = p.toarray(), q.toarray(), (p @ q).toarray()
    p_ii, q_ii = np.diag(first), np.diag(second)
    result = product + (3.0 * kp - 1.0) * p_ii[:, None] * second + (3.0 * kq - 1.0) * first * q_ii[None, :]
    np.fill_diagonal(result, 3.0 * (np.diag(product) - p_ii * q_ii) + 15.0 * kp * kq * p_ii * q_ii)
    return np.asarray(sd**2 * result)


def _return_with_guidance(team: TeamArrays, sd: float, k: float) -> Array:
    """The constant part of Cov(return_i, guidance_j) at beta = 0 (closed form F4), [N, N]."""
    a, b, product = team.a.toarray(), team.b.toarray(), (team.a @ team.b).toarray()
    a_ii, b_ii = np.diag(a), np.diag(b)
    result = product + a_ii[None, :] * b + (3.0 * k - 1.0) * a * b_ii[None, :]
    np.fill_diagonal(result, 3.0 * (np.diag(product) - a_ii * b_ii) + 6.0 * k * a_ii * b_ii)
    return np.asarray(sd**2 * result)

"""Exact moments of the linear-quadratic Gaussian team at any N; slow and plain.

Given its own noise t = xi_i every credit of agent i is a polynomial in t plus a linear form in the others' noise
(plus, for the return, one centred quadratic form). Products of such things have Gaussian moments, so all means,
variances, covariances and cross-agent parts follow from one small table of inner products (closed forms F1 - F3 come
out as special cases; the tests compare). Notation: a = theta + sigma xi, x = Z a, A = Z'HZ, B = Z'Z, u = -grad J,
v = grad of G, R = -1/2 sum h (x - x*)^2, G = 1/2 ||x - x~||^2, all on the sum scale.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.sparse.linalg import cg, spsolve

from dgpg_verify.core import InputError, check_real
from dgpg_verify.oracles.moments import OracleMoments, check_credits, check_moments, pair_table
from dgpg_verify.systems import LinearQuadraticTeam

Array = NDArray[np.float64]
Gram = list[list[Array]]  # 3 x 3 inner products [N], see `_gram`
LINEAR_QUADRATIC_CREDITS = (
    "return",  # R - baseline, baseline = E R unless given
    "return:raw",
    "difference",  # exact, default theta_i
    "difference:zero",  # default action 0
    "coma",
    "guidance",  # chain rule, z = Z_i (a_i - theta_i)
    "guidance:exact",
    "guidance:zero",  # the same two with default action 0
    "guidance:exact_zero",
    "guidance:derivative",  # score times dx/da: a control, its mean is -B_ii and not -grad G
    "reparameterised",  # -(x - x~) dx/da without a score
)
DIRECT_SOLVE = 2_000  # agents up to which the stationary point is found by factorising; then conjugate gradients
DEGREE = 4  # powers of t kept: a credit times its score has degree at most 3
GAUSSIAN_MOMENTS = np.array([1.0, 0.0, 1.0, 0.0, 3.0, 0.0, 15.0])  # E t^0 ... E t^6
PRODUCT_MOMENTS = GAUSSIAN_MOMENTS[np.add.outer(np.arange(DEGREE), np.arange(DEGREE))]  # E t^i t^j


@dataclass(frozen=True, eq=False)
class TeamArrays:
    """The team at means theta, in sparse matrices: z [M, N], a = Z'HZ, b = Z'Z [N, N]; u = -grad J, v = grad G [N];
    error = Z theta - x*, distance = Z theta - x~ [M]; weights h [M]."""

    z: sparse.csr_array
    a: sparse.csr_array
    b: sparse.csr_array
    u: Array
    v: Array
    error: Array
    distance: Array
    weights: Array
    theta: Array

    def objective(self, sigma: float) -> float:
        """J = -1/2 (e'He + sigma^2 tr A)."""
        return -0.5 * float((self.weights * self.error**2).sum() + sigma**2 * self.a.trace())

    def distance_objective(self, sigma: float) -> float:
        """G = 1/2 (||Z theta - x~||^2 + sigma^2 tr B)."""
        return 0.5 * float((self.distance**2).sum() + sigma**2 * self.b.trace())


@dataclass(frozen=True, eq=False)
class _Credit:
    """w = own(t) + sum_{j != i} [on_u(t) u_j + on_a(t) A_ij + on_b(t) B_ij] xi_j + square * Y_i; coefficient arrays
    [N, DEGREE] by power of t, Y_i the others' centred quadratic form 1/2 (xi'A xi - tr A)."""

    own: Array
    on_u: Array
    on_a: Array
    on_b: Array
    square: Array


def team_arrays(system: LinearQuadraticTeam, means: ArrayLike) -> TeamArrays:
    """Sparse matrices and gradients of the team at the means theta [N]. InputError on a wrong shape."""
    detached = means.detach().cpu().numpy() if hasattr(means, "detach") else means
    theta = np.array(detached, dtype=np.float64)
    n, m = system.n_agents, system.state_size
    if theta.shape != (n,) or not np.isfinite(theta).all():
        raise InputError(f"means has shape {theta.shape}: it must hold {n} finite numbers")
    index, value = system.index.cpu().numpy(), system.value.cpu().numpy().astype(np.float64)
    agents = np.repeat(np.arange(n), index.shape[1])
    z = sparse.coo_array((value.ravel(), (index.ravel(), agents)), shape=(m, n)).tocsr()
    h, optimum, reference = (
        getattr(system, name).cpu().numpy().astype(np.float64) for name in ("weights", "optimum", "reference_state")
    )
    state = z @ theta
    a, b = sparse.csr_array(z.T @ (z * h[:, None])), sparse.csr_array(z.T @ z)
    error, distance = state - optimum, state - reference
    return TeamArrays(z, a, b, z.T @ (h * error), z.T @ distance, error, distance, h, theta)


def linear_quadratic_moments(
    system: LinearQuadraticTeam,
    means: ArrayLike,
    sigma: float,
    credits: Sequence[str] | None = None,
    baseline: float | None = None,
) -> OracleMoments:
    """Exact moments of every credit of the Gaussian team at any N (closed forms F1 - F3 and all other pairs).

    P = 1, sum scale. Cost: O(non-zeros of A + C^2 N). Raises InputError on a wrong shape, sigma <= 0, unknown credit.

    Parameters
    ----------
    means, sigma : array [N], float > 0
        theta, the means of the policies, and their standard deviation.
    credits, baseline : sequence of str, float, optional
        Some of LINEAR_QUADRATIC_CREDITS, all by default; b of the credit "return", E R by default.
    """
    sd = check_real("sigma", sigma, 0.0, open_low=True)
    names = check_credits(credits, LINEAR_QUADRATIC_CREDITS)
    team = team_arrays(system, means)
    j = team.objective(sd)
    beta = 0.0 if baseline is None else j - check_real("baseline", baseline)
    weights = [_credit(name, team, sd, {"return": beta, "return:raw": j}.get(name, 0.0)) for name in names]
    parts = [w if name == "reparameterised" else _scored(w, sd) for name, w in zip(names, weights)]
    gram, square = _gram(team)
    mean, total, cross = _gradient_tables(parts, gram, square)
    return OracleMoments(
        names=names,
        means=mean[:, :, None],
        covariances=total,
        cross=cross,
        deviations=_deviations(weights, gram, square),
        objective=j,
        objective_gradient=-team.u[:, None],
        guidance_objective=team.distance_objective(sd),
        guidance_gradient=team.v[:, None],
    )


def _gradient_tables(parts: list[_Credit], gram: Gram, square: Array) -> tuple[Array, Array, Array]:
    """Means [C, N], covariances and cross-agent covariances [C, C, N] of psi w."""
    mean = np.stack([_gaussian(part.own) for part in parts])
    count, shape = len(parts), mean.shape[1:]
    cross = pair_table(count, shape, lambda a, b: _others(parts[a], parts[b], gram, square))
    own = pair_table(count, shape, lambda a, b: _inner(parts[a].own, parts[b].own) - mean[a] * mean[b])
    total = own + cross
    check_moments(mean, total, cross)
    return mean, total, cross


def _deviations(weights: list[_Credit], gram: Gram, square: Array) -> Array:
    """Standard deviation of each credit itself, agents pooled about one mean: [C]."""
    second = np.array([(_others(w, w, gram, square) + _inner(w.own, w.own)).mean() for w in weights])
    spread = second - np.array([_gaussian(w.own).mean() for w in weights]) ** 2
    return np.sqrt(np.maximum(spread, 0.0))


def stationary_point(system: LinearQuadraticTeam, alpha: float = 0.0) -> Array:
    """theta_alpha [N], where grad J_alpha = (1 - alpha) grad J - alpha grad G vanishes; alpha = 0 gives theta_J.

    Raises InputError when the quadratic is singular (some direction changes neither J nor G).
    """
    share = check_real("alpha", alpha, 0.0, 1.0)
    at_zero = team_arrays(system, np.zeros(system.n_agents))
    curvature = (1.0 - share) * at_zero.a + share * at_zero.b
    target = -((1.0 - share) * at_zero.u + share * at_zero.v)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a singular matrix is reported below, as an InputError
        if system.n_agents <= DIRECT_SOLVE:
            point = np.atleast_1d(spsolve(sparse.csc_matrix(curvature), target))
        else:
            point, _ = cg(curvature, target, rtol=1e-14, atol=0.0, maxiter=1_000)
    residual = np.abs(curvature @ point - target).max()
    if not np.isfinite(residual) or residual > 1e-9 * max(1.0, float(np.abs(target).max())):
        raise InputError(f"the mixed objective at alpha = {share:g} has no unique stationary point")
    return np.asarray(point, dtype=np.float64)


def _credit(name: str, team: TeamArrays, sigma: float, beta: float) -> _Credit:
    """The credit w of each agent as a polynomial in its own noise, ascent sign."""
    n, none = len(team.u), np.zeros((len(team.u), DEGREE))
    a_ii, b_ii = team.a.diagonal(), team.b.diagonal()
    if name.startswith("return") or name == "coma":
        # R - E R = -(sigma u'xi + 1/2 sigma^2 (xi'A xi - tr A))
        own = _poly(beta + 0.5 * sigma**2 * a_ii, -sigma * team.u, -0.5 * sigma**2 * a_ii)
        on_a = _poly(np.zeros(n), np.full(n, -(sigma**2)))
        if name == "coma":
            return _Credit(own, none, on_a, none, none)
        return _Credit(own, _poly(np.full(n, -sigma)), on_a, none, _poly(np.full(n, -(sigma**2))))
    default_zero = name.endswith("zero")
    shift = _poly(team.theta if default_zero else np.zeros(n), np.full(n, sigma))  # a_i - default
    if name in ("reparameterised", "guidance:derivative"):
        shift = _poly(np.ones(n))  # dx/da instead of the contribution
    if name.startswith("difference"):
        slope, curve, half = team.u, a_ii, 0.5
    else:
        slope, curve, half = team.v, b_ii, 0.5 if "exact" in name else 0.0
    own = -_product(shift, _poly(slope, sigma * curve))
    own = own + half * curve[:, None] * _product(shift, shift)
    linear = -sigma * shift
    on_a, on_b = (linear, none) if name.startswith("difference") else (none, linear)
    return _Credit(own, none, on_a, on_b, none)


def _poly(*coefficients: Array) -> Array:
    """[N, DEGREE] from coefficients [N] of t^0, t^1, ..."""
    table = np.zeros((len(coefficients[0]), DEGREE))
    for power, values in enumerate(coefficients):
        table[:, power] = values
    return table


def _product(p: Array, q: Array) -> Array:
    """Product of two polynomials whose degrees add up to less than DEGREE."""
    result = np.zeros_like(p)
    for power in range(DEGREE):
        result[:, power:] += p[:, power : power + 1] * q[:, : DEGREE - power]
    return result


def _gaussian(p: Array) -> Array:
    """E p(t) for t ~ N(0, 1), [N]."""
    return np.asarray(p @ GAUSSIAN_MOMENTS[:DEGREE])


def _inner(p: Array, q: Array) -> Array:
    """E p(t) q(t), [N]."""
    return np.asarray(((p @ PRODUCT_MOMENTS) * q).sum(1))


def _scored(w: _Credit, sigma: float) -> _Credit:
    """psi_i w with psi_i = t / sigma."""

    def times(p: Array) -> Array:
        return np.concatenate([np.zeros((len(p), 1)), p[:, :-1]], axis=1) / sigma

    return _Credit(times(w.own), times(w.on_u), times(w.on_a), times(w.on_b), times(w.square))


def _gram(team: TeamArrays) -> tuple[Gram, Array]:
    """Inner products over j != i of (u_j, A_ij, B_ij), 3 x 3 arrays [N], and Var Y_i = 1/2 tr (A without i)^2 [N]."""
    a, b, u = team.a, team.b, team.u
    a_ii, b_ii = a.diagonal(), b.diagonal()

    def rows(p: sparse.csr_array, q: sparse.csr_array) -> Array:
        return np.asarray(p.multiply(q).sum(axis=1)).ravel() - p.diagonal() * q.diagonal()

    ua, ub = a @ u - a_ii * u, b @ u - b_ii * u
    aa, ab, bb = rows(a, a), rows(a, b), rows(b, b)
    trace = float(a.multiply(a).sum())
    square = 0.5 * (trace - 2.0 * (aa + a_ii**2) + a_ii**2)
    return [[(u**2).sum() - u**2, ua, ub], [ua, aa, ab], [ub, ab, bb]], square


def _others(p: _Credit, q: _Credit, gram: Gram, square: Array) -> Array:
    """E over t of the covariance that the others' noise causes, [N]."""
    left, right = (p.on_u, p.on_a, p.on_b), (q.on_u, q.on_a, q.on_b)
    value = _inner(p.square, q.square) * square
    for i, j in np.ndindex(3, 3):
        if left[i].any() and right[j].any():
            value = value + _inner(left[i], right[j]) * gram[i][j]
    return value

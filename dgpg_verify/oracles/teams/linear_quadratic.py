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
    "score",  # w = 1
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


# A credit w = own(t) + sum_{j != i} [on_u(t) u_j + on_a(t) A_ij + on_b(t) B_ij] xi_j + square(t) Y_i is an array
# [5, N, DEGREE] of coefficients by power of t, Y_i the others' centred quadratic form 1/2 (xi'A xi - tr A).
OWN, ON_U, ON_A, ON_B, SQUARE = range(5)


def team_arrays(system: LinearQuadraticTeam, means: ArrayLike) -> TeamArrays:
    """Sparse matrices and gradients of the team at the means theta [N]. InputError on a wrong shape."""
    detached = means.detach().cpu().numpy() if hasattr(means, "detach") else means
    theta = np.array(detached, dtype=np.float64)
    n, m = system.n_agents, system.state_size
    if theta.shape != (n,) or not np.isfinite(theta).all():
        raise InputError(f"means has shape {theta.shape}: it must hold {n} finite numbers")
    index = system.index.cpu().numpy()
    value, h, optimum, reference = (
        tensor.cpu().numpy().astype(np.float64)
        for tensor in (system.value, system.weights, system.optimum, system.reference_state)
    )
    agents = np.repeat(np.arange(n), index.shape[1])
    z = sparse.coo_array((value.ravel(), (index.ravel(), agents)), shape=(m, n)).tocsr()
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
    # psi_i w with psi_i = t / sigma
    parts = [w if name == "reparameterised" else _times_t(w) / sd for name, w in zip(names, weights)]
    gram = _gram(team)
    mean, total, cross = _gradient_tables(parts, gram)
    value_means, values = _value_tables(weights, gram)
    return OracleMoments(
        names=names,
        means=mean[:, :, None],
        covariances=total,
        cross=cross,
        value_means=value_means,
        value_covariances=values,
        objective=j,
        objective_gradient=-team.u[:, None],
        guidance_objective=team.distance_objective(sd),
        guidance_gradient=team.v[:, None],
    )


def _gradient_tables(parts: list[Array], gram: Array) -> tuple[Array, Array, Array]:
    """Means [C, N], covariances and cross-agent covariances [C, C, N] of psi w."""
    mean = np.stack([_gaussian(part) for part in parts])
    count, shape = len(parts), mean.shape[1:]
    cross = pair_table(count, shape, lambda a, b: _others(parts[a], parts[b], gram))
    within = pair_table(count, shape, lambda a, b: _second(parts[a], parts[b])[0, 0] - mean[a] * mean[b])
    total = within + cross
    check_moments(mean, total, cross)
    return mean, total, cross


def _value_tables(weights: list[Array], gram: Array) -> tuple[Array, Array]:
    """Means [C] and covariances [C, C] of the credits themselves, agents pooled about one mean."""
    means = np.array([_gaussian(w).mean() for w in weights])

    def covariance(a: int, b: int) -> float:
        second = _others(weights[a], weights[b], gram) + _second(weights[a], weights[b])[0, 0]
        return float(second.mean() - means[a] * means[b])

    return means, pair_table(len(weights), (), covariance)


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


def _credit(name: str, team: TeamArrays, sigma: float, beta: float) -> Array:
    """The credit w of each agent as a polynomial in its own noise, ascent sign."""
    w, shift = np.zeros((5, len(team.u), DEGREE)), np.zeros((len(team.u), DEGREE))
    a_ii, b_ii = team.a.diagonal(), team.b.diagonal()
    if name == "score":
        w[OWN, :, 0] = 1.0
        return w
    if name.startswith("return") or name == "coma":
        # R - E R = -(sigma u'xi + 1/2 sigma^2 (xi'A xi - tr A))
        w[OWN, :, 0], w[OWN, :, 1], w[OWN, :, 2] = beta + 0.5 * sigma**2 * a_ii, -sigma * team.u, -0.5 * sigma**2 * a_ii
        w[ON_A, :, 1] = -(sigma**2)
        if name != "coma":
            w[ON_U, :, 0], w[SQUARE, :, 0] = -sigma, -(sigma**2)
        return w
    if name in ("reparameterised", "guidance:derivative"):
        shift[:, 0] = 1.0  # dx/da instead of the contribution
    else:
        shift[:, 0], shift[:, 1] = team.theta if name.endswith("zero") else 0.0, sigma  # a_i - default
    difference = name.startswith("difference")
    on, slope, curve = (ON_A, team.u, a_ii) if difference else (ON_B, team.v, b_ii)
    line = (0.5 if difference or "exact" in name else 0.0) * curve[:, None] * shift
    line[:, 0] -= slope
    line[:, 1] -= sigma * curve
    w[OWN] = shift[:, :1] * line + shift[:, 1:2] * _times_t(line)
    w[on] = -sigma * shift
    return w


def _times_t(polynomials: Array) -> Array:
    """t p(t), for degrees below DEGREE - 1."""
    return np.concatenate([np.zeros_like(polynomials[..., :1]), polynomials[..., :-1]], axis=-1)


def _gaussian(w: Array) -> Array:
    """E own(t) for t ~ N(0, 1), [N]."""
    return np.asarray(w[OWN] @ GAUSSIAN_MOMENTS[:DEGREE])


def _second(p: Array, q: Array) -> Array:
    """E p_a(t) q_b(t) of every two polynomials of two credits, [5, 5, N]."""
    return np.einsum("and,bnd->abn", p @ PRODUCT_MOMENTS, q)


def _gram(team: TeamArrays) -> Array:
    """Inner products over j != i of (u_j, A_ij, B_ij), and Var Y_i = 1/2 tr (A without i)^2: [4, 4, N]."""
    a, b, u = team.a, team.b, team.u
    a_ii, b_ii = a.diagonal(), b.diagonal()

    def rows(p: sparse.csr_array, q: sparse.csr_array) -> Array:
        return np.asarray(p.multiply(q).sum(axis=1)).ravel() - p.diagonal() * q.diagonal()

    gram, (aa, ab) = np.zeros((4, 4, len(u))), (rows(a, a), rows(a, b))
    ua, ub = a @ u - a_ii * u, b @ u - b_ii * u
    gram[:3, :3] = [[(u**2).sum() - u**2, ua, ub], [ua, aa, ab], [ub, ab, rows(b, b)]]
    gram[3, 3] = 0.5 * (float(a.multiply(a).sum()) - 2.0 * aa - a_ii**2)
    return gram


def _others(p: Array, q: Array, gram: Array) -> Array:
    """E over t of the covariance that the others' noise causes, [N]."""
    return np.asarray((_second(p, q)[1:, 1:] * gram).sum((0, 1)))

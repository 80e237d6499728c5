"""The linear-quadratic oracle against Gauss-Hermite quadrature (N = 3), which is exact for its polynomials, and
against the printed closed forms (F1 - F4) at N = 60."""

import itertools

import numpy as np
import pytest

from dgpg_verify.core import InputError
from dgpg_verify.oracles import linear_quadratic_moments
from dgpg_verify.oracles.teams.linear_quadratic import LINEAR_QUADRATIC_CREDITS, stationary_point, team_arrays
from dgpg_verify.systems import LinearQuadraticTeam
from tests.oracles.teams.covariance_matrices import MATRIX_CREDITS, covariance_matrix, shared_variance
from tests.oracles.teams.optima import optimal_objective

SIGMA, BASELINE, NODES = 0.7, -1.3, 8  # 8 nodes are exact up to degree 15; squares of credits have degree 6 in a noise
RELATIVE = 1e-12


def team(n=3, seed=1):
    system = LinearQuadraticTeam.random(n, seed, alignment=0.2, reference_bias=0.5)
    return system, np.random.default_rng(seed).normal(size=n)


class Quadrature:
    """All gradients g [Q, N] at the nodes of a tensor Gauss-Hermite rule, each credit by its definition."""

    def __init__(self, system, theta, sigma, baseline):
        nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        weights = weights / weights.sum()
        n = len(theta)
        self.xi = np.array(list(itertools.product(nodes, repeat=n)))
        self.weight = np.array(list(itertools.product(weights, repeat=n))).prod(1)
        self.nodes, self.node_weights = nodes, weights
        self.z = system.matrix().numpy()
        self.h, self.target = system.weights.numpy(), system.optimum.numpy()
        self.reference = system.reference_state.numpy()
        self.theta, self.sigma, self.baseline = theta, sigma, baseline
        self.action = theta + sigma * self.xi
        self.x = self.action @ self.z.T

    def reward(self, x):
        return -0.5 * (self.h * (x - self.target) ** 2).sum(1)

    def distance(self, x):
        return 0.5 * ((x - self.reference) ** 2).sum(1)

    def credit(self, name, i):
        column, gap = self.z[:, i], self.x - self.reference
        at_mean = self.x - np.outer(self.action[:, i] - self.theta[i], column)
        at_zero = self.x - np.outer(self.action[:, i], column)
        default = at_zero if name.endswith("zero") else at_mean
        if name in ("return", "return:raw"):
            return self.reward(self.x) - (self.baseline if name == "return" else 0.0)
        if name == "score":
            return np.ones(len(self.x))
        if name.startswith("difference"):
            return self.reward(self.x) - self.reward(default)
        if name == "coma":
            redrawn = [self.reward(at_mean + self.sigma * t * column) for t in self.nodes]
            return self.reward(self.x) - self.node_weights @ np.array(redrawn)
        if name.startswith("guidance:exact"):
            return self.distance(default) - self.distance(self.x)
        if name in ("guidance", "guidance:zero"):
            return -(gap * (self.x - default)).sum(1)
        return -gap @ column

    def values(self, name):
        return np.stack([self.credit(name, i) for i in range(len(self.theta))], axis=1)

    def centred(self, name):
        w = self.values(name)
        return w - self.mean(w).mean()

    def gradient(self, name):
        w = self.values(name)
        return w if name == "reparameterised" else w * self.xi / self.sigma

    def mean(self, values):
        return self.weight @ values

    def covariance(self, a, b):
        left, right = self.gradient(a), self.gradient(b)
        return ((left - self.mean(left)) * self.weight[:, None]).T @ (right - self.mean(right))

    def within_own(self, a, b):
        """E Cov(g_i^a, g_i^b given xi_i) by grouping the nodes by agent i's own."""
        left, right = self.gradient(a), self.gradient(b)
        result = []
        for i in range(len(self.theta)):
            total = 0.0
            for t in self.nodes:
                rows = self.xi[:, i] == t
                q = self.weight[rows] / self.weight[rows].sum()
                x, y = left[rows, i], right[rows, i]
                total += self.weight[rows].sum() * (q @ ((x - q @ x) * (y - q @ y)))
            result.append(total)
        return np.array(result)


@pytest.fixture(scope="module")
def exact():
    system, theta = team()
    return Quadrature(system, theta, SIGMA, BASELINE)


@pytest.fixture(scope="module")
def record():
    system, theta = team()
    return linear_quadratic_moments(system, theta, SIGMA, baseline=BASELINE)


def close(mine, other, relative=RELATIVE):
    mine, other = np.asarray(mine), np.asarray(other)
    assert mine.shape == other.shape
    return float(np.abs(mine - other).max()) <= relative * max(float(np.abs(other).max()), 1.0) * 10


@pytest.mark.parametrize("name", LINEAR_QUADRATIC_CREDITS)
def test_every_credit_against_quadrature(name, exact, record):
    assert close(record[name].mean[:, 0], exact.mean(exact.gradient(name)))
    for other in LINEAR_QUADRATIC_CREDITS:
        assert close(record.covariance(name, other), np.diag(exact.covariance(name, other)))
        a, b = record.index(name), record.index(other)
        assert close(record.cross[a, b], exact.within_own(name, other))
        assert close(record.value_covariances[a, b], exact.mean((exact.centred(name) * exact.centred(other)).mean(1)))
    assert close(record.value_means[record.index(name)], exact.mean(exact.values(name)).mean())


@pytest.mark.parametrize("alpha", [0.0, 0.2, 0.55, 1.0])
def test_joint_against_quadrature(alpha, exact, record):
    """((1 - alpha) A / N + alpha W - mean) / sd, with the moments of the mixture's own values at the nodes."""
    mixture = (1.0 - alpha) * exact.values("return") / 3.0 + alpha * exact.values("guidance")
    centred = mixture - exact.mean(mixture).mean()
    gradient = centred / np.sqrt(exact.mean(centred**2).mean()) * exact.xi / SIGMA
    joint, mean = record.guided(alpha, setting="joint"), exact.mean(gradient)
    assert close(joint.mean[:, 0], mean)
    assert np.allclose(joint.variance, exact.mean(gradient**2) - mean**2, rtol=1e-10, atol=0.0)
    wrong = record.guided(alpha, setting="mixed").variance / exact.mean(centred**2).mean()
    assert not np.allclose(joint.variance, wrong, rtol=1e-3)  # without the constant


def test_objectives_against_quadrature(exact, record):
    assert record.objective == pytest.approx(exact.mean(exact.reward(exact.x)), rel=1e-13)
    assert record.guidance_objective == pytest.approx(exact.mean(exact.distance(exact.x)), rel=1e-13)
    # likelihood-ratio gradients: E xi/sigma R
    assert close(record.objective_gradient[:, 0], exact.mean(exact.gradient("return:raw")))
    score = exact.xi / SIGMA
    assert close(record.guidance_gradient[:, 0], exact.mean(score * exact.distance(exact.x)[:, None]))


@pytest.mark.parametrize("name", MATRIX_CREDITS)
def test_matrices_against_quadrature(name, exact):
    system, theta = team()
    mine = covariance_matrix(system, theta, SIGMA, name, baseline=BASELINE)
    assert close(mine, exact.covariance(name, name))
    summed = exact.gradient(name).sum(1)
    variance = exact.mean((summed - exact.mean(summed)) ** 2)
    assert shared_variance(system, theta, SIGMA, [name], BASELINE)[name] == pytest.approx(variance, rel=1e-11)
    if name.startswith(("guidance", "reparam")):
        pair = covariance_matrix(system, theta, SIGMA, "return", name, baseline=BASELINE)
        assert close(pair, exact.covariance("return", name))


def printed_variances(system, theta, sigma, beta):
    """The closed forms F2 term by term, dense matrices."""
    z, h = system.matrix().numpy(), system.weights.numpy()
    a, b = z.T @ np.diag(h) @ z, z.T @ z
    u = z.T @ (h * (z @ theta - system.optimum.numpy()))
    v = z.T @ (z @ theta - system.reference_state.numpy())
    aa, bb, ad, bd, s2 = np.diag(a @ a), np.diag(b @ b), np.diag(a), np.diag(b), sigma**2
    s, t = aa - ad**2, bb - bd**2
    kappa, kappa_b = -theta * u + 0.5 * theta**2 * ad, -theta * v + 0.5 * theta**2 * bd
    difference = 2 * u**2 + 3 * s2 * s + 15 / 4 * s2 * ad**2
    exact = 2 * v**2 + 3 * s2 * t + 15 / 4 * s2 * bd**2
    variances = {
        "return": beta**2 / s2 + u @ u + u**2 + 0.5 * s2 * np.trace(a @ a) + 2 * s2 * aa - 2 * beta * ad,
        "difference": difference,
        "coma": 2 * u**2 + 3 * s2 * s + 5 / 2 * s2 * ad**2,
        "difference:zero": difference + (kappa**2 + theta**2 * s2 * s) / s2 - 3 * ad * kappa,
        "guidance:exact": exact,
        "guidance": 2 * v**2 + 3 * s2 * t + 15 * s2 * bd**2,
        "reparameterised": s2 * bb,
        "guidance:exact_zero": exact + (kappa_b**2 + theta**2 * s2 * t) / s2 - 3 * bd * kappa_b,
        "guidance:zero": theta**2 * (v**2 + s2 * t) / s2 + 3 * theta**2 * bd**2 + 12 * theta * v * bd
        + 3 * (v**2 + s2 * t) + 15 * s2 * bd**2 - (v + bd * theta) ** 2,
    }  # fmt: skip
    ab, bu = np.diag(a @ b), b @ u

    def with_return(c):
        return 2 * u * v + 3 * s2 * (ab - ad * bd) + 6 * c * s2 * ad * bd - 3 * c * beta * bd

    covariances = {
        "guidance": with_return(1.0),
        "guidance:exact": with_return(0.5),
        "reparameterised": s2 * ab - beta * bd,
        "guidance:zero": with_return(1.0) + theta * (bu + bd * u + ad * v - beta * v / s2),
        "guidance:exact_zero": with_return(0.5) + beta * kappa_b / s2 + theta * (bu - bd * u) - ad * kappa_b,
    }
    return variances, covariances


def test_printed_closed_forms_at_any_n():
    system, theta = team(60, 3)
    sigma, baseline = 0.4, -20.0
    m = linear_quadratic_moments(system, theta, sigma, baseline=baseline)
    variances, covariances = printed_variances(system, theta, sigma, m.objective - baseline)
    for name, expected in variances.items():
        assert close(m[name].variance, expected), name
        # control: one part in 10^4 on the formula is seen
        assert not close(m[name].variance, expected * 1.0001)
    for name, expected in covariances.items():
        assert close(m.covariance("return", name), expected), name
    for name in MATRIX_CREDITS:
        full = covariance_matrix(system, theta, sigma, name, baseline=baseline)
        assert close(m[name].variance, np.diag(full))
        assert np.allclose(full, full.T) and np.linalg.eigvalsh(full).min() > -1e-9 * np.abs(full).max()


def test_means_and_the_wrong_estimator():
    system, theta = team(20, 5)
    m = linear_quadratic_moments(system, theta, 0.5)
    arrays = team_arrays(system, theta)
    for name in ("return", "return:raw", "difference", "difference:zero", "coma"):
        assert close(m[name].mean[:, 0], -arrays.u)
    for name in ("guidance", "guidance:exact", "guidance:exact_zero", "reparameterised"):
        assert close(m[name].mean[:, 0], -arrays.v)
    assert close(m["guidance:zero"].mean[:, 0], -arrays.v - arrays.b.diagonal() * theta)
    # a derivative in the place of the contribution is wrong with a score: the mean forgets where x~ is
    assert close(m["guidance:derivative"].mean[:, 0], -arrays.b.diagonal())


def test_perfect_alignment_leaves_a_gap():
    """A = B, u = v, beta = 0: V_G - C = 3/4 sigma^2 B_ii^2 (exact), 9 sigma^2 B_ii^2 (chain rule); alpha* < 1."""
    system = LinearQuadraticTeam.random(30, 2, alignment=1.0)
    theta, sigma = np.random.default_rng(2).normal(size=30), 0.6
    m = linear_quadratic_moments(system, theta, sigma)
    b_ii = team_arrays(system, theta).b.diagonal()
    for name, factor in (("guidance:exact", 0.75), ("guidance", 9.0)):
        gap = m[name].variance - m.covariance("return", name)
        assert close(gap, factor * sigma**2 * b_ii**2)
        assert 0.0 < m.optimal_alpha("return", name) < 1.0


@pytest.mark.parametrize("alpha", (0.0, 0.3, 1.0))
@pytest.mark.parametrize("n", (5, 2500))  # factorised, and by conjugate gradients
def test_stationary_point_of_the_mixture(alpha, n):
    system, _ = team(n, 7)
    point = stationary_point(system, alpha)
    arrays = team_arrays(system, point)
    assert np.abs((1 - alpha) * arrays.u + alpha * arrays.v).max() < 1e-9
    moved = team_arrays(system, point + 0.1)
    assert np.abs((1 - alpha) * moved.u + alpha * moved.v).max() > 1e-2


def test_optimal_objective_is_the_maximum():
    system, theta = team(12, 9)
    best, point = optimal_objective(system, 0.5), stationary_point(system)
    rng = np.random.default_rng(9)
    at = [team_arrays(system, point + 1e-2 * rng.normal(size=12)).objective(0.5) for _ in range(20)]
    assert max(at) < best
    assert team_arrays(system, theta).objective(0.5) < best
    # sigma only shifts J by -1/2 sigma^2 tr A
    trace = team_arrays(system, point).a.trace()
    assert best == pytest.approx(optimal_objective(system, 0.0) - 0.125 * trace, rel=1e-12)


def test_bad_input_is_refused():
    system, theta = team()
    for bad in (0.0, -1.0, float("nan")):
        with pytest.raises(InputError, match="sigma"):
            linear_quadratic_moments(system, theta, bad)
    with pytest.raises(InputError, match="means"):
        linear_quadratic_moments(system, theta[:2], 0.5)
    with pytest.raises(InputError, match="credit"):
        linear_quadratic_moments(system, theta, 0.5, ["gae"])
    with pytest.raises(InputError, match="not known"):
        covariance_matrix(system, theta, 0.5, "difference", "guidance")
    with pytest.raises(InputError, match="alpha"):
        stationary_point(system, 1.5)

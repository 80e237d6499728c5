"""The exact recursion of the expected gap: against tensor quadrature over every noise of several steps (N = 2, 3; exact
for its polynomials), against simulated runs, against printed special cases, and in another basis."""

import itertools

import numpy as np
import pytest
import torch
from scipy import stats

from dgpg_verify.core import InputError, NonFiniteError
from dgpg_verify.oracles.teams.constants import descent_constants
from dgpg_verify.oracles.teams.descent import DESCENT_CREDITS, expected_gaps
from dgpg_verify.oracles.teams.linear_quadratic import team_arrays
from dgpg_verify.systems import LinearQuadraticTeam
from tests.oracles.teams.optima import optimal_objective
from tests.oracles.teams.recursion import recursion, schedule

SIGMA = 0.6
FALSE_ALARM = 1e-4  # of each statistical test, divided over its comparisons
NODES = 7  # exact to degree 13: the gap has degree 6 in a noise of any step
ALONE = {"return": 0.0, "difference": 0.0, "guidance": 1.0, "guidance:exact": 1.0}


def alpha_of(credit, mixed):
    return ALONE.get(credit, mixed)


class Definitions:
    """Estimates of the gradient and objectives straight from actions, rewards and replaced actions."""

    def __init__(self, system, credit):
        self.z, self.h = system.matrix().numpy(), system.weights.numpy()
        self.target, self.reference = system.optimum.numpy(), system.reference_state.numpy()
        self.credit, self.local = credit, "difference" in credit
        self.exact, self.best = credit.endswith("exact"), None
        arrays = self.z.T @ (self.z * self.h[:, None])
        best = np.linalg.lstsq(arrays, self.z.T @ (self.h * self.target), rcond=None)[0]
        self.best, self.trace = self.reward(best[None] @ self.z.T)[0], np.trace(arrays)

    def reward(self, x):
        return -0.5 * (self.h * (x - self.target) ** 2).sum(-1)

    def distance(self, x):
        return 0.5 * ((x - self.reference) ** 2).sum(-1)

    def gap(self, theta):
        """J* - J: sigma shifts both alike."""
        return self.best - self.reward(theta @ self.z.T)

    def estimate(self, theta, xi, alpha):
        """g [Q, N] of one roll-out at theta [Q, N] with noise xi [Q, N]."""
        x = (theta + SIGMA * xi) @ self.z.T
        weights = np.zeros_like(xi)
        baseline = self.reward(theta @ self.z.T) - 0.5 * SIGMA**2 * self.trace
        for i in range(xi.shape[1]):
            moved = SIGMA * xi[:, i, None] * self.z[:, i]
            base = self.reward(x) - (self.reward(x - moved) if self.local else baseline)
            guidance = self.distance(x - moved) - self.distance(x)
            if not self.exact:
                guidance = -((x - self.reference) * moved).sum(-1)
            weights[:, i] = (1.0 - alpha) * base + alpha * guidance
        return weights * xi / SIGMA


def by_quadrature(system, credit, steps, alpha, roll_outs, start):
    """E gap after the last step, by the tensor Gauss-Hermite rule over all noises of all steps and roll-outs."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    grid = np.array(list(itertools.product(nodes, repeat=len(start) * roll_outs)))
    mass = np.array(list(itertools.product(weights / weights.sum(), repeat=len(start) * roll_outs))).prod(1)
    what, theta, total = Definitions(system, credit), np.asarray(start)[None], np.ones(1)
    for eta in steps:
        at = np.repeat(theta, len(grid), axis=0)
        xi = np.tile(grid, (len(theta), 1)).reshape(len(at), roll_outs, len(start))
        mean = sum(what.estimate(at, xi[:, k], alpha) for k in range(roll_outs)) / roll_outs
        theta, total = at + eta * mean, np.repeat(total, len(grid)) * np.tile(mass, len(theta))
    return float(total @ what.gap(theta))


def draw(n, seed, alignment=0.2):
    system = LinearQuadraticTeam.random(n, seed, alignment=alignment, reference_bias=0.5)
    return system, np.random.default_rng(seed + 1).normal(size=n)


@pytest.mark.parametrize("credit", DESCENT_CREDITS)
@pytest.mark.parametrize("n, steps, roll_outs", [(2, (0.11, 0.2), 1), (3, (0.17,), 1), (2, (0.3,), 2)])
def test_every_credit_against_quadrature(credit, n, steps, roll_outs, seed):
    for system, start in (draw(n, seed), draw(n, seed + 7)):
        alpha = alpha_of(credit, 0.35)
        gaps = expected_gaps(system, SIGMA, credit, steps, alpha, roll_outs, start, [0, len(steps)])
        exact = by_quadrature(system, credit, steps, alpha, roll_outs, start)
        assert gaps[-1] == pytest.approx(exact, rel=1e-11)
        assert gaps[0] == pytest.approx(Definitions(system, credit).gap(start[None])[0], rel=1e-11)
        # control: the same with a 1 % longer last step is told apart
        longer = [*steps[:-1], 1.01 * steps[-1]]
        other = expected_gaps(system, SIGMA, credit, longer, alpha, roll_outs, start, [len(steps)])
        assert other[0] != pytest.approx(exact, rel=1e-6)


def simulated(system, credit, steps, alpha, start, runs, generator):
    """Gaps [runs] after the last step of runs sampled from the definitions."""
    what, theta = Definitions(system, credit), np.repeat(np.asarray(start)[None], runs, axis=0)
    for eta in steps:
        theta = theta + eta * what.estimate(theta, generator.normal(size=theta.shape), alpha)
    return what.gap(theta)


@pytest.mark.parametrize("credit", DESCENT_CREDITS)
def test_long_runs_against_simulation(credit, seed):
    """False alarms FALSE_ALARM (normal approximation: the skewness of the gaps is below 20, of their mean below 0.25).

    Control: half the noise (twice the roll-outs) must be told apart. It lies 9 or more standard errors away in
    20 teams of each credit, so it is missed in fewer than one of 10^5 runs. Half the schedule's steps tame the tails.
    """
    runs, far, teams = 8000, [], 2
    for k in range(teams):
        system, start = draw(5 + 3 * k, seed + 20 + k, alignment=0.5 * k)
        alpha = alpha_of(credit, 0.2)
        steps = schedule(descent_constants(system, credit, alpha), 20) / 2
        gaps = simulated(system, credit, steps, alpha, start, runs, np.random.default_rng([seed, 5, k]))
        error = gaps.std(ddof=1) / np.sqrt(runs)
        for roll_outs in (1, 2):
            exact = expected_gaps(system, SIGMA, credit, steps, alpha, roll_outs, start, [20])[0]
            far.append(abs(gaps.mean() - exact) / error)
    limit = stats.norm.isf(FALSE_ALARM / 2 / teams)
    assert max(far[::2]) <= limit
    assert min(far[1::2]) > limit


def test_the_return_in_the_eigenbasis(seed):
    """300 steps of the theory's schedule from theta = 0, against a recursion derived apart."""
    system, _ = draw(30, seed)
    steps, records = schedule(descent_constants(system), 300), [1, 2, 50, 300]
    gaps = expected_gaps(system, SIGMA, "return", steps, 0.0, 1, np.zeros(30), records)
    np.testing.assert_allclose(gaps / 30, recursion(system, SIGMA, 300)[[0, 1, 49, 299]], rtol=1e-11)


def test_one_step_of_the_return_as_printed(seed):
    """gap - eta ||u||^2 + eta^2/2 {u'Au + [tr A (||u||^2 + sigma^2/2 tr A^2) + u'Au + 2 sigma^2 tr A^3] / n}."""
    system, start = draw(40, seed)
    arrays = team_arrays(system, start)
    a, u, eta, n = arrays.a.toarray(), arrays.u, 0.013, 4
    tilted, squares = u @ a @ u, np.trace(a @ a)
    noise = np.trace(a) * (u @ u + 0.5 * SIGMA**2 * squares) + tilted + 2 * SIGMA**2 * np.trace(a @ a @ a)
    gap = optimal_objective(system, SIGMA) - arrays.objective(SIGMA)
    expected = gap - eta * u @ u + 0.5 * eta**2 * (tilted + noise / n)
    mine = expected_gaps(system, SIGMA, "return", [eta], 0.0, n, start, [0, 1])
    np.testing.assert_allclose(mine, [gap, expected], rtol=1e-11)


def ring(n):
    """A circulant team: Z = I + 0.1 shift, equal weights, optimum 0."""
    agents = torch.arange(n)
    return LinearQuadraticTeam(
        index=torch.stack([agents, (agents + 1) % n], 1),
        value=torch.tensor([1.0, 0.1], dtype=torch.float64).expand(n, 2).clone(),
        weights=torch.ones(n, dtype=torch.float64),
        optimum=torch.zeros(n, dtype=torch.float64),
        reference_state=torch.zeros(n, dtype=torch.float64),
    )


def test_circulant_difference_as_printed():
    """m_k+ = (1 - eta lambda_k)^2 m_k + eta^2/n [2/N sum lambda^2 m + kappa_k], started on one eigenvector."""
    n, steps, count = 16, np.linspace(0.3, 0.02, 60), 2
    system = ring(n)
    a = team_arrays(system, np.zeros(n)).a.toarray()
    s2, d, square = SIGMA**2, a[0, 0], a @ a
    k = s2 * (square + d * a)
    np.fill_diagonal(k, 3 * s2 * (np.diag(square) - d**2) + 15 / 4 * s2 * d**2)
    fourier = np.fft.fft(np.eye(n)) / np.sqrt(n)
    values, kappa = (np.real(np.diag(fourier @ matrix @ fourier.conj().T)) for matrix in (a, k))
    second = np.zeros(n)
    second[0] = n * 1.3**2
    for eta in steps:
        second = (1 - eta * values) ** 2 * second + eta**2 / count * (2 / n * (values**2 @ second) + kappa)
    mine = expected_gaps(system, SIGMA, "difference", steps, 0.0, count, np.full(n, 1.3), [60])
    assert mine[0] == pytest.approx(0.5 * values @ second, rel=1e-11)


@pytest.mark.parametrize("credit", ("difference", "guided@difference", "guidance"))
def test_many_roll_outs_are_gradient_ascent(credit, seed):
    """The noise goes as 1 / roll-outs, so the expected gap approaches that of the noise-free path."""
    system, theta = draw(12, seed)
    start, steps, alpha = theta, np.linspace(0.2, 0.05, 25), alpha_of(credit, 0.4)
    best = optimal_objective(system, SIGMA)
    for eta in steps:
        arrays = team_arrays(system, theta)
        theta = theta - eta * ((1 - alpha) * arrays.u + alpha * arrays.v)
    noise_free = best - team_arrays(system, theta).objective(SIGMA)
    few, many = (expected_gaps(system, SIGMA, credit, steps, alpha, count, start, [25])[0] for count in (1, 10**9))
    assert many == pytest.approx(noise_free, rel=1e-6)
    assert few > 1.001 * noise_free


def test_a_singular_team(seed):
    """An agent that touches nothing, and a row without weight that only G sees."""
    value = torch.tensor([[1.0, 0.3], [0.0, 0.0], [-0.5, 0.8]], dtype=torch.float64)
    numbers = [torch.tensor(v, dtype=torch.float64) for v in ([1.5, 0.0, 0.7], [0.4, -1.0, 0.2], [0.1, 0.9, -0.3])]
    system = LinearQuadraticTeam(torch.tensor([[0, 1], [1, 2], [2, 1]]), value, *numbers)
    start, steps = np.random.default_rng(seed).normal(size=3), [0.2]
    gaps = expected_gaps(system, SIGMA, "guided", steps, 0.4, 1, start, [1])
    assert gaps[0] == pytest.approx(by_quadrature(system, "guided", steps, 0.4, 1, start), rel=1e-10)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"credit": "gae"}, "credit = 'gae' is not allowed"),
        ({"sigma": 0.0}, "sigma = 0.0 is not allowed"),
        ({"steps": [[0.1]]}, "steps has shape"),
        ({"steps": [0.1, -0.1]}, "steps has shape"),
        ({"alpha": 1.2}, "alpha = 1.2 is not allowed"),
        ({"alpha": float("nan")}, "alpha = nan is not allowed"),
        ({"credit": "return", "alpha": 0.5}, "alpha = 0.5 is not allowed"),
        ({"credit": "guidance", "alpha": 0.5}, "alpha = 0.5 is not allowed"),
        ({"roll_outs": 0}, "roll_outs = 0 is not allowed"),
        ({"start": [0.0]}, "means has shape"),
        ({"records": [2, 1]}, r"records must be increasing integers in \[0, 2\]"),
        ({"records": [3]}, "records must be increasing"),
        ({"records": []}, "records must be increasing"),
        ({"records": [0.5]}, "records must be increasing"),
    ],
)
def test_bad_input_is_refused(change, message):
    good = {"sigma": SIGMA, "credit": "guided", "steps": [0.1, 0.1], "alpha": 0.5, "roll_outs": 1,
            "start": np.zeros(3), "records": [0, 2]}  # fmt: skip
    with pytest.raises(InputError, match=message):
        expected_gaps(LinearQuadraticTeam.random(3, 1), **(good | change))


def test_steps_that_overflow_are_reported():
    with pytest.raises(NonFiniteError, match="expected gap at record"):
        expected_gaps(LinearQuadraticTeam.random(3, 1), SIGMA, "return", np.full(400, 1e3), 0.0, 1, np.ones(3), [400])

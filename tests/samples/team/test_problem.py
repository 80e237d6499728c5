"""Sampled directions, gaps, alpha* and greedy steps of the team: exact by quadrature, and by sampling."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dgpg_verify.core import InputError
from dgpg_verify.core.moments import setting_scales
from dgpg_verify.equilibria.teams.stationary import team_matrices, team_stationary
from dgpg_verify.oracles.teams.linear_quadratic import linear_quadratic_moments
from dgpg_verify.samples import SCALED, TeamProblem, cell_generator, make_method
from dgpg_verify.samples.methods import CREDITS
from dgpg_verify.systems import LinearQuadraticTeam
from tests.oracles.teams.covariance_matrices import covariance_matrix
from tests.oracles.teams.optima import optimal_objective

SIGMA = 0.7
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(5)  # exact to degree 9; a credit's square has degree 6 an agent
SHARES = {"return": 0.0, "difference": 0.0, "guidance": 1.0, "guidance:exact": 1.0}
FALSE_ALARM = 1e-3  # of the sampled test, shared out over all its comparisons


class Scripted:
    """Stands where a generator stands, and hands out the given noise."""

    def __init__(self, noise: np.ndarray) -> None:
        self.noise = noise

    def standard_normal(self, shape: tuple[int, ...]) -> np.ndarray:
        assert self.noise.shape == shape
        return self.noise.copy()


def team_of(seed: int, n_agents: int = 3) -> LinearQuadraticTeam:
    return LinearQuadraticTeam.random(n_agents, seed, alignment=0.3, reference_bias=0.8)


def quadrature(team: LinearQuadraticTeam, theta: np.ndarray, credit: str, alpha: float) -> tuple[np.ndarray, ...]:
    """Exact mean [N] and covariance [N, N] of the problem's sampled direction: a grid of 5^N noises, weighted."""
    n = len(theta)
    grid = np.stack(np.meshgrid(*[NODES] * n, indexing="ij"), axis=-1).reshape(-1, n)
    weight = np.prod(np.stack(np.meshgrid(*[WEIGHTS] * n, indexing="ij"), axis=-1).reshape(-1, n), axis=1)
    weight = weight / weight.sum()
    problem = TeamProblem([team], len(grid), SIGMA)
    state = np.tile(theta, (len(grid), 1))
    g = problem.step_direction(state, credit, np.full(len(grid), alpha), 1, Scripted(grid))
    mean = weight @ g
    return mean, (g - mean).T @ (weight[:, None] * (g - mean))


def point(seed: int, n_agents: int = 3) -> np.ndarray:
    return np.random.default_rng(seed + 77).normal(size=n_agents)


@pytest.mark.parametrize("credit", CREDITS)
def test_mean_of_a_sampled_direction_is_exact(seed: int, credit: str) -> None:
    team, theta, alpha = team_of(seed), point(seed), SHARES.get(credit, 0.35)
    mean, _ = quadrature(team, theta, credit, alpha)
    m = linear_quadratic_moments(team, theta, SIGMA, ["return"])
    expected = (1.0 - alpha) * m.objective_gradient[:, 0] - alpha * m.guidance_gradient[:, 0]
    assert mean == pytest.approx(expected, abs=1e-11)
    problem = TeamProblem([team], 1, SIGMA)
    assert problem.mean_direction(theta[None], credit, np.array([alpha]))[0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("credit", ["return", "difference", "guidance", "guidance:exact"])
def test_covariance_of_a_sampled_direction_is_the_closed_form(seed: int, credit: str) -> None:
    team, theta = team_of(seed), point(seed)
    _, covariance = quadrature(team, theta, credit, SHARES[credit])
    assert covariance == pytest.approx(covariance_matrix(team, theta, SIGMA, credit), rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("base", ["return", "difference"])
def test_variance_of_a_mixture_is_the_identity_and_alpha_star_its_minimum(seed: int, base: str) -> None:
    team, theta, credit = team_of(seed), point(seed), "guided" if base == "return" else "guided@difference"
    m = linear_quadratic_moments(team, theta, SIGMA, [base, "guidance"])
    first, second, cross = (m.covariances[i, j].sum() for i, j in ((0, 0), (1, 1), (0, 1)))

    def mixed(alpha: float) -> float:
        return (1 - alpha) ** 2 * first + alpha**2 * second + 2 * alpha * (1 - alpha) * cross

    for alpha in (0.2, 0.9):
        assert np.trace(quadrature(team, theta, credit, alpha)[1]) == pytest.approx(mixed(alpha), rel=1e-10)
    best = float(TeamProblem([team], 1, SIGMA).optimal_alpha(theta[None], credit)[0])
    grid = np.linspace(0.0, 1.0, 1001)
    assert 0.0 <= best <= 1.0 and mixed(best) <= mixed(grid).min() * (1 + 1e-12)


def test_deviations_are_those_of_the_oracle(seed: int) -> None:
    """Of the return and of the agents' guidance values about one mean, at states of their own in two teams."""
    teams, states = [team_of(seed + k, 9) for k in range(2)], np.stack([point(seed, 9), 3.0 * point(seed + 5, 9)])
    found = TeamProblem(teams, 1, SIGMA).deviations(states)
    for r, team in enumerate(teams):
        m = linear_quadratic_moments(team, states[r], SIGMA, ["return", "guidance"])
        assert [values[r] for values in found] == pytest.approx(m.deviations.tolist(), rel=1e-11)


@pytest.mark.parametrize("setting", SCALED)
def test_a_setting_climbs_along_sums_at_its_own_alpha(seed: int, setting: str) -> None:
    """The oracle's mean of (1 - a) s_b A - a s_g g in the setting is a multiple of the mean on sums at alpha'."""
    team, theta = team_of(seed, 6), point(seed, 6)
    m, problem = linear_quadratic_moments(team, theta, SIGMA, ["return", "guidance"]), TeamProblem([team], 1, SIGMA)
    on_base, on_guidance = setting_scales(setting, 6, *m.deviations.tolist())
    scaled = 0.7 * on_base * m.means[0, :, 0] + 0.3 * on_guidance * m.means[1, :, 0]
    alpha = make_method(f"{setting}:0.3").alpha_at(problem, theta[None], 0.0)
    found = problem.mean_direction(theta[None], "guided", alpha)[0]
    assert found * (0.7 * on_base + 0.3 * on_guidance) == pytest.approx(scaled, rel=1e-10)


@pytest.mark.parametrize("roll_outs", [1, 4])
@pytest.mark.parametrize("credit", CREDITS)
def test_greedy_step_maximises_the_expected_next_objective(seed: int, credit: str, roll_outs: int) -> None:
    team, theta, alpha = team_of(seed), point(seed), SHARES.get(credit, 0.35)
    mean, covariance = quadrature(team, theta, credit, alpha)
    a, gradient = team_matrices(team).a, team_matrices(team).gradient_j(theta)
    best = max(gradient @ mean, 0.0) / (mean @ a @ mean + np.sum(a * covariance) / roll_outs)
    step = TeamProblem([team], 1, SIGMA).best_step(theta[None], credit, np.array([alpha]), roll_outs)
    assert step.shape == (1,) and step[0] == pytest.approx(best, rel=1e-9)


def test_gap_is_that_of_the_oracle(seed: int) -> None:
    teams = [team_of(seed + k, 6) for k in range(3)]
    problem = TeamProblem(teams, 2, SIGMA)
    states = np.random.default_rng(seed).normal(size=(6, 6))
    for r, fleet in enumerate(problem.fleets):
        m = linear_quadratic_moments(teams[fleet], states[r], SIGMA, ["return"])
        expected = (optimal_objective(teams[fleet], SIGMA) - m.objective) / 6
        assert problem.gap(states)[r] == pytest.approx(expected, rel=1e-10)
    assert problem.fleets.tolist() == [0, 0, 1, 1, 2, 2]


def test_constants_bound_every_mixture_and_the_floor_is_the_closed_form(seed: int) -> None:
    team = team_of(seed, 7)
    m, problem = team_matrices(team), TeamProblem([team], 1, SIGMA)
    for alpha in np.linspace(0.0, 1.0, 11):
        values = np.linalg.eigvalsh((1 - alpha) * m.a + alpha * m.b)
        c = problem.constants("guided", np.array([alpha]))
        assert 0 < c.mu[0] <= values[0] * (1 + 1e-12) and c.smoothness[0] >= values[-1] * (1 - 1e-12)
        assert c.noise_trace[0] == pytest.approx(np.trace(m.a))
        if alpha in (0.0, 1.0):
            assert c.mu[0] == pytest.approx(values[0]) and c.smoothness[0] == pytest.approx(values[-1])
        floor = problem.stationary_gap("guided", np.array([alpha]))[0]
        assert floor == pytest.approx(team_stationary(team, alpha).value_lost / 7, rel=1e-8, abs=1e-14)
    assert problem.constants("difference", np.zeros(1)).noise_trace[0] == 0.0


def test_large_teams_use_the_same_eigenvalues(seed: int) -> None:
    team = LinearQuadraticTeam.random(310, seed, alignment=0.5)
    values = np.linalg.eigvalsh(team_matrices(team).a)[[0, -1]]
    c = TeamProblem([team]).constants("return", np.zeros(1))
    assert (c.mu[0], c.smoothness[0]) == pytest.approx(tuple(values), rel=1e-9)


BATCHES, CALLS = 64, 3_000


@pytest.mark.parametrize("credit", CREDITS)
def test_sampled_directions_agree_with_the_closed_forms(seed: int, credit: str) -> None:
    """Means and variances of 6 agents, t over 64 batches of 3 000 roll-outs each, false alarm FALSE_ALARM over all
    comparisons of all credits. A variance wrong by 25 % must be seen: the deterministic line checks that it would."""
    team, theta, alpha = team_of(seed, 6), point(seed, 6), SHARES.get(credit, 0.35)
    base = "difference" if credit.endswith("@difference") else "return"
    names = [base, "guidance"] if credit.startswith("guided") else [credit]
    m = linear_quadratic_moments(team, theta, SIGMA, names)
    weight = np.array([1 - alpha, alpha]) if len(names) == 2 else np.ones(1)
    mean, variance = weight @ m.means[:, :, 0], np.einsum("a,abn,b->n", weight, m.covariances, weight)
    first, second = batches(team, theta, credit, alpha, mean, seed)
    level = FALSE_ALARM / (2 * 6 * len(CREDITS))
    assert agree(first, mean, level) and agree(second, variance, level)
    limit = stats.t.isf(level / 2, BATCHES - 1)
    assert (limit * second.std(0, ddof=1) / np.sqrt(BATCHES) < 0.25 * variance).all()
    assert not agree(second, 1.5 * variance, level)
    assert not agree(first, mean + np.sqrt(variance) * 0.05, level)


def batches(team, theta, credit, alpha, mean, seed) -> tuple[np.ndarray, np.ndarray]:
    """Batch means [BATCHES, N] of g and of (g - mean)^2."""
    problem, generator = TeamProblem([team], BATCHES, SIGMA), cell_generator(seed, CREDITS.index(credit))
    state, shares = np.tile(theta, (BATCHES, 1)), np.full(BATCHES, alpha)
    first, second = np.zeros((2, BATCHES, len(theta)))
    for _ in range(CALLS):
        g = problem.step_direction(state, credit, shares, 1, generator)
        first += g / CALLS
        second += (g - mean) ** 2 / CALLS
    return first, second


def agree(values: np.ndarray, expected: np.ndarray, level: float) -> bool:
    error = values.std(0, ddof=1) / np.sqrt(len(values))
    return bool((np.abs(values.mean(0) - expected) <= stats.t.isf(level / 2, len(values) - 1) * error).all())


def test_roll_outs_are_averaged(seed: int) -> None:
    problem = TeamProblem.random(4, n_fleets=2, seed=seed)
    state, alpha = problem.start(), np.full(2, 0.5)
    together = problem.step_direction(state, "guided", alpha, 3, cell_generator(seed))
    generator = cell_generator(seed)
    one_by_one = [problem.step_direction(state, "guided", alpha, 1, generator) for _ in range(3)]
    assert together == pytest.approx(np.mean(one_by_one, axis=0), rel=1e-12)


def test_each_run_is_on_its_own(seed: int) -> None:
    """A run among others moves as it would alone, under its own alpha."""
    teams = [team_of(seed + k, 5) for k in range(3)]
    states, alpha = np.random.default_rng(seed).normal(size=(3, 5)), np.array([0.1, 0.5, 0.9])
    noise = np.random.default_rng(seed + 1).normal(size=(3, 5))
    together = TeamProblem(teams).step_direction(states, "guided", alpha, 1, Scripted(noise))
    for f in range(3):
        alone = TeamProblem([teams[f]]).step_direction(
            states[f : f + 1], "guided", alpha[f : f + 1], 1, Scripted(noise[f : f + 1])
        )
        assert together[f] == pytest.approx(alone[0], rel=1e-12)


def test_fleets_are_distinct_and_follow_the_seed(seed: int) -> None:
    def optimum(*arguments) -> np.ndarray:
        return np.stack([team.optimum.numpy() for team in TeamProblem.random(*arguments).teams])

    first = optimum(4, 3, 1, seed)
    assert np.array_equal(first, optimum(4, 3, 1, seed)) and len(np.unique(first[:, 0])) == 3
    assert not np.isin(optimum(4, 3, 1, seed + 1), first).any()


def test_bad_input() -> None:
    team = team_of(0)
    flat = LinearQuadraticTeam(team.index, team.value, 0.0 * team.weights, team.optimum, team.reference_state)
    for arguments in (([],), ([team, team_of(0, 4)],), ([team], 0), ([team], 1, 0.0), ([flat],)):
        with pytest.raises(InputError):
            TeamProblem(*arguments)
    problem = TeamProblem([team])
    state = problem.start()
    for credit, alpha in (("return", 0.5), ("guidance", 0.0), ("nonsense", 0.0)):
        with pytest.raises(InputError):
            problem.mean_direction(state, credit, np.array([alpha]))
    with pytest.raises(InputError, match="shape"):
        problem.mean_direction(state, "guided", np.zeros(2))
    with pytest.raises(InputError, match="have an alpha"):
        problem.optimal_alpha(state, "return")


def test_shares_follow_an_alpha_that_is_written_to() -> None:
    """Only those of an array that cannot change are kept, and only for that array."""
    problem = TeamProblem.random(4, 2, seed=1)
    state, alpha = problem.start() + 0.3, np.full(2, 0.25)

    def direction(share: np.ndarray) -> np.ndarray:
        return problem.step_direction(state, "guided", share, 1, cell_generator(3))

    first = direction(alpha)
    alpha[:] = 0.75
    assert not np.allclose(direction(alpha), first)
    fixed = np.full(2, 0.25)
    fixed.setflags(write=False)
    for share, expected in ((fixed, first), (alpha, direction(alpha)), (fixed, first)):
        np.testing.assert_array_equal(direction(share), expected)
    base = np.array([0.25])
    view = np.broadcast_to(base, (2,))  # cannot be written to itself
    np.testing.assert_array_equal(direction(view), first)
    base[:] = 0.75
    np.testing.assert_array_equal(direction(view), direction(alpha))
    with pytest.raises(InputError, match="alpha"):
        problem.step_direction(state, "return", fixed, 1, cell_generator(3))

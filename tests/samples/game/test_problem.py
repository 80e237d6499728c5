"""The game as a `Problem`: sampled directions against all profiles and by sampling, distances, constants, steps."""

from __future__ import annotations

import itertools
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.games.tables import joint_tables
from dgpg_verify.equilibria.shift.entropy import logit_optimum
from dgpg_verify.oracles import enumerate_moments
from dgpg_verify.samples.game.path import curvature_ends, path_constants
from dgpg_verify.samples.game.potential import potential, softmax
from dgpg_verify.samples.game.problem import GameProblem, random_fleets
from dgpg_verify.samples.learner import learn
from dgpg_verify.samples.methods import CREDITS, make_method
from dgpg_verify.samples.problems import cell_generator
from dgpg_verify.samples.steps import TheoryStep
from dgpg_verify.systems import LoadBalancingGame

N, K, FLEETS = 4, 3, 3
RATE = 1e-6  # false alarms of a stochastic test, over all its comparisons, in the normal approximation
SAMPLES = 20_000


def small_games(n: int = N, k: int = K, count: int = FLEETS, seed: int = 0) -> list[LoadBalancingGame]:
    return [LoadBalancingGame.random(n, 50 * seed + s, n_candidates=k, reference="biased:0.3") for s in range(count)]


def same_state(problem: GameProblem, seed: int) -> np.ndarray:
    """One random state for each fleet, the same in all its runs."""
    shape = (len(problem.data.z), problem.n_agents, problem.n_actions)
    logits = np.random.default_rng(seed).normal(size=shape)
    return np.repeat(logits, problem.seeds_per_fleet, axis=0)


def alphas(problem: GameProblem, credit: str, mixed: float = 0.3) -> np.ndarray:
    value = mixed if credit.startswith("guided") else float(credit.startswith("guidance"))
    return np.full(problem.runs, value)


def every_profile(seed: int, credit: str) -> tuple[GameProblem, np.ndarray, np.ndarray, np.ndarray]:
    """(problem, state, directions, probability): run s of each fleet is handed the uniforms that play profile s."""
    profiles = np.array(list(itertools.product(range(K), repeat=N)))
    problem = GameProblem(small_games(seed=seed), len(profiles))
    state = same_state(problem, seed)
    p, _ = softmax(state.reshape(FLEETS, -1, N, K))
    ends = np.cumsum(p, axis=-1)
    middle = ends - 0.5 * p
    chosen = np.broadcast_to(profiles, (FLEETS, *profiles.shape))[..., None]
    uniform = np.take_along_axis(middle, chosen, -1)[..., 0]
    scripted = SimpleNamespace(random=lambda size: uniform.reshape(size))
    directions = problem.step_direction(state, credit, alphas(problem, credit), 1, scripted)  # type: ignore[arg-type]
    weight = np.take_along_axis(p, chosen, -1)[..., 0].prod(-1)
    return problem, state, directions.reshape(FLEETS, -1, N, K), weight


@pytest.mark.parametrize("credit", CREDITS)
def test_every_credit_is_unbiased_over_all_profiles(credit: str, seed: int) -> None:
    """Exact: each of the K^N joint actions is played once and weighed by its probability; mean and variance (F6)."""
    problem, state, directions, weight = every_profile(seed, credit)
    assert weight.sum(1) == pytest.approx(1.0, abs=1e-13)
    mean = (weight[..., None, None] * directions).sum(1)
    expected = problem.mean_direction(state, credit, alphas(problem, credit)).reshape(directions.shape)
    assert np.abs(expected).max() > 0.05
    assert mean == pytest.approx(expected[:, 0], abs=1e-12)
    spread = (weight * ((directions - expected) ** 2).sum((-1, -2))).sum(1)
    mix = alphas(problem, credit).reshape(FLEETS, -1)
    assert spread == pytest.approx(problem.noise(state, credit).mixed(mix)[:, 0], rel=1e-10)
    # control: the weights of another policy do not give this mean
    wrong = np.roll(weight, 1, axis=1)
    assert np.abs((wrong[..., None, None] * directions).sum(1) - expected[:, 0]).max() > 1e-3


@pytest.mark.parametrize("credit", ["return", "difference", "guidance", "guidance:exact"])
def test_mean_directions_are_those_of_the_enumerating_oracle(credit: str, seed: int) -> None:
    games = small_games(seed=seed)
    problem = GameProblem(games, 1)
    state = same_state(problem, seed)
    mine = problem.mean_direction(state, credit, alphas(problem, credit))
    for f, game in enumerate(games):
        p, log_p = softmax(state[f])
        entropy = problem.tau[f] * p * ((p * log_p).sum(-1, keepdims=True) - log_p)
        exact = enumerate_moments(game, p, [credit])
        assert mine[f] == pytest.approx(exact.means[0] + entropy, abs=1e-12)
        assert problem.noise(state, credit).mixed(alphas(problem, credit)[:, None])[f, 0] == pytest.approx(
            exact.covariances[0, 0].sum(), rel=1e-10
        )


def largest_z(samples: np.ndarray, expected: np.ndarray) -> float:
    """Largest |z| of the sample means [F, S, ...] about `expected` [F, ...]."""
    error = samples.std(1, ddof=1) / np.sqrt(samples.shape[1])
    return float((np.abs(samples.mean(1) - expected) / error).max())


@pytest.mark.parametrize("credit", ["return", "guided", "guided@difference"])
def test_sampled_directions_are_unbiased_with_the_variance_of_f6(credit: str, seed: int) -> None:
    """20 000 independent directions of 1 and of 3 roll-outs. False alarm RATE over all comparisons of a case.

    Must see: alpha wrong by 0.2 (controls), and a variance wrong by 20 %, more than 5 standard errors of it.
    """
    problem = GameProblem(small_games(seed=seed), SAMPLES)
    state, alpha = same_state(problem, seed), alphas(problem, credit)
    shape = (FLEETS, SAMPLES, N, K)
    # each agent's K entries add up to 0, and mean and variance are judged
    bound = stats.norm.isf(RATE / 2 / (2 * FLEETS * (N * K + 1)))
    expected = problem.mean_direction(state, credit, alpha).reshape(shape)[:, 0]
    variance = problem.noise(state, credit).mixed(alpha.reshape(shape[:2]))[:, 0]
    for roll_outs in (1, 3):
        generator = cell_generator(seed, roll_outs)
        drawn = problem.step_direction(state, credit, alpha, roll_outs, generator).reshape(shape)
        squares = ((drawn - expected[:, None]) ** 2).sum((-1, -2))
        assert largest_z(drawn, expected) < bound
        assert largest_z(squares, variance / roll_outs) < bound
        assert (squares.std(1) / np.sqrt(SAMPLES) < 0.04 * variance / roll_outs).all()
        # controls: n roll-outs counted as another number; another alpha
        assert largest_z(squares, variance / (roll_outs + 1)) > bound
        if credit != "return":
            other = problem.mean_direction(state, credit, alpha + 0.2).reshape(shape)[:, 0]
            assert largest_z(drawn, other) > bound


def test_distance_is_exact_and_zero_at_the_optimum_only(seed: int) -> None:
    games = small_games(seed=seed)
    problem = GameProblem(games, 2)
    best = logit_optimum(joint_tables(games).reward, problem.tau)
    top = np.repeat(np.log(best.p), 2, axis=0)
    assert np.abs(problem.gap(top)).max() < 1e-12
    assert (problem.gap(problem.start()) > 1e-6).all()
    for s in range(5):
        state = problem.start() + np.random.default_rng(seed + s).normal(size=problem.start().shape)
        assert (problem.gap(state) > 0.0).all()
    p, log_p = softmax(state)
    for run in range(problem.runs):
        value = enumerate_moments(games[run // 2], p[run], ["return"]).objective
        value -= problem.tau[run // 2] * (p[run] * log_p[run]).sum()
        assert problem.gap(state)[run] == pytest.approx((best.value[run // 2] - value) / N, abs=1e-12)


def test_runs_do_not_touch_each_other(seed: int) -> None:
    """A batch of fleets gives what each fleet gives alone, and a run's direction depends on its own state only."""
    games = small_games(seed=seed)
    together = GameProblem(games, 2)
    state = np.random.default_rng(seed).normal(size=together.start().shape)
    for f, game in enumerate(games):
        alone, mine = GameProblem([game], 2), state[2 * f : 2 * f + 2]
        half = np.full(2, 0.5)
        assert np.allclose(alone.gap(mine), together.gap(state)[2 * f : 2 * f + 2], rtol=1e-12, atol=1e-13)
        whole = together.mean_direction(state, "guided", np.full(6, 0.5))
        assert np.allclose(alone.mean_direction(mine, "guided", half), whole[2 * f : 2 * f + 2], rtol=1e-12, atol=1e-13)
        noise = together.optimal_alpha(state, "guided")[2 * f : 2 * f + 2]
        assert np.allclose(alone.optimal_alpha(mine, "guided"), noise, rtol=1e-10)
    moved = state.copy()
    moved[1:] += 1.0
    first = [together.step_direction(s, "guided", np.full(6, 0.5), 2, cell_generator(seed))[0] for s in (state, moved)]
    assert np.array_equal(*first)


def test_the_generator_is_the_only_randomness(seed: int) -> None:
    problem = GameProblem(small_games(seed=seed), 2)
    state, zero = same_state(problem, seed), np.zeros(problem.runs)
    draws = [problem.step_direction(state, "return", zero, 2, cell_generator(seed, key)) for key in (0, 0, 1)]
    assert np.array_equal(draws[0], draws[1]) and not np.array_equal(draws[0], draws[2])
    assert np.array_equal(state, same_state(problem, seed))


def test_best_alpha_has_the_least_noise(seed: int) -> None:
    problem = GameProblem(small_games(seed=seed), 2)
    state = np.random.default_rng(seed).normal(size=problem.start().shape)
    for credit in ("guided", "guided@difference"):
        parts, best = problem.noise(state, credit), problem.optimal_alpha(state, credit)
        least = parts.mixed(best.reshape(FLEETS, 2))
        for alpha in np.linspace(0.0, 1.0, 51):
            assert (least <= parts.mixed(np.full((FLEETS, 2), alpha)) * (1 + 1e-12)).all()
        assert ((best >= 0.0) & (best <= 1.0)).all()
    assert (problem.optimal_alpha(state, "guided") > 0.0).any()


def dense_curvature(problem: GameProblem, alpha: float, logits: np.ndarray, fleet: int) -> np.ndarray:
    """Eigenvalues of minus the Hessian in the logits by central differences of the gradient, the N zeros dropped."""
    objective = potential(problem.data, problem.tau, alpha)
    size = N * K
    hessian = np.zeros((size, size))
    for i in range(size):
        push = np.zeros(size)
        push[i] = 1e-5
        push = push.reshape(1, 1, N, K)
        ends = [objective.gradient(*softmax(logits[:, None] + s * push))[fleet, 0].ravel() for s in (1.0, -1.0)]
        hessian[i] = (ends[1] - ends[0]) / 2e-5
    return np.linalg.eigvalsh(0.5 * (hessian + hessian.T))


def test_constants_hold_where_they_were_measured(seed: int) -> None:
    """mu and L against the dense spectrum at the optimum, and |grad|^2 >= 2 mu gap on another noise-free run."""
    problem = GameProblem(small_games(seed=seed), 1)
    for alpha in (0.0, 0.4):
        objective = potential(problem.data, problem.tau, alpha)
        logits, best = problem._solve(objective)
        given = problem.constants("guided", np.full(FLEETS, alpha))
        p, log_p = softmax(logits[:, None])
        low, high = curvature_ends(objective, p, log_p)
        for f in range(FLEETS):
            values = dense_curvature(problem, alpha, logits, f)
            assert np.abs(values[:N]).max() < 1e-6  # one flat direction an agent
            assert low[f, 0] == pytest.approx(values[N], rel=1e-5) and high[f, 0] == pytest.approx(values[-1], rel=1e-5)
            assert given.mu[f] <= values[N] * (1 + 1e-5) and given.smoothness[f] >= values[-1] * (1 - 1e-5)
        state = problem.start()[:, None]
        for _ in range(60):  # a third of the step it was measured with
            p, log_p = softmax(state)
            slope, gap = objective.gradient(p, log_p), best - objective.value(p, log_p)[:, 0]
            length = (slope**2).sum((1, 2, 3))
            seen = gap > 1e-9
            assert (length[seen] >= 2.0 * 0.99 * given.mu[seen] * gap[seen]).all()
            # the rigorous bound in the module's docstring, from the least eigenvalue of diag(p) - p p^T
            lines = p[:, 0, :, :, None] * (np.eye(K) - p[:, 0, :, None, :])
            least = np.linalg.eigvalsh(lines)[..., 1].min(-1)
            assert (length >= least**2 * problem.tau * gap - 1e-12).all()
            state = state + slope / (3.0 * given.smoothness[:, None, None, None])


def test_growth_of_the_return_s_noise_is_bounded_by_its_trace(seed: int) -> None:
    """V(theta) <= 2 V(optimum) + trace / L |grad J|^2 along the noise-free run; N times as large for the return."""
    problem = GameProblem(random_fleets(24, 3, seed), 1)
    zero = np.zeros(3)
    given = problem.constants("return", zero)
    assert (given.noise_trace / given.smoothness > 24.0).all()
    assert (problem.constants("difference", zero).noise_trace == 0.0).all()
    end = problem.noise(problem.best_logits, "return").base[:, 0]
    state = problem.start()
    for _ in range(20):
        slope = problem.mean_direction(state, "return", zero)
        allowed = 2.0 * end + given.noise_trace / given.smoothness * (slope**2).sum((1, 2))
        assert (problem.noise(state, "return").base[:, 0] <= allowed).all()
        state = state + slope / given.smoothness[:, None, None]


def test_between_measured_alphas_the_worse_neighbour_counts(seed: int) -> None:
    problem = GameProblem(small_games(seed=seed), 2)
    mix = np.array([0.1, 0.2, 0.14, 0.1, 0.2, 0.16])
    given = problem.constants("guided", mix)
    ends = [problem.constants("guided", np.full(6, alpha)) for alpha in (0.1, 0.2)]
    for name, worse in (("mu", np.minimum), ("smoothness", np.maximum), ("noise_trace", np.maximum)):
        mine, low, high = (getattr(c, name) for c in (given, *ends))
        assert mine[[0, 3]] == pytest.approx(low[[0, 3]]) and mine[[1, 4]] == pytest.approx(high[[1, 4]])
        assert mine[[2, 5]] == pytest.approx(worse(low, high)[[2, 5]])


@pytest.mark.parametrize("credit", ["return", "difference", "guided"])
def test_the_greedy_step_keeps_its_promise_over_all_profiles(credit: str, seed: int) -> None:
    """Exact E J(theta + eta g) >= J + eta <grad J, E g> / 2, the guarantee of the quadratic lower bound."""
    problem = GameProblem(small_games(seed=seed), K**N)
    state = 0.1 * same_state(problem, seed)  # close to the run along which L was measured
    alpha = alphas(problem, credit)
    eta = problem.best_step(state, credit, alpha, 1).reshape(FLEETS, -1)
    assert (eta >= 0.0).all() and np.ptp(eta, axis=1).max() < 1e-12
    # 1 / eta is linear in 1 / n, as the noise of n roll-outs is
    one, two, four = (1.0 / problem.best_step(state, credit, alpha, n) for n in (1, 2, 4))
    assert (one > two).all() and one - two == pytest.approx(2.0 * (two - four), rel=1e-6)
    gains, promised = expected_gain(problem, state, credit, alpha, eta)
    assert (gains >= 0.5 * promised - 1e-12).all() and (promised > 0).any()
    # control: ten times that step breaks it in some fleet
    gains, promised = expected_gain(problem, state, credit, alpha, 10.0 * eta)
    assert (gains < 0.5 * promised).any()


def expected_gain(
    problem: GameProblem, state: np.ndarray, credit: str, alpha: np.ndarray, eta: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Exact (E J(theta + eta g) - J, eta <grad J, E g>) of each fleet, by playing every profile."""
    profiles = np.array(list(itertools.product(range(K), repeat=N)))
    p, _ = softmax(state.reshape(FLEETS, -1, N, K))
    chosen = np.broadcast_to(profiles, (FLEETS, *profiles.shape))[..., None]
    uniform = np.take_along_axis(np.cumsum(p, -1) - 0.5 * p, chosen, -1)[..., 0]
    weight = np.take_along_axis(p, chosen, -1)[..., 0].prod(-1)
    scripted = SimpleNamespace(random=lambda size: uniform.reshape(size))
    g = problem.step_direction(state, credit, alpha, 1, scripted)  # type: ignore[arg-type]
    before = problem.value(state).reshape(FLEETS, -1)[:, 0]
    after = problem.value(state + eta.reshape(-1, 1, 1) * g).reshape(FLEETS, -1)
    slope = problem.mean_direction(state, "difference", np.zeros(problem.runs))
    promised = eta[:, 0] * (weight * (slope * g).sum((1, 2)).reshape(FLEETS, -1)).sum(1)
    return (weight * after).sum(1) - before, promised


def test_stationary_gaps_are_where_the_noise_free_run_ends(seed: int) -> None:
    problem = GameProblem(small_games(seed=seed), 2)
    for credit, mix in (("guided", 0.4), ("guidance", 1.0), ("difference", 0.0)):
        alpha, state = np.full(6, mix), problem.start()
        step = 1.0 / problem.constants(credit, alpha).smoothness[:, None, None]
        for _ in range(400):
            state = state + step * problem.mean_direction(state, credit, alpha)
        assert problem.stationary_gap(credit, alpha) == pytest.approx(problem.gap(state), abs=1e-10)
    mixed = np.array([0.4, 1.0] * 3)
    own = problem.stationary_gap("guided", mixed)
    assert own[::2] == pytest.approx(problem.stationary_gap("guided", np.full(6, 0.4))[::2])
    assert own[1::2] == pytest.approx(problem.stationary_gap("guided", np.ones(6))[1::2])
    assert (own > 1e-6).all() and np.abs(problem.stationary_gap("difference", np.zeros(6))).max() < 1e-12


def test_a_learner_arrives_with_the_theory_s_step(seed: int) -> None:
    """No rate is judged: the difference reward comes to a tenth of the first gap within 3 000 samples."""
    problem = GameProblem(random_fleets(8, 4, seed), 2)
    curve = learn(problem, make_method("difference"), TheoryStep(), 3_000, cell_generator(seed))
    assert (curve.diverged < 0).all()
    assert (np.median(curve.gaps[:, -1] / curve.gaps[:, 0])) < 0.1


def test_memory_does_not_grow_with_roll_outs(seed: int) -> None:
    problem = GameProblem(random_fleets(64, 2, seed), 4)
    state, half = problem.start(), np.full(8, 0.5)
    peaks = []
    for roll_outs in (2, 2, 64):  # the first call fills the tables that are kept
        tracemalloc.start()
        problem.step_direction(state, "guided", half, roll_outs, cell_generator(seed))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.2 * peaks[1]


def test_random_fleets_are_nested_and_share_their_graphs() -> None:
    few, many = random_fleets(6, 2, 3), random_fleets(6, 4, 3, reference="biased:0.3")
    for a, b in zip(few, many):
        assert (a.jobs == b.jobs).all() and (a.candidates == b.candidates).all()
    assert not (few[0].jobs == few[1].jobs).all()
    assert not (few[0].jobs == random_fleets(6, 1, 4)[0].jobs).all()


def test_the_path_ends_where_it_is_told_to() -> None:
    """A shorter run sees fewer states, so its mu can only be larger and its L smaller; no end: a path alone."""
    problem = GameProblem(small_games(), 1)
    logits, best = problem._solve(problem.objective)
    whole = path_constants(problem.objective, best, logits)
    short = path_constants(problem.objective, best, logits, max_steps=1)
    assert (short.mu >= whole.mu).all() and (short.smoothness <= whole.smoothness).all()
    alone = path_constants(problem.objective, best)
    assert (alone.mu >= whole.mu - 1e-12).all() and np.isfinite(alone.mu).all()
    first = problem.mean_direction(problem.start(), "difference", np.zeros(FLEETS))
    ratio = (first**2).sum((1, 2)) / (2.0 * N * problem.gap(problem.start()))
    assert (alone.mu <= ratio * (1 + 1e-12)).all()


def test_least_curvature_is_not_that_of_the_flat_directions() -> None:
    """At the optimum it is at least 3/4 tau min lambda(P) (tau P - P diag(h z^2) P, |P| <= 1/2), far above rounding."""
    problem = GameProblem(random_fleets(32, 3), 1)
    p, log_p = softmax(problem.best_logits[:, None])
    lines = p[:, 0, :, :, None] * (np.eye(4) - p[:, 0, :, None, :])
    least = np.linalg.eigvalsh(lines)[..., 1].min(-1)
    assert (curvature_ends(problem.objective, p, log_p)[0][:, 0] >= 0.75 * problem.tau * least).all()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda g, p: GameProblem([]), "games is empty"),
        (lambda g, p: GameProblem(g, 0), "seeds_per_fleet"),
        (lambda g, p: GameProblem(g, temperature=0.1), "temperature"),
        (lambda g, p: GameProblem(g, temperature=[1e3, 1e3]), "temperature"),
        (lambda g, p: GameProblem(g, temperature=float("inf")), "temperature"),
        (lambda g, p: GameProblem(small_games(4, 1)), "n_candidates = 1"),
        (lambda g, p: random_fleets(0), "n_agents"),
        (lambda g, p: random_fleets(4, 0), "n_fleets"),
        (lambda g, p: random_fleets(4, seed=-1), "seed"),
        (lambda g, p: p.gap(np.zeros((2, N, K))), "state has shape"),
        (lambda g, p: p.step_direction(p.start(), "coma", np.zeros(3), 1, cell_generator(0)), "credit"),
        (lambda g, p: p.step_direction(p.start(), "guided", np.zeros(3), 0, cell_generator(0)), "roll_outs"),
        (lambda g, p: p.step_direction(p.start(), "guided", np.full(3, 1.5), 1, cell_generator(0)), "alpha"),
        (lambda g, p: p.step_direction(p.start(), "return", np.ones(3), 1, cell_generator(0)), "alpha = 1"),
        (lambda g, p: p.mean_direction(p.start(), "guidance", np.zeros(3)), "alpha = 0"),
        (lambda g, p: p.optimal_alpha(p.start(), "return"), "alpha"),
        (lambda g, p: p.best_step(p.start(), "guided", np.zeros(3), 0), "roll_outs"),
        (lambda g, p: p.constants("guided", np.zeros(2)), "alpha"),
    ],
)
def test_bad_input(call: object, match: str) -> None:
    games = small_games()
    with pytest.raises(InputError, match=match):
        call(games, GameProblem(games, 1))  # type: ignore[operator]


def test_a_higher_temperature_is_used(seed: int) -> None:
    games = small_games(seed=seed)
    problem = GameProblem(games, 1, temperature=200.0)
    assert (problem.tau == 200.0).all()
    best = logit_optimum(joint_tables(games).reward, 200.0)
    assert np.abs(softmax(problem.best_logits)[0] - best.p).max() < 1e-9

"""The plain softmax game: its noise-free flow against exact solutions, and the gap that is measured from it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from dgpg_verify.core import InputError, NonFiniteError
from dgpg_verify.equilibria.games.profiles import expected
from dgpg_verify.equilibria.games.tables import joint_tables
from dgpg_verify.samples.game.plain import HORIZON, PlainGame, gradient_flow
from dgpg_verify.samples.game.potential import Potential, potential, softmax, stack_games
from dgpg_verify.samples.game.problem import random_fleets
from dgpg_verify.samples.learner import learn
from dgpg_verify.samples.methods import make_method
from dgpg_verify.samples.problems import cell_generator
from dgpg_verify.samples.steps import TheoryStep
from dgpg_verify.systems import LoadBalancingGame

TIMES = [0.0, 1.0, 10.0, 100.0, 1_000.0]


def plain(n: int, fleets: int, seed: int, k: int | None = None) -> Potential:
    return potential(stack_games(random_fleets(n, fleets, seed, n_candidates=k)), np.zeros(fleets))


def test_one_agent_with_two_choices_has_a_closed_form(seed: int) -> None:
    """d = theta_1 - theta_2 obeys d + sinh d = D t, D = C(2) - C(1); a step of 1e-3 gives about as many digits."""
    games = [LoadBalancingGame.random(1, 10 * seed + s, n_candidates=2, n_servers=2) for s in range(4)]
    tables = joint_tables(games).reward
    theta, _ = gradient_flow(potential(stack_games(games), np.zeros(4)), TIMES[-1], tolerance=1e-5)
    apart = theta[:, 0, 0] - theta[:, 0, 1]
    gain = tables[:, 0] - tables[:, 1]
    assert (np.abs(apart) > 1.0).any()
    assert apart + np.sinh(apart) == pytest.approx(gain * TIMES[-1], rel=5e-3)


def test_flow_against_a_general_solver_and_its_own_finer_steps(seed: int) -> None:
    objective = plain(5, 1, seed, 3)
    shape = (1, 1, 5, 3)

    def slope(_: float, state: np.ndarray) -> np.ndarray:
        return objective.gradient(*softmax(state.reshape(shape))).ravel()

    exact = solve_ivp(slope, (0.0, 100.0), np.zeros(15), method="DOP853", rtol=1e-10, atol=1e-10, t_eval=TIMES[:4])
    wanted = [objective.value(*softmax(state.reshape(shape)))[0, 0] for state in exact.y.T]
    errors = []
    for tolerance in (1e-2, 1e-4):
        values = [gradient_flow(objective, time, tolerance)[1][0] for time in TIMES[:4]]
        assert (np.diff(values) > 0).all()
        errors.append(np.abs(np.array(values) - wanted).max())
    rise = wanted[-1] - wanted[0]
    assert errors[0] < 0.02 * rise and errors[1] < 0.05 * errors[0]


def test_fleets_flow_alone(seed: int) -> None:
    """Each fleet has its own clock: together or alone the values are the same."""
    objective = plain(6, 3, seed)
    for time in TIMES:
        _, together = gradient_flow(objective, time)
        alone = [
            gradient_flow(potential(stack_games([game]), np.zeros(1)), time)[1][0] for game in random_fleets(6, 3, seed)
        ]
        assert np.allclose(together, alone, rtol=1e-9, atol=1e-12)


def test_gap_is_taken_from_the_flow_and_has_no_entropy(seed: int) -> None:
    games = random_fleets(4, 3, seed, n_candidates=3)
    problem = PlainGame(games, 2)
    (_, half), (theta, whole) = (gradient_flow(problem.objective, time) for time in (0.5 * HORIZON, HORIZON))
    end = np.repeat(theta, 2, axis=0)
    assert np.abs(problem.gap(end)).max() < 1e-3 and (problem.gap(problem.start()) > 0.01).all()
    assert problem.remaining == pytest.approx((whole - half) / 4, abs=2e-4)
    state = np.random.default_rng(seed).normal(size=problem.start().shape)
    p, _ = softmax(state[::2])
    assert problem.value(state)[::2] == pytest.approx(expected(joint_tables(games).reward, p), abs=1e-12)
    # the best pure profile beats the flow or equals it: a gap may be negative, and is not hidden
    rewards = joint_tables(games).reward.reshape(3, -1)
    best = np.array(np.unravel_index(rewards.argmax(1), (3,) * 4)).T
    pure = 40.0 * np.eye(3)[best]
    assert (problem.gap(np.repeat(pure, 2, axis=0)) <= 1e-9).all()


def test_a_plain_learner_follows_beside_its_flow(seed: int) -> None:
    """No rate is judged: constants exist, and the difference reward closes more than half of the first gap."""
    problem = PlainGame(random_fleets(8, 3, seed), 2)
    zero = np.zeros(problem.runs)
    given = problem.constants("difference", zero)
    for values in (given.mu, given.smoothness):
        assert (values > 0).all() and np.isfinite(values).all()
    assert (given.mu < 0.1 * given.smoothness).all()  # plateaus: gradient domination is all but lost
    step = TheoryStep()
    curve = learn(problem, make_method("difference"), step, 3_000, cell_generator(seed))
    assert (curve.diverged < 0).all()
    assert np.median(curve.gaps[:, -1] / curve.gaps[:, 0]) < 0.5


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"time": -1.0}, "time"),
        ({"time": float("inf")}, "time"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"max_steps": 0}, "max_steps"),
    ],
)
def test_bad_input(changes: dict, match: str) -> None:
    with pytest.raises(InputError, match=match):
        gradient_flow(**({"objective": plain(4, 1, 0), "time": 1.0} | changes))


def test_a_flow_that_cannot_finish_says_so() -> None:
    with pytest.raises(NonFiniteError, match="max_steps"):
        gradient_flow(plain(4, 1, 0), 1e4, max_steps=5)

"""The learner against curves known by hand, against the exact recursion of the team, and when runs diverge."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dgpg_verify.core import InputError
from dgpg_verify.samples import (
    Curve,
    GreedyStep,
    TeamProblem,
    TheoryStep,
    cell_generator,
    learn,
    log_checkpoints,
    make_method,
)
from dgpg_verify.systems import LinearQuadraticTeam
from tests.oracles.teams.recursion import recursion
from tests.samples.parabola import METHODS, Parabola

FALSE_ALARM = 1e-3  # of each test that samples, shared out over its comparisons (t over independent runs)


def run(problem, name: str = "return", rule=None, budget: int = 200, seed: int = 0, **options) -> Curve:
    return learn(problem, make_method(name), rule or TheoryStep(), budget, cell_generator(seed, 9), **options)


def agrees(samples: np.ndarray, expected: np.ndarray, level: float) -> bool:
    """Whether the means of samples [R, C] are those expected [C], at false-alarm rate `level` over all C."""
    error = samples.std(0, ddof=1) / np.sqrt(len(samples))
    limit = stats.t.isf(level / (2 * len(expected)), len(samples) - 1)
    return bool((np.abs(samples.mean(0) - expected) <= limit * error).all())


def test_without_noise_every_step_is_the_schedule() -> None:
    curve = run(Parabola(3, 2, mu=2.0, noise=0.0), budget=20, checkpoints=np.arange(21))
    etas = 2.0 / (2.0 * (np.arange(20) + 6.0))  # k0 = 2 Lbar / mu = 6
    theta = np.concatenate([[1.0], np.cumprod(1.0 - 2.0 * etas)])
    assert curve.gaps.shape == (2, 21) and curve.gaps == pytest.approx(np.tile(theta**2, (2, 1)), rel=1e-12)
    assert (curve.alphas == 0.0).all() and (curve.diverged == -1).all()


@pytest.mark.parametrize("roll_outs", [1, 3])
def test_mean_curve_of_the_toy_is_its_recursion(seed: int, roll_outs: int) -> None:
    problem = Parabola(2, 4_000)
    curve = run(problem, budget=90 * roll_outs, seed=seed, roll_outs=roll_outs)
    steps = curve.samples // roll_outs
    etas = 2.0 / (np.arange(90) + 6.0)
    expected = problem.expected_gaps(etas, roll_outs)[steps[1:] - 1]
    assert agrees(curve.gaps[:, 1:], expected, FALSE_ALARM)
    wrong = problem.expected_gaps(etas, roll_outs + 1)[steps[1:] - 1]
    assert not agrees(curve.gaps[:, 1:], wrong, FALSE_ALARM)


def test_mean_curve_of_the_team_is_the_exact_recursion(seed: int) -> None:
    team = LinearQuadraticTeam.random(5, seed, alignment=0.5)
    curve = run(TeamProblem([team], 3_000, sigma=0.5), budget=150, seed=seed)
    expected = recursion(team, 0.5, 150)
    assert (np.diff(expected) < 0).all(), "the theory's schedule goes down at every step"
    assert agrees(curve.gaps[:, 1:], expected[curve.samples[1:] - 1], FALSE_ALARM)
    assert not agrees(curve.gaps[:, 1:], recursion(team, 0.6, 150)[curve.samples[1:] - 1], FALSE_ALARM)


@pytest.mark.parametrize("rule", [TheoryStep(), GreedyStep()], ids=["theory", "greedy"])
@pytest.mark.parametrize("name", METHODS)
def test_every_method_goes_down(seed: int, name: str, rule) -> None:
    """False alarms: the mean log gap ratio of 24 fleets is far below log(1/5) here; t at FALSE_ALARM over all cases."""
    problem = TeamProblem.random(8, n_fleets=24, seed=seed)
    curve = run(problem, name, rule, budget=800, seed=seed)
    ratio = np.log(curve.gaps[:, -1] / curve.gaps[:, 0])
    upper = ratio.mean() + stats.t.isf(FALSE_ALARM / 24, 23) * ratio.std(ddof=1) / np.sqrt(24)
    assert upper < np.log(1.0 / 5.0), "the mean must be below, beyond sampling error"
    assert (curve.diverged == -1).all()


def test_same_seed_same_numbers_other_seed_others(seed: int) -> None:
    problem = TeamProblem.random(4, n_fleets=3, seeds_per_fleet=2, seed=seed)
    first, again = run(problem, seed=seed), run(problem, seed=seed)
    assert np.array_equal(first.gaps, again.gaps)
    other = run(problem, seed=seed + 1)
    assert np.array_equal(first.gaps[:, 0], other.gaps[:, 0]) and not (first.gaps[:, 1:] == other.gaps[:, 1:]).any()
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    run(problem, seed=seed, budget=5)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


class PartlyUnstable(Parabola):
    """Runs 0, 2, 4, ... double their distance and more at every step until they overflow."""

    def step_direction(self, state, credit, alpha, roll_outs, generator):
        assert np.isfinite(state).all(), "a problem must never see a state that is not finite"
        calm = super().step_direction(state, credit, alpha, roll_outs, generator)
        calm[::2] = 100.0 * state[::2] ** 3
        return calm


def test_a_diverged_run_is_named_and_the_others_go_on() -> None:
    plain, mixed = run(Parabola(2, 4)), run(PartlyUnstable(2, 4))
    assert (mixed.diverged[::2] > 0).all() and (mixed.diverged[1::2] == -1).all()
    assert np.array_equal(mixed.gaps[1::2], plain.gaps[1::2])
    for r in (0, 2):
        gone = mixed.samples >= mixed.diverged[r]
        assert gone.any() and np.isinf(mixed.gaps[r, gone]).all() and np.isfinite(mixed.gaps[r, ~gone]).all()


def test_stopping_early_gives_the_beginning_of_the_full_curve() -> None:
    problem = Parabola(50, 6, noise=0.2)
    full, short = run(problem, budget=4_000), run(problem, budget=4_000, stop_below=0.05)
    count = len(short.samples)
    assert 2 < count < len(full.samples)
    assert np.array_equal(short.gaps, full.gaps[:, :count]) and np.array_equal(short.samples, full.samples[:count])
    assert run(problem, budget=200, stop_below=1e-9).samples[-1] == 200
    gone = run(PartlyUnstable(50, 6, noise=0.2), budget=4_000, stop_below=0.05)
    assert len(gone.samples) < len(full.samples), "diverged runs are not waited for"


@pytest.mark.parametrize(("budget", "roll_outs"), [(1, 1), (7, 2), (5_000, 1), (5_000, 16)])
def test_checkpoints(budget: int, roll_outs: int) -> None:
    marks = log_checkpoints(budget, roll_outs)
    assert marks[0] == 0 and marks[1] == roll_outs and marks[-1] == budget // roll_outs * roll_outs
    steps = marks[1:] // roll_outs
    assert (marks % roll_outs == 0).all()
    assert (steps[1:] <= np.maximum(steps[:-1] + 1, 1.05 * steps[:-1])).all() and (np.diff(steps) > 0).all()


@pytest.mark.parametrize(
    "options",
    [
        {"budget": 0},
        {"budget": 3, "roll_outs": 4},
        {"roll_outs": 0},
        {"checkpoints": [1, 2]},
        {"checkpoints": [0, 2, 2]},
        {"checkpoints": [0, 201]},
        {"checkpoints": [0, 3], "roll_outs": 2},
        {"stop_below": 0.0},
        {"stop_below": [0.1, 0.1, 0.1]},
    ],
    ids=str,
)
def test_bad_input(options: dict) -> None:
    with pytest.raises(InputError, match="not allowed"):
        run(Parabola(2, 2), **options)

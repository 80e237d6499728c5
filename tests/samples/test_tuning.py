"""Tuning on a toy where the best scale is known, and what it does when nothing arrives."""

from __future__ import annotations

import numpy as np
import pytest

from dgpg_verify.core import InputError
from dgpg_verify.samples import make_method, tune
from tests.samples.parabola import Parabola


def test_without_noise_the_largest_stable_step_is_chosen() -> None:
    """eta_0 = c / (3 mu): the larger c <= 2, the faster; c = 12 overshoots by a factor of 3 a step at first."""
    scale, tries = tune(Parabola(3, 4, noise=0.0), make_method("return"), 400, 0, grid=(0.25, 1.0, 2.0, 12.0))
    assert scale == 2.0 and [t.scale for t in tries] == [0.25, 1.0, 2.0, 12.0]
    times = [t.median_samples for t in tries]
    assert None not in times[1:3] and times[1] > times[2]


def test_when_nothing_arrives_the_smallest_last_gap_is_chosen(seed: int) -> None:
    scale, tries = tune(Parabola(3, 9, noise=30.0), make_method("return"), 300, seed, grid=(0.25, 1.0, 4.0))
    assert all(t.median_samples is None for t in tries)
    gaps = [t.median_gap for t in tries]
    assert scale == (0.25, 1.0, 4.0)[int(np.argmin(gaps))]


class Exploding(Parabola):
    def step_direction(self, state, credit, alpha, roll_outs, generator):
        return 1e9 * state**3


def test_divergence_is_recorded_and_refused_where_nothing_else_is_left() -> None:
    with pytest.raises(InputError, match="diverged at every scale"):
        tune(Exploding(2, 3), make_method("return"), 100, 0)


class Recording(Parabola):
    """Keeps the first noise of every run of the learner."""

    def __init__(self, n_agents: int, runs: int) -> None:
        super().__init__(n_agents, runs)
        self.first: list[np.ndarray] = []

    def step_direction(self, state, credit, alpha, roll_outs, generator):
        direction = super().step_direction(state, credit, alpha, roll_outs, generator)
        if np.array_equal(state, self.start()):
            self.first.append(direction - self.mean_direction(state, credit, alpha))
        return direction


def test_same_noise_for_every_scale_and_other_noise_for_another_seed(seed: int) -> None:
    problem = Recording(3, 5)
    for s in (seed, seed + 1):
        tune(problem, make_method("return"), 200, s, grid=(0.5, 1.0))
    assert len(problem.first) == 4
    assert np.array_equal(problem.first[0], problem.first[1]) and np.array_equal(problem.first[2], problem.first[3])
    assert not (problem.first[0] == problem.first[2]).any()


@pytest.mark.parametrize("options", [{"grid": ()}, {"grid": (1.0, 1.0)}, {"grid": (0.0,)}], ids=str)
def test_bad_input(options: dict) -> None:
    with pytest.raises(InputError):
        tune(Parabola(2, 2), make_method("return"), 100, 0, **options)

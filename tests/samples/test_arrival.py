"""Arrivals by hand, and what must not change them."""

from __future__ import annotations

import numpy as np
import pytest

from dgpg_verify.core import InputError
from dgpg_verify.samples import Curve, TheoryStep, cell_generator, learn, make_method, samples_to_gap, start_fractions
from tests.samples.parabola import Parabola


def curve_of(samples: list[int], *gaps: list[float]) -> Curve:
    runs = len(gaps)
    return Curve(
        roll_outs=1,
        samples=np.array(samples),
        gaps=np.array(gaps),
        alphas=np.zeros((runs, len(samples))),
        diverged=np.full(runs, -1),
    )


CASES = {
    "stays": ([9, 3, 0.5, 0.5, 0.5, 0.5, 0.5], 1, 2),
    "leaves within a factor of 2": ([9, 3, 0.5, 2, 0.5, 0.5, 0.5], 3, 4),
    "leaves at a factor of 2": ([9, 9, 0.5, 0.5, 9, 0.5, 0.5], 4, 6),
    "leaves only later": ([9, 0.5, 0.5, 3, 3, 3, 3], 0, 1),
    "too late to be confirmed": ([9, 9, 9, 9, 9, 9, 0.5], 6, np.inf),
    "at the last that can be confirmed": ([9, 9, 9, 9, 9, 0.5, 0.5, 0.5], 4, 6),
    "never": ([9, 9, 9, 9, 9, 9, 9], 6, np.inf),
    "equal counts as reached": ([9, 1, 1, 1, 1, 1, 1], 0, 1),
    "diverged": ([9, 9, 0.5, np.inf, np.inf, np.inf, np.inf], 6, np.inf),
    "not a number": ([9, 9, 0.5, np.nan, np.nan, np.nan, np.nan], 6, np.inf),
}


@pytest.mark.parametrize("name", CASES)
def test_by_hand(name: str) -> None:
    gaps, low, high = CASES[name]
    samples = [0, 1, 2, 3, 4, 6, 12][: len(gaps)] if len(gaps) == 7 else [0, 1, 2, 3, 4, 6, 8, 12]
    arrivals = samples_to_gap(curve_of(samples, gaps), [1.0])
    assert arrivals.low.shape == arrivals.high.shape == (1, 1)
    assert (arrivals.low[0, 0], arrivals.high[0, 0]) == (low, high)


def test_a_longer_curve_changes_no_known_arrival_and_smaller_eps_come_later(seed: int) -> None:
    problem, eps = Parabola(3, 40, noise=0.5), np.array([0.2, 0.1, 0.02, 0.002])
    curves = [
        learn(problem, make_method("return"), TheoryStep(), budget, cell_generator(seed), stop_below=stop)
        for budget, stop in ((4_000, None), (4_000, 0.002), (100, None))
    ]
    full, stopped, short = (samples_to_gap(curve, eps) for curve in curves)
    censored = np.isinf(short.high)
    assert np.isfinite(full.high).all() and censored.any() and not censored.all()
    assert np.array_equal(full.low, stopped.low) and np.array_equal(full.high, stopped.high)
    known = ~censored
    assert np.array_equal(full.high[known], short.high[known]) and np.array_equal(full.low[known], short.low[known])
    assert (full.high[censored] > short.low[censored]).all()
    assert (np.diff(full.high, axis=1) >= 0).all() and (full.low < full.high).all()


def test_fractions_of_the_start() -> None:
    curve = curve_of([0, 1, 2], [8.0, 1.0, 0.1], [4.0, 1.0, 0.1])
    assert np.array_equal(start_fractions(curve, [2.0, 8.0]), [[4.0, 1.0], [2.0, 0.5]])
    both = samples_to_gap(curve, start_fractions(curve, [2.0, 8.0]))
    assert np.array_equal(both.high, [[1.0, 1.0], [1.0, np.inf]])


@pytest.mark.parametrize("eps", [[0.0], [-1.0], [9.0], [np.nan], [], 1.0, [[1.0], [1.0]]], ids=str)
def test_bad_eps(eps) -> None:
    with pytest.raises(InputError, match="eps"):
        samples_to_gap(curve_of([0, 1, 2], [9.0, 1.0, 0.1]), eps)


@pytest.mark.parametrize("factors", [[], [1.0], [np.inf], [[2.0]]], ids=str)
def test_bad_factors(factors) -> None:
    with pytest.raises(InputError, match="factors"):
        start_fractions(curve_of([0, 1], [9.0, 1.0]), factors)

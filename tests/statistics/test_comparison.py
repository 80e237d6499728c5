"""Difference of means and probability of improvement: against scipy, hand cases, coverage, controls."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from dgpg_verify.core import Estimate, InputError
from dgpg_verify.statistics import (
    clopper_pearson,
    coverage_band,
    difference_interval,
    mean_interval,
    probability_of_improvement,
)

CONFIGURATIONS = 200
# name -> (draws of both methods, true probability of improvement)
Draw = Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]
PAIRS: dict[str, tuple[Draw, float]] = {
    "same law": (lambda g, n: (g.normal(size=n), g.normal(size=n)), 0.5),
    "shifted": (lambda g, n: (g.normal(1.0, 1.0, n), g.normal(size=n)), float(stats.norm.cdf(np.sqrt(0.5)))),
    "one never varies": (lambda g, n: (np.zeros(n), g.normal(size=n)), 0.5),
    "one never varies, 0.9": (lambda g, n: (np.full(n, stats.norm.ppf(0.9)), g.normal(size=n)), 0.9),
    "two groups": (lambda g, n: (0.1 * g.normal(size=n), np.where(g.random(n) < 0.15, 1.0, -1.0)), 0.85),
    "ties": (lambda g, n: (g.integers(0, 3, n).astype(float), g.integers(0, 3, n).astype(float)), 0.5),
}


def misses(pair: str, n: int, seed: int, interval: Callable[..., Estimate] = probability_of_improvement) -> int:
    draw, truth = PAIRS[pair]
    rng, count = np.random.default_rng([41, seed, n]), 0
    for _ in range(CONFIGURATIONS):
        e = interval(*draw(rng, n))
        count += not e.low - 1e-12 <= truth <= e.high + 1e-12
    return count


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("n", [3, 5, 10, 20])
def test_the_probability_of_improvement_is_covered(pair: str, n: int, seed: int) -> None:
    # Conservative: the largest true miss rate (20 000 draws) is 4.2 %, so a case exceeds 21 once in 10 000 seeds.
    assert misses(pair, n, seed) <= coverage_band(0.95, CONFIGURATIONS)[1]


def test_one_run_each_is_compared() -> None:
    found = probability_of_improvement([1.0], [0.0])
    assert (found.value, found.n) == (1.0, 1) and found.low < 0.1 and found.high == 1.0


def test_counting_all_pairs_as_independent_misses_too_often(seed: int) -> None:
    """The control: n m trials instead of min(n, m)."""

    def naive(first: np.ndarray, second: np.ndarray) -> Estimate:
        wins = int((first[:, None] > second[None, :]).sum())
        return clopper_pearson(wins, len(first) * len(second))

    assert misses("one never varies", 10, seed, naive) > 2 * coverage_band(0.95, CONFIGURATIONS)[1]


def test_two_values_each_are_enough_for_a_difference() -> None:
    first, second = np.array([0.0, 1.0]), np.array([2.0, 5.0])
    welch = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    e = difference_interval(first, second)
    assert (e.value, e.low, e.high) == pytest.approx((-3.0, welch.low, welch.high))


def test_it_is_mann_whitney_with_ties_half() -> None:
    first, second = [1.0, 2.0, 2.0, 5.0], [2.0, 0.0, 3.0]
    e = probability_of_improvement(first, second)
    assert e.value == pytest.approx(stats.mannwhitneyu(first, second).statistic / 12)
    back = probability_of_improvement(second, first)
    assert (back.value, back.low, back.high) == pytest.approx((1 - e.value, 1 - e.high, 1 - e.low))
    assert e.n == 3


def test_five_clear_wins_of_five_cannot_exclude_one_half_and_six_can() -> None:
    five = probability_of_improvement(np.arange(5.0) + 10, np.arange(5.0))
    assert five == clopper_pearson(5, 5) and five.low < 0.5
    assert probability_of_improvement(np.arange(6.0) + 10, np.arange(6.0)).low > 0.5
    assert probability_of_improvement([0.0] * 4, [1.0] * 4).low == 0.0


def test_the_difference_is_welchs_interval_or_the_paired_one() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=6), rng.normal(1.0, 3.0, 9)
    e = difference_interval(first, second, 0.9)
    expected = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.9)
    assert (e.low, e.high) == pytest.approx((expected.low, expected.high))
    assert difference_interval(first, second[:6], paired=True) == mean_interval(first - second[:6])
    still = difference_interval([1.0, 1.0], [0.0, 0.0, 0.0])
    assert (still.value, still.low, still.high, still.n) == (1.0, 1.0, 1.0, 2)


@pytest.mark.parametrize(
    "call",
    [
        lambda: difference_interval([1.0], [1.0, 2.0]),
        lambda: difference_interval([1.0, 2.0], [1.0, 2.0, 3.0], paired=True),
        lambda: difference_interval([1.0, 2.0], [1.0, np.inf]),
        lambda: probability_of_improvement([], [1.0]),
        lambda: probability_of_improvement([1.0], [1.0], 0.0),
    ],
)
def test_bad_input_is_refused(call: Callable[[], object]) -> None:
    with pytest.raises(InputError):
        call()

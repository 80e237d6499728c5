"""Intervals: against scipy, hand cases and measured coverage, with controls that must fail."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from dgpg_verify.core import Estimate, InputError
from dgpg_verify.statistics import clopper_pearson, coverage_band, geometric_mean_interval, mean_interval, mean_of
from dgpg_verify.statistics.intervals import within

CONFIGURATIONS = 200


def misses(make: Callable[[np.random.Generator], tuple[float, Estimate]], seed: int, shrink: float = 1.0) -> int:
    """Intervals of 200 random configurations that miss the truth (shrunk about their value by `shrink`)."""
    rng, count = np.random.default_rng([12, seed]), 0
    for _ in range(CONFIGURATIONS):
        truth, e = make(rng)
        count += not e.value + shrink * (e.low - e.value) <= truth <= e.value + shrink * (e.high - e.value)
    return count


def normal_mean(rng: np.random.Generator) -> tuple[float, Estimate]:
    n, mean = int(rng.integers(3, 12)), float(rng.normal())
    return mean, mean_interval(rng.normal(mean, rng.uniform(0.1, 3.0), n))


def lognormal_typical(rng: np.random.Generator) -> tuple[float, Estimate]:
    mean = float(rng.normal())
    return float(np.exp(mean)), geometric_mean_interval(np.exp(rng.normal(mean, 1.0, int(rng.integers(3, 12)))))


CASES = {
    "mean": normal_mean,
    "geometric mean": lognormal_typical,
}


@pytest.mark.parametrize("name", CASES)
def test_coverage_over_200_configurations(name: str, seed: int) -> None:
    # A correct 95 % interval falls outside the band once in 1 000 runs; at half the width it misses a third.
    low, high = coverage_band(0.95, CONFIGURATIONS)
    assert (low, high) == (2, 21)
    assert low <= misses(CASES[name], seed) <= high
    assert misses(CASES[name], seed, shrink=0.5) > high


def test_the_mean_is_scipys_t_interval() -> None:
    x = np.random.default_rng(0).normal(size=9)
    e = mean_interval(x, 0.9)
    assert np.allclose([e.low, e.high], stats.ttest_1samp(x, 0).confidence_interval(0.9))
    assert (e.n, e.level, e.value) == (9, 0.9, pytest.approx(x.mean()))
    g = geometric_mean_interval(np.exp(x), 0.9)
    assert np.allclose(np.log([g.low, g.value, g.high]), [e.low, e.value, e.high])


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (3, 10), (10, 10), (2999, 3000)])
def test_clopper_pearson_is_statsmodels(successes: int, trials: int) -> None:
    e = clopper_pearson(successes, trials, 0.99)
    assert np.allclose([e.low, e.high], proportion_confint(successes, trials, 0.01, "beta"))
    assert e.value == successes / trials


def test_a_mean_of_too_few_values_has_no_interval() -> None:
    assert mean_of([2.0, 5.0], 0.9) == mean_interval([2.0, 5.0], 0.9)
    assert mean_of([2.0], 0.9) == Estimate(2.0, None, None, 0.9, 1)
    assert mean_of([], 0.9) == Estimate(None, None, None, 0.9, 0)


def test_an_overflowing_interval_is_not_measurable() -> None:
    assert geometric_mean_interval([1e-300, 1e300]).low is None


@pytest.mark.parametrize(
    "call",
    [
        lambda: mean_interval([1.0]),
        lambda: mean_interval([1.0, np.nan]),
        lambda: mean_interval([[1.0, 2.0]]),
        lambda: mean_interval([1.0, 2.0], 0.0),
        lambda: geometric_mean_interval([1.0, 0.0]),
        lambda: clopper_pearson(5, 4),
        lambda: clopper_pearson(0, 0),
    ],
)
def test_bad_input_is_refused(call: Callable[[], object]) -> None:
    with pytest.raises(InputError):
        call()


@pytest.mark.parametrize(
    "ends, expected",
    [
        ((0.5, 0.2, 0.8), (0.5, 0.2, 0.8)),
        ((1.02, 0.9, 1.14), (1.0, 0.9, 1.0)),
        ((-4.5, -9.0, 0.1), (-1.0, -1.0, 0.1)),
        ((1.0 + 1e-12, 1.0 + 1e-12, 1.0 + 1e-12), (1.0, 1.0, 1.0)),
        ((4.5, 2.0, 7.0), (None, None, None)),
        ((-1.2, -1.4, -1.0), (-1.0, -1.0, -1.0)),  # an interval that touches the range lies in it
        ((1.2, 1.0, 1.4), (1.0, 1.0, 1.0)),
        ((4.5, None, None), (None, None, None)),
        ((0.5, None, None), (0.5, None, None)),
        ((None, None, None), (None, None, None)),
    ],
)
def test_an_estimate_keeps_the_bounds_of_what_it_estimates(
    ends: tuple[float | None, ...], expected: tuple[float | None, ...]
) -> None:
    assert within(Estimate(*ends, 0.95, 8), -1.0, 1.0) == Estimate(*expected, 0.95, 8)


@pytest.mark.parametrize(("law", "above"), [("normal", 0.025), ("exponential", 0.09), ("lognormal", 0.15)])
def test_means_of_skewed_draws_lie_above_their_interval_as_often_as_is_said(law: str, above: float, seed: int) -> None:
    """Of 12 draws at 95 %, in 4 000 experiments: within 5 standard errors of the rate that docs/verdicts.md gives."""
    rng = np.random.default_rng([12, seed])
    mean = {"normal": 0.0, "exponential": 1.0, "lognormal": np.exp(0.5)}[law]
    missed = [mean_interval(getattr(rng, law)(size=12)).high < mean for _ in range(4000)]
    assert np.mean(missed) == pytest.approx(above, abs=5 * np.sqrt(above * (1 - above) / 4000) + 0.005)

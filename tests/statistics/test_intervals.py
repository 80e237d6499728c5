"""Intervals: against scipy, hand cases and measured coverage, with controls that must fail."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from dgpg_verify.core import Estimate, InputError
from dgpg_verify.statistics import (
    clopper_pearson,
    coverage_band,
    geometric_mean_interval,
    jackknife,
    mean_interval,
    ratio_interval,
    simultaneous,
    variance_interval,
)

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


def ratio(method: str) -> Callable[[np.random.Generator], tuple[float, Estimate]]:
    def make(rng: np.random.Generator) -> tuple[float, Estimate]:
        bottom = rng.normal(5.0, 1.0, 20)
        top = 2.0 * bottom + rng.normal(0.0, 1.0, 20)
        return 2.0, ratio_interval(top, bottom, method=method)

    return make


def variance(method: str) -> Callable[[np.random.Generator], tuple[float, Estimate]]:
    def make(rng: np.random.Generator) -> tuple[float, Estimate]:
        scale = float(rng.uniform(0.1, 10.0))
        return scale**2 / 12, variance_interval(scale * rng.random(40), method=method)

    return make


def trace(rng: np.random.Generator) -> tuple[float, Estimate]:
    scales = rng.uniform(0.5, 2.0, 3)
    return float((scales**2).sum()), variance_interval(scales * rng.standard_normal((60, 3)))


CASES = {
    "mean": normal_mean,
    "geometric mean": lognormal_typical,
    "jackknife ratio": ratio("jackknife"),
    "fieller ratio": ratio("fieller"),
    "jackknife variance": variance("jackknife"),
    "fourth-moment variance": variance("moments"),
    "trace of the covariance": trace,
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


def test_fieller_ends_solve_the_t_equation() -> None:
    rng = np.random.default_rng(1)
    bottom = rng.normal(4.0, 1.0, 12)
    top = bottom + rng.normal(size=12)
    e = ratio_interval(top, bottom, 0.95, "fieller")
    for end in (e.low, e.high):
        assert stats.ttest_1samp(top - end * bottom, 0.0).pvalue == pytest.approx(0.05)
    assert e.low < e.value < e.high
    j = ratio_interval(top, bottom)
    assert j.value == e.value and (j.high - j.low) == pytest.approx(e.high - e.low, rel=0.3)


@pytest.mark.parametrize("method", ["jackknife", "fieller"])
def test_a_ratio_is_not_measurable_when_its_denominator_reaches_zero(method: str) -> None:
    e = ratio_interval([1.0, 2.0, 3.0, 2.0], [1.0, -1.0, 0.5, -0.2], method=method)
    assert (e.value, e.low, e.high, e.n) == (None, None, None, 4)


def test_the_jackknife_of_a_mean_is_the_t_interval_of_the_group_means() -> None:
    groups = np.random.default_rng(2).normal(size=(7, 5))
    e, t = jackknife(groups, np.mean), mean_interval(groups.mean(1))
    assert np.allclose([e.value, e.low, e.high], [t.value, t.low, t.high])


def test_the_jackknife_variance_equals_the_generic_jackknife() -> None:
    x = np.random.default_rng(3).normal(size=(15, 2))
    e = variance_interval(x)
    generic = jackknife(x, lambda s: float(s.var(0, ddof=1).sum()), log=True)
    assert np.allclose([e.value, e.low, e.high], [generic.value, generic.low, generic.high])


def test_bonetts_interval_on_his_example() -> None:
    # Worked by hand for n = 9, kurtosis about the trimmed mean, z = 1.96.
    x = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9])
    trim = stats.trim_mean(x, 0.5 / np.sqrt(5))
    kurtosis = 9 * ((x - trim) ** 4).sum() / ((x - 5) ** 2).sum() ** 2
    z = stats.norm.ppf(0.975)
    c = 9 / (9 - z)
    half = z * c * np.sqrt((kurtosis - 6 / 9) / 8)
    e = variance_interval(x, method="moments")
    assert np.allclose([e.low, e.high], c * 7.5 * np.exp([-half, half])) and e.value == pytest.approx(7.5)


def test_a_variance_without_information_is_not_measurable() -> None:
    assert variance_interval(np.ones(6)).value is None
    assert variance_interval([0.0, 0.0, 0.0, 0.0, 9.0]).value is None


def test_an_overflowing_interval_is_not_measurable() -> None:
    assert geometric_mean_interval([1e-300, 1e300]).low is None


def test_simultaneous_intervals_hold_together(seed: int) -> None:
    rng = np.random.default_rng([4, seed])

    def failures(interval) -> int:
        return sum(any(not e.low <= 0 <= e.high for e in interval(rng.normal(size=(10, 6)))) for _ in range(200))

    assert failures(lambda rows: simultaneous(rows, 0.95)) <= coverage_band(0.95, 200)[1]
    assert failures(lambda rows: [mean_interval(r, 0.95) for r in rows]) > coverage_band(0.95, 200)[1]
    assert simultaneous([[1.0, 2.0]] * 4, 0.9)[0].level == pytest.approx(0.975)


@pytest.mark.parametrize(
    "call",
    [
        lambda: mean_interval([1.0]),
        lambda: mean_interval([1.0, np.nan]),
        lambda: mean_interval([[1.0, 2.0]]),
        lambda: mean_interval([1.0, 2.0], 0.0),
        lambda: geometric_mean_interval([1.0, 0.0]),
        lambda: ratio_interval([1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0]),
        lambda: ratio_interval([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], method="delta"),
        lambda: clopper_pearson(5, 4),
        lambda: clopper_pearson(0, 0),
        lambda: variance_interval([1.0, 2.0]),
        lambda: variance_interval([1.0, 2.0, 3.0, 4.0], method="moments"),
        lambda: jackknife([1.0, 2.0], np.mean),
        lambda: simultaneous([]),
    ],
)
def test_bad_input_is_refused(call: Callable[[], object]) -> None:
    with pytest.raises(InputError):
        call()

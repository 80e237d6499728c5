"""Intervals for means and rates from few independent replicates, as Estimate records.

All are two-sided at `level`; t-based unless exact. Input is one value per independent replicate.
SciPy's own intervals serve as checks in the tests: `ttest_1samp` and `ttest_ind` agree to rounding but warn of samples
without spread, and `binomtest` finds the ends of the exact interval by a search, to 1e-6 only.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from dgpg_verify.core import Estimate, InputError, check_int
from dgpg_verify.statistics.checks import check_level, check_sample

ROUNDING = 1e-9  # of a sum of products in float64, on quantities of the order of 1


def t_quantile(df: float, level: float) -> float:
    """Two-sided Student quantile t_df((1 + level) / 2)."""
    return float(special.stdtrit(df, 0.5 + 0.5 * level))


def symmetric(value: float, half_width: float, level: float, n: int) -> Estimate:
    """value -+ half_width."""
    return Estimate(float(value), float(value - half_width), float(value + half_width), level, n)


def within(estimate: Estimate, least: float, most: float) -> Estimate:
    """The estimate of what is known to lie in [least, most]: the part of its interval that lies there.

    Not measurable where the interval misses the range by more than rounding, or where there is none and the value does.
    """
    if estimate.value is None:
        return estimate
    lowest, highest = (estimate.value if end is None else end for end in (estimate.low, estimate.high))
    if lowest > most + ROUNDING or highest < least - ROUNDING:
        return replace(estimate, value=None, low=None, high=None)
    value, low, high = (
        None if end is None else min(max(end, least), most) for end in (estimate.value, estimate.low, estimate.high)
    )
    return replace(estimate, value=value, low=low, high=high)


def mean_interval(values: ArrayLike, level: float = 0.95) -> Estimate:
    """Student t interval of the mean of values [n], n >= 2."""
    sample, level = check_sample("values", values, 2), check_level(level)
    n = len(sample)
    half = t_quantile(n - 1, level) * float(sample.std(ddof=1)) / np.sqrt(n)
    return symmetric(float(sample.mean()), half, level, n)


def mean_of(values: ArrayLike, level: float = 0.95) -> Estimate:
    """The mean of values [n] with its t interval; one value has no interval, and none has no mean either."""
    sample = np.asarray(values, dtype=np.float64)
    if len(sample) > 1:
        return mean_interval(sample, level)
    return Estimate(float(sample[0]) if len(sample) else None, None, None, check_level(level), len(sample))


def geometric_mean_interval(values: ArrayLike, level: float = 0.95) -> Estimate:
    """exp of the t interval of the mean log: the typical value of positive, log-regular values [n], n >= 2.

    Not measurable if an end overflows.
    """
    sample = check_sample("values", values, 2)
    if (sample <= 0).any():
        raise InputError(f"values holds {sample.min():g}: a geometric mean needs values > 0")
    log = mean_interval(np.log(sample), level)
    with np.errstate(over="ignore"):
        ends = np.exp(np.array([log.value, log.low, log.high], dtype=np.float64))
    value, low, high = ends.tolist() if np.isfinite(ends).all() else (None, None, None)
    return Estimate(value, low, high, log.level, log.n)


def clopper_pearson(successes: int, trials: int, level: float = 0.95) -> Estimate:
    """Exact interval of a success rate (Clopper & Pearson 1934): `successes` in `trials` draws."""
    trials = check_int("trials", trials, 1)
    successes, level = check_int("successes", successes, 0, trials), check_level(level)
    low, high = binomial_ends(successes, trials, level)
    return Estimate(successes / trials, low, high, level, trials)


def binomial_ends(successes: float, trials: int, level: float) -> tuple[float, float]:
    """Ends of Clopper and Pearson's interval by quantiles of the beta law; `successes` need not be whole."""
    tail = 0.5 * (1.0 - level)
    low = special.betaincinv(successes, trials - successes + 1.0, tail) if successes > 0.0 else 0.0
    high = special.betaincinv(successes + 1.0, trials - successes, 1.0 - tail) if successes < trials else 1.0
    return float(low), float(high)

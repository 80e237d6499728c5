"""Intervals for means, ratios, rates and variances from few independent replicates, as Estimate records.

All are two-sided at `level`; t-based or studentised unless exact. Input is one value per independent
replicate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from dgpg_verify.core import Estimate, InputError, check_choice, check_int
from dgpg_verify.statistics.checks import Array, check_level, check_sample
from dgpg_verify.statistics.power import bonferroni


def t_quantile(df: float, level: float) -> float:
    """Two-sided Student quantile t_df((1 + level) / 2)."""
    return float(special.stdtrit(df, 0.5 + 0.5 * level))


def mean_interval(values: ArrayLike, level: float = 0.95) -> Estimate:
    """Student t interval of the mean of values [n], n >= 2."""
    sample, level = check_sample("values", values, 2), check_level(level)
    n, mean = len(sample), float(sample.mean())
    half = t_quantile(n - 1, level) * float(sample.std(ddof=1)) / np.sqrt(n)
    return Estimate(mean, mean - half, mean + half, level, n)


def geometric_mean_interval(values: ArrayLike, level: float = 0.95) -> Estimate:
    """exp of the t interval of the mean log: the typical value of positive, log-regular values [n], n >= 2."""
    sample = check_sample("values", values, 2)
    if (sample <= 0).any():
        raise InputError(f"values holds {sample.min():g}: a geometric mean needs values > 0")
    log = mean_interval(np.log(sample), level)
    return _map(log, np.exp)


def ratio_interval(
    numerators: ArrayLike, denominators: ArrayLike, level: float = 0.95, method: str = "jackknife"
) -> Estimate:
    """mean(numerators) / mean(denominators) over paired replicates [n], n >= 3.

    "jackknife": studentised, delete-one. "fieller": exact for normal pairs (Fieller 1954). Not measurable
    (all None) if the t interval of the denominator's mean at `level` reaches 0.
    """
    check_choice("method", method, ("jackknife", "fieller"))
    top, bottom = check_sample("numerators", numerators, 3), check_sample("denominators", denominators, 3)
    if top.shape != bottom.shape:
        raise InputError(f"numerators {top.shape} and denominators {bottom.shape} must have the same shape")
    base = mean_interval(bottom, level)
    if base.low is None or base.high is None or base.low <= 0.0 <= base.high:
        return Estimate(None, None, None, base.level, len(top))
    if method == "fieller":
        return _fieller(top, bottom, base.level)
    n = len(top)
    left_out = (top.sum() - top) / (bottom.sum() - bottom)
    return _from_left_out(float(top.mean() / bottom.mean()), left_out, base.level, n)


def _fieller(top: Array, bottom: Array, level: float) -> Estimate:
    """Ends r of the set where |mean(top - r bottom)| <= t * its standard error: a quadratic in r."""
    n = len(top)
    covariance = np.cov(top, bottom, ddof=1) / n
    reach = t_quantile(n - 1, level) ** 2
    a = bottom.mean() ** 2 - reach * covariance[1, 1]
    b = top.mean() * bottom.mean() - reach * covariance[0, 1]
    c = top.mean() ** 2 - reach * covariance[0, 0]
    root = np.sqrt(max(b * b - a * c, 0.0))
    value = float(top.mean() / bottom.mean())
    return Estimate(value, float((b - root) / a), float((b + root) / a), level, n)


def clopper_pearson(successes: int, trials: int, level: float = 0.95) -> Estimate:
    """Exact interval of a success rate (Clopper & Pearson 1934): `successes` in `trials` draws."""
    trials = check_int("trials", trials, 1)
    successes, level = check_int("successes", successes, 0, trials), check_level(level)
    tail = 0.5 * (1.0 - level)
    low = 0.0 if successes == 0 else stats.beta.ppf(tail, successes, trials - successes + 1)
    high = 1.0 if successes == trials else stats.beta.ppf(1.0 - tail, successes + 1, trials - successes)
    return Estimate(successes / trials, float(low), float(high), level, trials)


def variance_interval(samples: ArrayLike, level: float = 0.95, method: str = "jackknife") -> Estimate:
    """Interval of the variance (ddof 1) of samples [n], or the trace of the covariance of samples [n, P].

    On the log scale. "jackknife" (n >= 3): delete-one, t with n - 1 degrees of freedom (Miller 1974).
    "moments" (n >= 5): fourth moments, Var(log V) ~ (kurtosis - (n - 3) / n) / (n - 1) with Bonett's (2006)
    estimate of the kurtosis about a trimmed mean and his small-sample factor; for P > 1 with d = ||x -
    mean||^2 in place of the square, conservative. Not measurable if one observation carries all the
    variance, or there is none.
    """
    check_choice("method", method, ("jackknife", "moments"))
    array = check_sample("samples", samples, 3 if method == "jackknife" else 5, (1, 2))
    level, array = check_level(level), array.reshape(len(array), -1)
    n = len(array)
    squared = ((array - array.mean(0)) ** 2).sum(1)
    value = float(squared.sum() / (n - 1))
    # Deleting observation i lowers the sum of squares by n / (n - 1) times its own squared deviation.
    left_out = (squared.sum() - squared * n / (n - 1)) / (n - 2)
    if left_out.min() <= 1e-12 * value:  # only rounding is left
        return Estimate(None, None, None, level, n)
    if method == "moments":
        return _moments_interval(array, squared, value, level)
    return _map(_from_left_out(np.log(value), np.log(left_out), level, n), np.exp)


def _moments_interval(array: Array, squared: Array, value: float, level: float) -> Estimate:
    n = len(array)
    centre = stats.trim_mean(array, 0.5 / np.sqrt(n - 4), axis=0)
    about = ((array - centre) ** 2).sum(1)
    kurtosis = n * float((about**2).sum()) / float(squared.sum()) ** 2
    z = float(special.ndtri(0.5 + 0.5 * level))
    half = z * np.sqrt(max(kurtosis - (n - 3) / n, 0.0) / (n - 1))
    centre_log = np.log(value)
    if n > z:  # Bonett's factor n / (n - z) equalises the tails
        centre_log += np.log(n / (n - z))
        half *= n / (n - z)
    return Estimate(value, float(np.exp(centre_log - half)), float(np.exp(centre_log + half)), level, n)


def jackknife(
    groups: ArrayLike, statistic: Callable[[Array], float], level: float = 0.95, log: bool = False
) -> Estimate:
    """Delete-one-group jackknife of any smooth statistic, studentised with G - 1 degrees of freedom.

    Args: groups [G, ...], one entry per independent group, G >= 3; statistic maps [g, ...] to a number; log:
    form the interval for log(statistic), which must be positive. Not measurable if a value is not finite.
    Cost G + 1 calls.
    """
    array = np.asarray(groups, dtype=np.float64)
    if array.ndim == 0 or len(array) < 3:
        raise InputError(f"groups has shape {array.shape}: at least 3 groups are needed")
    level, n = check_level(level), len(array)
    keep = ~np.eye(n, dtype=bool)
    numbers = np.array([float(statistic(array))] + [float(statistic(array[mask])) for mask in keep])
    if not np.isfinite(numbers).all() or (log and (numbers <= 0).any()):
        return Estimate(None, None, None, level, n)
    if log:
        return _map(_from_left_out(np.log(numbers[0]), np.log(numbers[1:]), level, n), np.exp)
    return _from_left_out(float(numbers[0]), numbers[1:], level, n)


def simultaneous(
    samples: Iterable[ArrayLike],
    level: float = 0.95,
    interval: Callable[[ArrayLike, float], Estimate] = mean_interval,
) -> tuple[Estimate, ...]:
    """One interval per sample, all holding together at `level` (Bonferroni)."""
    rows = list(samples)
    each = bonferroni(level, len(rows))
    return tuple(interval(row, each) for row in rows)


def _from_left_out(value: float, left_out: Array, level: float, n: int) -> Estimate:
    """Interval around the full-sample value from the n delete-one values."""
    error = np.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum())
    half = t_quantile(n - 1, level) * float(error)
    return Estimate(float(value), float(value - half), float(value + half), level, n)


def _map(estimate: Estimate, function: Callable[[Array], Array]) -> Estimate:
    """An increasing function of an estimate and of its ends; not measurable if an end overflows."""
    with np.errstate(over="ignore"):
        ends = function(np.array([estimate.value, estimate.low, estimate.high], dtype=np.float64))
    if not np.isfinite(ends).all():
        return Estimate(None, None, None, estimate.level, estimate.n)
    return Estimate(float(ends[0]), float(ends[1]), float(ends[2]), estimate.level, estimate.n)

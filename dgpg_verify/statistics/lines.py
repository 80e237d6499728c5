"""Weighted straight lines through replicated points, many data sets at once, with intervals of honest width.

One code fits a single figure and the thousands of synthetic data sets that measure the verdict's error rates.

Unpaired replicates: weights follow a variance function log s_k^2 = a + b * scale_k with two fitted numbers, times R_k:
K separately estimated weights would be too noisy with few replicates and, for skewed data, correlated with the means.
The standard error does not trust the function: it is the sandwich sqrt(sum_k c_k^2 s_k^2 / R_k) of the line's
coefficients c_k, with Welch-Satterthwaite degrees of freedom; but a variance s_k^2 below the function is raised to it,
because skewed replicates that look calm are the usual way to a false verdict. Paired: one least-squares line per
replicate, then a t interval over replicates. R = 1: residual errors with K - 2 degrees of freedom.
Lack of fit: Welch-James test of Johansen (Biometrika 67, 1980), for equal means Welch's analysis of variance;
Hotelling's T^2 when paired. Cost O(data), O(K^3) when paired.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from dgpg_verify.statistics.checks import Array

Counts = NDArray[np.int64]

# Spreads below this fraction of the values are rounding, not information: an exactly repeated value gets
# an interval of that width instead of a division by zero.
ROUNDING = 1e-10
# For the weights only: no point counts more than 10^4 times another.
WEIGHT_FLOOR = 1e-4


@dataclass(frozen=True)
class Lines:
    """Fits of y = intercept + slope x; every field has the data's leading shape [...].

    *_error are standard errors, *_df their effective degrees of freedom; lack_of_fit is a p-value, NaN where
    it cannot be tested (fewer than three x, or one replicate).
    """

    slope: Array
    slope_error: Array
    slope_df: Array
    intercept: Array
    intercept_error: Array
    intercept_df: Array
    lack_of_fit: Array


def t_interval(value: Array, error: Array, df: Array, level: float) -> tuple[Array, Array]:
    """value -+ t_{df}((1 + level) / 2) * error."""
    half = special.stdtrit(df, 0.5 + 0.5 * level) * error
    return value - half, value + half


def fit_lines(
    x: Array, values: Array, scale_axis: Array | None = None, paired: bool = False, counts: Counts | None = None
) -> Lines:
    """Fit one line per data set.

    Parameters
    ----------
    x
        [K] abscissae.
    values
        [..., K, R] replicates.
    scale_axis
        [K], what the replicates' spread may depend on; default x.
    paired
        Replicate r is the same unit at each x; otherwise replicates are independent at each x.
    counts
        [K]: the first counts[k] >= 2 of the R values are replicates, the others are ignored; default: all.
    """
    if values.shape[-1] == 1:
        return _residual_lines(x, values.mean(-1))
    if paired:
        return _paired_lines(x, values)
    replicates = np.full(len(x), values.shape[-1]) if counts is None else counts
    means, spread = _moments(values, replicates)
    axis = x if scale_axis is None else scale_axis
    precision = _smooth_weights(axis, spread, replicates)
    slope_c, intercept_c = _coefficients(x, precision * (replicates / replicates.max()))
    level = (spread * precision * _shares(replicates)).sum(-1, keepdims=True)
    believed = np.maximum(spread, level / precision)
    slope_error, slope_df = _sandwich(slope_c, believed, replicates)
    intercept_error, intercept_df = _sandwich(intercept_c, believed, replicates)
    return Lines(
        slope=(slope_c * means).sum(-1),
        slope_error=slope_error,
        slope_df=slope_df,
        intercept=(intercept_c * means).sum(-1),
        intercept_error=intercept_error,
        intercept_df=intercept_df,
        lack_of_fit=_welch_james(x, means, spread, replicates),
    )


def _moments(values: Array, replicates: Counts) -> tuple[Array, Array]:
    """Mean and variance (ddof 1, floored at rounding) over the first replicates[k] values: [..., K] each."""
    held = np.arange(values.shape[-1]) < replicates[:, None]
    if held.all():
        means, spread = values.mean(-1), values.var(-1, ddof=1)
    else:
        means, spread = values.mean(-1, where=held), values.var(-1, ddof=1, where=held)
    return means, np.maximum(spread, _rounding(np.where(held, values, 0.0))[..., None] ** 2)


def _rounding(values: Array) -> Array:
    """The standard deviation that stands for rounding in each data set, never 0: [...]."""
    return ROUNDING * np.maximum(np.abs(values).max((-2, -1)), 1e-60)


def _shares(replicates: Counts) -> Array:
    """How much each x contributes to the common variance: its share of all degrees of freedom."""
    return (replicates - 1) / (replicates - 1).sum()


def _smooth_weights(axis: Array, spread: Array, replicates: Counts) -> Array:
    """Inverse of the fitted variance function, largest weight 1: [..., K].

    The log of a variance from few replicates lies below that of the true one, by digamma(df/2) - log(df/2): without
    that correction an x with fewer replicates would seem quieter than it is.
    """
    floored = np.maximum(spread, WEIGHT_FLOOR * spread.max(-1, keepdims=True))
    half, share = (replicates - 1) / 2, _shares(replicates)
    logs = np.log(floored) - (special.digamma(half) - np.log(half))
    centred = axis - (share * axis).sum()
    power = (share * centred * logs).sum(-1, keepdims=True) / (share * centred**2).sum()
    weights = np.exp(-power * centred)
    return weights / weights.max(-1, keepdims=True)


def _coefficients(x: Array, weights: Array) -> tuple[Array, Array]:
    """Coefficients c, d [..., K] of the weighted fit: slope = sum c_k y_k, intercept = sum d_k y_k."""
    share = weights / weights.sum(-1, keepdims=True)
    centre = (share * x).sum(-1, keepdims=True)
    lever = share * (x - centre)
    slope_c = lever / (lever * (x - centre)).sum(-1, keepdims=True)
    return slope_c, share - centre * slope_c


def _sandwich(coefficients: Array, spread: Array, replicates: Counts) -> tuple[Array, Array]:
    """Standard error of sum c_k mean_k and its Welch-Satterthwaite degrees of freedom."""
    parts = coefficients**2 * spread / replicates
    total = parts.sum(-1)
    shares = parts / total[..., None]
    return np.sqrt(total), 1.0 / (shares**2 / (replicates - 1)).sum(-1)


def _welch_james(x: Array, means: Array, spread: Array, replicates: Counts | int) -> Array:
    """p-value of "the means lie on a line" with unequal variances (Johansen 1980); NaN for K < 3."""
    free = len(x) - 2
    if free < 1:
        return np.full(means.shape[:-1], np.nan)
    weights = replicates / spread
    slope_c, intercept_c = _coefficients(x, weights)
    slope = (slope_c * means).sum(-1, keepdims=True)
    intercept = (intercept_c * means).sum(-1, keepdims=True)
    statistic = (weights * (means - intercept - slope * x) ** 2).sum(-1)
    leverage = intercept_c + slope_c * x
    correction = ((1.0 - leverage) ** 2 / (replicates - 1)).sum(-1)
    scale = free + 2.0 * correction - 6.0 * correction / (free + 2.0)
    return special.fdtrc(free, free * (free + 2.0) / (3.0 * correction), statistic / scale)


def _residual_lines(x: Array, means: Array) -> Lines:
    """Ordinary least squares with residual errors, K - 2 degrees of freedom (NaN errors for K = 2)."""
    free = len(x) - 2
    slope_c, intercept_c = _coefficients(x, np.ones_like(means))
    slope, intercept = (slope_c * means).sum(-1), (intercept_c * means).sum(-1)
    residual = means - intercept[..., None] - slope[..., None] * x
    floor = _rounding(means[..., None])
    variance = np.maximum((residual**2).sum(-1) / free, floor**2) if free else np.full(slope.shape, np.nan)
    df = np.full(slope.shape, float(max(free, 1)))
    return Lines(
        slope=slope,
        slope_error=np.sqrt(variance * (slope_c**2).sum(-1)),
        slope_df=df,
        intercept=intercept,
        intercept_error=np.sqrt(variance * (intercept_c**2).sum(-1)),
        intercept_df=df,
        lack_of_fit=np.full(slope.shape, np.nan),
    )


def _paired_lines(x: Array, values: Array) -> Lines:
    """One least-squares line per replicate; mean and t error over the replicates."""
    replicates = values.shape[-1]
    slope_c, intercept_c = _coefficients(x, np.ones_like(x))
    slopes = np.einsum("k,...kr->...r", slope_c, values)
    intercepts = np.einsum("k,...kr->...r", intercept_c, values)
    floor = _rounding(values)
    df = np.full(slopes.shape[:-1], float(replicates - 1))
    return Lines(
        slope=slopes.mean(-1),
        slope_error=np.maximum(slopes.std(-1, ddof=1), floor) / np.sqrt(replicates),
        slope_df=df,
        intercept=intercepts.mean(-1),
        intercept_error=np.maximum(intercepts.std(-1, ddof=1), floor) / np.sqrt(replicates),
        intercept_df=df,
        lack_of_fit=_hotelling(x, values),
    )


def _hotelling(x: Array, values: Array) -> Array:
    """Hotelling's T^2 p-value that the K - 2 contrasts orthogonal to a line vanish; NaN if R <= K - 2."""
    replicates, free = values.shape[-1], len(x) - 2
    if free < 1 or replicates <= free:
        return np.full(values.shape[:-2], np.nan)
    basis = np.linalg.qr(np.stack([np.ones_like(x), x], axis=1), mode="complete")[0][:, 2:]
    contrasts = np.einsum("kc,...kr->...cr", basis, values)
    mean = contrasts.mean(-1)
    centred = contrasts - mean[..., None]
    floor = _rounding(values) ** 2
    covariance = centred @ centred.swapaxes(-1, -2) / (replicates - 1)
    covariance = covariance + floor[..., None, None] * np.eye(free)
    solved = np.linalg.solve(covariance, mean[..., None])[..., 0]
    statistic = replicates * (mean * solved).sum(-1)
    return special.fdtrc(free, replicates - free, statistic * (replicates - free) / (free * (replicates - 1.0)))

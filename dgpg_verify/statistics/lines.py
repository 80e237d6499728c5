"""Weighted straight lines through replicated points, many data sets at once, with intervals of valid width.

The same code fits a single figure and the thousands of synthetic data sets that measure the verdict's error rates.

Weights follow a variance function log s_k^2 = a + b * scale_k with two fitted numbers, times R_k:
K separately estimated weights would be too noisy with few replicates and, for skewed data, correlated with the means.
The standard error does not trust the function: it is the sandwich sqrt(sum_k c_k^2 s_k^2 / R_k) of the line's
coefficients c_k, with Welch-Satterthwaite degrees of freedom; but a variance s_k^2 below the function is raised to it,
because skewed replicates that look calm are the usual way to a false verdict. R = 1: residual errors with K - 2
degrees of freedom.
Lack of fit: Welch-James test of Johansen (Biometrika 67, 1980), for equal means Welch's analysis of variance.
Cost O(data).
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
    it cannot be tested (fewer than three x, or one replicate). step* [..., K - 1]: slopes between neighbouring x, which
    need no line; NaN with one replicate.
    """

    slope: Array
    slope_error: Array
    slope_df: Array
    intercept: Array
    intercept_error: Array
    intercept_df: Array
    lack_of_fit: Array
    step: Array
    step_error: Array
    step_df: Array

    def step_ends(self, level: float) -> tuple[Array, Array]:
        """Least and largest end of simultaneous intervals (Bonferroni) of the slopes between neighbouring x."""
        each = 1.0 - (1.0 - level) / self.step.shape[-1]
        low, high = t_interval(self.step, self.step_error, self.step_df, each)
        return low.min(-1), high.max(-1)


def t_interval(value: Array, error: Array, df: Array, level: float) -> tuple[Array, Array]:
    """value -+ t_{df}((1 + level) / 2) * error."""
    half = special.stdtrit(df, 0.5 + 0.5 * level) * error
    return value - half, value + half


def fit_lines(x: Array, values: Array, scale_axis: Array | None = None, counts: Counts | None = None) -> Lines:
    """Fit one line per data set.

    Parameters
    ----------
    x
        [K] abscissae.
    values
        [..., K, R] replicates, independent at each x.
    scale_axis
        [K], what the replicates' spread may depend on; default x.
    counts
        [K]: the first counts[k] >= 2 of the R values are replicates, the others are ignored; default: all.
    """
    if values.shape[-1] == 1:
        return _residual_lines(x, values[..., 0])
    replicates = np.full(len(x), values.shape[-1]) if counts is None else counts
    means, spread = _moments(values, replicates)
    precision = _smooth_weights(x if scale_axis is None else scale_axis, spread, replicates)
    level = (spread * precision * _shares(replicates)).sum(-1, keepdims=True)
    believed = np.maximum(spread, level / precision)
    slope, intercept = (
        ((c * means).sum(-1), *_sandwich(c, believed, replicates))
        for c in _coefficients(x, precision * (replicates / replicates.max()))
    )
    between = np.diff(np.eye(len(x)), axis=0) / np.diff(x)[:, None]
    steps = _sandwich(between, believed[..., None, :], replicates)
    return Lines(*slope, *intercept, _welch_james(x, means, spread, replicates), means @ between.T, *steps)


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


def _welch_james(x: Array, means: Array, spread: Array, replicates: Counts) -> Array:
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


def _residual_lines(x: Array, y: Array) -> Lines:
    """Ordinary least squares with residual errors, K - 2 degrees of freedom (NaN errors for K = 2)."""
    free = len(x) - 2
    slope_c, intercept_c = _coefficients(x, np.ones_like(y))
    slope, intercept = (slope_c * y).sum(-1), (intercept_c * y).sum(-1)
    residual = y - intercept[..., None] - slope[..., None] * x
    floor = _rounding(y[..., None])
    variance = np.maximum((residual**2).sum(-1) / free, floor**2) if free else np.full(slope.shape, np.nan)
    slope_error, intercept_error = (np.sqrt(variance * (c**2).sum(-1)) for c in (slope_c, intercept_c))
    df, untested = np.full(slope.shape, float(max(free, 1))), np.full(slope.shape, np.nan)
    steps = np.full((3, *slope.shape, len(x) - 1), np.nan)
    return Lines(slope, slope_error, df, intercept, intercept_error, df, untested, *steps)

"""One method against another: difference of means and probability of improvement, from few runs of each."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from dgpg_verify.core import Estimate, InputError
from dgpg_verify.statistics.checks import check_level, check_sample
from dgpg_verify.statistics.intervals import mean_interval, t_quantile


def difference_interval(values: ArrayLike, others: ArrayLike, level: float = 0.95, paired: bool = False) -> Estimate:
    """Mean of `values` minus mean of `others`, with a t interval.

    Welch (1947) for independent runs; paired: run k of both shares fleet and seed, t interval of the differences.
    Args: values [n], others [m], n, m >= 2, m = n when paired; level. Returns: Estimate, n = the smaller number
    of runs. Raises: InputError. Cost O(n + m).
    """
    first, second = check_sample("values", values, 2), check_sample("others", others, 2)
    level = check_level(level)
    if paired:
        if first.shape != second.shape:
            raise InputError(f"values {first.shape} and others {second.shape} must have the same shape when paired")
        return mean_interval(first - second, level)
    difference = float(first.mean() - second.mean())
    parts = np.array([first.var(ddof=1) / len(first), second.var(ddof=1) / len(second)])
    total, fewest = float(parts.sum()), min(len(first), len(second))
    if total == 0.0:
        return Estimate(difference, difference, difference, level, fewest)
    df = total**2 / float((parts**2 / np.array([len(first) - 1, len(second) - 1])).sum())
    half = t_quantile(df, level) * np.sqrt(total)
    return Estimate(difference, float(difference - half), float(difference + half), level, fewest)


def probability_of_improvement(values: ArrayLike, others: ArrayLike, level: float = 0.95) -> Estimate:
    """Probability that a run of the first method scores higher than a run of the second; ties count half.

    Source: Mann & Whitney (1947) U / (n m), as in Agarwal et al. (2021). Interval: Clopper-Pearson ends for
    k = min(n, m) trials and k U / (n m) successes. U / (n m) averages over all ways to match k runs of one
    method to k of the other, each a binomial share, so it is never more dispersed than one of them. When one
    method never varies it is exactly such a share: no law-free interval can be shorter. Else conservative, and
    5 runs against 5 cannot exclude 1/2 at 95 %. For fractional successes coverage is measured, not proved.
    Args: values [n], others [m], at least 1 run each; level.
    Returns: Estimate, n = k. Raises: InputError. Cost O(n m).
    """
    first, second = check_sample("values", values, 1), check_sample("others", others, 1)
    level = check_level(level)
    wins = np.sign(first[:, None] - second[None, :])
    share, trials = float(0.5 + 0.5 * wins.mean()), min(len(first), len(second))
    successes, tail = trials * share, 0.5 * (1.0 - level)
    low = 0.0 if share == 0.0 else special.betaincinv(successes, trials - successes + 1.0, tail)
    high = 1.0 if share == 1.0 else special.betaincinv(successes + 1.0, trials - successes, 1.0 - tail)
    return Estimate(share, float(low), float(high), level, trials)

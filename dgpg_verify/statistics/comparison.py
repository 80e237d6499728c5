"""One method against another: difference of means and probability of improvement, from few runs of each."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from dgpg_verify.core import Estimate, InputError
from dgpg_verify.statistics.checks import check_level, check_sample
from dgpg_verify.statistics.intervals import binomial_ends, mean_interval, symmetric, t_quantile


def difference_interval(values: ArrayLike, others: ArrayLike, level: float = 0.95, paired: bool = False) -> Estimate:
    """Mean of `values` minus mean of `others`, with a t interval: Welch's (1947), or the paired one.

    Parameters
    ----------
    values, others
        [n] and [m], one value per run; n, m >= 2.
    paired
        Run k of both shares fleet and seed (m = n): t interval of the differences.

    Returns
    -------
    Estimate, n = the smaller number of runs.
    """
    first, second = check_sample("values", values, 2), check_sample("others", others, 2)
    level = check_level(level)
    if paired:
        if first.shape != second.shape:
            raise InputError(f"values {first.shape} and others {second.shape} must have the same shape when paired")
        return mean_interval(first - second, level)
    difference, fewest = float(first.mean() - second.mean()), min(len(first), len(second))
    parts = np.array([first.var(ddof=1) / len(first), second.var(ddof=1) / len(second)])
    total = float(parts.sum())
    if total == 0.0:
        return symmetric(difference, 0.0, level, fewest)
    df = total**2 / float((parts**2 / np.array([len(first) - 1, len(second) - 1])).sum())
    return symmetric(difference, t_quantile(df, level) * np.sqrt(total), level, fewest)


def probability_of_improvement(values: ArrayLike, others: ArrayLike, level: float = 0.95) -> Estimate:
    """Probability that a run of the first method scores higher than a run of the second; ties count half.

    Parameters
    ----------
    values, others
        [n] and [m], one score per run; at least 1 run each.

    Returns
    -------
    Estimate, n = min(n, m).

    Notes
    -----
    Mann & Whitney (1947) U / (n m), as in Agarwal et al. (2021). Interval: Clopper-Pearson ends for k = min(n, m)
    trials and k U / (n m) successes. U / (n m) averages over all ways to match k runs of one method to k of the other,
    each a binomial share, so it is never more dispersed than one of them. When one method never varies it is exactly
    such a share, and no law-free interval can be shorter. Otherwise the interval is conservative, and 5 runs against 5
    cannot exclude 1/2 at 95 %. For fractional successes coverage is measured, not proved. Cost O(n m).
    """
    first, second = check_sample("values", values, 1), check_sample("others", others, 1)
    level, trials = check_level(level), min(len(first), len(second))
    share = float(0.5 + 0.5 * np.sign(first[:, None] - second[None, :]).mean())
    return Estimate(share, *binomial_ends(trials * share, trials, level), level, trials)

"""Verdicts on final scores of training runs (C4.2 - C4.4): fails, collapses, matches Best-Fit, same for all alpha.

Score units: Random = 0, Best-Fit = 1. A run's score is its level, the mean over the last 20 % of its episodes; one
value per independent seed. A score saturates (0.9 may be 20 % more cost), so that what is said of Best-Fit is judged in
percent of its cost. Intervals are two-sided at `level`, so each end errs at (1 - level) / 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

from numpy.typing import ArrayLike

from dgpg_verify.core import Estimate, InputError, Label, Verdict, check_unique
from dgpg_verify.statistics.checks import Array, check_sample
from dgpg_verify.statistics.comparison import difference_interval
from dgpg_verify.statistics.convergence import COLLAPSE, LEARNED
from dgpg_verify.statistics.headline import join_rows
from dgpg_verify.statistics.intervals import clopper_pearson, mean_interval
from dgpg_verify.statistics.power import bonferroni
from dgpg_verify.statistics.verdict import judge_at_least, judge_equal, judge_threshold

FAILED = 0.5  # score below which a run has failed
FAILING = 0.5  # share of the seeds above which a method is said to fail
SLACK = 5.0  # % above Best-Fit's cost within which a method still matches it
SLIGHTLY = 15.0  # % above it that are only slightly worse: the paper calls 46.4 against 41.0 so, which is 13 %
WIDTH_LEVEL = 0.99  # confidence at which Best-Fit must lie above Random before a score means anything


def judge_fails(levels: ArrayLike, level: float = 0.95) -> Verdict:
    """Claim C4.2, "fails to converge": the score stays below 0.5 in most seeds.

    Supported if the Clopper-Pearson interval of the share of failing seeds lies above 1/2, refuted if it lies below:
    each errs at (1 - level) / 2 at most. Five seeds cannot support at 95 % (5 of 5 has the lower end 0.478), six can.
    levels [R], R >= 1. The estimate is the share.
    """
    sample = check_sample("levels", levels, 1)
    failing = int((sample < FAILED).sum())
    estimate = clopper_pearson(failing, len(sample), level)
    low, high = float(estimate.low or 0.0), float(estimate.high or 0.0)
    label: Label = "supported" if low > FAILING else "refuted" if high < FAILING else "inconclusive"
    why = (
        f"{failing} of {len(sample)} seeds end below {FAILED:g}, {100 * estimate.level:.4g} % interval "
        f"[{low:.3g}, {high:.3g}] of the share; wanted more than {FAILING:g} of the seeds"
    )
    needed = math.floor(math.log(0.5 * (1.0 - estimate.level)) / math.log(0.5)) + 1
    return Verdict(label, why, estimate, needed if label == "inconclusive" and failing == len(sample) else None)


def judge_collapses(levels: ArrayLike, small_levels: ArrayLike, level: float = 0.95) -> Verdict:
    """Claim C4.2, "collapses": mean score >= 0.3 below the method's own at N = 5, and below Random + 0.2.

    Both parts must hold. Supported if both are (intersection-union: no correction), refuted if either is (union: the
    two ends together err at most at 1 - level). levels [R] at the N in question, small_levels [R'] at N = 5; R, R' >= 2
    independent seeds. The estimate is the score at N = 5 minus the score at N.
    """
    lost = difference_interval(small_levels, levels, level)
    parts = (judge_at_least(lost, COLLAPSE), judge_threshold(mean_interval(levels, level), LEARNED))
    return Verdict(join_rows([p.label for p in parts]), f"drop: {parts[0].why}; score: {parts[1].why}", lost)


def judge_matches(excess: ArrayLike, width: Estimate, level: float = 0.95) -> Verdict:
    """Claim C4.3 for N <= 100, "at or above Best-Fit": the mean cost is at most 5 % above Best-Fit's.

    Inconclusive unless Best-Fit is above Random with confidence: otherwise to match it means nothing. excess [R], R >=
    2: cost above Best-Fit's in percent of it; width: return of Best-Fit minus Random with its 99 % interval. The
    estimate is the mean excess.
    """
    above = mean_interval(check_sample("excess", excess, 2), level)
    return _undefined(width, above) or judge_threshold(above, SLACK)


def judge_slightly_below(excess: ArrayLike, width: Estimate, level: float = 0.95) -> Verdict:
    """Claim C4.3 for N = 200, "slightly below Best-Fit": the mean cost is 0 to 15 % above Best-Fit's.

    Supported if the interval lies inside, refuted if it is disjoint. Arguments, condition and estimate as in
    `judge_matches`.
    """
    above = mean_interval(excess, level)
    return _undefined(width, above) or judge_equal(above, 0.5 * SLIGHTLY, 0.5 * SLIGHTLY)


def judge_equivalent(
    scores: ArrayLike,
    margin: float,
    names: Sequence[str] | None = None,
    level: float = 0.95,
) -> Verdict:
    """Claim C4.4: no two of k settings differ by more than the margin (two one-sided tests on all pairs).

    scores [k, R], k, R >= 2; margin > 0 in their unit (0.01 for 1 % of the score's unit, 0.01 |mean return| for
    returns); names [k] for the printed reason. Column r of all settings shares fleet and seed. The estimate is the
    difference of the pair furthest apart.

    Notes
    -----
    Schuirmann (1987), Berger (1982). Supported if every pair's interval at `level` lies in -+ margin: an intersection
    of statements needs no correction, false support <= (1 - level) / 2. Refuted if one pair's lies outside at the
    Bonferroni level of all pairs: false refutation <= 1 - level. Support means that the spread max - min of the true
    means is below the margin. Cost O(k^2 R).
    """
    table, labels = _check_table(scores, names)
    pairs = list(combinations(range(len(table)), 2))
    strict = bonferroni(level, len(pairs))
    near = [difference_interval(table[i], table[j], level, paired=True) for i, j in pairs]
    far = [difference_interval(table[i], table[j], strict, paired=True) for i, j in pairs]
    inside = [judge_equal(estimate, 0.0, margin).label == "supported" for estimate in near]
    outside = [judge_equal(estimate, 0.0, margin).label == "refuted" for estimate in far]
    label: Label = "supported" if all(inside) else "refuted" if any(outside) else "inconclusive"
    # The pair that is shown is one of those that refute, if any does.
    shown = far if label == "refuted" else near
    worst = max(range(len(pairs)), key=lambda k: (outside[k] or label != "refuted", abs(near[k].value or 0.0)))
    first, second = (labels[place] for place in pairs[worst])
    apart = shown[worst]
    why = (
        f"{sum(inside)} of {len(pairs)} pairs within {margin:g}, {sum(outside)} beyond; furthest apart {first} and "
        f"{second}: [{apart.low:.4g}, {apart.high:.4g}] at {100 * apart.level:.4g} %"
    )
    return Verdict(label, why, apart)


def _undefined(width: Estimate, estimate: Estimate) -> Verdict | None:
    """Inconclusive where Best-Fit is not shown to be above Random."""
    if width.level < WIDTH_LEVEL:
        raise InputError(f"width.level = {width.level!r} is not allowed: it must be at least {WIDTH_LEVEL:g}")
    if width.low is not None and width.low > 0.0:
        return None
    low = "none" if width.low is None else f"{width.low:.4g}"
    why = f"no score: Best-Fit is not shown to be above Random (lower end {low} at {100 * width.level:.4g} %)"
    return Verdict("inconclusive", why, estimate)


def _check_table(scores: ArrayLike, names: Sequence[str] | None) -> tuple[Array, list[str]]:
    table = check_sample("scores", scores, 2, (2,))
    if table.shape[1] < 2:
        raise InputError(f"scores holds {table.shape[1]} seed: at least 2 are needed")
    labels = check_unique("names", [str(k) for k in range(len(table))] if names is None else names)
    if len(labels) != len(table):
        raise InputError(f"names holds {len(labels)} values, scores has {len(table)} rows: they must agree")
    return table, labels

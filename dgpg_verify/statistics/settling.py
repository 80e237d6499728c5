"""How long a method takes to settle, over seeds some of which never do: percentile, mean, and claim C4.1.

A run that never settles counts as infinitely late, not as missing. A time of settling is known only to lie between
two evaluations: lower ends use the earlier, upper ends the later one.

A percentile is bounded under one of two laws. "any": both ends are order statistics (Conover 1999, 3.2), valid for
every law. An upper end then needs share^n <= (1 - level) / 2: 36 seeds for the 90th percentile at 95 %; with fewer it
is None and cannot support a claim (the latest of 5 seeds lies below the true 90th percentile 59 times in 100). The
lower end needs two seeds, so few seeds can refute. "lognormal": where the first has no upper end and all runs settled,
the tolerance limit exp(m + k s) of times assumed log-normal (Owen 1968). That is an assumption, to be printed as such:
it cannot account for rare runs that never settle. Times lie on a grid: s is at least that of rounding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import special, stats

from dgpg_verify.core import Estimate, InputError, Label, Verdict, check_choice, check_real
from dgpg_verify.statistics.checks import Array, check_level, check_positive
from dgpg_verify.statistics.convergence import LEARNED, Convergence, judge_learned
from dgpg_verify.statistics.intervals import clopper_pearson, t_quantile

PERCENTILE = 0.9
CLAIMED = {"percentile": 10.0, "mean": 20.0}  # episodes
LAWS = ("any", "lognormal")


def settling_percentile(
    runs: Sequence[Convergence], share: float = PERCENTILE, level: float = 0.95, law: str = "any"
) -> Estimate:
    """Episodes after which a share of all seeds has settled, with a valid upper end.

    Parameters
    ----------
    runs
        n >= 2, one per seed, evaluated over the same episodes.
    share
        In (0, 1).
    law
        "any" or "lognormal", as at the head of this module.

    Returns
    -------
    Estimate in episodes; value None if the sample percentile is a run that never settles; low at most the horizon.
    """
    _check_runs(runs)
    share, level = check_level(share, "share"), check_level(level)
    check_choice("law", law, LAWS)
    n, tail = len(runs), 0.5 * (1.0 - level)
    at = np.sort(_latest(runs))
    early = np.sort([run.earliest for run in runs])
    value = at[math.ceil(share * n - 1e-9) - 1]
    below = stats.binom.cdf(np.arange(n), n, share)  # P(at most k seeds lie below the true percentile)
    lower = int((below <= tail).sum())  # x_(lower) lies above it with probability below[lower - 1]
    upper = int(np.argmax(below >= 1.0 - tail)) + 1 if below[-1] >= 1.0 - tail else None
    low = float(early[lower - 1]) if lower else 0.0
    high = math.inf if upper is None else float(at[upper - 1])
    if upper is None and law == "lognormal" and np.isfinite(at).all():
        high = max(_lognormal_limit(runs, share, 1.0 - tail), float(at[-1]))
    return Estimate(_known(value), low, _known(high), level, n)


def settling_mean(runs: Sequence[Convergence], level: float = 0.95) -> Estimate:
    """Mean over seeds of the time to settle, with Student's t interval.

    If any run never settles the mean has no upper end (None, and no value); the lower end
    is then that of the mean cut at the horizon, which the true mean exceeds. n runs that all settled cannot show
    that none ever fails: up to a share 1 - ((1 - level) / 2)^(1/n) may, and then the mean describes only those that
    settle. Upper end from the evaluation at which a run settled, lower end from the one before; spread at least
    that of rounding to the evaluations. In episodes; at least 2 runs.
    """
    _check_runs(runs)
    level, n = check_level(level), len(runs)
    at, early = _latest(runs), np.array([run.earliest for run in runs])
    reach = t_quantile(n - 1, level) / math.sqrt(n)
    floor = _cell(runs) / math.sqrt(12.0)
    low = max(float(early.mean()) - reach * max(float(early.std(ddof=1)), floor), 0.0)
    if not np.isfinite(at).all():
        return Estimate(None, low, None, level, n)
    high = float(at.mean()) + reach * max(float(at.std(ddof=1)), floor)
    return Estimate(float(at.mean()), low, high, level, n)


def judge_settling(
    runs: Sequence[Convergence],
    statistic: str = "percentile",
    within: float | None = None,
    level: float = 0.95,
    law: str = "any",
) -> Verdict:
    """Claim C4.1: the method converges within 10 episodes (90th percentile over seeds), or 20 (mean).

    Parameters
    ----------
    runs
        n >= 2, one per seed.
    statistic
        "percentile" or "mean".
    within
        Episodes, > 0; default 10 or 20.
    law
        As in `settling_percentile`.

    Returns
    -------
    Verdict, estimate in episodes. Supported: learned, and the upper end <= within. Refuted: has not learned, or the
    lower end > within. Otherwise inconclusive; also if an end is missing, or if the level was measured inside the
    claimed episodes (train to more than within / 0.8).

    Notes
    -----
    "Learned" is judged at 99 %. With law "any" fewer than 36 seeds at 95 % can refute but not support. Each wrong label
    has a rate of at most (1 - level) / 2 (law "any" of the percentile), plus 0.5 % for "learned"; the rates of the mean
    and of the log-normal limit hold only if their law does and no run ever fails.
    """
    check_choice("statistic", statistic, CLAIMED)
    within = check_positive("within", CLAIMED[statistic] if within is None else within)
    if statistic == "mean":
        estimate, needed = settling_mean(runs, level), None  # seeds that make an upper end if all settle; None: any
    else:
        estimate, needed = settling_percentile(runs, PERCENTILE, level, law), _seeds_needed(level)
    assumed = needed is not None and law == "lognormal" and estimate.high is not None and len(runs) < needed
    learned = judge_learned([run.level for run in runs])
    never = sum(run.settled_at is None for run in runs)
    failing = clopper_pearson(never, len(runs), estimate.level)
    ends = "[" + ", ".join("none" if end is None else f"{end:.4g}" for end in (estimate.low, estimate.high)) + "]"
    why = (
        f"{statistic} of the episodes to settle in {ends} at {100 * estimate.level:.4g} %, wanted at most {within:g}; "
        f"{never} of {len(runs)} runs never settle (true share up to {failing.high:.2g})"
    )
    why += "; upper end assumes log-normal times" if assumed else ""
    if min(run.level_from for run in runs) <= within:
        return Verdict("inconclusive", f"trained too short to tell; {why}", estimate)
    label = _settling_label(estimate, within, learned.label)
    if learned.label != "supported":
        why = f"learned (level at least {LEARNED:g}): {learned.label}, {learned.why}; {why}"
    wants_more = label == "inconclusive" and estimate.high is None and never == 0
    return Verdict(label, why, estimate, needed if wants_more else None)


def _settling_label(estimate: Estimate, within: float, learned: Label) -> Label:
    if learned == "refuted" or (estimate.low is not None and estimate.low > within):
        return "refuted"
    quick = estimate.high is not None and estimate.high <= within
    return "supported" if quick and learned == "supported" else "inconclusive"


def _seeds_needed(level: float) -> int:
    """Fewest seeds whose largest one bounds the percentile under any law: PERCENTILE^n <= (1 - level) / 2."""
    return math.ceil(math.log(0.5 * (1.0 - level)) / math.log(PERCENTILE) - 1e-9)


def _lognormal_limit(runs: Sequence[Convergence], share: float, confidence: float) -> float:
    """exp(m + k s): at least `share` of a log-normal law lies below it with this confidence."""
    n, at = len(runs), _latest(runs)
    logs = np.log(at)
    spread = max(float(logs.std(ddof=1)), _cell(runs) / float(at.mean()) / math.sqrt(12.0))
    factor = stats.nct.ppf(confidence, n - 1, special.ndtri(share) * math.sqrt(n)) / math.sqrt(n)
    return float(np.exp(logs.mean() + factor * spread))


def _latest(runs: Sequence[Convergence]) -> Array:
    """Times of settling [R], infinite for runs that never do."""
    return np.array([math.inf if run.settled_at is None else run.settled_at for run in runs])


def _cell(runs: Sequence[Convergence]) -> float:
    """Mean distance from the evaluation at which a run settled to the one before."""
    gaps = [
        run.converged_at - run.converged_after
        for run in runs
        if run.converged_at is not None and run.converged_after is not None
    ]
    return float(np.mean(gaps)) if gaps else 0.0


def _known(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None


def _check_runs(runs: Sequence[Convergence]) -> None:
    if len(runs) < 2:
        raise InputError(f"runs holds {len(runs)} run: at least 2 seeds are needed")
    check_real("horizon", max(run.horizon for run in runs), 0.0)
    if len({(run.horizon, run.level_from) for run in runs}) > 1:
        raise InputError("runs differ in length: all must be evaluated over the same episodes")

"""Samples to a gap, n = C N^p (1/eps)^q, from runs some of which never arrive: exponents, intervals, verdicts.

The replication unit is a fleet: all eps of one fleet come from the same runs, so its level and its slope over eps are
one observation each, and intervals are t intervals over fleets.

Each cell (N, eps) is summarised by the typical fleet: the mean of log n, and where fleets of any cell are censored the
mean trimmed at both ends by as many, the same in all cells (valid if they share a budget at each N; unchanged exponents
if the law of fleets only shifts or is symmetric). p: `fit_scaling` of each fleet's mean over eps. q: each fleet's slope
over eps, at the middle of the deciding log N. Both are widened by what the checkpoints can hide (`grid_slack`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dgpg_verify.core import Estimate, Verdict, check_int, check_real
from dgpg_verify.statistics.checks import Array, check_level
from dgpg_verify.statistics.sample_parts import (
    FEWEST_EPS,
    LEAST_SPAN,
    Bounds,
    check_bounds,
    either_model,
    enough_eps,
    grid_slack,
    power_of_eps,
    power_of_n,
    slope_coefficients,
    trim_count,
    typical_values,
    usable_eps,
)
from dgpg_verify.statistics.scaling import MINIMUM_VALUES, ScalingFit, SlopeFit, fit_scaling, top_decade
from dgpg_verify.statistics.verdict import MARGIN, judge

MINIMUM_N = 32


@dataclass(frozen=True)
class SampleFit:
    """Exponents of n = C N^p (1/eps)^q over the deciding N (top decade, N >= 32) and the eps that enter.

    p; q under C/eps^q; q_log under (C/eps^q) log(1/eps), whose coefficient is fixed at 1 (p is the same under both);
    p_total: exponent in N at a fixed total gap, p + q. lack_of_fit of p and p_total: p-value of a straight line in
    log N; of q and q_log: that the local exponent changes by at most 0.15 over the range. eps: those that enter,
    descending; dropped: why smaller ones do not, or "". censored: share of all deciding (fleet, N, eps) that never
    arrived. trimmed: fleets left out at either end of each cell.
    """

    p: ScalingFit
    q: ScalingFit
    q_log: ScalingFit
    p_total: ScalingFit
    eps: tuple[float, ...]
    dropped: str
    censored: float
    trimmed: int
    fleets: int


@dataclass(frozen=True)
class _Frame:
    """What every exponent of one fit shares."""

    sizes: NDArray[np.int64]
    deciding: NDArray[np.bool_]
    level: float
    minimum_n: int
    fleets: int
    trim: int

    @property
    def x(self) -> Array:
        """log N about the middle of the deciding N: [G]."""
        logs = np.log(self.sizes)
        return np.asarray(logs - logs[self.deciding].mean(), dtype=np.float64)

    def fit(self, line: SlopeFit | None = None, why: str = "") -> ScalingFit:
        """An exponent that is one line, or not measurable and why."""
        return ScalingFit(self.level, line, None, None, self.fleets, tuple(self.sizes.tolist()), why)


def fit_samples(
    n_values: ArrayLike,
    eps: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    level: float = 0.99,
    *,
    floors: ArrayLike = 0.0,
    minimum_n: int = MINIMUM_N,
) -> SampleFit:
    """Fit log n = a + p log N + q log(1/eps) to counts known to lie in [low, high], with intervals at `level`.

    Parameters
    ----------
    n_values
        [G] distinct integers >= 1.
    eps
        [E] > 0, distinct: per-agent gap, as a share of the first gap (for q_log below 1).
    low, high
        [F, G, E] roll-outs, 0 <= low <= n <= high; high = inf: never arrived. Independent fleets, drawn anew at each N;
        several seeds of a fleet are combined into one row first.
    level
        Level of the two-sided intervals.
    floors
        [G] or a number, same unit as eps: eps <= 3 x floor do not enter.
    minimum_n
        Smaller N do not decide.

    Returns
    -------
    SampleFit; parts that cannot be decided are not measurable and say why.
    """
    bounds = check_bounds(n_values, eps, low, high, floors)
    level, minimum_n = check_level(level), check_int("minimum_n", minimum_n, 1)
    deciding = top_decade(bounds.sizes, minimum_n)
    frame, enough = _Frame(bounds.sizes, deciding, level, minimum_n, len(bounds.low), 0), deciding.sum()
    if enough < MINIMUM_VALUES:
        why = f"too few N >= {minimum_n} in the top decade: {enough}, where {MINIMUM_VALUES} are needed"
        return _nothing(frame, bounds, why)
    used, dropped = usable_eps(bounds, deciding)
    return _fit(frame, bounds, used, dropped) if used else _nothing(frame, bounds, dropped)


def _fit(frame: _Frame, bounds: Bounds, used: int, dropped: str) -> SampleFit:
    """The fit of the largest `used` eps, which enter."""
    entering = bounds.largest_eps(used)
    frame = replace(frame, trim=trim_count(entering.logs[:, frame.deciding]))
    typical = typical_values(entering.logs, frame.trim)
    slack = grid_slack(entering.low, entering.high, typical)
    q, q_log, p_total = _powers_of_eps(frame, -np.log(entering.eps), typical, slack, dropped)
    return SampleFit(
        p=_power_of_n(frame, typical.mean(-1), slack.mean(-1)),
        q=q,
        q_log=q_log,
        p_total=p_total,
        eps=tuple(entering.eps.tolist()),
        dropped=dropped,
        censored=bounds.censored(frame.deciding),
        trimmed=frame.trim,
        fleets=frame.fleets,
    )


def _nothing(frame: _Frame, bounds: Bounds, why: str) -> SampleFit:
    """No exponent is measurable, and why."""
    none = frame.fit(why=why)
    return SampleFit(none, none, none, none, (), why, bounds.censored(frame.deciding), 0, frame.fleets)


def judge_p(
    fit: SampleFit,
    expected: float = 0.0,
    margin: float = MARGIN,
    relation: str = "theta",
    total: bool = False,
) -> Verdict:
    """Judge p (or, with `total`, the exponent p + q at a fixed total gap) against N^expected, as `judge` does."""
    return judge(fit.p_total if total else fit.p, expected, margin, relation)


def judge_q(fit: SampleFit, expected: float = 1.0, margin: float = MARGIN, relation: str = "theta") -> Verdict:
    """Judge q against (1/eps)^expected up to one logarithm.

    Supported if `judge` supports q under C/eps or under (C/eps) log(1/eps), refuted if
    it refutes both, else inconclusive. The estimate is q under the model that decided (refuted or inconclusive: the
    one nearer to `expected`).
    """
    expected = check_real("expected", expected)
    models = {"C/eps": fit.q, "(C/eps) log(1/eps)": fit.q_log}
    judged = {name: judge(model, expected, margin, relation) for name, model in models.items()}
    why = "; ".join(f"under {name}: {verdict.label}, {verdict.why}" for name, verdict in judged.items())
    label = str(either_model(*(verdict.label for verdict in judged.values())))
    ranked = sorted(judged.values(), key=lambda v: _distance(v.estimate, expected))
    if label == "supported":
        return Verdict("supported", why, next(v.estimate for v in ranked if v.label == "supported"))
    if label == "refuted":
        return Verdict("refuted", why, ranked[0].estimate)
    counts = [v.decided_at for v in ranked if v.label == "inconclusive" and v.decided_at is not None]
    return Verdict("inconclusive", why, ranked[0].estimate, min(counts, default=None))


def _distance(estimate: Estimate, expected: float) -> float:
    return np.inf if estimate.value is None else abs(estimate.value - expected)


def _power_of_n(frame: _Frame, values: Array, slack: Array) -> ScalingFit:
    """Slope on log N of values [F, G] (logs), whose means are known up to slack [G]."""
    fit = fit_scaling(frame.sizes, np.exp(values.T), frame.level, minimum_n=frame.minimum_n)
    if fit.top_decade is None:
        return fit
    chosen = frame.deciding
    power = power_of_n(frame.x[chosen], values[:, chosen], slack[chosen], frame.trim)
    low, high = (float(end) for end in power.ends(frame.level))
    line = replace(fit.top_decade, low=low, high=high, df=float(power.df), steps=None)  # these know no slack
    return replace(fit, top_decade=line)


def _powers_of_eps(
    frame: _Frame, x: Array, typical: Array, slack: Array, dropped: str
) -> tuple[ScalingFit, ScalingFit, ScalingFit]:
    """q, q under the rival, exponent in N at a fixed total gap; x = log(1/eps) [E]."""
    if not enough_eps(x):
        span = f"{len(x)} eps over a factor {np.exp(x[-1] - x[0]):.3g}"
        why = f"{span} enter; at least {FEWEST_EPS} over {LEAST_SPAN:g} are needed"
        none = frame.fit(why=f"{why} ({dropped})" if dropped else why)
        return none, none, none
    slope_c = slope_coefficients(x)
    slopes, level = typical @ slope_c, typical.mean(-1)
    off = slack @ np.abs(slope_c)
    rival = frame.fit(why=f"eps = {np.exp(-x[0]):.3g} is not below 1: log(1/eps) must be positive")
    if x[0] > 0.0:
        rival = _power_of_eps(frame, x, typical - np.log(x), slack)
    # Each fleet's own line, read at eps = total gap / N: the middle N keeps the middle eps.
    total = _power_of_n(frame, level + slopes * frame.x, slack.mean(-1) + off * np.abs(frame.x))
    return _power_of_eps(frame, x, typical, slack), rival, total


def _power_of_eps(frame: _Frame, x: Array, typical: Array, slack: Array) -> ScalingFit:
    """Slope over x = log(1/eps) [E] at the middle of the deciding log N."""
    table = typical[:, frame.deciding]
    q = power_of_eps(frame.x[frame.deciding], x, table, slack[frame.deciding], frame.trim)
    low, high = q.ends(frame.level)
    line = SlopeFit(
        exponent=float(q.value),
        low=float(low),
        high=float(high),
        level=frame.level,
        intercept=float((table.mean() - q.value * x.mean()) / np.log(10.0)),
        standard_error=float(q.error),
        df=float(q.df),
        lack_of_fit=float(q.lack_of_fit),
        n_values=tuple(frame.sizes[frame.deciding].tolist()),
        replicates=frame.fleets,
    )
    return frame.fit(line)

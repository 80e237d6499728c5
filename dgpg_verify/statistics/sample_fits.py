"""Samples to a gap, n = C N^p (1/eps)^q, from runs some of which never arrive: exponents, intervals, verdicts.

The replication unit is a fleet: all eps of one fleet come from the same runs, so its level and its slope over eps are
one observation each, and intervals are t intervals over fleets.

Each cell (N, eps) is summarised by the typical fleet: the mean of log n, and where fleets of any cell are censored the
mean trimmed at both ends by as many, the same in all cells (valid if they share a budget at each N; unchanged exponents
if the law of fleets only shifts or is symmetric). p: `fit_scaling` of each fleet's mean over eps. q: each fleet's slope
over eps, at the middle of the deciding log N. Both are widened by what the checkpoints can hide (`grid_slack`).
Source: CLAIMS C3, section 8.
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
    MAX_CENSORED,
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
    log N; of q and q_log: that the local exponent changes by at most 0.15 over the range. drift: change of q per unit
    of log N. eps: those that enter, descending; dropped: why smaller ones do not, or "". censored: share of all
    deciding (fleet, N, eps) that never arrived; censored_used: the same among those that enter. trimmed: fleets left
    out at either end of each cell. rounding_p, rounding_q: how much of each half interval is for counts known only
    to lie between two checkpoints.
    """

    p: ScalingFit
    q: ScalingFit
    q_log: ScalingFit
    p_total: ScalingFit
    drift: Estimate
    eps: tuple[float, ...]
    dropped: str
    censored: float
    censored_used: float
    trimmed: int
    fleets: int
    rounding_p: float
    rounding_q: float


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
    max_censored: float = MAX_CENSORED,
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
        Of the two-sided intervals.
    floors
        [G] or a number, same unit as eps: eps <= 3 x floor do not enter.
    minimum_n
        Smaller N do not decide.
    max_censored
        In (0, 1), largest share of fleets of a cell that may not have arrived.

    Returns
    -------
    SampleFit; parts that cannot be decided are not measurable and say why.
    """
    bounds = check_bounds(n_values, eps, low, high, floors)
    level, minimum_n = check_level(level), check_int("minimum_n", minimum_n, 1)
    frame = _Frame(bounds.sizes, top_decade(bounds.sizes, minimum_n), level, minimum_n, len(bounds.low), 0)
    return _fit(frame, bounds, check_level(max_censored, "max_censored"))


def _fit(frame: _Frame, bounds: Bounds, max_censored: float) -> SampleFit:
    sizes = frame.deciding.sum()
    if sizes < MINIMUM_VALUES:
        why = f"too few N >= {frame.minimum_n} in the top decade: {sizes}, where {MINIMUM_VALUES} are needed"
        return _nothing(frame, bounds, why)
    used, dropped = usable_eps(bounds, frame.deciding, max_censored)
    if used == 0:
        return _nothing(frame, bounds, dropped)
    return _fit_usable(frame, bounds, bounds.largest_eps(used), dropped)


def _fit_usable(frame: _Frame, bounds: Bounds, entering: Bounds, dropped: str) -> SampleFit:
    """The fit of the eps that enter."""
    frame = replace(frame, trim=trim_count(entering.logs[:, frame.deciding]))
    typical = typical_values(entering.logs, frame.trim)
    slack = grid_slack(entering.low, entering.high, typical)
    p, rounding_p = _power_of_n(frame, typical.mean(-1), slack.mean(-1))
    q, q_log, p_total, drift, rounding_q = _powers_of_eps(frame, -np.log(entering.eps), typical, slack, dropped)
    return SampleFit(
        p=p,
        q=q,
        q_log=q_log,
        p_total=p_total,
        drift=drift,
        eps=tuple(entering.eps.tolist()),
        dropped=dropped,
        censored=bounds.censored(frame.deciding),
        censored_used=entering.censored(frame.deciding),
        trimmed=frame.trim,
        fleets=frame.fleets,
        rounding_p=rounding_p,
        rounding_q=rounding_q,
    )


def judge_p(
    fit: SampleFit,
    expected: float = 0.0,
    margin: float = MARGIN,
    relation: str = "theta",
    total: bool = False,
    proved_bound: bool = False,
) -> Verdict:
    """Judge p (or, with `total`, the exponent p + q at a fixed total gap) against N^expected, as `judge` does."""
    return judge(fit.p_total if total else fit.p, expected, margin, relation, proved_bound)


def judge_q(fit: SampleFit, expected: float = 1.0, margin: float = MARGIN, relation: str = "theta") -> Verdict:
    """Judge q against (1/eps)^expected up to one logarithm.

    Source: CLAIMS C3.2, section 8. Supported if `judge` supports q under C/eps or under (C/eps) log(1/eps), refuted if
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


def _power_of_n(frame: _Frame, values: Array, slack: Array) -> tuple[ScalingFit, float]:
    """Slope on log N of values [F, G] (logs), and the part of its half interval that is slack [G] of the grid."""
    fit = fit_scaling(frame.sizes, np.exp(values.T), frame.level, minimum_n=frame.minimum_n)
    if fit.top_decade is None:
        return fit, 0.0
    chosen = frame.deciding
    power = power_of_n(frame.x[chosen], values[:, chosen], slack[chosen], frame.trim)
    low, high = (float(end) for end in power.ends(frame.level))
    top = replace(fit.top_decade, low=low, high=high, df=float(power.df))
    return replace(fit, top_decade=top), float(power.slack)


def _powers_of_eps(
    frame: _Frame, x: Array, typical: Array, slack: Array, dropped: str
) -> tuple[ScalingFit, ScalingFit, ScalingFit, Estimate, float]:
    """q, q under the rival, exponent in N at a fixed total gap, drift, rounding of q; x = log(1/eps) [E]."""
    if not enough_eps(x):
        span = f"{len(x)} eps over a factor {np.exp(x[-1] - x[0]):.3g}"
        why = f"{span} enter; at least {FEWEST_EPS} over {LEAST_SPAN:g} are needed"
        none = frame.fit(why=f"{why} ({dropped})" if dropped else why)
        return none, none, none, _unknown(frame), 0.0
    slope_c = slope_coefficients(x)
    slopes, level = typical @ slope_c, typical.mean(-1)
    off = slack @ np.abs(slope_c)
    q, drift, rounding = _power_of_eps(frame, x, typical, slack)
    rival = frame.fit(why=f"eps = {np.exp(-x[0]):.3g} is not below 1: log(1/eps) must be positive")
    if x[0] > 0.0:
        rival = _power_of_eps(frame, x, typical - np.log(x), slack)[0]
    # Each fleet's own line, read at eps = total gap / N: the middle N keeps the middle eps.
    total, _ = _power_of_n(frame, level + slopes * frame.x, slack.mean(-1) + off * np.abs(frame.x))
    return q, rival, total, drift, rounding


def _power_of_eps(frame: _Frame, x: Array, typical: Array, slack: Array) -> tuple[ScalingFit, Estimate, float]:
    """Slope over x = log(1/eps) [E] at the middle of the deciding log N, its drift with log N, its rounding."""
    table = typical[:, frame.deciding]
    q, drift = power_of_eps(frame.x[frame.deciding], x, table, slack[frame.deciding], frame.trim)
    (low, high), drift_ends = q.ends(frame.level), drift.ends(frame.level)
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
    slope = Estimate(float(drift.value), float(drift_ends[0]), float(drift_ends[1]), frame.level, frame.fleets)
    return frame.fit(line), slope, float(q.slack)


def _unknown(frame: _Frame) -> Estimate:
    return Estimate(None, None, None, frame.level, frame.fleets)


def _nothing(frame: _Frame, bounds: Bounds, why: str) -> SampleFit:
    """No exponent is measurable, and why."""
    none, censored = frame.fit(why=why), bounds.censored(frame.deciding)
    return SampleFit(none, none, none, none, _unknown(frame), (), why, censored, 0.0, 0, frame.fleets, 0.0, 0.0)

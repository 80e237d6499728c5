"""The verdict rules: an interval against a statement fixed beforehand, and nothing else, gives the label.

A statement is a relation, an expected value and a margin. `allowed_set` turns them into the numbers that satisfy it:
judges, tables and figures all read the statement there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dgpg_verify.core import Estimate, InputError, Label, Verdict, check_choice, check_real
from dgpg_verify.statistics.checks import check_positive
from dgpg_verify.statistics.intervals import clopper_pearson
from dgpg_verify.statistics.power import MAXIMUM, replicates_for_half_width
from dgpg_verify.statistics.scaling import ScalingFit, SlopeFit

Relation = Literal["theta", "equal", "big_o", "at_most", "at_least", "universal"]
RELATIONS: tuple[str, ...] = get_args(Relation)
Region = tuple[float, float]  # a closed interval of numbers; ends may be infinite

MARGIN = 0.15
LACK_OF_FIT = 0.01  # below this p-value the line does not describe the data
POSITIONS = {"supported": "lies within", "refuted": "lies outside", "inconclusive": "overlaps the edge of"}
ANSWERS = {"supported": "satisfies", "refuted": "contradicts", "inconclusive": "does not decide"}


def allowed_set(relation: str, expected: float, margin: float | None = None) -> Region:
    """The closed interval of numbers that satisfy a statement.

    Parameters
    ----------
    relation
        "theta" or "equal": within `margin` of `expected`; "big_o" or "at_most": at most expected + margin;
        "at_least": at least expected - margin; "universal": exactly `expected`, without one exception (a share of
        violations; judged by their count, since an interval around a share of 0 always reaches above 0).
    margin
        >= 0; None counts as 0, so that "theta" and "equal" allow the expected value alone.

    Returns
    -------
    Lower and upper end, -inf or inf where the set is open to that side.

    Raises
    ------
    InputError
        For an unknown relation (the known ones are named), a number that is not finite, or a negative margin.
    """
    check_choice("relation", relation, RELATIONS)
    expected, margin = check_real("expected", expected), check_real("margin", 0.0 if margin is None else margin, 0.0)
    low = -np.inf if relation in ("big_o", "at_most") else expected - margin
    high = np.inf if relation == "at_least" else expected + margin
    return low, high


def allowed_text(relation: str, expected: float, margin: float | None = None) -> str:
    """`allowed_set` in words: "1 -+ 0.15", "exactly 0", "at most 0 + 0.15", "at least 0.99"."""
    low, high = allowed_set(relation, expected, margin)
    if np.isfinite([low, high]).all():
        return f"{expected:g} -+ {margin:g}" if margin else f"exactly {expected:g}"
    words, sign = ("at most", "+") if np.isfinite(high) else ("at least", "-")
    return f"{words} {expected:g}" + (f" {sign} {margin:g}" if margin else "")


def interval_labels(
    low: ArrayLike, high: ArrayLike, allowed: Region, tolerated: Region | None = None
) -> NDArray[np.str_]:
    """Labels of many intervals [low, high] at once; the one place where the rule is written.

    Supported if the interval lies in `allowed`, refuted if it is disjoint from `tolerated` (which contains `allowed`,
    and is `allowed` if not given), else inconclusive; inconclusive too if an end is NaN.

    Notes
    -----
    While the interval holds the truth no label is false, so the two kinds of false label together are at most as
    frequent as misses of the interval: 1 - level. How often a true statement is left undecided depends on the width.
    """
    low, high = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    tolerated = allowed if tolerated is None else tolerated
    known = ~(np.isnan(low) | np.isnan(high))
    supported = known & (allowed[0] <= low) & (high <= allowed[1])
    refuted = known & ((high < tolerated[0]) | (low > tolerated[1]))
    return np.select([supported, refuted], ["supported", "refuted"], "inconclusive")


def exponent_labels(
    low: ArrayLike,
    high: ArrayLike,
    lack_of_fit: ArrayLike,
    expected: float,
    margin: float = MARGIN,
    relation: str = "theta",
    proved_bound: bool = False,
    steps: tuple[ArrayLike, ArrayLike] = (np.nan, np.nan),
) -> NDArray[np.str_]:
    """Labels of many intervals of exponents at once.

    As `interval_labels`. Where the lack-of-fit p-value is below 1 % no exponent describes the curve: unless a proved
    bound applies, the range `steps` of the exponents between neighbouring N is judged in place of the interval, and NaN
    leaves it inconclusive. lack_of_fit NaN: it cannot be tested and is ignored.
    """
    allowed = allowed_set(relation, expected, check_positive("margin", margin))
    bent = np.asarray(lack_of_fit, dtype=np.float64) < LACK_OF_FIT
    along = bent & (not proved_bound)
    return np.where(along, interval_labels(*steps, allowed), interval_labels(low, high, allowed))


def judge(
    fit: ScalingFit,
    expected: float = 0.0,
    margin: float = MARGIN,
    relation: str = "theta",
    proved_bound: bool = False,
) -> Verdict:
    """Judge a fitted exponent against "Theta(N^expected)" or "O(N^expected)".

    Parameters
    ----------
    fit
        From `fit_scaling`.
    expected, margin, relation
        The statement, as in `allowed_set`; margin > 0.
    proved_bound
        A theorem bounds the curve, so that lack of fit does not make the row inconclusive.

    Returns
    -------
    Verdict; `decided_at` is the number of replicates per N at which the interval would fall on one side if the
    estimate stayed where it is.
    """
    p = np.nan if fit.lack_of_fit is None else fit.lack_of_fit
    low, high = (np.nan if end is None else end for end in (fit.low, fit.high))
    steps = (fit.top_decade and fit.top_decade.steps) or (np.nan, np.nan)
    label = _label(exponent_labels(low, high, p, expected, margin, relation, proved_bound, steps))
    if fit.top_decade is None or fit.exponent is None:
        return Verdict(label, fit.why, fit.estimate)
    statement, bent = allowed_text(relation, expected, margin), p < LACK_OF_FIT
    shown = f"{_percent(fit.level)} interval [{fit.low:.3f}, {fit.high:.3f}] of the exponent"
    if bent and not proved_bound:
        why = f"no straight line; lack of fit p = {p:.2g} < {LACK_OF_FIT:g}; {shown}, wanted {statement}"
        return Verdict(label, why + _along(label, steps), fit.estimate)
    why = f"{shown} {POSITIONS[label]} {statement}"
    why += f"; lack of fit p = {p:.2g}, but a proved bound applies" if bent else ""
    decided_at = _exponent_decided_at(fit.top_decade, allowed_set(relation, expected, margin))
    return Verdict(label, why, fit.estimate, decided_at if label == "inconclusive" else None)


def _along(label: str, steps: Region) -> str:
    """What a curve that is no line is decided by, in words; nothing where it is not."""
    if label == "inconclusive":
        return ""
    place = "inside" if label == "supported" else "outside"
    return f"; every exponent between neighbouring N lies {place} it: [{steps[0]:.3f}, {steps[1]:.3f}]"


def _exponent_decided_at(line: SlopeFit, allowed: Region) -> int | None:
    distance = _distance(line.exponent, allowed, allowed)
    return replicates_for_half_width(line.standard_error, line.df, line.replicates, line.level, distance)


def judge_margins(
    fit: ScalingFit,
    expected: float = 0.0,
    relation: str = "theta",
    margins: Sequence[float] = (0.10, 0.25),
    proved_bound: bool = False,
) -> dict[str, Label]:
    """Labels at other margins, printed beside the verdict: {"0.10": ..., "0.25": ...}."""
    return {f"{m:.2f}": judge(fit, expected, m, relation, proved_bound).label for m in margins}


def judge_interval(estimate: Estimate, relation: str, expected: float, margin: float | None = None) -> Verdict:
    """Judge an estimate by its interval against any statement: the rule of `interval_labels` on `allowed_set`.

    An exact number is an interval of length 0: a largest error may be "at_most" 0 with margin 1e-9.
    """
    allowed = allowed_set(relation, expected, margin)
    return _judge(estimate, allowed_text(relation, expected, margin), allowed, allowed)


def judge_threshold(estimate: Estimate, support_at: float, refute_above: float | None = None) -> Verdict:
    """The quantity is small: supported if high <= support_at, refuted if low > refute_above.

    refute_above (default support_at) must be >= support_at; a cross-agent share is judged with 0.01 and 0.05.
    """
    allowed = allowed_set("at_most", support_at)
    tolerated = allowed if refute_above is None else allowed_set("at_most", refute_above)
    if tolerated[1] < allowed[1]:
        raise InputError(f"refute_above = {refute_above!r} is not allowed: it must be >= {support_at:g}")
    statement = allowed_text("at_most", support_at)
    statement += f", refuted above {refute_above:g}" if tolerated[1] > allowed[1] else ""
    return _judge(estimate, statement, allowed, tolerated)


def judge_at_least(estimate: Estimate, bound: float) -> Verdict:
    """The quantity is at least `bound`: supported if low >= bound, refuted if high < bound."""
    return judge_interval(estimate, "at_least", bound)


def judge_equal(estimate: Estimate, expected: float, margin: float) -> Verdict:
    """Equivalence: supported if the interval lies in expected -+ margin, refuted if disjoint from it."""
    return judge_interval(estimate, "equal", expected, check_positive("margin", margin))


def judge_none(violations: int, trials: int, level: float = 0.95, fewest: int = 1, case: str = "case") -> Verdict:
    """A universal statement, "never violated": refuted by one violation, supported by none in `fewest` trials.

    The count decides, not the interval: the relation is "universal". case: what is counted, in the reason.

    Notes
    -----
    A refutation is never false. Support without a theorem beside it is weak: if a share s of all cases violates the
    statement, none is met, and the statement falsely supported, with probability (1 - s)^trials. The estimate is the
    share with its exact interval at `level` (Clopper & Pearson 1934), so that this is printed beside the label.
    """
    if trials == 0:
        return Verdict("inconclusive", f"no {case} satisfies the condition", Estimate(None, None, None, level, 0))
    estimate, why = clopper_pearson(violations, trials, level), f"{violations} of {trials} {case}s violate it"
    if violations:
        return Verdict("refuted", why, estimate)
    if trials < fewest:
        return Verdict("inconclusive", f"{why}, fewer than {fewest}", estimate, fewest)
    return Verdict("supported", why, estimate)


def _judge(estimate: Estimate, statement: str, allowed: Region, tolerated: Region) -> Verdict:
    """The verdict of `interval_labels` with its reason and the replicates that would decide."""
    value, low, high = estimate.value, estimate.low, estimate.high
    if value is None or low is None or high is None or not np.isfinite([value, low, high]).all():
        return Verdict("inconclusive", f"not measurable; wanted {statement}", estimate)
    label = _label(interval_labels(low, high, allowed, tolerated))
    why = f"{_percent(estimate.level)} interval [{low:.4g}, {high:.4g}] {ANSWERS[label]}: {statement}"
    if label != "inconclusive":
        return Verdict(label, why, estimate)
    half_width = max(high - value, value - low)
    return Verdict(label, why, estimate, _scaled(estimate.n, half_width, _distance(value, allowed, tolerated)))


def _distance(value: float, allowed: Region, tolerated: Region) -> float:
    """How far an estimate lies inside `allowed` or outside `tolerated`; 0 between the two."""
    if allowed[0] < value < allowed[1]:
        return min(value - allowed[0], allowed[1] - value)
    return max(tolerated[0] - value, value - tolerated[1], 0.0)


def _scaled(n: int, half_width: float, distance: float) -> int | None:
    """Replicates at which a half-width that shrinks like 1 / sqrt(n) is at most `distance`."""
    if distance <= 0.0 or n < 2:
        return None
    needed = np.ceil(n * (half_width / distance) ** 2)
    return int(needed) if needed <= MAXIMUM else None


def _label(labels: NDArray[np.str_]) -> Label:
    """The only label of a batch of one."""
    return cast(Label, labels.item())


def _percent(level: float) -> str:
    return f"{100.0 * level:.4g} %"

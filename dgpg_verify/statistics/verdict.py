"""The verdict rules: an interval against a statement fixed beforehand, and nothing else, gives the label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dgpg_verify.core import Estimate, InputError, Label, Verdict, check_choice, check_real
from dgpg_verify.statistics.checks import RELATIONS, check_positive
from dgpg_verify.statistics.power import MAXIMUM, replicates_for_half_width
from dgpg_verify.statistics.scaling import ScalingFit

MARGIN = 0.15
Relation = Literal["theta", "equal", "big_o", "at_most", "at_least", "universal"]


def allowed_set(relation: str, expected: float, margin: float | None = None) -> tuple[float, float]:
    low = -np.inf if relation in ("big_o", "at_most") else expected - (margin or 0.0)
    high = np.inf if relation == "at_least" else expected + (margin or 0.0)
    return low, high


LACK_OF_FIT = 0.01  # below this p-value the line does not describe the data


def exponent_labels(
    low: ArrayLike,
    high: ArrayLike,
    lack_of_fit: ArrayLike,
    expected: float,
    margin: float = MARGIN,
    relation: str = "theta",
    proved_bound: bool = False,
) -> NDArray[np.str_]:
    """Labels of many exponent intervals at once; the one place where the rule is written.

    theta: [low, high] inside expected -+ margin -> supported, disjoint from it -> refuted. big_o: high <=
    expected + margin -> supported, low above -> refuted. Everything else, NaN ends, and (unless a proved
    bound applies) a lack-of-fit p-value below 1 % -> inconclusive. lack_of_fit NaN: not testable, ignored.
    """
    low, high, p = (np.asarray(item, dtype=np.float64) for item in (low, high, lack_of_fit))
    expected, margin = check_real("expected", expected), check_positive("margin", margin)
    check_choice("relation", relation, RELATIONS)
    bottom, top = expected - margin, expected + margin
    supported, refuted = high <= top, low > top
    if relation == "theta":
        supported, refuted = supported & (low >= bottom), refuted | (high < bottom)
    open_case = (p < LACK_OF_FIT) & (not proved_bound)
    labels = np.select([open_case, supported, refuted], ["inconclusive", "supported", "refuted"], "inconclusive")
    return np.where(np.isnan(low) | np.isnan(high), "inconclusive", labels)


def judge(
    fit: ScalingFit,
    expected: float = 0.0,
    margin: float = MARGIN,
    relation: str = "theta",
    proved_bound: bool = False,
) -> Verdict:
    """Judge a fitted exponent against "Theta(N^expected)" or "O(N^expected)".

    Args: fit; expected exponent; margin > 0; relation "theta" or "big_o"; proved_bound: a theorem bounds the
    curve, so that lack of fit does not make the row inconclusive.
    Returns: Verdict; `decided_at` is the number of replicates per N at which the interval would fall on one
    side if the estimate stayed where it is. Raises: InputError.
    """
    p = np.nan if fit.lack_of_fit is None else fit.lack_of_fit
    low, high = (np.nan if end is None else end for end in (fit.low, fit.high))
    label = _label(exponent_labels(low, high, p, expected, margin, relation, proved_bound).item())
    if fit.top_decade is None or fit.exponent is None:
        return Verdict(label, fit.why, fit.estimate)
    wanted = f"{expected:g} -+ {margin:g}" if relation == "theta" else f"at most {expected:g} + {margin:g}"
    found = f"{_percent(fit.level)} interval [{fit.low:.3f}, {fit.high:.3f}] of the exponent"
    misfit = p < LACK_OF_FIT
    note = f"; lack of fit p = {p:.2g}" if misfit else ""
    if misfit and not proved_bound:
        return Verdict(label, f"no straight line{note} < {LACK_OF_FIT:g}; {found}, wanted {wanted}", fit.estimate)
    note += ", but a proved bound applies" if misfit else ""
    relations = {
        "supported": "lies within",
        "refuted": "lies outside",
        "inconclusive": "overlaps the edge of",
    }
    why = f"{found} {relations[label]} {wanted}{note}"
    decided_at = _exponent_decided_at(fit, expected, margin, relation) if label == "inconclusive" else None
    return Verdict(label, why, fit.estimate, decided_at)


def judge_margins(
    fit: ScalingFit,
    expected: float = 0.0,
    relation: str = "theta",
    margins: Sequence[float] = (0.10, 0.25),
    proved_bound: bool = False,
) -> dict[str, Label]:
    """Labels at other margins, printed beside the verdict: {"0.10": ..., "0.25": ...}."""
    return {f"{m:.2f}": judge(fit, expected, m, relation, proved_bound).label for m in margins}


def judge_threshold(estimate: Estimate, support_at: float, refute_above: float | None = None) -> Verdict:
    """The quantity is small: supported if high <= support_at, refuted if low > refute_above.

    refute_above (default support_at) must be >= support_at; a cross-agent share is judged with 0.01 and 0.05.
    """
    support_at = check_real("support_at", support_at)
    refute_above = check_real("refute_above", support_at if refute_above is None else refute_above)
    if refute_above < support_at:
        raise InputError(f"refute_above = {refute_above!r} is not allowed: it must be >= {support_at:g}")
    wanted = f"at most {support_at:g}" + (f", refuted above {refute_above:g}" if refute_above > support_at else "")
    return _judge_interval(estimate, wanted, (-np.inf, support_at), (-np.inf, refute_above))


def judge_at_least(estimate: Estimate, bound: float) -> Verdict:
    """The quantity is at least `bound`: supported if low >= bound, refuted if high < bound."""
    bound = check_real("bound", bound)
    return _judge_interval(estimate, f"at least {bound:g}", (bound, np.inf), (bound, np.inf))


def judge_equal(estimate: Estimate, expected: float, margin: float) -> Verdict:
    """Equivalence: supported if the interval lies in expected -+ margin, refuted if disjoint from it."""
    expected, margin = check_real("expected", expected), check_positive("margin", margin)
    region = (expected - margin, expected + margin)
    return _judge_interval(estimate, f"{expected:g} -+ {margin:g}", region, region)


def _judge_interval(
    estimate: Estimate, wanted: str, claimed: tuple[float, float], tolerated: tuple[float, float]
) -> Verdict:
    """Supported if the interval lies in `claimed`, refuted if disjoint from `tolerated` (which contains it)."""
    value, low, high = estimate.value, estimate.low, estimate.high
    if value is None or low is None or high is None or not np.isfinite([value, low, high]).all():
        return Verdict("inconclusive", f"not measurable; wanted {wanted}", estimate)
    found = f"{_percent(estimate.level)} interval [{low:.4g}, {high:.4g}]"
    if claimed[0] <= low and high <= claimed[1]:
        return Verdict("supported", f"{found} satisfies: {wanted}", estimate)
    if high < tolerated[0] or low > tolerated[1]:
        return Verdict("refuted", f"{found} contradicts: {wanted}", estimate)
    distance = 0.0
    if claimed[0] < value < claimed[1]:
        distance = min(value - claimed[0], claimed[1] - value)
    elif not tolerated[0] <= value <= tolerated[1]:
        distance = max(tolerated[0] - value, value - tolerated[1])
    decided_at = _scaled(estimate.n, max(high - value, value - low), distance)
    return Verdict("inconclusive", f"{found} does not decide: {wanted}", estimate, decided_at)


def _scaled(n: int, half_width: float, distance: float) -> int | None:
    """Replicates at which a half-width that shrinks like 1 / sqrt(n) is at most `distance`."""
    if distance <= 0.0 or n < 2:
        return None
    needed = np.ceil(n * (half_width / distance) ** 2)
    return int(needed) if needed <= MAXIMUM else None


def _exponent_decided_at(fit: ScalingFit, expected: float, margin: float, relation: str) -> int | None:
    top = fit.top_decade
    if top is None:
        return None
    offset = top.exponent - expected
    distance = abs(margin - (abs(offset) if relation == "theta" else offset))
    return replicates_for_half_width(top.standard_error, top.df, top.replicates, top.level, distance)


def _label(text: str) -> Label:
    return {"supported": "supported", "refuted": "refuted"}.get(text, "inconclusive")  # type: ignore[return-value]


def _percent(level: float) -> str:
    return f"{100.0 * level:.4g} %"

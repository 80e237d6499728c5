"""A4: smoothness and gradient domination, the constants behind the rate of C3, against N; and where they fail."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dgpg_verify.claims.question import Question, checked, exactly, level_of
from dgpg_verify.claims.samples.design import ALIGNED, FLUID, THEORY
from dgpg_verify.claims.samples.measure.cells import FLOW_TIMES
from dgpg_verify.claims.samples.questions import MARGINS, SYSTEMS, ask, describe_method, samples_claim
from dgpg_verify.claims.samples.read import LearningRuns, read_runs
from dgpg_verify.claims.series import Measured, by_n
from dgpg_verify.claims.words import number, power
from dgpg_verify.statistics import Relation, fit_scaling, judge, judge_at_least, judge_margins, mean_interval
from dgpg_verify.statistics.verdict import MARGIN

# what -> (in words, expected power of N, relation, is it assumed?)
ASKED: Mapping[str, tuple[str, float, Relation, bool]] = {
    "smoothness": ("Largest curvature L", 0.0, "big_o", True),
    "1/mu": ("Inverse constant of gradient domination 1/mu", 0.0, "big_o", True),
    "noise_trace": ("Growth of the shared return's noise with its gradient, over L", 1.0, "theta", False),
    "k0": ("Delay k0 of the shared return's steps", 1.0, "theta", False),
}
SOURCE = {ALIGNED: "closed form", FLUID: "measured in the logits along the noise-free run"}
INSIDE = 1e-9  # rounding: ratios from gradients lie inside [mu, L]


def questions(measured: Measured) -> list[Question]:
    """Exponents in N of L and 1/mu; gradient domination of the plain softmax game; predicted samples."""
    constants = read_runs(measured, "constants")
    plain = read_runs(measured, "plain")
    runs = [s for s in read_runs(measured, "run") if s.law == ALIGNED and s.step == THEORY]
    return [
        *[_exponent(series, what) for series in constants for what in ASKED],
        *[_inside(series) for series in constants if "measured" in series.evidence[0].values],
        *[_domination(series) for series in plain[:1]],
        *[_predicted(s) for s in runs if any("predicted" in item.values for item in s.evidence)],
    ]


def _exponent(series: LearningRuns, what: str) -> Question:
    words, expected, relation, assumed = ASKED[what]
    each = 1.0 / series.stack("mu") if what == "1/mu" else series.stack(what)  # [F, G]
    fit = fit_scaling(series.n_values, each.T, level_of(assumed), minimum_n=32)
    values = np.median(each, axis=0)
    ends = f"median {values[0]:.3g} at N = {series.n_values[0]}, {values[-1]:.3g} at N = {series.n_values[-1]}"
    growth = "" if fit.exponent is None else f" ~ {power('N', fit.exponent)}"
    return ask(
        key=f"{series.law}/{what}",
        statement="" if assumed else f"{words} grows as N: why the shared return is slow.",
        statistic=f"exponent of {what} in N",
        read=[series],
        verdict=judge(fit, expected, MARGIN, relation),
        sentence=f"{words} on {SYSTEMS[series.law]} ({SOURCE[series.law]}){growth}: {ends}.",
        expected=expected,
        relation=relation,
        primary=assumed,
        kind="audit",
        margin=MARGIN,
        margins=judge_margins(fit, expected, relation, MARGINS),
    )


def _inside(series: LearningRuns) -> Question:
    """Ratios |grad J|^2 / (2 gap) met by gradients alone never leave [mu, L]: a check of the closed form."""
    low, high = series.joined("measured").T
    measured = len(series.evidence[0].values["measured"])
    mu, top = (series.stack(name)[:measured].T.ravel() for name in ("mu", "smoothness"))
    worst = max(0.0, float((1.0 - low / mu).max()), float((high / top - 1.0).max()))
    nearest = max(float((low / mu).max()), float((top / high).max()))
    why = f"largest excess {worst:.2g}, at most {INSIDE:g} allowed; nearest ends within a factor {nearest:.4g}"
    return ask(
        key=f"oracle/{series.law}/closed form",
        statement="Ratios |grad J|^2 / (2 gap) at any theta lie between mu and L of the closed form.",
        statistic="largest relative excess",
        margin=INSIDE,
        read=[series],
        verdict=checked(worst <= INSIDE, why, exactly(worst, len(series.evidence))),
        sentence="mu and L of the closed form bound what gradients alone see, and are nearly reached.",
        expected=0.0,
        relation="at_most",
    )


def _domination(series: LearningRuns) -> Question:
    """Slope of log(|grad|^2 / (2 gap)) over log time of the plain game's flow: 0 if gradient domination holds."""
    ratios = series.joined("ratios")
    late = ratios[:, -3:]
    usable = np.isfinite(late).all(1) & (late > 0.0).all(1)
    slopes = np.polyfit(np.log(FLOW_TIMES[-3:]), np.log(late[usable]).T, 1)[0]
    verdict = judge_at_least(mean_interval(slopes, level_of(False)), -MARGIN)
    fall = ratios[usable, -1] / ratios[usable, 0]
    return ask(
        key=f"{series.law}/gradient domination",
        statement="The softmax game without entropy is gradient dominated along its own noise-free flow.",
        statistic="exponent of |grad|^2 / (2 gap) in time",
        read=[series],
        verdict=verdict,
        sentence="Along the flow from the uniform policy |grad J|^2 / (2 gap) falls as "
        f"t^{number(verdict.estimate.value, '.2f')} (times {FLOW_TIMES[-3]:g} to {FLOW_TIMES[-1]:g}), to "
        f"{np.median(fall):.2g} of its first value (median): no constant of gradient domination "
        "holds to the end; the entropy term restores one.",
        expected=0.0,
        relation="at_least",
        kind="audit",
        margin=MARGIN,
        note="our question: no source names a constant for this game; gap from the flow at ten times the last time",
    )


def _predicted(series: LearningRuns) -> Question:
    """The bound of the schedule promises an expected gap; every fleet's own arrival must not come later."""
    items = tuple(item for item in series.evidence if "predicted" in item.values)
    bounded = LearningRuns(series.row, by_n(items), items)
    promised = bounded.stack("predicted")  # [F, G, E]
    late, total = int((bounded.stack("low") > promised).sum()), promised.size
    ratios = np.median(promised / bounded.arrivals, axis=(0, 2))
    return ask(
        key=f"oracle/{series.law}/{series.method}/predicted samples",
        statement="No fleet needs more samples than the constants promise.",
        statistic="share of (fleet, N, eps) that arrive later",
        read=[bounded],
        verdict=checked(not late, f"{late} of {total} arrivals later than promised", exactly(late / total, total)),
        sentence=f"{describe_method(series.method)}: the bound of the schedule is {min(ratios):.2g} to "
        f"{max(ratios):.2g} times the samples seen (median over fleets and eps, by N).",
        expected=0.0,
        relation="at_most",
    )


CLAIM = samples_claim(
    ("constants", "plain", "run"),
    questions,
    id="A4",
    title="Smoothness and gradient domination",
    source="assumptions of the sample complexity theorem",
    statement="J is smooth and gradient dominated with constants that do not depend on N (assumption of the rate).",
)

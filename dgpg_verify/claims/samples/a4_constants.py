"""A4: smoothness and gradient domination, the constants behind the rate of C3, against N; and where they fail."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.question import Question, level_of
from dgpg_verify.claims.samples.design import ALIGNED, FLUID, THEORY, samples_design
from dgpg_verify.claims.samples.measure.cells import measure_samples, samples_cost
from dgpg_verify.claims.samples.measure.constants import FLOW_TIMES
from dgpg_verify.claims.samples.questions import (
    MARGINS,
    SYSTEMS,
    ask,
    describe_method,
)
from dgpg_verify.claims.samples.read import LearningRuns, arrivals_in, read_runs
from dgpg_verify.claims.samples.tables import samples_tables
from dgpg_verify.claims.series import Measured, by_n
from dgpg_verify.claims.words import number
from dgpg_verify.core import Estimate, Label, Verdict
from dgpg_verify.statistics import Relation, fit_scaling, judge, judge_at_least, judge_margins, mean_interval
from dgpg_verify.statistics.verdict import MARGIN

STATEMENT = "J is smooth and gradient dominated with constants that do not depend on N (assumption of the rate)."
# what -> (expected power of N, relation, is it assumed?)
ASKED: Mapping[str, tuple[float, Relation, bool]] = {
    "smoothness": (0.0, "big_o", True),
    "1/mu": (0.0, "big_o", True),
    "noise_trace": (1.0, "theta", False),
    "k0": (1.0, "theta", False),
}
WORDS = {
    "smoothness": "Largest curvature L",
    "1/mu": "Inverse constant of gradient domination 1/mu",
    "noise_trace": "Growth of the shared return's noise with its gradient, over L",
    "k0": "Delay k0 of the shared return's steps",
}
SOURCE = {ALIGNED: "closed form", FLUID: "measured in the logits along the noise-free run"}
INSIDE = 1e-9  # rounding: ratios from gradients lie inside [mu, L]


PARTS = ("constants", "plain", "run")


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


def constant_values(series: LearningRuns, what: str) -> np.ndarray:
    """A constant [F, G] of every fleet and N."""
    return np.asarray(1.0 / series.stack("mu") if what == "1/mu" else series.stack(what))


def _exponent(series: LearningRuns, what: str) -> Question:
    expected, relation, assumed = ASKED[what]
    fit = fit_scaling(series.n_values, constant_values(series, what).T, level_of(assumed), minimum_n=32)
    values = np.median(constant_values(series, what), axis=0)
    ends = f"median {values[0]:.3g} at N = {series.n_values[0]}, {values[-1]:.3g} at N = {series.n_values[-1]}"
    growth = "" if fit.exponent is None else f" ~ N^{fit.exponent:.2f}"
    return ask(
        key=f"{series.law}/{what}",
        statement=STATEMENT if assumed else f"{WORDS[what]} grows as N: why the shared return is slow.",
        statistic=f"exponent of {what} in N",
        read=[series],
        verdict=judge(fit, expected, MARGIN, relation),
        sentence=f"{WORDS[what]} on {SYSTEMS[series.law]} ({SOURCE[series.law]}){growth}: {ends}.",
        expected=expected,
        relation=relation,
        primary=assumed,
        kind="audit",
        margin=MARGIN,
        margins=judge_margins(fit, expected, relation, MARGINS),
    )


def _inside(series: LearningRuns) -> Question:
    """Ratios |grad J|^2 / (2 gap) met by gradients alone never leave [mu, L]: a check of the closed form."""
    worst, closeness = 0.0, []
    for item in series.evidence:
        low, high = np.asarray(item.values["measured"]).T
        mu, top = (np.asarray(item.values[name])[: len(low)] for name in ("mu", "smoothness"))
        worst = max(worst, float((1.0 - low / mu).max()), float((high / top - 1.0).max()))
        closeness += [float((low / mu).max()), float((top / high).max())]
    label: Label = "supported" if worst <= INSIDE else "refuted"
    why = f"largest excess {worst:.2g}, at most {INSIDE:g} allowed; nearest ends within a factor {max(closeness):.4g}"
    return ask(
        key=f"oracle/{series.law}/closed form",
        statement="Ratios |grad J|^2 / (2 gap) at any theta lie between mu and L of the closed form.",
        statistic="largest relative excess",
        margin=INSIDE,
        read=[series],
        verdict=Verdict(label, why, Estimate(worst, worst, worst, 1.0, len(series.evidence))),
        sentence="mu and L of the closed form bound what gradients alone see, and are nearly reached.",
        expected=0.0,
        relation="at_most",
        kind="oracle",
        expected_label="supported",
    )


def _domination(series: LearningRuns) -> Question:
    """Slope of log(|grad|^2 / (2 gap)) over log time of the plain game's flow: 0 if gradient domination holds."""
    late = slice(-3, None)
    times = np.log(FLOW_TIMES[late])
    ratios = np.concatenate([np.asarray(item.values["ratios"])[:, late] for item in series.evidence])
    usable = np.isfinite(ratios).all(1) & (ratios > 0.0).all(1)
    slopes = np.polyfit(times, np.log(ratios[usable]).T, 1)[0]
    verdict = judge_at_least(mean_interval(slopes, level_of(True)), -MARGIN)
    fall = np.concatenate([np.asarray(item.values["ratios"]) for item in series.evidence])[usable]
    return ask(
        key=f"{series.law}/gradient domination",
        statement="The softmax game without entropy is gradient dominated along its own noise-free flow.",
        statistic="exponent of |grad|^2 / (2 gap) in time",
        read=[series],
        verdict=verdict,
        sentence="Along the flow from the uniform policy |grad J|^2 / (2 gap) falls as "
        f"t^{number(verdict.estimate.value, '.2f')} (times {FLOW_TIMES[-3]:g} to {FLOW_TIMES[-1]:g}), to "
        f"{np.median(fall[:, -1] / fall[:, 0]):.2g} of its first value (median): no constant of gradient domination "
        "holds to the end; the entropy term restores one.",
        expected=0.0,
        relation="at_least",
        primary=True,
        kind="audit",
        margin=MARGIN,
        note="gap from the value of the flow at ten times the last time",
    )


def _predicted(series: LearningRuns) -> Question:
    """The bound of the schedule promises an expected gap; every fleet's own arrival must not come later."""
    items = [item for item in series.evidence if "predicted" in item.values]
    late, total, ratios = 0, 0, []
    for item in items:
        promised, seen = np.asarray(item.values["predicted"], dtype=np.float64), arrivals_in(item)
        late += int((np.asarray(item.values["low"]) > promised).sum())
        total += promised.size
        ratios.append(np.median(promised / seen))
    label: Label = "supported" if late == 0 else "refuted"
    value = late / total
    return ask(
        key=f"oracle/{series.law}/{series.method}/predicted samples",
        statement="No fleet needs more samples than the constants promise.",
        statistic="share of (fleet, N, eps) that arrive later",
        read=[LearningRuns(series.row, by_n(items), tuple(items))],
        verdict=Verdict(label, f"{late} of {total} arrivals later than promised",
                        Estimate(value, value, value, 1.0, total)),
        sentence=f"{describe_method(series.method)}: the bound of the schedule is {min(ratios):.2g} to "
        f"{max(ratios):.2g} times the samples seen (median over fleets and eps, by N).",
        expected=0.0,
        relation="at_most",
        kind="oracle",
        expected_label="supported",
    )  # fmt: skip


CLAIM = Claim(
    id="A4",
    title="Smoothness and gradient domination",
    source="assumptions of the sample complexity theorem",
    statement=STATEMENT,
    family="samples",
    design=partial(samples_design, parts=PARTS),
    measure=measure_samples,
    questions=questions,
    tables=samples_tables,
    cost=samples_cost,
)

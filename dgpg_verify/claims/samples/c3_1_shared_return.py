"""C3.1: policy gradient with the shared return needs Theta(N / eps) joint samples to a per-agent gap of eps."""

from __future__ import annotations

from collections.abc import Sequence

from dgpg_verify.claims.question import EXPLORATORY_LEVEL, Question
from dgpg_verify.claims.samples.design import ALIGNED, FLUID, RETURN, THEORY
from dgpg_verify.claims.samples.questions import ask, exponent_question, exponent_questions, samples_claim
from dgpg_verify.claims.samples.read import (
    P_LINEAR,
    P_NONE,
    LearningRuns,
    band_verdict,
    caught_verdict,
    rates_verdict,
    read_runs,
    recursion_scores,
    seen_arrivals,
)
from dgpg_verify.claims.series import Measured
from dgpg_verify.core import Verdict
from dgpg_verify.statistics.intervals import t_quantile

LEADING = (f"{ALIGNED}/{RETURN}/{THEORY}", f"{FLUID}/{RETURN}/{THEORY}")
Z_LEVEL = 0.95  # of the interval around each mean gap that is compared with the recursion
NOISE = {"growing": "that grows as N", "constant": "the same at every N"}  # kind of control -> its noise in words


def questions(measured: Measured) -> list[Question]:
    """p and q of the shared return on teams and on the regularised game; controls and oracle checks of all of C3.

    theta of p and q with the theory's step leads; the total gap and other steps stand beside it.
    """
    runs = [series for series in read_runs(measured, "run", "cloud") if series.of_return]
    return [
        *[question for series in runs for question in exponent_questions(series, series.name in LEADING)],
        *[question for series in read_runs(measured, "control") for question in _controls(series)],
        *_expected_gaps(read_runs(measured, "expected")),
        *[question for series in read_runs(measured, "errors") for question in _error_rates(series)],
    ]


def _controls(series: LearningRuns) -> list[Question]:
    """Noise an agent that grows as N, noise that does not grow, and a gradient with a bias."""
    if series.method == "biased":
        return [
            ask(
                key="control/biased/arrives",
                statement="An exact gradient towards another point reaches every eps.",
                statistic="share of fleets that arrive",
                read=[series],
                verdict=seen_arrivals(series, EXPLORATORY_LEVEL),
                sentence="A gradient that climbs to a point half-way back to the start keeps a quarter of the gap.",
                expected=0.99,
                relation="at_least",
            )
        ]
    true, _, _ = series.exponents
    return [
        exponent_question(
            f"control/{series.method}/{asked.relation} {asked.expected:g}",
            series,
            asked,
            statement=f"Exact gradients with injected noise, its variance an agent {NOISE[series.method]}: samples "
            "follow it.",
            expected_label="supported" if asked == true else "refuted",
        )
        for asked in (true, P_NONE if true == P_LINEAR else P_LINEAR)
    ]


def _expected_gaps(credits: Sequence[LearningRuns]) -> list[Question]:
    if not credits:
        return []
    scores, copies = recursion_scores(credits), int(credits[0].options["copies"])
    misses = int((abs(scores) > t_quantile(copies - 1, Z_LEVEL)).sum())
    return [
        _check(
            "oracle/expected gaps",
            "The learner's mean gap is that of the exact recursion of its first two moments, for every credit.",
            credits,
            band_verdict(misses, len(scores), Z_LEVEL),
            f"{copies} runs on each of {len(scores)} random (team, credit); intervals at 95 %.",
        )
    ]


def _error_rates(series: LearningRuns) -> list[Question]:
    records = series.evidence[0].values["records"]
    if series.method == "rates":
        words = "Synthetic arrivals with known p and q, up to 40 % censored."
        statement = "Verdicts on p and q err in at most 1 %."
        return [_check("oracle/error rates", statement, [series], rates_verdict(records), words)]
    if series.method == "faulty":
        words = "Faulty rules must be caught."
        statement = "Censored runs taken as arrivals, or copies as fleets, do no harm."
        return [_check("control/faulty rules", statement, [series], caught_verdict(records), words)]
    verdicts = {r["quantity"]: band_verdict(r["misses"], r["configurations"], r["level"]) for r in records}
    statement, words = "Intervals of the exponents cover.", "Synthetic, random truths."
    return [_check(f"oracle/coverage/{name}", statement, [series], verdicts[name], words) for name in verdicts]


def _check(key: str, statement: str, read: Sequence[LearningRuns], verdict: Verdict, sentence: str) -> Question:
    return ask(key, "share of misses", read, verdict, sentence, None, "at_most", statement=statement)


CLAIM = samples_claim(
    ("run", "cloud", "control", "expected", "errors"),
    questions,
    id="C3.1",
    title="Samples that the shared return needs",
    source="sample complexity theorem, comparison with policy gradient",
    statement="The shared return needs N / eps joint samples to a gap of eps per agent (up to constants).",
    decided_at={
        f"C3.1/{ALIGNED}/{RETURN}/{THEORY}/p": "full",
        f"C3.1/{FLUID}/{RETURN}/{THEORY}/p": "full",
        f"C3.1/{FLUID}/{RETURN}/{THEORY}/q": "full",
    },
)

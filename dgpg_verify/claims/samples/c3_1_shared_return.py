"""C3.1: policy gradient with the shared return needs Theta(N / eps) joint samples to a per-agent gap of eps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.question import EXPLORATORY_LEVEL, Question
from dgpg_verify.claims.samples.design import ALIGNED, FLUID, MAPPO, RETURN, THEORY, samples_design
from dgpg_verify.claims.samples.measure.cells import measure_samples, samples_cost
from dgpg_verify.claims.samples.questions import (
    P_LINEAR,
    P_NONE,
    Q_ONE,
    Asked,
    ask,
    exponent_question,
)
from dgpg_verify.claims.samples.read import (
    LearningRuns,
    band_verdict,
    caught_verdict,
    rates_verdict,
    read_runs,
    recursion_scores,
    seen_arrivals,
)
from dgpg_verify.claims.samples.tables import samples_tables
from dgpg_verify.claims.series import Measured
from dgpg_verify.core import Label
from dgpg_verify.statistics.intervals import t_quantile

STATEMENT = "The shared return needs N / eps joint samples to a gap of eps per agent (up to constants)."
Z_LEVEL = 0.95  # of the interval around each mean gap that is compared with the recursion


PARTS = ("run", "cloud", "control", "expected", "errors")


def questions(measured: Measured) -> list[Question]:
    """p and q of the shared return on teams and on the regularised game; controls and oracle checks of all of C3."""
    runs = [s for s in read_runs(measured, "run", "cloud") if s.method in (RETURN, MAPPO) and s.to_the_end]
    controls = {s.method: s for s in read_runs(measured, "control")}
    return [
        *[question for series in runs for question in _rows(series)],
        *_controls(controls),
        *_oracles(measured),
    ]


def _rows(series: LearningRuns) -> list[Question]:
    """theta of p and q with the theory's step leads; the total gap and other steps stand beside it."""
    key = series.name
    primary = key in (f"{ALIGNED}/{RETURN}/{THEORY}", f"{FLUID}/{RETURN}/{THEORY}")
    total = Asked("p_total", 2.0, "theta")
    return [
        exponent_question(key, series, P_LINEAR, primary=primary),
        exponent_question(key, series, Q_ONE, primary=primary),
        exponent_question(key, series, total, note="p + q"),
    ]


def _controls(found: Mapping[str, LearningRuns]) -> list[Question]:
    """Noise an agent that grows as N, noise that does not grow, and a gradient with a bias."""
    wanted: list[tuple[str, Asked, Label]] = [
        ("growing", P_LINEAR, "supported"),
        ("growing", P_NONE, "refuted"),
        ("constant", P_NONE, "supported"),
        ("constant", P_LINEAR, "refuted"),
    ]
    made = [
        exponent_question(f"control/{kind}/{asked.relation} {asked.expected:g}", found[kind], asked,
                          statement=_noise_words(kind), kind="control", expected_label=label)
        for kind, asked, label in wanted if kind in found
    ]  # fmt: skip
    if "biased" in found:
        series = found["biased"]
        made.append(
            ask(
                key="control/biased/arrives",
                statement="An exact gradient towards another point reaches every eps.",
                statistic="share of fleets that arrive",
                read=[series],
                verdict=seen_arrivals(series, EXPLORATORY_LEVEL),
                sentence="A gradient that climbs to a point half-way back to the start keeps a quarter of the gap.",
                expected=0.99,
                relation="at_least",
                kind="control",
                expected_label="refuted",
            )
        )
    return made


def _noise_words(kind: str) -> str:
    grows = "that grows as N" if kind == "growing" else "the same at every N"
    return f"Exact gradients with injected noise, its variance an agent {grows}: samples follow it."


def _oracles(measured: Measured) -> list[Question]:
    made = []
    expected = read_runs(measured, "expected")
    if expected:
        scores = recursion_scores(expected)
        copies = int(expected[0].options["copies"])
        misses = int((abs(scores) > t_quantile(copies - 1, Z_LEVEL)).sum())
        made.append(
            _oracle(
                "oracle/expected gaps",
                "The learner's mean gap is that of the exact recursion of its first two moments, for every credit.",
                expected,
                band_verdict(misses, len(scores), Z_LEVEL),
                f"{copies} runs on each of {len(scores)} random (team, credit); intervals at 95 %.",
            )
        )
    for series in read_runs(measured, "errors"):
        records = series.evidence[0].values["records"]
        if series.method == "coverage":
            made += [
                _oracle(f"oracle/coverage/{r['quantity']}", "Intervals of the exponents cover.", [series],
                        band_verdict(r["misses"], r["configurations"], r["level"]), "Synthetic, random truths.")
                for r in records
            ]  # fmt: skip
        elif series.method == "rates":
            made.append(
                _oracle("oracle/error rates", "Verdicts on p and q err in at most 1 %.", [series],
                        rates_verdict(records), "Synthetic arrivals with known p and q, up to 40 % censored.")
            )  # fmt: skip
        else:
            made.append(
                _oracle("control/faulty rules", "Censored runs taken as arrivals, or copies as fleets, do no harm.",
                        [series], caught_verdict(records), "Faulty rules must be caught.", "refuted")
            )  # fmt: skip
    return made


def _oracle(
    key: str, statement: str, read: Sequence[LearningRuns], verdict: Any, sentence: str, label: Label = "supported"
) -> Question:
    return ask(
        key=key,
        statement=statement,
        statistic="share of misses",
        read=read,
        verdict=verdict,
        sentence=sentence,
        expected=None,
        relation="at_most",
        kind="control" if label == "refuted" else "oracle",
        expected_label=label,
    )


CLAIM = Claim(
    id="C3.1",
    title="Samples that the shared return needs",
    source="sample complexity theorem, comparison with policy gradient",
    statement=STATEMENT,
    family="samples",
    design=partial(samples_design, parts=PARTS),
    measure=measure_samples,
    questions=questions,
    tables=samples_tables,
    cost=samples_cost,
    # p needs two decades of N, and the game's start of the schedule alone takes N (K - 1) samples: full scale.
    decided_at={
        f"C3.1/{ALIGNED}/{RETURN}/{THEORY}/p": "full",
        f"C3.1/{FLUID}/{RETURN}/{THEORY}/p": "full",
        f"C3.1/{FLUID}/{RETURN}/{THEORY}/q": "full",
    },
)

"""C3.1: policy gradient with the shared return needs Theta(N / eps) joint samples to a per-agent gap of eps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dgpg_verify.claims.judged_rows import LEVEL
from dgpg_verify.claims.samples.design import ALIGNED, FLUID, MAPPO, RETURN, THEORY
from dgpg_verify.claims.samples.questions import (
    P_LINEAR,
    P_NONE,
    Q_ONE,
    Asked,
    ComplexityClaim,
    Question,
    exponent_question,
    ledger_rows,
)
from dgpg_verify.claims.samples.read import (
    Series,
    band_verdict,
    caught_verdict,
    rates_verdict,
    read_complexity,
    recursion_scores,
    seen_arrivals,
)
from dgpg_verify.core import Evidence, Label, LedgerRow
from dgpg_verify.statistics.intervals import t_quantile

STATEMENT = "The shared return needs N / eps joint samples to a gap of eps per agent (up to constants)."
Z_LEVEL = 0.95  # of the interval around each mean gap that is compared with the recursion


@dataclass(frozen=True)
class SharedReturnSamplesClaim(ComplexityClaim):
    """p and q of the shared return on teams and on the regularised game; controls and oracle checks of all of C3."""

    id: str = "C3.1"
    title: str = "Samples that the shared return needs"
    source: str = "sample complexity theorem, comparison with policy gradient"
    statement: str = STATEMENT
    relation: str = "theta"
    expected: float = 1.0
    margin: float = 0.15
    controls: Sequence[Any] = ("growing", "constant", "biased")
    parts = ("run", "cloud", "control", "expected", "errors")

    @property
    def decided_at(self) -> Mapping[str, str]:
        """p needs two decades of N, and the game's start of the schedule alone takes N (K - 1) samples: full scale."""
        return {
            f"C3.1/{ALIGNED}/{RETURN}/{THEORY}/p": "full",
            f"C3.1/{FLUID}/{RETURN}/{THEORY}/p": "full",
            f"C3.1/{FLUID}/{RETURN}/{THEORY}/q": "full",
        }

    def judge(self, evidence: Sequence[Evidence]) -> Sequence[LedgerRow]:
        runs = [s for s in read_complexity(evidence, "run", "cloud") if s.method in (RETURN, MAPPO) and s.to_the_end]
        controls = {s.method: s for s in read_complexity(evidence, "control")}
        questions = [
            *[question for series in runs for question in _rows(series)],
            *_controls(controls),
            *_oracles(evidence),
        ]
        return ledger_rows(self.id, questions, self.recorded)


def _rows(series: Series) -> list[Question]:
    """theta of p and q with the theory's step leads; the total gap and other steps stand beside it."""
    key = series.name
    primary = key in (f"{ALIGNED}/{RETURN}/{THEORY}", f"{FLUID}/{RETURN}/{THEORY}")
    total = Asked("p_total", 2.0, "theta")
    return [
        exponent_question(key, STATEMENT, series, P_LINEAR, primary=primary),
        exponent_question(key, STATEMENT, series, Q_ONE, primary=primary),
        exponent_question(key, STATEMENT, series, total, note="p + q"),
    ]


def _controls(found: Mapping[str, Series]) -> list[Question]:
    """Noise an agent that grows as N, noise that does not grow, and a gradient with a bias."""
    wanted: list[tuple[str, Asked, Label]] = [
        ("growing", P_LINEAR, "supported"),
        ("growing", P_NONE, "refuted"),
        ("constant", P_NONE, "supported"),
        ("constant", P_LINEAR, "refuted"),
    ]
    made = [
        exponent_question(f"control/{kind}/{asked.relation} {asked.expected:g}", _noise_words(kind), found[kind], asked,
                          kind="control", expected_label=label)
        for kind, asked, label in wanted if kind in found
    ]  # fmt: skip
    if "biased" in found:
        series = found["biased"]
        made.append(
            Question(
                key="control/biased/arrives",
                statement="An exact gradient towards another point reaches every eps.",
                statistic="share of fleets that arrive",
                read=[series],
                verdict=seen_arrivals(series, LEVEL),
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


def _oracles(evidence: Sequence[Evidence]) -> list[Question]:
    made = []
    expected = read_complexity(evidence, "expected")
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
    for series in read_complexity(evidence, "errors"):
        records = series.items[0].values["records"]
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
    key: str, statement: str, read: Sequence[Series], verdict: Any, sentence: str, label: Label = "supported"
) -> Question:
    return Question(
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


CLAIM = SharedReturnSamplesClaim()

"""A prediction and the question whether it holds: an exponent in N, or a number."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from dgpg_verify.claims.claim import Claim, Tables
from dgpg_verify.claims.declared import declared
from dgpg_verify.claims.domains.design import LINES, REST, domain_design
from dgpg_verify.claims.domains.measure import ALPHAS, SAMPLED, domain_cost, measure_domain
from dgpg_verify.claims.noise import c1_2_noise_free
from dgpg_verify.claims.noise.questions import exponent_question, threshold_question
from dgpg_verify.claims.question import Question, checked, exactly, level_of, must_get
from dgpg_verify.claims.series import Measured, Series
from dgpg_verify.claims.words import Sentences
from dgpg_verify.core import Estimate, Evidence
from dgpg_verify.core.moments import ratio
from dgpg_verify.samples.rest import RESTS
from dgpg_verify.statistics import Relation

Values = Mapping[str, Any]
Ask = Callable[[Measured], Iterable[Question]]
Statistic = Literal[
    "variance",
    "others_variance",
    "noise_to_signal",
    "paired_ratio",
    "cross_agent_share",
    "imbalance_penalty",
    "above",
    "floor",
]
Exponents = dict[tuple[Statistic, str], float]
READ: Mapping[str, Callable[[Values, str], float]] = {
    "variance": lambda values, credit: float(values[credit]),
    "others_variance": lambda values, credit: float(values[f"{credit}_cross"]),
    "noise_to_signal": lambda values, credit: ratio(float(values[credit]), float(values[f"{credit}_signal"])),
    "paired_ratio": lambda values, credit: ratio(float(values[credit]), float(values["difference"])),
    "cross_agent_share": lambda values, credit: ratio(float(values[f"{credit}_cross"]), float(values[credit])),
    "imbalance_penalty": lambda values, _: float(values["imbalance_penalty"]),
    "above": lambda values, _: float(values["above"]),
    "floor": lambda values, run: max(float(values[f"floor/{run}"]), RESTS),  # below, a run's rest is not known
}


EXACT = ("noise", "rest")  # parts whose values are exact, but for SAMPLED
FLOOR_OF = {
    "return": "of J itself",
    "guided:0.2": "at alpha = 0.2",
    "guidance": "of guidance alone",
    "guidance:exact": "of exact guidance alone",
    "annealed": "when alpha is annealed to 0",
}


@dataclass(frozen=True)
class Prediction:
    """That a statistic of a row goes like N^exponent, or for "big_o" at most so; `claims/declared/domains.md` says why.
    before: whether it was written down before anything of the row was measured; what was not decides nothing."""

    row: str
    statistic: Statistic
    credit: str
    exponent: float
    relation: Relation = "theta"
    before: bool = True

    @property
    def decides(self) -> bool:
        """Not what came after; nor the guidance's samples counted beside floors: these rows end at N = 256, where
        smaller terms still tell, and the rows on noise ask for the same law up to N = 2048 and more."""
        counted = (self.statistic, self.credit) == ("noise_to_signal", "guidance") and f"/{REST}/" in self.row
        return self.before and not counted

    @property
    def subject(self) -> str:
        if self.statistic == "floor":
            return f"the floor {FLOOR_OF[self.credit]}"
        words = {
            "imbalance_penalty": "the penalty for imbalance per generator",
            "above": "what is paid above the reference where no whole platoon alone comes nearer to it",
            "others_variance": f"the part of the {self.credit} gradient's variance that others cause",
        }
        return words.get(self.statistic, f"the {self.statistic.replace('_', ' ')} of the {self.credit} gradient")


def predicted(*rows: tuple[str, Exponents]) -> list[Prediction]:
    """Predictions row by row: (statistic, credit) -> exponent."""
    return [Prediction(row, *what, exponent) for row, exponents in rows for what, exponent in exponents.items()]


def variances(of_return: float, of_difference: float, of_guidance: float) -> Exponents:
    """The three exponents of V."""
    return {
        ("variance", "return"): of_return,
        ("variance", "difference"): of_difference,
        ("variance", "guidance"): of_guidance,
    }


def floors(*runs: str, exponent: float = 0.0) -> Exponents:
    """One exponent, predicted for the floors of all these runs."""
    return {("floor", run): exponent for run in runs}


def samples(of_return: float, of_difference: float, of_guidance: float) -> Exponents:
    """The three exponents of how many samples it takes until noise is no larger than signal, at the start."""
    return {
        ("noise_to_signal", "return"): of_return,
        ("noise_to_signal", "difference"): of_difference,
        ("noise_to_signal", "guidance"): of_guidance,
    }


def ask_exponents(measured: Measured, predictions: Iterable[Prediction]) -> list[Question]:
    """One question for each prediction whose row was measured."""
    return [_exponent(measured[made.row], made) for made in predictions if made.row in measured]


def _exponent(series: Series[Evidence], made: Prediction) -> Question:
    return exponent_question(
        series,
        made.statistic,
        lambda item: _fitted(made, item.values),
        _sentences(made),
        expected=made.exponent,
        relation=made.relation,
        primary=made.decides,
        bends=made.credit not in SAMPLED and series.row.options["part"] in EXACT,
        suffix=made.credit if made.before else f"{made.credit} after",
    )


def _fitted(made: Prediction, values: Values) -> float:
    """What an exponent is fitted to; NaN, not measurable, for a floor below what is known of a run's rest, whose
    exponent would be that of the limit."""
    value = READ[made.statistic](values, made.credit)
    return math.nan if made.statistic == "floor" and value <= RESTS else value


def _sentences(made: Prediction) -> Sentences:
    told = "predicted" if made.before else "derived after the first look"
    subject, power = made.subject, f"N^{made.exponent:g}"
    first = subject[:1].upper() + subject[1:]
    return {
        "supported": f"As {told}, {subject} {{growth}}: {{where}}.",
        "refuted": f"Not as {told}: {subject} {{growth}}, not like {power}: {{where}}.",
        "inconclusive": f"{first} {{growth}}, which does not decide whether it is like {power}: {{where}}.",
    }


def ask_share(measured: Measured, rows: Iterable[str]) -> list[Question]:
    """The paper's C1.2 in other domains: the share of the guidance's variance that others cause, at the largest N."""
    return [
        threshold_question(
            measured[row],
            "share of others",
            lambda item: READ["cross_agent_share"](item.values, "guidance"),
            c1_2_noise_free.SENTENCES,
            c1_2_noise_free.SUPPORT_AT,
            c1_2_noise_free.REFUTE_ABOVE,
            primary=False,
            suffix="guidance",
            statement=f"{c1_2_noise_free.CLAIM.statement} (C1.2, here)",
        )
        for row in rows
        if row in measured
    ]


def ask_lost(measured: Measured, rows: Mapping[str, Callable[[float], float]], control: str) -> list[Question]:
    """What is lost at each of ALPHAS against a formula of it, to within 1 / N; rows: row -> formula. Rows that end with
    `control` are asked the same and must fail."""
    return [
        _lost(measured[row], place, formula(alpha), row.endswith(control))
        for row, formula in rows.items()
        if row in measured
        for place, alpha in enumerate(ALPHAS)
    ]


def _lost(series: Series[Evidence], place: int, formula: float, control: bool) -> Question:
    n, alpha = max(series.n_values), ALPHAS[place]
    found = float(series.flat[0].values["lost"][place])
    margin = 1.0 / n
    holds = abs(found - formula) <= margin
    where = series.row.notes["where"]
    asked = Question(
        key=f"{series.key}/lost/alpha {alpha:g}",
        statistic="share of travel time lost",
        read=[series],
        verdict=checked(holds, f"{found:.4f} against {formula:.4f} by the formula", exactly(found, 1)),
        sentence=f"Where J_alpha is greatest at alpha = {alpha:g}, {found:.2%} more travel time is spent than needed "
        f"(predicted: {formula:.2%}): {where}, N = {n}.",
        relation="equal",
        expected=formula,
        margin=margin,
        system=where,
        policy="best division of the drivers",
        primary=True,
    )
    known = "control: nothing is lost under the reference of the system optimum"
    return must_get(asked, "refuted", known) if control else asked


def domain_tables(claim: str, predictions: Sequence[Prediction], measured: Measured) -> Tables:
    """`domains`: every number that a prediction is judged by, with the exponent that was predicted beforehand."""
    records = [
        {"claim": claim, "group": series.row.notes["group"], "series": series.row.notes["series"],
         "statistic": made.statistic, "credit": made.credit, "n": item.cell.n, "fleet": item.cell.replicate,
         "value": READ[made.statistic](item.values, made.credit), "predicted": made.exponent}
        for made in predictions
        if made.row in measured
        for series in [measured[made.row]]
        for item in series.evidence
    ]  # fmt: skip
    return {"domains": records, "declared": declared("domains")}


def exponent_of(series: Series[Evidence], statistic: Statistic, credit: str) -> Estimate:
    """The power of N of a statistic, with its 95 % interval."""
    return series.fit(lambda item: READ[statistic](item.values, credit), level_of(False)).estimate


def _name(claim: str, made: Prediction) -> str:
    """The row of the ledger."""
    return f"{claim}/{made.row}/{made.statistic}/{made.credit}"


def domain_claim(
    system: str, predictions: Sequence[Prediction], ask: Ask, more: Callable[[Measured], Tables] | None = None,
    **about: Any,
) -> Claim:  # fmt: skip
    """A claim on one system: what was predicted of it. ask: what was measured -> questions; more: -> further tables.

    What comes from roll-outs is decided at full scale: an exponent is known to +- 0.2 at standard scale. So are floors,
    which differ much between draws, and lines, of which there are few draws below.
    """
    late = {
        _name(about["id"], made): "full"
        for made in predictions
        if made.credit in SAMPLED or f"/{REST}/" in made.row or made.row == LINES
    }
    before = [made for made in predictions if made.before]

    def tables(measured: Measured) -> Tables:
        return {**domain_tables(about["id"], before, measured), **(more(measured) if more else {})}

    return Claim(
        family="domains", design=partial(domain_design, parts=[system]), measure=measure_domain, cost=domain_cost,
        questions=ask, tables=tables, decided_at=late, **about,
    )  # fmt: skip

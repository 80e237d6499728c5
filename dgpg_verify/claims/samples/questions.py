"""Ledger rows of C3.1, C3.2 and A4: a verdict, what it was read from, and the sentence that holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dgpg_verify.claims.judged_rows import Judged, judged_row, level_of
from dgpg_verify.claims.ledger import Kind
from dgpg_verify.claims.records import RECORDS
from dgpg_verify.claims.samples.design import cells_of
from dgpg_verify.claims.samples.measure.cells import complexity_cost, measure_complexity_cell
from dgpg_verify.claims.samples.read import Series, fit_of
from dgpg_verify.claims.samples.tables import complexity_tables
from dgpg_verify.claims.words import power
from dgpg_verify.core import Cell, Evidence, Label, LedgerRow, Verdict
from dgpg_verify.statistics import SampleFit, judge_p, judge_q
from dgpg_verify.statistics.verdict import MARGIN

MARGINS = (0.10, 0.25)
STEPS = {"theory": "the theory's step", "greedy": "the greedy oracle step", "tuned": "a schedule tuned on pilot fleets",
         "adam": "clipped surrogate with Adam"}  # fmt: skip
SYSTEMS = {
    "team/aligned": "linear-quadratic teams with J = -cG + const",
    "team/biased": "linear-quadratic teams (alignment 0.5, bias 0.3)",
    "game/fluid": "entropy-regularised load balancing, fluid reference",
    "game/biased": "entropy-regularised load balancing, reference biased by 30 %",
    "game/plain": "load balancing without entropy",
    "cloud": "cloud scheduling (gap to Best-Fit, estimated on held-out workloads)",
}


class ComplexityClaim:
    """Cells, cost, records and tables of a claim on samples to a gap. parts: kinds of cells it reads."""

    parts: tuple[str, ...] = ()

    @property
    def recorded(self) -> Mapping[str, tuple[str, str]]:
        return RECORDS

    def cells(self, scale: str, seed: int) -> Sequence[Cell]:
        return cells_of(scale, seed, self.parts)

    def measure(self, cell: Cell) -> Evidence:
        return measure_complexity_cell(cell)

    def cost(self, cell: Cell) -> float:
        return complexity_cost(cell)

    def tables(self, evidence: Sequence[Evidence]) -> dict[str, list[dict[str, Any]]]:
        return complexity_tables(evidence)


class Question(Judged[Series]):
    """A judged question on series over N."""


@dataclass(frozen=True)
class Asked:
    """An exponent that is asked for: "p", "p_total" or "q", and what is claimed of it."""

    what: str
    expected: float
    relation: str


P_LINEAR, P_NONE, Q_ONE = Asked("p", 1.0, "theta"), Asked("p", 0.0, "big_o"), Asked("q", 1.0, "theta")


def exponent_verdict(fit: SampleFit, asked: Asked, margin: float = MARGIN) -> Verdict:
    if asked.what == "q":
        return judge_q(fit, asked.expected, margin, asked.relation)
    return judge_p(fit, asked.expected, margin, asked.relation, total=asked.what == "p_total")


def exponent_question(
    key: str, statement: str, series: Series, asked: Asked, *, primary: bool = False, kind: Kind = "claim",
    expected_label: Label | None = None, note: str = "",
) -> Question:  # fmt: skip
    """p or q of one series, its sentence naming the alpha rule, the step, the setting and the eps."""
    fit = fit_of(series, level_of(primary))
    verdict = exponent_verdict(fit, asked)
    dropped = f"smaller eps do not enter: {fit.dropped}" if fit.dropped else ""
    censored = f"{100 * fit.censored:.3g} % of arrivals censored" if fit.censored else ""
    return Question(
        key=f"{key}/{asked.what}",
        statement=statement,
        statistic={"p": "exponent of samples in N", "q": "exponent of samples in 1/eps"}.get(
            asked.what, "exponent of samples in N at a fixed total gap"
        ),
        read=[series],
        verdict=verdict,
        sentence=f"{describe_method(series.method)} on {describe_law(series)}, {STEPS[series.step]}, "
        f"setting {setting_of(series)}, {eps_words(fit, series)}: {law_words(fit)}, "
        f"N = {', '.join(str(n) for n in series.n_values)}.",
        expected=asked.expected,
        relation=asked.relation,
        primary=primary,
        note="; ".join(part for part in (note, dropped, censored) if part),
        setting=setting_of(series),
        kind=kind,
        expected_label=expected_label,
        margin=MARGIN,
        margins={f"{m:.2f}": exponent_verdict(fit, asked, m).label for m in MARGINS},
    )


def eps_words(fit: SampleFit, series: Series) -> str:
    """The accuracies that entered."""
    used = [1.0 / eps for eps in fit.eps] or series.factors
    ends = f"gap0/{used[0]:.3g}" + (f" to gap0/{used[-1]:.3g}" if len(used) > 1 else "")
    return f"eps from {ends}"


def law_words(fit: SampleFit) -> str:
    """How samples grow, as far as it is known."""
    grows = " ".join(part for part in (power("N", fit.p.exponent), _power_of_eps(fit.q.exponent)) if part)
    total = power("N", fit.p_total.exponent)
    return (
        f"samples ~ {grows} per agent{f' (total gap: {total})' if total else ''}" if grows else "no exponent measurable"
    )


def _power_of_eps(q: float | None) -> str:
    return power("eps", None if q is None else -q)


def setting_of(series: Series) -> str:
    """Scales of J and G, see `mixed` in the design."""
    return "mixed" if series.method.startswith("mixed") else "sum"


def describe_law(series: Series) -> str:
    return SYSTEMS.get(series.law, "teams with injected noise")


def describe_method(method: str) -> str:
    """A method in words, its alpha rule included (setting: sums unless it says mixed)."""
    name, _, base = method.partition("@")
    words = {
        "return": "The shared return",
        "difference": "The difference reward",
        "guidance": "Guidance alone (alpha = 1)",
        "guidance:exact": "Exact guidance alone (alpha = 1)",
        "guided:optimal": "Guided, alpha = alpha*(state) of least variance",
        "guided:sqrt": "Guided, 1 - alpha = N^-1/2",
        "guided:published": "Guided, alpha 0.9 -> 0.2 over 1 000 samples",
        "guided:zero": "Guided, alpha -> 0",
        "mappo": "MAPPO (shared return, central critic)",
        "guidance_only": "Guidance alone (alpha = 1)",
        "dgpg": "DG-PG, alpha 0.9 -> 0.2 over the run",
        "growing": "The exact gradient with noise that grows as N",
        "constant": "The exact gradient with the same noise at every N",
    }
    value = name.partition(":")[2]
    told = words.get(name, f"Guided, alpha = {value}")
    return told + (f" on the {base} reward" if base else "")


def ledger_rows(claim: str, questions: Sequence[Question], recorded: Mapping[str, tuple[str, str]]) -> list[LedgerRow]:
    return [_row(claim, question, recorded) for question in questions]


def _row(claim: str, question: Question, recorded: Mapping[str, tuple[str, str]]) -> LedgerRow:
    system = " and ".join(dict.fromkeys(describe_law(series) for series in question.read))
    steps = ", ".join(dict.fromkeys(series.step for series in question.read))
    return judged_row(claim, question, recorded, system, f"learning run, {steps}")

"""Ledger rows of C2.1, C2.2 and A2: a verdict, what it was read from, and the sentence that holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dgpg_verify.claims.equilibria.design import cells_of
from dgpg_verify.claims.equilibria.measure.games import equilibrium_cost, measure_equilibrium_cell
from dgpg_verify.claims.equilibria.read import Pooled
from dgpg_verify.claims.equilibria.tables import equilibrium_tables
from dgpg_verify.claims.judged_rows import Judged, judged_row
from dgpg_verify.claims.records import RECORDS
from dgpg_verify.claims.words import NOT_MEASURABLE
from dgpg_verify.core import Cell, Evidence, LedgerRow, Verdict
from dgpg_verify.equilibria.counterexamples.forms import Form


class EquilibriumClaim:
    """Cells, cost, records and tables of a claim on equilibria. A claim adds its statement and how it judges.

    parts: kinds of cells it reads.
    """

    parts: tuple[str, ...] = ()

    @property
    def recorded(self) -> Mapping[str, tuple[str, str]]:
        return RECORDS

    def cells(self, scale: str, seed: int) -> Sequence[Cell]:
        return cells_of(scale, seed, self.parts)

    def measure(self, cell: Cell) -> Evidence:
        return measure_equilibrium_cell(cell)

    def cost(self, cell: Cell) -> float:
        return equilibrium_cost(cell)

    def tables(self, evidence: Sequence[Evidence]) -> dict[str, list[dict[str, Any]]]:
        return equilibrium_tables(evidence)


class Question(Judged[Pooled]):
    """A judged question on pooled fleets."""


def ledger_rows(claim: str, questions: Sequence[Question], recorded: Mapping[str, tuple[str, str]]) -> list[LedgerRow]:
    return [_row(claim, question, recorded) for question in questions]


def describe_group(group: Pooled) -> str:
    """The law of a group's fleets in words."""
    if group.part == "team":
        return f"linear_quadratic (alignment {group.options['alignment']}, bias {group.options['bias']})"
    if not group.cost:
        return str(group.options.get("kind", "stored game"))
    return f"load_balancing ({group.cost}, reference {group.reference}, K = {group.k})"


def what_holds(form: Form) -> str:
    """The nearest true sentence beside a counterexample, by kind of point and inclusion."""
    if form.inclusion not in ("lost", "gained"):
        return "Alignment at every profile is sufficient for no foreign stationary points, not necessary."
    if form.points in ("full", "regular", "mixed"):
        return (
            "An equilibrium in which agents mix stays one for every alpha iff each mixing agent is indifferent in G "
            "too; a nondegenerate one moves by alpha [(1 - alpha) H_J - alpha H_G]^-1 grad G otherwise."
        )
    if form.inclusion == "lost":
        return (
            "A pure equilibrium of J stays one iff alpha <= alpha_c = min |dJ| / (|dJ| + |dG|) over the changes of one "
            "agent with dG < 0; every strict one stays for all alpha iff it has no such change."
        )
    return (
        "No foreign pure equilibrium arises at any alpha if every joint action that is none of J has a change of one "
        "agent with dJ > 0 and dG <= 0."
    )


def percent(value: float | None) -> str:
    return NOT_MEASURABLE if value is None else f"{100 * value:.3g} %"


def interval(verdict: Verdict) -> str:
    """A rate with its interval in percent."""
    e = verdict.estimate
    if e.value is None:
        return "an unknown share"
    return f"{percent(e.value)} [{percent(e.low)}, {percent(e.high)}]"


def _row(claim: str, question: Question, recorded: Mapping[str, tuple[str, str]]) -> LedgerRow:
    systems = list(dict.fromkeys(describe_group(group) for group in question.read))
    system = systems[0] if len(systems) == 1 else f"{systems[0]} and {len(systems) - 1} more laws"
    return judged_row(claim, question, recorded, system, question.policy)

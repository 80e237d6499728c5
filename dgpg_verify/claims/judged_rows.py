"""A judged question as a row of the ledger: shared by the claims on equilibria and on samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from dgpg_verify.claims.ledger import Kind, Records, ledger_row, provenance
from dgpg_verify.core import Evidence, Label, LedgerRow, Verdict
from dgpg_verify.statistics import PRIMARY_LEVEL

LEVEL = 0.95


class Group(Protocol):
    """Cells that are read together."""

    @property
    def items(self) -> tuple[Evidence, ...]: ...


G = TypeVar("G", bound=Group)


@dataclass(frozen=True)
class Judged(Generic[G]):
    """One row when it has been judged. read: the groups it is read from.

    sentence: what holds, with its conditions, already filled in. policy: where gradients are taken, or the kind of
    equilibrium.
    """

    key: str
    statement: str
    statistic: str
    read: Sequence[G]
    verdict: Verdict
    sentence: str
    expected: float | None
    relation: str
    policy: str = ""
    primary: bool = False
    note: str = ""
    setting: str = "sum"
    kind: Kind = "claim"
    expected_label: Label | None = None
    margin: float | None = None
    margins: Mapping[str, Label] = field(default_factory=dict)


def level_of(primary: bool) -> float:
    """Bonferroni over the 60 rows that a family of claims may lead with, or 95 % for exploratory ones."""
    return PRIMARY_LEVEL if primary else LEVEL


def judged_row(claim: str, question: Judged[G], recorded: Records, system: str, policy: str) -> LedgerRow:
    """The ledger's row of a judged question; system and policy in words."""
    role = "" if question.primary or question.kind in ("control", "oracle") else "exploratory"
    return ledger_row(
        claim,
        question.key,
        question.verdict,
        provenance(*(group.items for group in question.read), replicates=question.verdict.estimate.n),
        recorded,
        statement=question.statement,
        holds_when=question.sentence,
        system=system,
        policy=policy,
        statistic=question.statistic,
        relation=question.relation,
        expected=question.expected,
        margin=question.margin,
        margins=question.margins,
        notes=(question.note, role),
        primary=question.primary,
        setting=question.setting,
        kind=question.kind,
        expected_label=question.expected_label,
    )

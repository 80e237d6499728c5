"""A judged question as a row of the ledger: shared by the claims on equilibria and on samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, Protocol, TypeVar

from dgpg_verify.core import Evidence, Label, LedgerRow, Verdict, cell_files
from dgpg_verify.statistics import PRIMARY_LEVEL

LEVEL = 0.95
Kind = Literal["claim", "audit", "control", "oracle"]


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


def judged_row(
    claim: str, question: Judged[G], recorded: Mapping[str, tuple[str, str]], system: str, policy: str
) -> LedgerRow:
    """The ledger's row of a judged question; system and policy in words."""
    key, estimate = f"{claim}/{question.key}", question.verdict.estimate
    record = recorded.get(key)
    items = [item for group in question.read for item in group.items]
    role = "" if question.primary or question.kind in ("control", "oracle") else "exploratory"
    return LedgerRow(
        row=key,
        id=claim,
        primary=question.primary,
        statement=question.statement,
        holds_when=question.sentence,
        system=system,
        policy=policy,
        sharing="independent",
        setting=question.setting,
        statistic=question.statistic,
        relation=question.relation,
        estimate=estimate.value,
        low=estimate.low,
        high=estimate.high,
        level=estimate.level,
        expected=question.expected,
        margin=question.margin,
        verdict=question.verdict.label,
        verdict_margins=dict(question.margins),
        recorded=None if record is None else {"label": record[0], "reason": record[1]},
        because="; ".join(part for part in (question.verdict.why, question.note, role) if part),
        return_share=None,
        n_values=tuple(sorted({item.cell.n for item in items})),
        replicates=estimate.n,
        seeds=tuple(sorted({item.cell.replicate for item in items})),
        files=tuple(dict.fromkeys(cell_files(group.items[0].cell) for group in question.read)),
        seconds=sum(item.seconds for item in items),
        kind=question.kind,
        expected_label=question.expected_label,
    )

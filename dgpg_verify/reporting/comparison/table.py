"""The table of methods: a line for each, a column for each property, from the rows of C6."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dgpg_verify.core import Label, LedgerRow
from dgpg_verify.reporting.records import group_by
from dgpg_verify.statistics import join_rows

BESIDE = ("arrives", "cloud")
PROPERTIES = ("noise", "samples", "alike", "parallel", "learned")  # as in the keys of their rows
ROW = re.compile(
    rf"C6/(?P<method>.+)/(?:(?P<property>{'|'.join(PROPERTIES + BESIDE)})(?:/[^/]+)?|(?P<claim>all five|lacks one))"
)
HAS: dict[Label, str] = {"supported": "yes", "refuted": "no", "inconclusive": "open"}


@dataclass(frozen=True)
class PropertyAnswer:
    """Whether a method has a property, and the rows that say so. deciding: the first of them with that label."""

    label: Label
    deciding: LedgerRow

    @property
    def text(self) -> str:
        return HAS[self.label]


@dataclass(frozen=True)
class MethodLine:
    """answers: for each of PROPERTIES, None where it was not measured; claim: what the paper says of the method;
    joined: the row that answers it; arrival: how many games it comes near the optimum of, with their own reference;
    cloud: the rows of its scores on the paper's task, by N."""

    method: str
    answers: tuple[PropertyAnswer | None, ...]
    claim: str
    joined: LedgerRow
    arrival: LedgerRow | None
    cloud: tuple[LedgerRow, ...]

    @property
    def arrivals(self) -> str:
        """In how many games of how many."""
        row = self.arrival
        if row is None or row.estimate is None:
            return ""
        return f"{round(row.estimate * row.replicates)} of {row.replicates}"

    @property
    def scores(self) -> str:
        """The scores in the order of N, with what N they are for."""
        return ", ".join(
            f"{row.estimate:.2f} (N = {row.n_values[0]})" for row in self.cloud if row.estimate is not None
        )


@dataclass(frozen=True)
class MethodTable:
    """heads: properties in words; beside: what stands behind them."""

    heads: tuple[str, ...]
    lines: tuple[MethodLine, ...]
    beside = ("games it can solve with their own reference", "the paper says", "score on the cloud")


def method_table(rows: Iterable[LedgerRow]) -> MethodTable | None:
    """The table of a ledger, in its order; None where it holds no method. The paper says nothing of a control."""
    found = [(match, row) for row in rows if (match := ROW.fullmatch(row.row))]
    groups = group_by(found, lambda pair: pair[0]["method"]).values()
    lines = [_line(pairs) for pairs in groups if any(match["claim"] for match, _ in pairs)]
    return MethodTable(_heads(found), tuple(lines)) if lines else None


def _heads(found: Sequence[tuple[re.Match[str], LedgerRow]]) -> tuple[str, ...]:
    """The properties as their rows state them, behind the method's name."""
    words = {match["property"]: row.statement.rpartition(": ")[2].rstrip(".") for match, row in found}
    return tuple(words.get(name, name) for name in PROPERTIES)


def _line(pairs: Sequence[tuple[re.Match[str], LedgerRow]]) -> MethodLine:
    """The line of one method from its rows."""
    by_property = group_by(pairs, lambda pair: pair[0]["property"])
    answers = tuple(_answer([row for _, row in by_property.get(name, [])]) for name in PROPERTIES)
    claim, joined = next((match["claim"], row) for match, row in pairs if match["claim"])
    cloud = sorted((row for _, row in by_property.get("cloud", [])), key=lambda row: row.n_values)
    arrival = next((row for _, row in by_property.get("arrives", [])), None)
    return MethodLine(joined.policy, answers, claim, joined, arrival, tuple(cloud))


def _answer(rows: Sequence[LedgerRow]) -> PropertyAnswer | None:
    if not rows:
        return None
    label = join_rows([row.verdict for row in rows])
    return PropertyAnswer(label, next(row for row in rows if row.verdict == label))

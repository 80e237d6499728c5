"""The table of methods: a line for each, a column for each property, from the rows of C6."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dgpg_verify.core import Label, LedgerRow
from dgpg_verify.reporting.records import group_by
from dgpg_verify.statistics import join_rows

PROPERTIES = {
    "noise": "noise O(1)",
    "samples": "samples at any N",
    "alike": "heterogeneous policies",
    "parallel": "parallel updates",
    "learned": "no extra learned part",
}
ROW = re.compile(rf"C6/(?P<method>.+)/(?:(?P<property>{'|'.join(PROPERTIES)})(?:/[^/]+)?|all five|lacks one)")
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
class MethodTable:
    """heads: properties in words; lines: a method in words, its answers or None, and the row that joins them, whose
    name ends with what the paper says of it."""

    heads: tuple[str, ...]
    lines: tuple[tuple[str, tuple[PropertyAnswer | None, ...], LedgerRow], ...]


def method_table(rows: Iterable[LedgerRow]) -> MethodTable | None:
    """The table of a ledger, in its order; None where it holds no method."""
    found = [(match, row) for row in rows if row.kind == "claim" and (match := ROW.fullmatch(row.row))]
    lines = []
    for of_method in group_by(found, lambda pair: pair[0]["method"]).values():
        by_property = group_by(of_method, lambda pair: pair[0]["property"])
        answers = tuple(_answer([row for _, row in by_property.get(name, [])]) for name in PROPERTIES)
        joined = [row for _, row in by_property.get(None, [])]
        if joined:
            lines.append((joined[0].policy, answers, joined[0]))
    return MethodTable(tuple(PROPERTIES.values()), tuple(lines)) if lines else None


def _answer(rows: Sequence[LedgerRow]) -> PropertyAnswer | None:
    if not rows:
        return None
    label = join_rows([row.verdict for row in rows])
    return PropertyAnswer(label, next(row for row in rows if row.verdict == label))

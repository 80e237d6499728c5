"""The paper's claims on one system after another: a table for the first page, from rows that other claims judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dgpg_verify.core import LedgerRow
from dgpg_verify.reporting.records import data
from dgpg_verify.statistics import allowed_set
from dgpg_verify.statistics.verdict import MARGIN, interval_labels

_DATA = data("systems")
COLUMNS: Mapping[str, str] = _DATA["columns"]
LINES: tuple[Mapping[str, Any], ...] = tuple(_DATA["lines"])


@dataclass(frozen=True)
class Answer:
    """What a row says of the paper's claim on its system."""

    row: LedgerRow
    label: str


@dataclass(frozen=True)
class SystemTable:
    """columns: systems in words; lines: claim, its words, and an answer or None for each column."""

    columns: tuple[str, ...]
    lines: tuple[tuple[str, str, tuple[Answer | None, ...]], ...]


def system_table(rows: Iterable[LedgerRow]) -> SystemTable | None:
    """The systems and claims of which these rows hold something; None where they hold fewer than two systems."""
    found = {row.row: row for row in rows}
    names = [name for name in COLUMNS if any(line.get(name) in found for line in LINES)]
    lines = [
        (line["claim"], line["words"], tuple(_answer(line, found.get(line.get(name, ""))) for name in names))
        for line in LINES
    ]
    kept = tuple(line for line in lines if any(line[2]))
    return SystemTable(tuple(COLUMNS[name] for name in names), kept) if len(names) > 1 else None


def _answer(line: Mapping[str, Any], row: LedgerRow | None) -> Answer | None:
    if row is None:
        return None
    if "exponent" not in line or row.low is None or row.high is None or _bent(row):
        return Answer(row, row.verdict)
    allowed = allowed_set(line["exponent"]["relation"], line["exponent"]["expected"], MARGIN)
    return Answer(row, str(interval_labels(row.low, row.high, allowed)))


def _bent(row: LedgerRow) -> bool:
    """Whether the row was left open although its interval decides: its values lie on no straight line."""
    if row.verdict != "inconclusive" or row.expected is None or row.low is None or row.high is None:
        return False
    return str(interval_labels(row.low, row.high, allowed_set(row.relation, row.expected, row.margin))) != row.verdict

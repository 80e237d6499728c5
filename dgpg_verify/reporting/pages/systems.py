"""The paper's claims on one system after another: a table for the first page, from rows that other claims judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dgpg_verify.core import LedgerRow
from dgpg_verify.reporting.records import data
from dgpg_verify.statistics import allowed_set
from dgpg_verify.statistics.verdict import MARGIN, Region, interval_labels

_DATA = data("systems")
SYSTEMS: Mapping[str, str] = _DATA["systems"]
CLAIMS: tuple[Mapping[str, Any], ...] = tuple(_DATA["claims"])


@dataclass(frozen=True)
class SystemAnswer:
    """What a row says of the paper's claim on its system."""

    row: LedgerRow
    label: str


@dataclass(frozen=True)
class SystemTable:
    """heads: claims with their words; lines: a system in words and an answer or None for each claim."""

    heads: tuple[str, ...]
    lines: tuple[tuple[str, tuple[SystemAnswer | None, ...]], ...]


def system_table(rows: Iterable[LedgerRow]) -> SystemTable | None:
    """The systems and claims of which these rows hold something; None where they hold fewer than two systems."""
    found = {row.row: row for row in rows}
    names = [name for name in SYSTEMS if any(claim.get(name) in found for claim in CLAIMS)]
    claims = [claim for claim in CLAIMS if any(claim.get(name) in found for name in names)]
    lines = [
        (SYSTEMS[name], tuple(_answer(claim, found.get(claim.get(name, ""))) for claim in claims)) for name in names
    ]
    heads = tuple(f"{claim['claim']} {claim['words']}" for claim in claims)
    return SystemTable(heads, tuple(lines)) if len(lines) > 1 else None


def _answer(claim: Mapping[str, Any], row: LedgerRow | None) -> SystemAnswer | None:
    if row is None:
        return None
    regions = _regions(claim)
    if regions is None or row.low is None or row.high is None or _bent(row):
        return SystemAnswer(row, row.verdict)
    return SystemAnswer(row, str(interval_labels(row.low, row.high, *regions)))


def _regions(claim: Mapping[str, Any]) -> tuple[Region, Region] | None:
    """What the paper's claim allows, and what does not refute it; None where the row asks the claim itself."""
    if "exponent" in claim:
        allowed = allowed_set(claim["exponent"]["relation"], claim["exponent"]["expected"], MARGIN)
        return allowed, allowed
    if "at_most" in claim:
        low, high = (allowed_set("at_most", end) for end in claim["at_most"])
        return low, high
    return None


def _bent(row: LedgerRow) -> bool:
    """Whether the row was left open although its interval decides: its values lie on no straight line."""
    if row.verdict != "inconclusive" or row.expected is None or row.low is None or row.high is None:
        return False
    return str(interval_labels(row.low, row.high, allowed_set(row.relation, row.expected, row.margin))) != row.verdict

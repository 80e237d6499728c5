"""From many judged rows to one label per claim: supported when all its primary rows are, refuted when one is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dgpg_verify.core import LABELS, Label, LedgerRow
from dgpg_verify.reporting.records import group_by
from dgpg_verify.reporting.wording import claim_order
from dgpg_verify.statistics import allowed_set


@dataclass(frozen=True)
class ClaimSummary:
    """One line of the report's first screen. `deciding` is the row whose sentence and interval are shown."""

    id: str
    statement: str
    label: Label
    why: str
    holds_when: str
    deciding: LedgerRow | None
    supported: tuple[str, ...]
    refuted: tuple[str, ...]
    inconclusive: tuple[str, ...]
    exploratory: int
    unrecorded: int


def _excess(row: LedgerRow) -> float:
    """How far the estimate lies beyond the allowed set; negative inside it."""
    if row.estimate is None or row.expected is None:
        return 0.0
    low, high = allowed_set(row.relation, row.expected, row.margin)
    return max(low - row.estimate, row.estimate - high)


def _deciding(rows: list[LedgerRow], label: Label) -> LedgerRow | None:
    """The refuting row that lies furthest off, the weakest supporting one, or the first that did not decide (those
    with a number before those without)."""
    chosen = [row for row in rows if row.verdict == label] or rows
    if label == "inconclusive":
        return next((row for row in chosen if row.estimate is not None), chosen[0] if chosen else None)
    return max(chosen, key=lambda row: (_excess(row), row.row), default=None)


def _why(label: Label, primary: list[LedgerRow]) -> str:
    if not primary:
        return "no primary row was measured"
    if label == "supported":
        return f"all {len(primary)} primary rows are supported"
    hit = [row.row.removeprefix(f"{row.id}/") for row in primary if row.verdict == label]
    named = ", ".join(hit[:2]) + (f" and {len(hit) - 2} more" if len(hit) > 2 else "")
    return f"{len(hit)} of {len(primary)} primary rows {'is' if len(hit) == 1 else 'are'} {label}: {named}"


def claim_summary(rows: Iterable[LedgerRow]) -> list[ClaimSummary]:
    """Summarise the rows of kind `claim` and `audit` by claim id, claims first, audits after.

    A claim is supported when all its primary rows are, refuted when at least one is (`why` and `refuted` say
    which), else inconclusive; without a primary row it is inconclusive. Controls and oracle rows never count.
    """
    by_id = group_by((row for row in rows if row.kind in ("claim", "audit")), lambda row: row.id)
    return [_summarise(key, by_id[key]) for key in sorted(by_id, key=claim_order)]


def _summarise(key: str, rows: list[LedgerRow]) -> ClaimSummary:
    primary = [row for row in rows if row.primary]
    named: dict[str, tuple[str, ...]] = {
        label: tuple(row.row for row in primary if row.verdict == label) for label in LABELS
    }
    label: Label = "inconclusive"
    if named["refuted"]:
        label = "refuted"
    elif primary and not named["inconclusive"]:
        label = "supported"
    deciding = _deciding(primary, label)
    return ClaimSummary(
        id=key,
        statement=(deciding or (primary or rows)[0]).statement,
        label=label,
        why=_why(label, primary),
        holds_when=deciding.holds_when if deciding else "",
        deciding=deciding,
        **named,
        exploratory=len(rows) - len(primary),
        unrecorded=sum(row.recorded is None for row in rows),
    )

"""From many judged rows to one headline per claim: first within each reading of the paper, then over the leading ones.

Only primary rows count, and of them only those where the claim's own hypotheses hold. A row that takes no reading
counts in all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dgpg_verify.core import LABELS, Label, LedgerRow
from dgpg_verify.core.claim_ids import claim_order
from dgpg_verify.core.moments import LEADING_MIXTURES, MEASURED_SETTINGS
from dgpg_verify.reporting.records import group_by
from dgpg_verify.statistics import Headline, allowed_set, join_readings, join_rows


@dataclass(frozen=True)
class ReadingSummary:
    """What the primary rows of one reading say. deciding: the row whose sentence and interval are shown."""

    reading: str
    leading: bool
    label: Label
    rows: tuple[LedgerRow, ...]
    deciding: LedgerRow


@dataclass(frozen=True)
class ClaimSummary:
    """One line of the report's first screen.

    readings: leading ones first, a single one named "" where the claim has none; outside: primary rows where the
    claim's hypotheses do not hold, which decide nothing.
    """

    id: str
    statement: str
    label: Headline
    why: str
    holds_when: str
    readings: tuple[ReadingSummary, ...]
    outside: tuple[LedgerRow, ...]
    exploratory: int

    @property
    def leading(self) -> tuple[ReadingSummary, ...]:
        return tuple(reading for reading in self.readings if reading.leading)

    @property
    def deciding(self) -> LedgerRow | None:
        """The row whose interval is shown: of the first leading reading that has the headline's label."""
        chosen = [reading for reading in self.leading if reading.label == self.label] or self.leading
        return chosen[0].deciding if chosen else None

    def rows(self, label: Label) -> tuple[str, ...]:
        """Keys of the primary rows of the leading readings that have this label."""
        found = (row.row for reading in self.leading for row in reading.rows if row.verdict == label)
        return tuple(dict.fromkeys(found))


def claim_summary(rows: Iterable[LedgerRow]) -> list[ClaimSummary]:
    """Summarise the rows of kind `claim` and `audit` by claim id, claims first, audits after.

    See `statistics.join_rows` and `join_readings` for the rule. Controls and oracle rows never count.
    """
    by_id = group_by((row for row in rows if row.kind in ("claim", "audit")), lambda row: row.id)
    return [_summarise(key, by_id[key]) for key in sorted(by_id, key=claim_order)]


def _summarise(key: str, rows: Sequence[LedgerRow]) -> ClaimSummary:
    primary = [row for row in rows if row.primary]
    readings = _readings([row for row in primary if row.inside])
    leading = [reading for reading in readings if reading.leading]
    missing = _not_measured(key, readings)
    label = join_readings([reading.label for reading in leading], whole=not missing)
    return ClaimSummary(
        id=key,
        statement=(leading[0].deciding if leading else (primary or rows)[0]).statement,
        label=label,
        why="; ".join(map(_why, leading)) + _missing_text(missing) if leading else _undecided(primary),
        holds_when=_sentences(label, leading),
        readings=tuple(readings),
        outside=tuple(row for row in primary if not row.inside),
        exploratory=len(rows) - len(primary),
    )


def _readings(rows: Sequence[LedgerRow]) -> list[ReadingSummary]:
    """The readings of a claim's deciding rows, leading ones first; rows without a reading are part of every one."""
    common = [row for row in rows if not row.reading]
    named = dict.fromkeys(row.reading for row in rows if row.reading)
    groups = [[row for row in rows if row.reading in ("", name)] for name in named]
    if common and not any(row.leading and row.reading for row in rows):
        groups.insert(0, common)
    readings = [_reading(group, common) for group in groups]
    return sorted(readings, key=lambda reading: not reading.leading)


def _reading(rows: Sequence[LedgerRow], common: Sequence[LedgerRow]) -> ReadingSummary:
    label = join_rows([row.verdict for row in rows])
    named = next((row for row in rows if row.reading), common[0] if common else rows[0])
    return ReadingSummary(named.reading, named.leading, label, tuple(rows), _deciding(rows, label))


def _deciding(rows: Sequence[LedgerRow], label: Label) -> LedgerRow:
    """The refuting row that lies furthest off, the weakest supporting one, or the first that did not decide (those
    with a number before those without)."""
    chosen = [row for row in rows if row.verdict == label] or list(rows)
    if label == "inconclusive":
        return next((row for row in chosen if row.estimate is not None), chosen[0])
    return max(chosen, key=lambda row: (_excess(row), row.row))


def _excess(row: LedgerRow) -> float:
    """How far the estimate lies beyond the allowed set; negative inside it."""
    if row.estimate is None or row.expected is None:
        return 0.0
    low, high = allowed_set(row.relation, row.expected, row.margin)
    return max(low - row.estimate, row.estimate - high)


def _why(reading: ReadingSummary) -> str:
    """The count behind a reading's label, in words."""
    head = f"{reading.reading}: " if reading.reading else ""
    total = len(reading.rows)
    if reading.label == "supported":
        return f"{head}all {total} primary rows are supported"
    keys = [row.row.removeprefix(f"{row.id}/") for row in reading.rows if row.verdict == reading.label]
    named = ", ".join(keys[:2]) + (f" and {len(keys) - 2} more" if len(keys) > 2 else "")
    return f"{head}{len(keys)} of {total} primary rows {'is' if len(keys) == 1 else 'are'} {reading.label}: {named}"


def _not_measured(claim: str, readings: Sequence[ReadingSummary]) -> list[str]:
    """The leading readings of the mixture of which a claim that depends on it has no row. For samples (C3) `joint` is
    `mixed`: a common factor is undone by the step."""
    names = {reading.reading for reading in readings}
    expected = [name for name in LEADING_MIXTURES if not (claim.startswith("C3") and name == "joint")]
    return [name for name in expected if name not in names] if names & set(MEASURED_SETTINGS) else []


def _missing_text(missing: Sequence[str]) -> str:
    return f"; not measured in {', '.join(missing)}" if missing else ""


def _undecided(primary: Sequence[LedgerRow]) -> str:
    if not primary:
        return "no primary row was measured"
    return "no primary row of a leading reading was measured where the claim's hypotheses hold"


def _sentences(label: Headline, leading: Sequence[ReadingSummary]) -> str:
    """The nearest true sentence; where it depends on the reading, one for each side."""
    if not leading:
        return ""
    if label != "depends":
        return next((r for r in leading if r.label == label), leading[0]).deciding.holds_when
    sides = [reading for reading in leading if reading.label in LABELS[:2]]
    return " ".join(f"In reading {reading.reading}: {reading.deciding.holds_when}" for reading in sides)

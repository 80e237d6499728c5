"""Claims against readings: what every reading of the paper says of each claim, and what it costs.

The price is the return's share of the update, omega: where it is 0 the gradient is bounded because the return is
switched off.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dgpg_verify.core import LABELS, LedgerRow
from dgpg_verify.reporting.summary import ClaimSummary, ReadingSummary, claim_summary
from dgpg_verify.reporting.terminal import table_lines
from dgpg_verify.reporting.wording import number_text

ANY = "any reading"  # of claims in which no open choice of the paper matters


@dataclass(frozen=True)
class Matrix:
    """readings: the columns, leading ones first; leading: how many of them are; lines: one per claim, with the
    reading's summary in each column or None."""

    readings: tuple[str, ...]
    leading: int
    lines: tuple[tuple[ClaimSummary, tuple[ReadingSummary | None, ...]], ...]

    @property
    def titles(self) -> list[str]:
        """Heads of the columns; a sensitivity reading, which decides nothing, stands in brackets."""
        return [name if k < self.leading else f"({name})" for k, name in enumerate(self.readings)]


def claim_matrix(rows: Iterable[LedgerRow]) -> Matrix:
    """The matrix of a ledger."""
    summaries = claim_summary(rows)
    found = [reading for summary in summaries for reading in summary.readings]
    leading = dict.fromkeys(reading.reading or ANY for reading in found if reading.leading)
    others = dict.fromkeys(reading.reading or ANY for reading in found if not reading.leading)
    names = (*sorted(leading, key=lambda name: name != ANY), *(name for name in others if name not in leading))
    lines = [
        (summary, tuple({reading.reading or ANY: reading for reading in summary.readings}.get(name) for name in names))
        for summary in summaries
    ]
    return Matrix(names, len(leading), tuple(lines))


def counts_text(reading: ReadingSummary) -> str:
    """Primary rows supported / refuted / inconclusive."""
    return "/".join(str(reading.count(label)) for label in LABELS)


def price_text(reading: ReadingSummary) -> str:
    """The range of the return's share of the update over the reading's rows; "" where none has one."""
    known = [row.return_share for row in reading.rows if row.return_share is not None]
    shares = list(dict.fromkeys(number_text(share, 2) for share in sorted(known)))
    return f"\u03c9 {shares[0]}" + (f" \u2026 {shares[-1]}" if len(shares) > 1 else "") if shares else ""


def matrix_lines(rows: Sequence[LedgerRow]) -> list[str]:
    """The matrix for a terminal in plain ASCII: one line per claim, its headline, then every reading's verdict."""
    matrix = claim_matrix(rows)
    if not matrix.lines:
        return []
    lines = [[summary.id, summary.label, *map(_short, cells)] for summary, cells in matrix.lines]
    note = "supported / refuted / inconclusive primary rows; a reading in brackets decides nothing"
    return [*table_lines(["claim", "headline", *matrix.titles], lines), note]


def _short(reading: ReadingSummary | None) -> str:
    return "-" if reading is None else f"{reading.label[:4]} {counts_text(reading)}"

"""Claims against readings: what every reading of the paper says of each claim, and what it costs.

The price is the return's share of the update, omega: where it is 0 the gradient is bounded because the return is
switched off.
"""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from dgpg_verify.core import LABELS, LedgerRow
from dgpg_verify.core.moments import MEASURED_SETTINGS
from dgpg_verify.reporting.summary import ClaimSummary, ReadingSummary, claim_summary
from dgpg_verify.reporting.terminal import table_lines
from dgpg_verify.reporting.wording import number_text

ANSWERS = {"supported": "yes", "refuted": "no", "inconclusive": "open", "depends": "depends"}  # in a terminal
ANY = "other readings"  # the column of claims whose verdict does not depend on how return and guidance are mixed
Cell = tuple[ReadingSummary, ...]


@dataclass(frozen=True)
class Matrix:
    """columns: readings of the mixture, leading ones first, and before them one column for all other readings; leading:
    how many columns may decide; lines: per claim the readings that stand in each column."""

    columns: tuple[str, ...]
    leading: int
    lines: tuple[tuple[ClaimSummary, tuple[Cell, ...]], ...]

    @property
    def titles(self) -> list[str]:
        """Heads of the columns; a sensitivity reading, which decides nothing, stands in brackets."""
        return [name if k < self.leading else f"({name})" for k, name in enumerate(self.columns)]


def claim_matrix(rows: Iterable[LedgerRow]) -> Matrix:
    """The matrix of a ledger."""
    summaries = claim_summary(rows)
    found = {column_of(reading): reading.leading for summary in summaries for reading in summary.readings}
    columns = sorted(found, key=lambda name: (name != ANY, not found[name], name))
    lines = [
        (summary, tuple(tuple(r for r in summary.readings if column_of(r) == name) for name in columns))
        for summary in summaries
    ]
    return Matrix(tuple(columns), sum(found[name] or name == ANY for name in columns), tuple(lines))


def column_of(reading: ReadingSummary) -> str:
    return reading.reading if reading.reading in MEASURED_SETTINGS else ANY


def name_text(reading: ReadingSummary) -> str:
    """What to write before a verdict in the column of the other readings; "" where the claim has no reading."""
    if reading.reading in (*MEASURED_SETTINGS, ""):
        return ""
    return f"{reading.reading}: " if reading.leading else f"({reading.reading}): "


def counts_text(rows: Iterable[LedgerRow]) -> str:
    """How many of these rows are supported / refuted / inconclusive."""
    verdicts = [row.verdict for row in rows]
    return "/".join(str(verdicts.count(label)) for label in LABELS)


def price_text(reading: ReadingSummary) -> str:
    """The range of the return's share of the update over the reading's rows; "" where none has one."""
    shares = shares_text(reading.rows)
    return f"\u03c9 {shares}" if shares else ""


def shares_text(rows: Iterable[LedgerRow]) -> str:
    """The least and the largest share of the return over these rows; "" where none has one."""
    known = sorted(row.return_share for row in rows if row.return_share is not None)
    return " \u2026 ".join(dict.fromkeys(number_text(share, 2) for share in known[:1] + known[-1:]))


def matrix_lines(
    rows: Sequence[LedgerRow], width: int = 120, colour: bool = False, preliminary: Collection[str] = ()
) -> list[str]:
    """The matrix for a terminal in plain ASCII: one line per claim, its headline, then every reading's answer, with the
    counts of its primary rows where they fit `width`; then what the words mean. preliminary: ids of claims that get a
    star."""
    matrix = claim_matrix(rows)
    if not matrix.lines:
        return []
    head = ["claim", "headline", *matrix.titles]
    forms = ((True, 2), (False, 2), (False, 1))  # counts, spaces between columns
    cells = partial(_lines, matrix, preliminary)
    fitting = (form for form in forms if _width(table_lines(head, cells(form[0]), gap=form[1])) <= width)
    counted, gap = next(fitting, forms[-1])
    lines = table_lines(head, cells(counted), gap=gap, colour=colour)
    return [*lines, "", *textwrap.wrap(_legend(matrix, counted, preliminary), max(width, 40))]


def _legend(matrix: Matrix, counts: bool, preliminary: Collection[str]) -> str:
    """What the lines above it mean, of it only what stands in them."""
    labels = {summary.label for summary, _ in matrix.lines}
    labels |= {reading.label for _, cells in matrix.lines for cell in cells for reading in cell}
    meanings = {
        "yes = supported": "supported" in labels,
        "no = refuted": "refuted" in labels,
        "open = not decided": "inconclusive" in labels,
        "depends = the readings differ": "depends" in labels,
        "- = does not apply or was not measured": not all(cell for _, cells in matrix.lines for cell in cells),
        "numbers = primary rows supported/refuted/not decided": counts,
        "* = to be decided at a larger scale, which may say another thing": bool(preliminary),
        "(in brackets) = decides nothing": any(title.startswith("(") for title in matrix.titles),
    }
    return "; ".join(meaning for meaning, shown in meanings.items() if shown)


def _width(lines: Sequence[str]) -> int:
    return max(map(len, lines))


def _lines(matrix: Matrix, preliminary: Collection[str], counts: bool) -> list[list[str]]:
    lines = []
    for summary, cells in matrix.lines:
        for k in range(max([1, *map(len, cells)])):  # a line for each reading of the first column
            head = [summary.id + "*" * (summary.id in preliminary), ANSWERS[summary.label]] if k == 0 else ["", ""]
            lines.append([*head, *(_short(cell[k : k + 1], counts) or "-" * (k == 0) for cell in cells)])
    return lines


def _short(cell: Cell, counts: bool) -> str:
    return "".join(
        f"{name_text(reading)}{ANSWERS[reading.label]}" + f" {counts_text(reading.rows)}" * counts for reading in cell
    )

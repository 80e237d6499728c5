"""Tables for a terminal, made by rich: columns `gap` spaces apart, never wrapped; plain unless colour is asked for."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

STYLES = {"yes": "green", "no": "red", "open": "yellow", "depends": "yellow"}  # of answers
WIDE = 10_000  # columns: a table is as wide as its cells, so that no number is cut


def table_lines(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    right: Collection[str] = (),
    gap: int = 2,
    colour: bool = False,
) -> list[str]:
    """The table's lines; the columns named in `right` are aligned to the right. colour: answers, in ANSI codes."""
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="")
    for name in head:
        table.add_column(name, justify="right" if name in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell, _style(cell)) for cell in row) if colour else row)
    console = Console(
        file=io.StringIO(), width=WIDE, force_terminal=colour, color_system="standard" if colour else None,
        markup=False, emoji=False, highlight=False,
    )  # fmt: skip
    with console.capture() as captured:
        console.print(table)
    return [line.rstrip() for line in captured.get().splitlines()]


def _style(cell: str) -> str:
    """The colour of an answer, which is the cell's last word but its counts."""
    return next((STYLES[word] for word in cell.split() if word in STYLES), "")

"""User's tables: every bad row is named (row number, column, value, what is allowed) in one error."""

from __future__ import annotations

import csv
import gzip
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dgpg_verify.core import InputError

MAX_NAMED = 50


TEXT, FINITE = "a non-empty text", "a finite number"
NOT_NEGATIVE, POSITIVE = "a finite number >= 0", "a finite number > 0"


@dataclass(frozen=True)
class Column:
    """A column that is read, and what its cells may hold; `blank`: empty cells become NaN."""

    name: str
    allowed: str = POSITIVE
    required: bool = True
    blank: bool = False

    def read(self, cell: str) -> str | float | None:
        """The text or number in a cell, or None when it is not allowed."""
        if self.allowed == TEXT:
            return cell or None
        if self.blank and not cell:
            return math.nan
        try:
            value = float(cell)
        except ValueError:
            return None
        inside = {FINITE: True, NOT_NEGATIVE: value >= 0, POSITIVE: value > 0}[self.allowed]
        return value if inside and math.isfinite(value) else None


def read_table(path: Path, columns: Sequence[Column]) -> dict[str, np.ndarray]:
    """Read a CSV (plain or .gz) with a header; other columns are ignored.

    Parameters
    ----------
    path
        The file.
    columns
        What is read, and what each cell may hold.

    Returns
    -------
    The columns that are there by name: float64 arrays, texts as arrays of objects.

    Raises
    ------
    InputError
        If the file or a required column is missing, no row is there, or cells are not allowed; all bad cells are
        named, row 2 being the first below the header.
    """
    if not path.is_file():
        raise InputError(f"file {str(path)!r} is not allowed: it must be an existing CSV file")
    raw = path.read_bytes()
    try:
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError):
        raise InputError(f"file {str(path)!r} is not allowed: it must be CSV text in UTF-8") from None
    reader = csv.DictReader(io.StringIO(text, newline=""))
    header = [name.strip() for name in reader.fieldnames or []]
    reader.fieldnames = header
    missing = [c.name for c in columns if c.required and c.name not in header]
    if missing:
        raise InputError(
            f"{path.name}: columns {', '.join(missing)} are missing; it must have "
            f"{', '.join(c.name if c.required else f'[{c.name}]' for c in columns)}"
        )
    return _collect(path, list(reader), [c for c in columns if c.name in header])


def _collect(path: Path, rows: list[dict[str, str]], columns: Sequence[Column]) -> dict[str, np.ndarray]:
    if not rows:
        raise InputError(f"{path.name} holds no row: at least one is needed")
    table: dict[str, np.ndarray] = {}
    bad: list[tuple[int, str]] = []
    for column in columns:
        cells = [(row[column.name] or "").strip() for row in rows]
        values = [column.read(cell) for cell in cells]
        bad += [
            (line, f"row {line}: {column.name} = {cell!r} must be {column.allowed}")
            for line, (cell, value) in enumerate(zip(cells, values), start=2)
            if value is None
        ]
        table[column.name] = np.array(values, dtype=object if column.allowed == TEXT else np.float64)
    if bad:
        named = [fault for _, fault in sorted(bad)]
        more = f"; and {len(named) - MAX_NAMED} more" if len(named) > MAX_NAMED else ""
        raise InputError(f"{path.name}: {'; '.join(named[:MAX_NAMED])}{more}")
    return table

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


@dataclass(frozen=True)
class Column:
    """A column that is read: a positive number (`zero`: 0 allowed; `blank`: empty cells become NaN) or text."""

    name: str
    kind: str = "number"
    required: bool = True
    zero: bool = False
    blank: bool = False
    any_sign: bool = False

    @property
    def allowed(self) -> str:
        if self.kind == "text":
            return "a non-empty text"
        if self.any_sign:
            return "a finite number"
        return "a finite number >= 0" if self.zero else "a finite number > 0"

    def read(self, text: str) -> float | None:
        """The number in `text`, or None when it is not allowed."""
        if self.blank and not text:
            return math.nan
        try:
            value = float(text)
        except ValueError:
            return None
        inside = math.isfinite(value) and (self.any_sign or value > 0 or (self.zero and value == 0))
        return value if inside else None


@dataclass(frozen=True)
class Table:
    """Columns by name: `numbers` float64 arrays, `texts` lists."""

    numbers: dict[str, np.ndarray]
    texts: dict[str, list[str]]
    rows: int

    def __len__(self) -> int:
        return self.rows


def read_table(path: Path, columns: Sequence[Column]) -> Table:
    """Read a CSV (plain or .gz) with a header; other columns are ignored.

    Args:
        path: the file. columns: what is read, and what each cell may hold.

    Raises:
        InputError: the file or a required column is missing, no row is there, or cells are not allowed; all bad
            cells are named, row 2 being the first below the header.
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


def _collect(path: Path, rows: list[dict[str, str]], columns: Sequence[Column]) -> Table:
    if not rows:
        raise InputError(f"{path.name} holds no row: at least one is needed")
    numbers: dict[str, np.ndarray] = {}
    texts: dict[str, list[str]] = {}
    bad: list[tuple[int, str]] = []
    for column in columns:
        cells = [(row[column.name] or "").strip() for row in rows]
        values = (
            [None if not cell else 0.0 for cell in cells] if column.kind == "text" else list(map(column.read, cells))
        )
        bad += [
            (line, f"row {line}: {column.name} = {cell!r} must be {column.allowed}")
            for line, (cell, value) in enumerate(zip(cells, values), start=2)
            if value is None
        ]
        if column.kind == "text":
            texts[column.name] = cells
        else:
            numbers[column.name] = np.array([math.nan if v is None else v for v in values], dtype=np.float64)
    if bad:
        named = [what for _, what in sorted(bad)]
        more = f"; and {len(named) - MAX_NAMED} more" if len(named) > MAX_NAMED else ""
        raise InputError(f"{path.name}: {'; '.join(named[:MAX_NAMED])}{more}")
    return Table(numbers, texts, len(rows))

"""User's tables: every bad row is named (row number, column, value, what is allowed) in one error."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dgpg_verify.core import InputError
from dgpg_verify.runs.files import read_text

MAX_NAMED = 50


# Largest and smallest integers of 32 and 64 bits: what programs write where they know no value.
SENTINELS = (2.0**63 - 1, -(2.0**63), 2.0**64 - 1, 2.0**31 - 1, -(2.0**31), 2.0**32 - 1)
TEXT, FINITE = "a non-empty text", "a finite number"
NOT_NEGATIVE, POSITIVE = "a finite number >= 0", "a finite number > 0"


@dataclass(frozen=True)
class Column:
    """A column that is read, and what its cells may hold.

    blank : empty cells become NaN, or stay empty text.
    known : numbers that stand for "unknown" (`SENTINELS`) are not allowed.
    """

    name: str
    allowed: str = POSITIVE
    required: bool = True
    blank: bool = False
    known: bool = True

    def read(self, cell: str) -> str | float | None:
        """The text or number in a cell, or None when it is not allowed."""
        if self.allowed == TEXT:
            return cell if cell or self.blank else None
        if self.blank and not cell:
            return math.nan
        try:
            value = float(cell)
        except ValueError:
            return None
        inside = {FINITE: True, NOT_NEGATIVE: value >= 0, POSITIVE: value > 0}[self.allowed]
        return value if inside and math.isfinite(value) and not (self.known and value in SENTINELS) else None

    def refusal(self, cell: str) -> str:
        """What is wrong with a cell that is not allowed."""
        if self.known and replace(self, known=False).read(cell) is not None:
            return f"{self.name} = {cell!r} stands for an unknown value: take the row out"
        return f"{self.name} = {cell!r} must be {self.allowed}"


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
        If the file or a required column is missing or there twice, no row is there, a row has more or fewer cells than
        the header, or cells are not allowed; all bad rows are named, row 2 being the first below the header.
    """
    header, rows = _cells(path)
    missing = [c.name for c in columns if c.required and c.name not in header]
    if missing:
        raise InputError(
            f"{path.name}: columns {', '.join(missing)} are missing; it must have "
            f"{', '.join(c.name if c.required else f'[{c.name}]' for c in columns)}"
        )
    read = [column for column in columns if column.name in header]
    for column in read:
        if header.count(column.name) > 1:
            raise InputError(
                f"{path.name}: {header.count(column.name)} columns are called {column.name}: one is allowed"
            )
    return _collect(path, header, rows, read)


def has_columns(path: Path, columns: Sequence[Column]) -> bool:
    """Whether the header of a CSV names them all. InputError as `read_table`."""
    header, _ = _cells(path)
    return all(column.name in header for column in columns)


def unknown_values(*columns: np.ndarray) -> np.ndarray:
    """Rows in which a number of these float64 columns [J] stands for "unknown" (`SENTINELS`), bool [J]."""
    return np.asarray(np.isin(np.stack(columns), SENTINELS).any(0))


def first_file(place: Path, names: Sequence[str]) -> Path:
    """The file itself, or the first of these that a folder holds."""
    if not place.is_dir():
        return place
    return next((place / name for name in names if (place / name).is_file()), place / names[0])


def _cells(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a CSV, empty lines left out."""
    reader = csv.reader(io.StringIO(read_text(path, "CSV text in UTF-8"), newline=""))
    try:
        rows = [row for row in reader if row]
    except csv.Error as error:
        raise InputError(f"{path.name}: line {reader.line_num} is no CSV ({error}): is a quote left open?") from None
    return ([name.strip() for name in rows[0]], rows[1:]) if rows else ([], [])


def _collect(path: Path, header: list[str], rows: list[list[str]], columns: Sequence[Column]) -> dict[str, np.ndarray]:
    if not rows:
        raise InputError(f"{path.name} holds no row: at least one is needed")
    table: dict[str, np.ndarray] = {}
    bad = [
        (line, f"row {line} has {len(row)} cells: it must have {len(header)}")
        for line, row in enumerate(rows, start=2)
        if len(row) != len(header)
    ]
    for column in columns if not bad else ():  # which cell belongs to which column is not known in such a row
        place = header.index(column.name)
        cells = [row[place].strip() for row in rows]
        values = [column.read(cell) for cell in cells]
        bad += [
            (line, f"row {line}: {column.refusal(cell)}")
            for line, (cell, value) in enumerate(zip(cells, values), start=2)
            if value is None
        ]
        table[column.name] = np.array(values, dtype=object if column.allowed == TEXT else np.float64)
    if bad:
        named = [fault for _, fault in sorted(bad)]
        more = f"; and {len(named) - MAX_NAMED} more" if len(named) > MAX_NAMED else ""
        raise InputError(f"{path.name}: {'; '.join(named[:MAX_NAMED])}{more}")
    return table

"""Which cells of a run are measured in one sitting: all, or chosen rows and sizes of a run too long for one sitting.

What is chosen decides the order of work alone: the run's list of cells, and with it every verdict, stays the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from dgpg_verify.core import Cell, InputError, check_int


@dataclass(frozen=True)
class Sitting:
    """rows: patterns of the shell for the rows of cells, such as "dgpg/*"; empty = all. n_max: largest N."""

    rows: tuple[str, ...] = ()
    n_max: int | None = None

    @classmethod
    def of(cls, rows: str | None, n_max: int | None) -> Sitting:
        """rows: patterns with commas between them. Raises InputError for an empty pattern or n_max < 1."""
        patterns = () if rows is None else tuple(pattern.strip() for pattern in rows.split(","))
        if not all(patterns):
            raise InputError(f"rows = {rows!r} is not allowed: it must be patterns such as 'dgpg/*,mappo'")
        return cls(patterns, None if n_max is None else check_int("n_max", n_max, 1))

    def chosen(self, cells: Sequence[Cell]) -> list[Cell]:
        """The cells of this sitting, in order. Raises InputError for a pattern that no row fits, and for no cell."""
        known = sorted({cell.row for cell in cells})
        for pattern in self.rows:
            if not any(fnmatchcase(row, pattern) for row in known):
                raise InputError(f"rows = {pattern!r} fits no row of this run: it must fit one of {', '.join(known)}")
        held = [cell for cell in cells if self._holds(cell)]
        if not held:
            least = min(cell.n for cell in cells if self._fits(cell))
            raise InputError(f"n_max = {self.n_max} leaves no cell: it must be at least {least}")
        return held

    def _holds(self, cell: Cell) -> bool:
        return self._fits(cell) and (self.n_max is None or cell.n <= self.n_max)

    def _fits(self, cell: Cell) -> bool:
        return not self.rows or any(fnmatchcase(cell.row, pattern) for pattern in self.rows)

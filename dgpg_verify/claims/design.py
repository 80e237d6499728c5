"""What is measured, as data: rows of a design, from which cells, seeds and the index of a run follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import numpy as np

from dgpg_verify.core import Cell, check_int

MOST = 10**6  # replicates at one N
SCALES = ("smoke", "standard", "full")
Options = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """One row of a design: cells that differ in N and replicate alone.

    A run keeps its rows in its index, so that a judgement reads what was measured and never guesses it.

    Parameters
    ----------
    family, key : the names of its cells (`Cell.claim`, `Cell.row`).
    n_values : N -> number of replicates (fleets, or batches of fleets).
    options : all that measuring a cell needs beside N and seed; JSON values.
    options_at : N -> options that hold at this N only.
    stream : names the random stream, `key` unless given. Rows of one stream meet the same fleets at equal
        (N, replicate).
    agents_per_cell : small fleets are measured together: a cell takes consecutive replicates up to this many agents,
        their seeds in its option `seeds`. 0 = one replicate per cell.
    notes : what reading and reporting need beside the options (label, part, smallest N of a fit); JSON values, not part
        of a cell.
    """

    family: str
    key: str
    n_values: Mapping[int, int]
    options: Options = field(default_factory=dict)
    options_at: Mapping[int, Options] = field(default_factory=dict)
    stream: str = ""
    agents_per_cell: int = 0
    notes: Options = field(default_factory=dict)

    def cells(self, seed: int) -> list[Cell]:
        """All cells of the row in a run with this seed, N by N."""
        return [cell for n in self.n_values for cell in self.cells_at(n, seed)]

    def cells_at(self, n: int, seed: int) -> list[Cell]:
        """The cells at one N, by replicate."""
        replicates, options = self.n_values[n], {**self.options, **self.options_at.get(n, {})}
        seeds = [cell_seed(seed, self.stream or self.key, n, replicate) for replicate in range(replicates)]
        if not self.agents_per_cell:
            return [Cell(self.family, self.key, n, k, seeds[k], options) for k in range(replicates)]
        size = max(1, self.agents_per_cell // n)
        return [
            Cell(self.family, self.key, n, first, seeds[first], options | {"seeds": seeds[first : first + size]})
            for first in range(0, replicates, size)
        ]


def row_from_json(data: Mapping[str, Any]) -> Row:
    """The inverse of `to_json` for a row; raises KeyError, TypeError or ValueError for anything else."""
    n_values = {check_int("n", int(n), 1): check_int("replicates", k, 0, MOST) for n, k in data["n_values"].items()}
    options_at = {int(n): dict(options) for n, options in data["options_at"].items()}
    dicts = {name: dict(data[name]) for name in ("options", "notes")}
    row = Row(**{**data, **dicts, "n_values": n_values, "options_at": options_at})
    if not all(isinstance(text, str) for text in (row.family, row.key, row.stream)):
        raise TypeError("family, key and stream of a row are texts")
    check_int("agents_per_cell", row.agents_per_cell, 0)
    return row


def cell_seed(seed: int, stream: str, n: int, replicate: int) -> int:
    """The seed of one cell: SeedSequence(seed, spawn_key=(crc32 of the stream, n, replicate)), below 2**63."""
    key = (crc32(stream.encode()), n, replicate)
    state = np.random.SeedSequence(seed, spawn_key=key).generate_state(1, np.uint64)[0]
    return int(state >> np.uint64(1))

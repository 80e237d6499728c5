"""What a run will take, before it starts: time and bytes of its cells, from cells that were measured before.

In a family, seconds = rate cost^power and bytes = rate N^power, both fitted to what was measured, with a factor for
every row and for every N of a row. Nothing is said of a family of which nothing was measured.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.run_index import RowName, RunIndex, check_folder, store_of
from dgpg_verify.claims.series import Series, make_series
from dgpg_verify.core import Cell, Estimate, Evidence, InputError
from dgpg_verify.runs import cell_file
from dgpg_verify.runs.cells import cell_bytes
from dgpg_verify.runs.progress import fitted
from dgpg_verify.runs.sitting import Sitting

LEVEL = 0.95  # of the intervals of measured exponents
WIDEST = 0.5  # half of an interval with which an exponent is still used: a factor of 10 over two decades of N
KEY = hashlib.sha256().hexdigest()  # a key, whose digits pack no better than any other's
Array = NDArray[np.float64]
Range = tuple[int, int]


@dataclass(frozen=True)
class Need:
    """What the cells of a claim take: seconds of processor, the longest cell's, bytes on disk; of the `known` cells."""

    cells: tuple[Cell, ...]
    known: int
    seconds: float
    longest: float
    size: float

    def wall(self, workers: int) -> float:
        """Seconds on so many workers, in the least: no cell is shared between two."""
        return max(self.seconds / workers, self.longest)


@dataclass(frozen=True)
class Rule:
    """How the cells of a family grow.

    power: of seconds against cost; scatter: two of three measured cells lie within this
    factor. new: of the planned cells, those of rows that were not measured, which get the rate of their family, or were
    with other options. measured: cells behind the rule. Their N, and the planned N, lie in a range.
    """

    family: str
    planned: Range
    cells: int
    new: int
    measured: int = 0
    n_measured: Range | None = None
    power: float | None = None
    scatter: float | None = None


@dataclass(frozen=True)
class Reach:
    """A row at an N that was not measured: exponents of seconds and bytes over the top decade of the N that were, what
    one cell takes, and how many cells all fleets are."""

    row: RowName
    n_measured: Range
    time: Estimate
    growth: Estimate
    seconds: float
    size: float
    cells: int

    @property
    def half(self) -> float:
        """Half of the interval of the exponent of seconds."""
        return (self.time.high or 0.0) - (self.time.value or 0.0)


class Earlier:
    """Cells of earlier runs, by family and by row; of a row in several runs, the one that reached the largest N."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.families: dict[str, list[Evidence]] = {}
        self.rows: dict[RowName, Series[Evidence]] = {}
        for index in map(RunIndex.read, folders):
            for name, cells in index.evidence(unfinished=True)[0].items():
                self.families.setdefault(name[0], []).extend(cells)
                series = make_series(index.rows[name], cells)
                if name not in self.rows or max(self.rows[name].n_values) <= max(series.n_values):
                    self.rows[name] = series


@dataclass(frozen=True)
class Plan:
    """Needs of the claims and of all together (cells that claims share counted once), and the rules behind them."""

    needs: Mapping[str, Need]
    total: Need
    rules: tuple[Rule, ...]


def needs_of(
    claims: Sequence[Claim],
    scale: str,
    seed: int,
    sitting: Sitting,
    earlier: Earlier,
    folder: Path | None = None,
) -> Plan:
    """What a run takes; the finished cells of its folder are kept and take nothing. Raises InputError for a sitting
    without cells, and for a folder that the run could not go on in."""
    if folder is not None:
        check_folder(folder, scale, seed, resume=True)
    index, owners = RunIndex.planned(claims, scale, seed)
    rows = {name: {cell_file(cell): cell for cell in row.cells(seed)} for name, row in index.rows.items()}
    cells = {file: cell for row in rows.values() for file, cell in row.items()}
    now = {id(cell) for cell in sitting.chosen(list(cells.values()))}
    store = None if folder is None else store_of(folder, owners)
    left = {file: cell for file, cell in cells.items() if id(cell) in now and not (store and store.has(cell))}
    costs = {name[0]: claim.cost for name, claim in owners.items()}
    taken: dict[str, tuple[float, float]] = {}
    rules = []
    for family in dict.fromkeys(cell.claim for cell in left.values()):
        files = [file for file, cell in left.items() if cell.claim == family]
        rule, rates = _predicted([left[file] for file in files], costs[family], earlier.families.get(family, []))
        rules.append(rule)
        taken |= zip(files, rates)
    asked = {
        claim: dict.fromkeys(file for name in names for file in rows[name]) for claim, names in index.claims.items()
    }
    needs = {claim: _need([file for file in files if file in left], left, taken) for claim, files in asked.items()}
    return Plan(
        {claim: need for claim, need in needs.items() if need.cells}, _need(list(left), left, taken), tuple(rules)
    )


def _need(files: Sequence[str], cells: Mapping[str, Cell], taken: Mapping[str, tuple[float, float]]) -> Need:
    known = np.array([taken[file] for file in files if file in taken]).reshape(-1, 2)
    seconds, size = (float(part) for part in known.sum(0))
    return Need(tuple(cells[file] for file in files), len(known), seconds, float(known[:, 0].max(initial=0.0)), size)


def _predicted(
    cells: Sequence[Cell], cost: Callable[[Cell], float], measured: Sequence[Evidence]
) -> tuple[Rule, list[tuple[float, float]]]:
    """The rule of a family, and seconds and bytes of each of its cells; none of these where nothing was measured."""
    known = [(item, paid) for item in measured if (paid := _cost(item.cell, cost)) is not None]
    if not known:
        return Rule(cells[0].claim, _range(cells), len(cells), len(cells)), []
    before = [item.cell for item, _ in known]
    both, many = [*before, *cells], len(known)
    groups = [_numbers([cell.row for cell in both]), _numbers([(cell.row, cell.n) for cell in both])]
    costs = np.log(np.maximum([*(paid for _, paid in known), *map(cost, cells)], 1e-12))
    seconds, sizes = (
        np.log([*(what(item) for item, _ in known), *[np.nan] * len(cells)]) for what in (_seconds, _size)
    )
    times, power = fitted(costs, seconds, *groups)
    held, _ = fitted(np.log([cell.n for cell in both]), sizes, *groups)
    kinds = set(map(_kind, before))
    new = sum(_kind(cell) not in kinds for cell in cells)
    scatter = math.exp(float((seconds - np.log(times))[:many].std()))
    rule = Rule(cells[0].claim, _range(cells), len(cells), new, many, _range(before), power, scatter)
    return rule, list(zip(times[many:].tolist(), held[many:].tolist()))


def _kind(cell: Cell) -> str:
    """The row with all that it asks of a cell, but for the seeds of its fleets."""
    return cell.row + json.dumps({**cell.options, "seeds": None}, sort_keys=True)


def _seconds(item: Evidence) -> float:
    return max(item.seconds, 1e-6)


def _size(item: Evidence) -> float:
    """Bytes of the cell's file."""
    return float(len(cell_bytes(KEY, item)))


def _cost(cell: Cell, cost: Callable[[Cell], float]) -> float | None:
    """None where a cell of an earlier design lacks an option that its cost needs now, or names what is gone."""
    try:
        return cost(cell)
    except (LookupError, InputError):
        return None


def _numbers(names: Sequence[object]) -> Array:
    places = {name: k for k, name in enumerate(dict.fromkeys(names))}
    return np.array([places[name] for name in names], dtype=float)


def _range(cells: Sequence[Cell]) -> Range:
    return min(cell.n for cell in cells), max(cell.n for cell in cells)


def reach(
    claims: Sequence[Claim], scale: str, n: int, fleets: int, earlier: Earlier
) -> tuple[list[Reach], list[RowName]]:
    """Extrapolation on paper: rows of the claims with `fleets` fleets of n agents each, from their largest measured N
    by their own exponents; and the rows of which these are not known."""
    names = RunIndex.planned(claims, scale, 0)[0].rows
    found = {name: _reach(name, earlier.rows[name], n, fleets) for name in names if name in earlier.rows}
    return [item for item in found.values() if item], [name for name in names if not found.get(name)]


def _reach(name: RowName, series: Series[Evidence], n: int, fleets: int) -> Reach | None:
    """None where an exponent cannot be told, or its interval is wider than WIDEST."""
    exponents, there = [], []
    for what in (_seconds, _size):
        exponent = series.fit(what, LEVEL).estimate
        if exponent.value is None or exponent.low is None or exponent.value - exponent.low > WIDEST:
            return None
        exponents.append(exponent)
        there.append(
            float(np.mean([what(item) for item in series.largest])) * (n / max(series.n_values)) ** exponent.value
        )
    cells = math.ceil(fleets / max(1, series.row.agents_per_cell // n))
    return Reach(
        name, (min(series.n_values), max(series.n_values)), exponents[0], exponents[1], there[0], there[1], cells
    )

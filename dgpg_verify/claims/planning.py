"""What a run will take, before it starts: time and bytes of its cells, from cells that were measured before.

In a family, seconds = rate cost^power and bytes = rate N^power, both fitted to what was measured, with a factor for
every row and for every N of a row. Nothing is said of a family of which nothing was measured.

On paper, at any N (`reach`), a row is followed beyond the N that were measured only where these reach over a decade and
N lies within two decades of them, by its own exponent or the one its claim declares, whichever is larger.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.design import Options, Row
from dgpg_verify.claims.run_index import RowName, RunIndex, check_folder, store_of
from dgpg_verify.claims.series import Series, make_series
from dgpg_verify.core import Cell, Estimate, Evidence, InputError
from dgpg_verify.runs import cell_file
from dgpg_verify.runs.cells import cell_bytes
from dgpg_verify.runs.progress import fitted
from dgpg_verify.runs.sitting import Sitting
from dgpg_verify.statistics.scaling import MINIMUM_VALUES

LEVEL = 0.95  # of the intervals of measured exponents
WIDEST = 0.5  # half of an interval with which an exponent is still used: a factor of 10 over two decades of N
SPAN = 10  # largest over smallest measured N, below which a row is not followed beyond them
FURTHEST = 100  # times the largest measured N, up to which it is
FAR = 10**9  # agents, from where on a declared cost has nothing left but its leading power
TOGETHER = ("fleets", "teams", "games")  # options that say how many draws one cell measures, beside a list of `seeds`
KEY = hashlib.sha256().hexdigest()  # a key, whose digits pack no better than any other's
Array = NDArray[np.float64]
Range = tuple[int, int]
Pair = tuple[Callable[[Evidence], float], Callable[[Evidence], float]]  # seconds and bytes of evidence


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
    """A row on paper: its cell at an N, the N that were measured, and what one fleet takes there.

    fitted: exponent of seconds in N over the top decade of the measured N. declared: the one that the cost of its
    claim has at large N. seconds (of processor), size (bytes on disk): None where they are not known.
    """

    cell: Cell
    n_measured: Range
    fitted: Estimate
    declared: float
    seconds: float | None
    size: float | None

    @property
    def half(self) -> float:
        """Half of the interval of the fitted exponent."""
        return (self.fitted.high or 0.0) - (self.fitted.value or 0.0)

    @property
    def is_fitted(self) -> bool:
        """Whether the fitted exponent is the one that is followed."""
        return self.fitted.value is not None and self.fitted.value >= self.declared

    @property
    def power(self) -> float:
        """The exponent that is followed."""
        return max(self.fitted.value or 0.0, self.declared)


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


def reach(claims: Sequence[Claim], scale: str, n: int, earlier: Earlier) -> tuple[list[Reach], list[RowName]]:
    """On paper: a fleet of n agents in every row of the claims; and the rows of which fewer than four N were measured.

    Between measured N seconds and bytes of the median cell are interpolated; below the smallest they are as there.
    Beyond the largest they grow like N^power, of bytes the fitted one, of seconds the larger of the fitted one and that
    of the claim's cost at large N: a smaller one is a constant overhead at small N taken for a law, and so the time is
    then rather too long than too short. No power is below 0. Cells with other options than the row has at its largest N
    count as the claim's cost has it. Not known (None) beyond the largest measured N: where the measured N reach less
    than a decade (SPAN), n lies more than two decades further (FURTHEST), an exponent cannot be told, as from fewer
    than four N in the top decade, or half of its interval is wider than WIDEST. Cost: two fits for every row.
    """
    index, owners = RunIndex.planned(claims, scale, 0)
    known = {name: earlier.rows[name] for name in index.rows if name in earlier.rows}
    found = {
        name: _reach(index.rows[name], owners[name].cost, series, n)
        for name, series in known.items()
        if len(series.n_values) >= MINIMUM_VALUES
    }
    return list(found.values()), [name for name in index.rows if name not in found]


def _reach(row: Row, cost: Callable[[Cell], float], series: Series[Evidence], n: int) -> Reach:
    options = row.options_at.get(max(row.n_values), {})
    cell = replace(row, n_values={n: 1}, options_at={n: options}).cells_at(n, 0)[0]
    ends, declared = (min(series.n_values), max(series.n_values)), _declared(cost, cell)
    needs: Pair = partial(_seconds_with, options=cell.options, cost=cost), _size_of_one
    fits = [series.fit(what, LEVEL).estimate for what in needs]
    followed = SPAN * ends[0] <= ends[1] and n <= FURTHEST * ends[1] and all(map(_is_told, fits))
    seconds, size = (
        _at(series, what, n, max(fit.value or 0.0, least)) if followed or n <= ends[1] else None
        for what, fit, least in zip(needs, fits, (declared, 0.0))
    )
    return Reach(cell, ends, fits[0], declared, seconds, size)


def _seconds_with(item: Evidence, options: Options, cost: Callable[[Cell], float]) -> float:
    """What one fleet would have taken with other options, as the declared cost has it."""
    asked = dict(options) | {name: value for name, value in item.cell.options.items() if name in ("seeds", *TOGETHER)}
    then, now = (_cost(cell, cost) for cell in (item.cell, replace(item.cell, options=asked)))
    return _seconds(item) / fleets_of(item) * (now / then if now and then else 1.0)


def _size_of_one(item: Evidence) -> float:
    return _size(item) / fleets_of(item)


def fleets_of(item: Evidence) -> int:
    """Fleets that were measured together in the cell."""
    options = item.cell.options
    return len(options["seeds"]) if "seeds" in options else math.prod(int(options.get(name, 1)) for name in TOGETHER)


def _declared(cost: Callable[[Cell], float], cell: Cell) -> float:
    """The power of N in a declared cost at large N; 0 where it falls there, or cannot be asked."""
    near, far = (_cost(replace(cell, n=n), cost) for n in (FAR, 10 * FAR))
    return max(0.0, math.log10(far / near)) if near and far else 0.0


def _is_told(exponent: Estimate) -> bool:
    value, low = exponent.value, exponent.low
    return value is not None and low is not None and value - low <= WIDEST


def _at(series: Series[Evidence], what: Callable[[Evidence], float], n: int, power: float) -> float:
    """The median at n, which no single cell during which the machine stood still can move: between the logarithms of
    those that were measured, beyond the largest N by N^power."""
    medians = {size: float(np.median(values)) for size, values in sorted(series.values(what).items())}
    inside = np.interp(math.log(n), np.log(list(medians)), np.log(list(medians.values())))
    return math.exp(float(inside)) * max(1.0, n / max(medians)) ** power

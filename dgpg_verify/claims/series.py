"""What was measured of one row of a design, ready for a fit: N -> one item for each replicate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.claims.design import Row
from dgpg_verify.core import Estimate, Evidence
from dgpg_verify.runs import cell_files
from dgpg_verify.statistics import ScalingFit, fit_scaling, mean_interval

Array = NDArray[np.float64]
T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, eq=False)
class Series(Generic[T]):
    """All that was measured of a row, in order of N and replicate.

    items: N -> what was read from each cell, or from each replicate of it: the evidence itself until `read` turns it
    into something else. evidence: the cells behind it.
    """

    row: Row
    items: Mapping[int, tuple[T, ...]]
    evidence: tuple[Evidence, ...]

    @property
    def key(self) -> str:
        return self.row.key

    @property
    def n_values(self) -> tuple[int, ...]:
        return tuple(self.items)

    @property
    def largest(self) -> tuple[T, ...]:
        """The items at the largest N."""
        return self.items[max(self.items)]

    @property
    def flat(self) -> tuple[T, ...]:
        """All items, N by N."""
        return tuple(item for items in self.items.values() for item in items)

    @property
    def replicates(self) -> int:
        """Fewest replicates of any N in the top decade, where exponents are read."""
        return min(len(items) for n, items in self.items.items() if 10 * n >= max(self.items))

    @property
    def files(self) -> str:
        return cell_files(self.evidence[0].cell)

    @property
    def minimum_n(self) -> int:
        """Smaller N are drawn, not fitted."""
        return int(self.row.notes.get("minimum_n", 1))

    def read(self, reader: Callable[[Evidence], U]) -> Series[U]:
        """The same series with every cell read by `reader`."""
        read = {n: tuple(reader(cell) for cell in cells) for n, cells in by_n(self.evidence).items()}
        return Series(self.row, read, self.evidence)

    def only(self, n: int) -> Series[T]:
        """The part at one N."""
        return Series(self.row, {n: self.items[n]}, tuple(cell for cell in self.evidence if cell.cell.n == n))

    def values(self, statistic: Callable[[T], float]) -> dict[int, Array]:
        return {n: np.array([statistic(item) for item in items]) for n, items in self.items.items()}

    def fit(self, statistic: Callable[[T], float], level: float) -> ScalingFit:
        """Scaling fit over the N of the top decade that have equally many replicates."""
        values = self.values(statistic)
        usable = [n for n in values if 10 * n >= max(values) and n >= self.minimum_n]
        replicates = min((len(values[n]) for n in usable), default=1)
        kept = [n for n in values if len(values[n]) >= replicates and n >= self.minimum_n]
        table = np.stack([values[n][:replicates] for n in kept]) if kept else np.ones((1, 1))
        return fit_scaling(kept or [max(values)], table, level, minimum_n=self.minimum_n)

    def at_largest(self, statistic: Callable[[T], float], level: float) -> Estimate:
        """Mean over replicates at the largest N, with its t interval."""
        values = self.values(statistic)[max(self.items)]
        if len(values) < 2 or not np.isfinite(values).all():
            return Estimate(None, None, None, level, len(values))
        return mean_interval(values, level)

    def mean(self, statistic: Callable[[T], float]) -> float | None:
        """Mean over replicates at the largest N, of those where it is finite."""
        values = self.values(statistic)[max(self.items)]
        finite = values[np.isfinite(values)]
        return float(finite.mean()) if len(finite) else None

    def stack(self, name: str) -> NDArray[Any]:
        """[..., G]: one measured array of each cell, joined along a new axis 1 over the cells."""
        return np.stack([np.asarray(cell.values[name], dtype=np.float64) for cell in self.evidence], axis=1)

    def joined(self, name: str, axis: int = 0) -> NDArray[Any]:
        """One measured array of all cells, joined along an axis they have (fleets)."""
        return np.concatenate([np.asarray(cell.values[name]) for cell in self.evidence], axis=axis)

    def has(self, name: str) -> bool:
        """Whether every cell measured it."""
        return all(name in cell.values for cell in self.evidence)


Measured = Mapping[str, Series[Evidence]]  # row key -> its series; what a claim is judged from


def make_series(row: Row, evidence: Iterable[Evidence]) -> Series[Evidence]:
    """The series of one row's cells."""
    cells = tuple(sorted(evidence, key=lambda item: (item.cell.n, item.cell.replicate)))
    return Series(row, by_n(cells), cells)


def by_n(evidence: Iterable[Evidence]) -> dict[int, tuple[Evidence, ...]]:
    """Cells grouped by N, in their order."""
    groups: dict[int, list[Evidence]] = {}
    for item in evidence:
        groups.setdefault(item.cell.n, []).append(item)
    return {n: tuple(items) for n, items in groups.items()}


def distinct(numbers: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(set(numbers)))

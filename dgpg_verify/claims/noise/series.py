"""Cells grouped into a row's series: N -> one value for each fleet, ready for a fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.claims.noise.read import CellStats
from dgpg_verify.core import Estimate, Evidence
from dgpg_verify.runs import cell_files
from dgpg_verify.statistics import ScalingFit, fit_scaling, mean_interval

Array = NDArray[np.float64]
Statistic = Callable[[CellStats], float]


@dataclass(frozen=True)
class Series:
    """All fleets of one row: N -> cells, in order of N and of fleet."""

    key: str
    cells: Mapping[int, tuple[CellStats, ...]]
    seconds: float
    minimum_n: int
    files: str = ""

    def values(self, statistic: Statistic) -> dict[int, Array]:
        return {n: np.array([statistic(cell) for cell in cells]) for n, cells in self.cells.items()}

    def fit(self, statistic: Statistic, level: float) -> ScalingFit:
        """Scaling fit over the N of the top decade that have equally many fleets."""
        values = self.values(statistic)
        top = max(values)
        usable = [n for n in values if 10 * n >= top and n >= self.minimum_n]
        fleets = min((len(values[n]) for n in usable), default=1)
        kept = [n for n in values if len(values[n]) >= fleets and n >= self.minimum_n]
        table = np.stack([values[n][:fleets] for n in kept]) if kept else np.ones((1, 1))
        return fit_scaling(kept or [top], table, level, minimum_n=self.minimum_n)

    def at_largest(self, statistic: Statistic, level: float) -> Estimate:
        """Mean over fleets at the largest N, with its t interval."""
        values = self.values(statistic)[max(self.cells)]
        if len(values) < 2 or not np.isfinite(values).all():
            return Estimate(None, None, None, level, len(values))
        return mean_interval(values, level)

    def mean(self, statistic: Statistic, n: int | None = None) -> float | None:
        values = self.values(statistic)[max(self.cells) if n is None else n]
        finite = values[np.isfinite(values)]
        return float(finite.mean()) if len(finite) else None

    @property
    def fleets(self) -> int:
        return min(len(cells) for n, cells in self.cells.items() if 10 * n >= max(self.cells))


def read_series(
    evidence: Iterable[Evidence], key: str, source: str, minimum_n: int = 1, team: bool = False
) -> Series | None:
    """The series of one row, or None if no cell of it was measured from this source."""
    groups: dict[int, list[CellStats]] = {}
    seconds, files = 0.0, ""
    for item in evidence:
        if item.cell.row == key and f"{source}/names" in item.values:
            groups.setdefault(item.cell.n, []).append(CellStats.read(item, source, team))
            seconds, files = seconds + item.seconds, cell_files(item.cell)
    if not groups:
        return None
    return Series(key, {n: tuple(groups[n]) for n in sorted(groups)}, seconds, minimum_n, files)


def finite(values: Sequence[float]) -> list[float]:
    return [value for value in values if np.isfinite(value)]

"""What C1.1 - C1.4 have in common: they read different statistics from the same cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dgpg_verify.claims.noise import design as grid
from dgpg_verify.claims.noise.measure import cell_cost, measure_cell
from dgpg_verify.claims.noise.tables import gradient_tables
from dgpg_verify.claims.records import RECORDS
from dgpg_verify.core import Cell, Evidence


class GradientClaim:
    """Cells, cost, records and tables of a claim about gradients. A claim adds its statement and how it judges.

    row_keys: keys of the design rows it reads, None = all.
    """

    row_keys: frozenset[str] | None = None

    @property
    def recorded(self) -> Mapping[str, tuple[str, str]]:
        return RECORDS

    def cells(self, scale: str, seed: int) -> Sequence[Cell]:
        rows = grid.design(scale).values()
        return [cell for row in rows if self.row_keys is None or row.key in self.row_keys for cell in row.cells(seed)]

    def measure(self, cell: Cell) -> Evidence:
        return measure_cell(cell)

    def cost(self, cell: Cell) -> float:
        return cell_cost(cell)

    def tables(self, evidence: Sequence[Evidence]) -> dict[str, list[dict[str, Any]]]:
        return gradient_tables(evidence)

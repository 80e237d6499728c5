"""Pure Nash equilibria of a table, for many fleets at once and without tolerance."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from dgpg_verify.equilibria.arrays import Mask
from dgpg_verify.equilibria.games.tables import check_table


def pure_nash(table: ArrayLike, strict: bool = False) -> Mask:
    """Joint actions from which no agent gains by deviating alone (strict: every deviation loses), bool [F, K, ..., K].

    Float64 entries are compared as they are, so nothing is lost or gained by rounding. Raises InputError as
    check_table. Cost O(F N K^N).
    """
    table = check_table("table", table)
    stable = np.ones(table.shape, dtype=bool)
    for axis in range(1, table.ndim):
        best = table == table.max(axis=axis, keepdims=True)
        stable &= best & (best.sum(axis=axis, keepdims=True) == 1) if strict else best
    return stable

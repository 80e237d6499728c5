"""Whether equilibria are lost or gained at SOME alpha in (0, 1), exactly: shared by the cells of C2.1 and C2.2."""

from __future__ import annotations

import numpy as np

from dgpg_verify.equilibria.arrays import Mask, flat
from dgpg_verify.equilibria.games.tables import Tables
from dgpg_verify.equilibria.nash.pure import pure_nash
from dgpg_verify.equilibria.shift.alpha_c import AlphaIntervals, exact_interval

ALPHAS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # at which sets are compared, beside every alpha at once
CLOSE = 1e-12  # ends of intervals this close are compared again in fractions


def ever_lost(tables: Tables, of_j: Mask) -> Mask:
    """Does an equilibrium of J fail in J_alpha at some alpha in (0, 1)? [F], exact.

    It does iff some deviation lowers G: then it pays from alpha = |dJ| / (|dJ| + |dG|) < 1 on.
    """
    return np.asarray(flat(of_j & ~pure_nash(-tables.guidance)).any(1))


def ever_gained(intervals: AlphaIntervals, of_j: Mask) -> Mask:
    """Is some joint action an equilibrium of J_alpha at some alpha in (0, 1), but none of J? [F], exact."""
    low, high = intervals.low, intervals.high
    found = ~of_j & (low <= high) & (low < 1.0)
    near = ~of_j & (low <= high + CLOSE) & (low <= 1.0) & ((high - low <= CLOSE) | (low >= 1.0 - CLOSE))
    for place in np.argwhere(near):
        low_exact, high_exact = exact_interval(intervals.tables, int(place[0]), tuple(int(k) for k in place[1:]))
        found[tuple(place)] = low_exact <= high_exact and low_exact < 1
    return np.asarray(flat(found).any(1))

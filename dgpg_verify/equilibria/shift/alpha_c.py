"""alpha_c, the largest alpha at which an equilibrium of J is one of J_alpha, and the same for every joint action.

A deviation that changes J by dJ and G by dG pays in J_alpha iff (1 - alpha) dJ - alpha dG > 0, linear in alpha. So each
deviation leaves a half-line, and a joint action is an equilibrium on one closed interval [low, high] of [0, 1]:

    dJ <= 0, dG >= 0   nothing               dJ <= 0, dG < 0   alpha <= |dJ| / (|dJ| + |dG|)
    dJ > 0,  dG >= 0   alpha >= dJ / (dJ + dG)   dJ > 0,  dG < 0   never

An equilibrium of J (low = 0) stays one of J_alpha iff alpha <= alpha_c = high.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from dgpg_verify.equilibria.arrays import Array, Mask
from dgpg_verify.equilibria.games.deviations import ROUNDING, deviations, exact_alpha, exact_changes
from dgpg_verify.equilibria.games.tables import Tables


@dataclass(frozen=True, eq=False)
class AlphaIntervals:
    """Each joint action is an equilibrium of J_alpha iff low <= alpha <= high, [F, K, ..., K]; never: inf, -inf.

    low and high are rounded (a few units in the last place); `holds` decides exactly all the same.
    """

    tables: Tables
    low: Array
    high: Array

    def holds(self, alpha: float | Fraction) -> Mask:
        """The pure equilibria of J_alpha, bool [F, K, ..., K], exact for the entries of J and G and for alpha.

        Raises InputError outside [0, 1]. Cost O(F K^N), and fractions for the joint actions whose end is at alpha.
        """
        exact = exact_alpha(alpha)
        number = float(exact)
        inside = (self.low <= number) & (number <= self.high)
        slack = ROUNDING * number + np.finfo(np.float64).tiny
        near = (np.abs(self.low - number) <= slack) | (np.abs(self.high - number) <= slack)
        # at alpha = 0 the ends are exact: low = 0 iff no deviation gains in J, and high is never negative
        near &= (exact != 0) & (self.low <= self.high + slack)
        for place in np.argwhere(near):
            low, high = exact_interval(self.tables, int(place[0]), tuple(int(k) for k in place[1:]))
            inside[tuple(place)] = low <= exact <= high
        return np.asarray(inside)


def alpha_intervals(tables: Tables) -> AlphaIntervals:
    """The interval of alphas of every joint action, equilibria gained by J_alpha included.

    Raises nothing beyond Tables' own checks. Cost O(F N K^(N+1)).
    """
    low, high = np.zeros(tables.reward.shape), np.ones(tables.reward.shape)
    for _, _, change_j, change_g in deviations(tables):
        size_j, size_g = np.abs(change_j), np.abs(change_g)
        total = size_j + size_g
        share = np.divide(size_j, total, out=np.zeros_like(total), where=total > 0.0)
        pays_j, tempts = change_j > 0.0, change_g < 0.0
        at_least = np.maximum(share, np.finfo(np.float64).smallest_subnormal)  # a gain in J, however small, shows
        low = np.maximum(low, np.where(pays_j, np.where(tempts, np.inf, at_least), 0.0))
        high = np.minimum(high, np.where(tempts, np.where(pays_j, -np.inf, share), 1.0))
    return AlphaIntervals(tables, low, high)


def alpha_limits(tables: Tables) -> Array:
    """alpha_c of every pure equilibrium of J, [F, K, ..., K]: it is one of J_alpha iff alpha <= alpha_c; nan elsewhere.

    min over the deviations with dG < 0 of |dJ| / (|dJ| + |dG|), 1 where there is none, 0 where a tie in J lowers G
    (the half-lines above, intersected). Rounded; AlphaIntervals.holds and exact_interval are exact.
    """
    intervals = alpha_intervals(tables)
    return np.where(intervals.low == 0.0, intervals.high, np.nan)


def exact_interval(tables: Tables, fleet: int, actions: tuple[int, ...]) -> tuple[Fraction, Fraction]:
    """The alphas at which one joint action is an equilibrium, exact for the table entries; (2, 0) if at none.

    For an equilibrium of J they run from 0 to alpha_c. Cost O(N K).
    """
    low, high = Fraction(0), Fraction(1)
    for change_j, change_g in exact_changes(tables, fleet, actions):
        if change_j > 0 and change_g < 0:
            return Fraction(2), Fraction(0)
        if change_j > 0:
            low = max(low, change_j / (change_j + change_g))
        elif change_g < 0:
            high = min(high, change_j / (change_j + change_g))
    return low, high

"""Pure Nash equilibria of a table and of J_alpha, for many fleets at once and without tolerance."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dgpg_verify.core import check_real
from dgpg_verify.equilibria.arrays import Mask
from dgpg_verify.equilibria.games.deviations import agent_pairs, back_from_agent, exact_alpha, mixed_gain_signs
from dgpg_verify.equilibria.games.tables import Tables, check_table

NONE, TIED, STRICT = 0, 1, 2  # what a joint action is: no equilibrium, one with a deviation that loses nothing, strict


def pure_nash(table: ArrayLike, tolerance: float = 0.0) -> Mask:
    """Joint actions from which no agent gains more than `tolerance` by deviating alone, bool [F, K, ..., K].

    tolerance is in the table's units and 0 by default: float64 entries are compared as they are, so nothing is lost
    or gained by rounding. Raises InputError as check_table, or on a negative tolerance. Cost O(F N K^N).
    """
    table = check_table("table", table)
    tolerance = check_real("tolerance", tolerance, 0.0)
    stable = np.ones(table.shape, dtype=bool)
    for axis in range(1, table.ndim):
        stable &= table >= table.max(axis=axis, keepdims=True) - tolerance
    return stable


def kinds(table: ArrayLike) -> NDArray[np.int8]:
    """NONE (0), TIED (1: some deviation leaves the value unchanged) or STRICT (2), int8 [F, K, ..., K].

    Float64 entries are compared as they are. Raises InputError as check_table. Cost O(F N K^N).
    """
    table = check_table("table", table)
    kind = np.full(table.shape, STRICT, dtype=np.int8)
    for axis in range(1, table.ndim):
        best = table == table.max(axis=axis, keepdims=True)
        alone = best.sum(axis=axis, keepdims=True) == 1
        kind = np.minimum(kind, np.where(best, np.where(alone, STRICT, TIED), NONE)).astype(np.int8)
    return kind


def pure_kinds(tables: Tables, alpha: float | Fraction) -> NDArray[np.int8]:
    """Kinds of the joint actions under J_alpha, int8 [F, K, ..., K], exact for the entries of J and G and for alpha.

    J_alpha itself is never rounded to a table: a tie exactly at alpha_c (shift/alpha_c.py) stays a tie. alpha is a
    float, taken at its binary value, or a Fraction, in [0, 1]. Raises InputError outside. Cost O(F N K^(N+1)).
    """
    exact = exact_alpha(alpha)
    kind = np.full(tables.reward.shape, STRICT, dtype=np.int8)
    for agent, reward, guidance in agent_pairs(tables):
        signs = mixed_gain_signs(reward, guidance, exact)
        stay = np.arange(tables.n_actions)
        signs[..., stay, stay] = -1  # staying is not a deviation
        highest = signs.max(-1)
        of_agent = np.where(highest > 0, NONE, np.where(highest == 0, TIED, STRICT)).astype(np.int8)
        kind = np.minimum(kind, back_from_agent(of_agent, agent, kind.shape))
    return kind

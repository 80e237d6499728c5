"""Pure Nash equilibria of a table and of J_alpha, for many fleets at once and without tolerance."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dgpg_verify.equilibria.arrays import Mask
from dgpg_verify.equilibria.games.deviations import agent_pairs, back_from_agent, exact_alpha, mixed_gain_signs
from dgpg_verify.equilibria.games.tables import Tables, check_table

NONE, TIED, STRICT = 0, 1, 2  # what a joint action is: no equilibrium, one with a deviation that loses nothing, strict


def pure_nash(table: ArrayLike) -> Mask:
    """Joint actions from which no agent gains by deviating alone, bool [F, K, ..., K].

    Float64 entries are compared as they are, so nothing is lost or gained by rounding. Raises InputError as
    check_table. Cost O(F N K^N).
    """
    table = check_table("table", table)
    stable = np.ones(table.shape, dtype=bool)
    for axis in range(1, table.ndim):
        stable &= table >= table.max(axis=axis, keepdims=True)
    return stable


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

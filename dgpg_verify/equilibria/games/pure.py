"""Pure Nash equilibria of a table and of J_alpha, for many fleets at once and without tolerance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dgpg_verify.core import InputError, check_real
from dgpg_verify.equilibria.games.deviations import agent_pairs, back_from_agent, exact_alpha, mixed_gain_signs
from dgpg_verify.equilibria.games.tables import Array, Tables, check_table

NONE, TIED, STRICT = 0, 1, 2  # what a joint action is: no equilibrium, one with a deviation that loses nothing, strict
KIND_NAMES = ("none", "tied", "strict")


def pure_nash(table: ArrayLike, tolerance: float = 0.0) -> NDArray[np.bool_]:
    """Joint actions from which no agent gains more than `tolerance` by deviating alone, bool [F, K, ..., K].

    tolerance is in the table's units and 0 by default: float64 entries are compared as they are, so nothing is lost
    or won by rounding. Raises InputError as check_table, or on a negative tolerance. Cost O(F N K^N).
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

    J_alpha itself is never rounded to a table: a tie exactly at a threshold (thresholds.py) stays a tie. alpha is a
    float, taken at its binary value, or a Fraction, in [0, 1]. Raises InputError outside. Cost O(F N K^(N+1)).
    """
    exact = exact_alpha(alpha)
    kind = np.full(tables.reward.shape, STRICT, dtype=np.int8)
    for agent, reward, guidance in agent_pairs(tables):
        signs = mixed_gain_signs(reward, guidance, exact)
        own = np.arange(tables.n_actions)
        signs[..., own, own] = -1  # staying is no deviation
        highest = signs.max(-1)
        found = np.where(highest > 0, NONE, np.where(highest == 0, TIED, STRICT)).astype(np.int8)
        kind = np.minimum(kind, back_from_agent(found, agent, kind.shape))
    return kind


@dataclass(frozen=True, eq=False)
class PureSets:
    """Pure equilibria of J_alpha for each alpha of a list: kinds int8 [A, F, K, ..., K] (NONE, TIED, STRICT)."""

    alphas: tuple[float | Fraction, ...]
    kinds: NDArray[np.int8]

    @property
    def members(self) -> NDArray[np.bool_]:
        """Which joint actions are equilibria, bool [A, F, K, ..., K]."""
        return self.kinds != NONE

    def at(self, alpha: float | Fraction) -> NDArray[np.bool_]:
        """The equilibria at one alpha of the list, bool [F, K, ..., K]; InputError if it is not in the list."""
        if alpha not in self.alphas:
            raise InputError(f"alpha = {alpha!r} is not allowed: it must be one of {list(self.alphas)}")
        return np.asarray(self.members[self.alphas.index(alpha)])

    def counts(self) -> NDArray[np.int64]:
        """How many equilibria each fleet has at each alpha, int64 [A, F]."""
        return self.members.reshape(*self.kinds.shape[:2], -1).sum(-1)


def pure_sets(tables: Tables, alphas: Sequence[float | Fraction]) -> PureSets:
    """Pure equilibria of J_alpha for every alpha of a list, exact at ties.

    Raises InputError on an empty list, a repeated alpha or one outside [0, 1]. Cost O(A F N K^(N+1)).
    """
    listed: list[Any] = list(alphas)
    if not listed or len({exact_alpha(alpha) for alpha in listed}) != len(listed):
        raise InputError(f"alphas = {listed!r} is not allowed: it must hold at least one value, each of them once")
    return PureSets(tuple(listed), np.stack([pure_kinds(tables, alpha) for alpha in listed]))


def value_ranks(table: ArrayLike, members: ArrayLike) -> NDArray[np.int64]:
    """Rank by value among the marked joint actions of a fleet: 1 = highest, equal values share it, 0 = not marked.

    Args: table [F, K, ..., K]; members bool of the same shape. Raises InputError if the shapes differ.
    Returns int64 [F, K, ..., K]. Cost O(E log E) for E marked joint actions.
    """
    values = check_table("table", table)
    marked = np.asarray(members, dtype=bool)
    if marked.shape != values.shape:
        raise InputError(f"members {marked.shape} and table {values.shape} do not fit: they must have one shape")
    flat, here = values.reshape(len(values), -1), marked.reshape(len(values), -1)
    ranks = np.zeros(here.shape, dtype=np.int64)
    fleet, place = np.nonzero(here)
    ranks[fleet, place] = ranks_in_groups(fleet, flat[fleet, place])
    return ranks.reshape(values.shape)


def ranks_in_groups(group: NDArray[np.int64], value: Array) -> NDArray[np.int64]:
    """1 + how many of the same group have a higher value, int64 [E]."""
    order = np.lexsort((-value, group))
    ranks = np.empty(len(value), dtype=np.int64)
    position = np.arange(len(value))
    sorted_group, sorted_value = group[order], value[order]
    new_group = np.r_[True, sorted_group[1:] != sorted_group[:-1]][: len(value)]
    new_value = new_group | np.r_[True, sorted_value[1:] != sorted_value[:-1]][: len(value)]
    first_of_group = np.maximum.accumulate(np.where(new_group, position, 0))
    first_of_value = np.maximum.accumulate(np.where(new_value, position, 0))
    ranks[order] = first_of_value - first_of_group + 1
    return ranks

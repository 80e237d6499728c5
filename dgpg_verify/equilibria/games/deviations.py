"""Unilateral deviations of every joint action: differences of table entries, in float64 and in fractions.

A difference of two float64 numbers has the right sign and one rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from typing import Any

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.arrays import EPS, Array
from dgpg_verify.equilibria.games.tables import Tables

ROUNDING = 16.0 * EPS  # generous for two differences, two products and 1 - alpha


def exact_alpha(alpha: Any) -> Fraction:
    """alpha as the exact fraction it stands for; a float is taken at its binary value. InputError outside [0, 1]."""
    try:
        value = Fraction(alpha)
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        value = Fraction(-1)
    if not 0 <= value <= 1 or isinstance(alpha, bool):
        raise InputError(f"alpha = {alpha!r} is not allowed: it must be a finite number in [0, 1]")
    return value


def deviations(tables: Tables) -> Iterator[tuple[int, int, Array, Array]]:
    """(agent, action, dJ, dG): what every joint action gains when the agent alone plays `action`, [F, K, ..., K]."""
    for agent, action in product(range(tables.n_agents), range(tables.n_actions)):
        reward, guidance = (table.take([action], axis=1 + agent) - table for table in (tables.reward, tables.guidance))
        yield agent, action, reward, guidance


def exact_changes(tables: Tables, fleet: int, actions: tuple[int, ...]) -> Iterator[tuple[Fraction, Fraction]]:
    """(dJ, dG) of every unilateral deviation from one joint action, as exact fractions of the table entries."""
    here_j, here_g = (Fraction(float(table[fleet][actions])) for table in (tables.reward, tables.guidance))
    for agent in range(tables.n_agents):
        for other in range(tables.n_actions):
            if other != actions[agent]:
                deviation = (*actions[:agent], other, *actions[agent + 1 :])
                new_j, new_g = (Fraction(float(table[fleet][deviation])) for table in (tables.reward, tables.guidance))
                yield new_j - here_j, new_g - here_g

"""Unilateral deviations of every joint action: exact signs of what they gain in J_alpha.

A difference of two float64 numbers has the right sign and one rounding. So the sign of (1 - alpha) dJ - alpha dG is
certain unless the two parts nearly cancel; only then it is decided again in exact fractions of the table entries.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.arrays import EPS, Array
from dgpg_verify.equilibria.games.tables import Tables

ROUNDING = 16.0 * EPS  # generous for two differences, two products and 1 - alpha
TINY = 1e-290  # below this a product may be subnormal and its rounding no longer relative


def exact_alpha(alpha: Any) -> Fraction:
    """alpha as the exact fraction it stands for; a float is taken at its binary value. InputError outside [0, 1]."""
    try:
        value = Fraction(alpha)
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        value = Fraction(-1)
    if not 0 <= value <= 1 or isinstance(alpha, bool):
        raise InputError(f"alpha = {alpha!r} is not allowed: it must be a finite number in [0, 1]")
    return value


def by_agent(table: Array) -> Iterator[Array]:
    """For each agent the table as [F, R, K]: its own action last, the others' R = K^(N-1) joint actions before it."""
    for i in range(1, table.ndim):
        yield np.ascontiguousarray(np.moveaxis(table, i, -1)).reshape(len(table), -1, table.shape[1])


def back_from_agent(values: NDArray[Any], agent: int, shape: tuple[int, ...]) -> NDArray[Any]:
    """[F, R, K] of one agent back to [F, K, ..., K] of the given shape."""
    return np.moveaxis(values.reshape(shape), -1, 1 + agent)


def mixed_gain_signs(reward: Array, guidance: Array, alpha: Fraction) -> NDArray[np.int8]:
    """Sign of the J_alpha gain of deviating from k to l, [F, R, K (from), K (to)], exact for the table entries.

    reward, guidance: [F, R, K] of one agent. Cost O(F R K^2), and a fraction wherever the two parts nearly cancel.
    """
    gain_j = reward[..., None, :] - reward[..., :, None]
    gain_g = guidance[..., None, :] - guidance[..., :, None]
    part_j, part_g = float(1 - alpha) * gain_j, float(alpha) * gain_g
    gain = part_j - part_g
    signs = np.sign(gain).astype(np.int8)
    unsure = np.abs(gain) <= ROUNDING * (np.abs(part_j) + np.abs(part_g)) + TINY
    unsure &= (gain_j != 0.0) | (gain_g != 0.0)  # two true ties need no fraction
    for f, r, k, l in np.argwhere(unsure):
        change_j = Fraction(float(reward[f, r, l])) - Fraction(float(reward[f, r, k]))
        change_g = Fraction(float(guidance[f, r, l])) - Fraction(float(guidance[f, r, k]))
        exact = (1 - alpha) * change_j - alpha * change_g
        signs[f, r, k, l] = (exact > 0) - (exact < 0)
    return signs


def agent_pairs(tables: Tables) -> Iterator[tuple[int, Array, Array]]:
    """(agent, reward [F, R, K], guidance [F, R, K]) for each agent."""
    for agent, (reward, guidance) in enumerate(zip(by_agent(tables.reward), by_agent(tables.guidance))):
        yield agent, reward, guidance


def exact_changes(tables: Tables, fleet: int, actions: tuple[int, ...]) -> Iterator[tuple[Fraction, Fraction]]:
    """(dJ, dG) of every unilateral deviation from one joint action, as exact fractions of the table entries."""
    here_j, here_g = (Fraction(float(table[fleet][actions])) for table in (tables.reward, tables.guidance))
    for agent in range(tables.n_agents):
        for other in range(tables.n_actions):
            if other != actions[agent]:
                deviation = (*actions[:agent], other, *actions[agent + 1 :])
                new_j, new_g = (Fraction(float(table[fleet][deviation])) for table in (tables.reward, tables.guidance))
                yield new_j - here_j, new_g - here_g

"""NashConv, the distance of a profile from equilibrium, and the certificate every reported equilibrium carries."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from dgpg_verify.equilibria.arrays import Array, Mask
from dgpg_verify.equilibria.games.profiles import Points, check_profile, unchecked_action_values
from dgpg_verify.equilibria.games.tables import centred, check_table, table_range

CERTIFICATE = 1e-9  # NashConv of a certified equilibrium, as a share of the table's range


def nash_conv(table: ArrayLike, p: ArrayLike) -> Array:
    """sum_i (max_k q_ik - p_i . q_i), [F] or [F, S]: 0 exactly at a Nash equilibrium, the table's units.

    On the product of simplices this is also the KKT residual of the expected reward, which is linear in each p_i. The
    table is centred first, so that rounding is relative to its range and not to its offset. Cost O(F S K^N).
    """
    table, p = check_profile(table, p)
    return unchecked_nash_conv(centred(table), p if p.ndim == 4 else p[:, None]).reshape(p.shape[:-2])


def unchecked_nash_conv(table: Array, p: Array) -> Array:
    """NashConv [F, S] of p [F, S, N, K] on a table already centred."""
    return loss_of(p, unchecked_action_values(table, p))


def loss_of(p: Array, values: Array) -> Array:
    """What profiles [..., N, K] lose against best responses, given their action values: [...], summed over agents."""
    # gains, not a difference of two means: exactly 0 where only best responses are played
    return np.asarray((p * (values.max(-1, keepdims=True) - values)).sum((-1, -2)))


def certified_points(table: ArrayLike, points: Points, share: float = CERTIFICATE) -> Mask:
    """Whether NashConv is at most `share` (default 1e-9) of the table's range, for points of its fleets: bool [E]."""
    table = check_table("table", table)
    if not len(points):
        return np.zeros(0, dtype=bool)
    return np.asarray(nash_conv(table[points.fleet], points.p) <= share * table_range(table)[points.fleet])

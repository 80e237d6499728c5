"""Mixed profiles: points of the product of simplices, their action values and expected reward.

A profile p [F, N, K] is one mixed strategy per agent; p [F, S, N, K] holds S profiles of each fleet, and every answer
then carries the axis S too. The expected reward is multilinear: d/dp_ik of it is the action value q_ik.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.arrays import Array, Mask
from dgpg_verify.equilibria.games.tables import check_table

ROW_SUM = 1e-9  # how far from 1 a row of probabilities may sum


@dataclass(frozen=True, eq=False)
class Points:
    """A finite set of profiles of each of several fleets, flat: fleet int64 [E], p float64 [E, N, K]."""

    fleet: NDArray[np.int64]
    p: Array

    def __post_init__(self) -> None:
        if self.p.ndim != 3 or self.fleet.shape != self.p.shape[:1]:
            raise InputError(
                f"fleet {self.fleet.shape} and p {self.p.shape} do not fit: they must be [E] and [E, N, K]"
            )

    def __len__(self) -> int:
        return len(self.fleet)

    def take(self, which: Mask | NDArray[np.int64]) -> Points:
        """Some of the points: a mask or an index array over E."""
        return Points(self.fleet[which], self.p[which])


def pure_points(members: Mask) -> Points:
    """The marked joint actions, bool [F, K, ..., K], as profiles that play them with certainty."""
    places = np.argwhere(members)
    return Points(places[:, 0].astype(np.int64), np.eye(members.shape[1])[places[:, 1:]])


def uniform_profile(table: Array) -> Array:
    """Every action with equal probability, [F, N, K] for a table [F, K, ..., K]."""
    return np.full((len(table), table.ndim - 1, table.shape[1]), 1.0 / table.shape[1])


def check_profile(table: ArrayLike, p: ArrayLike) -> tuple[Array, Array]:
    """Return (table [F, K, ..., K], p [F, N, K] or [F, S, N, K]) as float64, or raise InputError.

    Rows of p must be finite, not negative, and sum to 1 within 1e-9; they are not rescaled.
    """
    table = check_table("table", table)
    p = np.asarray(p, dtype=np.float64)
    fleets, n_agents, n_actions = len(table), table.ndim - 1, table.shape[1]
    if p.ndim not in (3, 4) or p.shape[0] != fleets or p.shape[-2:] != (n_agents, n_actions):
        raise InputError(
            f"p has shape {p.shape}: it must be [F, N, K] or [F, S, N, K] with (F, N, K) = "
            f"{(fleets, n_agents, n_actions)}"
        )
    good = np.isfinite(p).all(-1) & (p >= 0.0).all(-1)
    good &= np.abs(np.where(good[..., None], p, 0.0).sum(-1) - 1.0) <= ROW_SUM
    if not good.all():
        place = tuple(int(k) for k in np.argwhere(~good)[0])
        raise InputError(
            f"p{list(place)} = {p[place].tolist()} is not allowed: probabilities must be >= 0 and sum to 1"
        )
    return table, p


def action_values(table: ArrayLike, p: ArrayLike) -> Array:
    """Expected value of each own action against the others' mixture, q [F, (S,) N, K]: the gradient of E J in p.

    Raises InputError as check_profile. Cost O(F S K^N): agents are summed out from both ends, each once.
    """
    table, p = check_profile(table, p)
    many = p if p.ndim == 4 else p[:, None]
    return unchecked_action_values(table, many).reshape(p.shape)


def unchecked_action_values(table: Array, p: Array) -> Array:
    """q [F, S, N, K] of p [F, S, N, K], for loops that have checked their input once."""
    fleets, _, n_agents, n_actions = p.shape
    values = np.empty_like(p)
    left = table.reshape(fleets, 1, n_actions**n_agents)  # agents before i are summed out
    for i in range(n_agents):
        right = left
        for j in range(n_agents - 1, i, -1):
            rows = right.reshape(*right.shape[:2], right.shape[2] // n_actions, n_actions)
            right = (rows @ p[:, :, j, :, None])[..., 0]
        values[:, :, i] = right
        rows = left.reshape(*left.shape[:2], n_actions, left.shape[2] // n_actions)
        left = (p[:, :, i, None, :] @ rows)[:, :, 0]
    return values


def expected(table: ArrayLike, p: ArrayLike) -> Array:
    """Expected value of the table under the profile, [F] or [F, S]; the table's units. Cost O(F S K^N)."""
    values = action_values(table, p)
    return np.asarray((np.asarray(p)[..., 0, :] * values[..., 0, :]).sum(-1))

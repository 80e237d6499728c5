"""Points of the product of simplices: values, best responses and the distance from equilibrium.

A profile p [F, N, K] is one mixed strategy an agent; p [F, S, N, K] holds S profiles of each fleet, and every answer
then carries the axis S too. The expected reward is multilinear: d/dp_ik of it is the action value q_ik.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.games.tables import Array, check_table, table_range

ROW_SUM = 1e-9  # how far from 1 a row of probabilities may sum
CERTIFICATE = 1e-9  # NashConv of a certified equilibrium, as a share of the table's range


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

    def of_fleet(self, fleet: int) -> Array:
        """The profiles of one fleet, [E_f, N, K]."""
        return np.asarray(self.p[self.fleet == fleet])

    def take(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> Points:
        """Some of the points: a mask or an index array over E."""
        return Points(self.fleet[which], self.p[which])


def pure_points(members: NDArray[np.bool_]) -> Points:
    """The marked joint actions, bool [F, K, ..., K], as profiles that play them with certainty."""
    places = np.argwhere(members)
    return Points(places[:, 0].astype(np.int64), np.eye(members.shape[1])[places[:, 1:]])


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
    values = unchecked_action_values(table, many)
    return values if p.ndim == 4 else values[:, 0]


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


def best_responses(table: ArrayLike, p: ArrayLike, tolerance: float = 0.0) -> NDArray[np.bool_]:
    """Own actions that are best against the others' mixture, bool [F, (S,) N, K].

    tolerance: how far below the best (table's units). Raises InputError as check_profile. Cost O(F S K^N).
    """
    values = action_values(table, p)
    return np.asarray(values >= values.max(-1, keepdims=True) - tolerance)


def nash_conv(table: ArrayLike, p: ArrayLike) -> Array:
    """sum_i (max_k q_ik - p_i . q_i), [F] or [F, S]: 0 exactly at a Nash equilibrium, the table's units.

    On the product of simplices this is also the KKT residual of the expected reward (CLAIMS section 5). The table is
    centred first, so that rounding is relative to its range and not to its offset. Cost O(F S K^N).
    """
    table, p = check_profile(table, p)
    return unchecked_nash_conv(centred(table), p if p.ndim == 4 else p[:, None]).reshape(p.shape[:-2])


def unchecked_nash_conv(table: Array, p: Array) -> Array:
    """NashConv [F, S] of p [F, S, N, K] on a table already centred."""
    values = unchecked_action_values(table, p)
    # gains, not a difference of two means: exactly 0 where only best responses are played
    return np.asarray((p * (values.max(-1, keepdims=True) - values)).sum((-1, -2)))


def exploitability(table: ArrayLike, p: ArrayLike) -> Array:
    """NashConv / N: what an agent gains on average by its best response, [F] or [F, S]."""
    conv = nash_conv(table, p)
    return conv / np.asarray(p).shape[-2]


def certified(table: ArrayLike, p: ArrayLike, share: float = CERTIFICATE) -> NDArray[np.bool_]:
    """Is NashConv at most `share` (default 1e-9) of the table's range? bool [F] or [F, S]."""
    table = check_table("table", table)
    limit = share * table_range(table)
    conv = nash_conv(table, p)
    return np.asarray(conv <= (limit if conv.ndim == 1 else limit[:, None]))


def certified_points(table: ArrayLike, points: Points, share: float = CERTIFICATE) -> NDArray[np.bool_]:
    """certified() for a set of points of the fleets of `table`: bool [E]."""
    table = check_table("table", table)
    if not len(points):
        return np.zeros(0, dtype=bool)
    return certified(table[points.fleet], points.p, share)


def centred(table: Array) -> Array:
    """The table minus the middle of its range, fleet by fleet: same gains, less rounding."""
    flat = table.reshape(len(table), -1)
    middle = 0.5 * (flat.max(1) + flat.min(1))
    return np.asarray(table - middle.reshape(-1, *(1,) * (table.ndim - 1)))

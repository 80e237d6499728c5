"""All Nash equilibria of two-player identical-interest games by support enumeration, many fleets at once.

In a nondegenerate game every equilibrium has supports of equal size and is isolated, so that solving one linear system
for each pair of supports finds all of them. A game is flagged as degenerate when some mixture has, within a declared
margin, more best responses than its support has actions; completeness is then not claimed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.arrays import Array, Mask
from dgpg_verify.equilibria.games.profiles import Points
from dgpg_verify.equilibria.games.tables import check_table, normalised, table_range
from dgpg_verify.equilibria.nash.nash_conv import CERTIFICATE, unchecked_nash_conv

MAX_ACTIONS = 8  # 12 869 pairs of supports
SINGULAR = 1e-8  # singular values of an indifference system, for a table of range 1, that count as zero
MARGIN = 1e-7  # probabilities and losses (range 1) that count as zero when degeneracy is looked for


@dataclass(frozen=True, eq=False)
class TwoPlayerEquilibria:
    """points: every equilibrium found, fleet by fleet, supports from small to large; degenerate bool [F].

    Where degenerate is False the list is complete; where it is True there may be more (whole continua even).
    """

    points: Points
    degenerate: Mask


@dataclass(frozen=True, eq=False)
class _Side:
    """Mixtures of one player that make the other indifferent: p [F, K], valid and degenerate bool [F]."""

    p: Array
    valid: Mask
    degenerate: Mask


def two_player_equilibria(table: ArrayLike) -> TwoPlayerEquilibria:
    """Every mixed and pure equilibrium of the games in which both players receive table [F, K, K].

    Each point is certified: NashConv <= 1e-9 of the table's range. A constant table (range 0) is degenerate.
    Raises InputError unless there are two agents with at most 8 actions. Cost O(F 4^K K^3).
    """
    table = check_table("table", table)
    if table.ndim != 3 or table.shape[1] > MAX_ACTIONS:
        raise InputError(
            f"table has shape {table.shape}: it must be [F, K, K], two agents with K in [1, {MAX_ACTIONS}] actions"
        )
    scaled = normalised(table)
    degenerate = (table_range(table) == 0.0) & (table.shape[1] > 1)
    fleets: list[NDArray[np.int64]] = []
    profiles: list[Array] = []
    for rows, columns in support_pairs(table.shape[1]):
        second = _indifferent(scaled, rows, columns)  # the second player's mixture, first player indifferent
        first = _indifferent(scaled.transpose(0, 2, 1), columns, rows)
        degenerate |= first.degenerate | second.degenerate
        p = np.stack([first.p, second.p], axis=1)
        stable = first.valid & second.valid
        stable[stable] = unchecked_nash_conv(scaled[stable], p[stable][:, None])[:, 0] <= CERTIFICATE
        fleets.append(np.flatnonzero(stable))
        profiles.append(p[stable])
    fleet, p = np.concatenate(fleets), np.concatenate(profiles)
    order = np.argsort(fleet, kind="stable")
    return TwoPlayerEquilibria(Points(fleet[order], p[order]), degenerate)


def support_pairs(n_actions: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """All pairs of equally large supports, small ones first."""
    supports = [list(combinations(range(n_actions), size)) for size in range(1, n_actions + 1)]
    return [pair for same_size in supports for pair in product(same_size, same_size)]


def _indifferent(table: Array, rows: tuple[int, ...], columns: tuple[int, ...]) -> _Side:
    """The mixture over `columns` under which all of `rows` are best, in tables [F, K, K] of range 1.

    Solves table[rows, columns] p = v 1, sum p = 1. A system with a singular value below SINGULAR cannot be solved
    safely: any solution in the simplex has |(p, v)| <= 2, so that it leaves at most 2 SINGULAR of the pseudo-inverse's
    residual; a smaller residual flags degeneracy, a larger one proves that there is no solution.
    """
    size = len(rows)
    system = np.zeros((len(table), size + 1, size + 1))
    system[:, :size, :size] = table[:, rows][:, :, columns]
    system[:, :size, size] = -1.0
    system[:, size, :size] = 1.0
    target = np.zeros(size + 1)
    target[size] = 1.0
    u, scale, vh = np.linalg.svd(system)
    singular = scale[:, -1] <= SINGULAR
    inverse = np.where(scale > SINGULAR, 1.0 / np.maximum(scale, SINGULAR), 0.0)
    along = np.einsum("fji,j->fi", u, target)
    solution = np.einsum("fji,fj->fi", vh, inverse * along)
    left_over = np.sqrt(np.where(scale <= SINGULAR, along**2, 0.0).sum(1))
    p = np.zeros((len(table), table.shape[2]))
    p[:, columns] = solution[:, :size]
    loss = solution[:, size, None] - np.einsum("fkl,fl->fk", table, p)  # of each row against the common value
    outside = np.setdiff1d(np.arange(table.shape[1]), rows)
    best = (loss[:, outside] >= -MARGIN).all(1) & (solution[:, :size] >= -MARGIN).all(1)
    touching = (np.abs(loss[:, outside]) <= MARGIN).any(1) | (np.abs(solution[:, :size]) <= MARGIN).any(1)
    degenerate = np.where(singular, left_over <= 2.0 * SINGULAR, best & touching)
    valid = ~singular & (solution[:, :size] > 0.0).all(1)  # what is not a best response fails the certificate
    if size == 1:  # a pure strategy is exact, and its ties are ties of the table
        p = np.zeros_like(p)
        p[:, columns] = 1.0
    return _Side(p / np.where(valid, p.sum(1), 1.0)[:, None], valid, degenerate)

"""Stationary (KKT) points of an expected reward on the product of simplices, reached from declared starts.

Stationary on the product of simplices = Nash equilibrium = NashConv 0: the expected reward is linear in each agent's
probabilities. The norm of the gradient in logits is not used, it vanishes at every vertex. Vertices are all tested
(exactly, by enumeration); mixed points are reached by Newton's method on a face from each start. For three or more
players the list of mixed points is what these starts reached: it is never claimed to be complete.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from dgpg_verify.equilibria.arrays import Array, Mask
from dgpg_verify.equilibria.games.profiles import Points, pure_points
from dgpg_verify.equilibria.games.tables import check_table, table_range
from dgpg_verify.equilibria.nash.nash_conv import certified_points
from dgpg_verify.equilibria.nash.newton import newton_on_face
from dgpg_verify.equilibria.nash.pure import pure_nash

RANDOM_STARTS = 16
APART = 1e-6  # two reached points closer than this (largest difference of a probability) are one
SUPPORT = 1e-9  # probabilities up to here are rounding, not part of a support
BATCH = 1 << 22  # doubles held at once while points are followed


def declared_starts(n_agents: int, n_actions: int) -> Array:
    """Starts of the search for mixed points, [1 + 16, N, K]: uniform, then Dirichlet(1) on random faces.

    The first random start and every second one after it lie inside the whole product; the others have random supports
    that can carry an isolated equilibrium (no agent mixes over more actions than the rest together can balance). The
    same for every fleet.
    """
    rng = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(11,)))
    starts = np.full((1 + RANDOM_STARTS, n_agents, n_actions), 1.0 / n_actions)
    for s in range(RANDOM_STARTS):
        support = np.ones((n_agents, n_actions), dtype=bool) if s % 2 == 0 else _random_face(n_agents, n_actions, rng)
        weights = np.where(support, rng.exponential(size=support.shape), 0.0)
        starts[1 + s] = weights / weights.sum(1, keepdims=True)
    return starts


def _random_face(n_agents: int, n_actions: int, rng: np.random.Generator) -> Mask:
    """Supports, bool [N, K], at least two agents mixing, with |S_i| - 1 <= sum of the others' |S_j| - 1."""
    while n_agents > 1 and n_actions > 1:
        sizes = rng.integers(1, n_actions + 1, n_agents)
        free = sizes - 1
        if 0 < free.max() <= free.sum() - free.max():
            ranks = rng.permuted(np.tile(np.arange(n_actions), (n_agents, 1)), axis=1)
            return np.asarray(ranks < sizes[:, None])
    return np.ones((n_agents, n_actions), dtype=bool)


def stationary_points(table: ArrayLike) -> Points:
    """All pure equilibria of a table [F, K, ..., K] and the mixed ones that Newton's method reaches from its starts.

    Fleet by fleet; every point has NashConv <= 1e-9 of the table's range. Raises InputError as check_table. Cost
    O(F S (N^2 K^N + N^3 K^3)) per Newton step of S = 17 starts.
    """
    table = check_table("table", table)
    # never empty: the best joint action is an equilibrium of every table
    parts = [pure_points(pure_nash(table)), *_reached(table, declared_starts(table.ndim - 1, table.shape[1]))]
    points = Points(np.concatenate([part.fleet for part in parts]), np.concatenate([part.p for part in parts]))
    return _distinct(points.take(certified_points(table, points)))


def _reached(table: Array, starts: Array) -> Iterator[Points]:
    """Mixed points that Newton's method reaches, by chunks of fleets."""
    size = len(starts) * max(table[0].size, (starts.shape[1] * (starts.shape[2] + 1)) ** 2)
    step = max(1, BATCH // size)
    extent = table_range(table)
    for begin in range(0, len(table), step):
        some = table[begin : begin + step]
        p, good = newton_on_face(some, np.broadcast_to(starts, (len(some), *starts.shape)))
        good &= ((p > SUPPORT).sum(-1) > 1).any(-1) & (extent[begin : begin + step, None] > 0.0)  # vertices are known
        fleet, start = np.nonzero(good)
        yield Points((fleet + begin).astype(np.int64), p[fleet, start])


def _distinct(points: Points) -> Points:
    """Drop the points that lie within APART of an earlier point of the same fleet."""
    points = points.take(np.argsort(points.fleet, kind="stable"))
    keep = []
    for p in np.split(points.p, np.flatnonzero(np.diff(points.fleet)) + 1):
        near = np.abs(p[:, None] - p[None]).max((-1, -2)) <= APART
        keep.append(~np.tril(near, -1).any(1))
    return points.take(np.concatenate(keep))

"""Stationary (KKT) points of an expected reward on the product of simplices, reached from declared starts.

Stationary on the product of simplices = Nash equilibrium = NashConv 0 (CLAIMS section 5); the norm of the gradient in
logits is not used, it vanishes at every vertex. Vertices are all tested (exactly, by enumeration); mixed points are
reached by Newton's method on a face from each start. For three or more players the list of mixed points is what these
starts reached: it is never claimed to be complete.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dgpg_verify.core import InputError, check_int
from dgpg_verify.equilibria.arrays import Array, Mask
from dgpg_verify.equilibria.games.derivatives import tangent_curvature
from dgpg_verify.equilibria.games.profiles import Points, expected, pure_points
from dgpg_verify.equilibria.games.tables import check_table, table_range
from dgpg_verify.equilibria.nash.nash_conv import CERTIFICATE, certified_points
from dgpg_verify.equilibria.nash.newton import newton_on_face
from dgpg_verify.equilibria.nash.pure import STRICT, kinds, pure_nash

POINT_KINDS = ("strict", "tied", "saddle", "flat")
APART = 1e-6  # two reached points closer than this (largest difference of a probability) are one
SUPPORT = 1e-9  # probabilities up to here are rounding, not part of a support
BATCH = 1 << 22  # doubles held at once while points are followed


@dataclass(frozen=True, eq=False)
class StationaryPoints:
    """Certified equilibria of each fleet, by fleet and then by falling value.

    points [E]; kind str [E]: "strict" or "tied" pure, mixed "saddle" (some direction inside the support raises the
    value to second order) or mixed "flat" (none does); value [E] and curvature [E] (largest second derivative along a
    unit direction of the support) in the table's units.
    """

    points: Points
    kind: NDArray[np.str_]
    value: Array
    curvature: Array


def declared_starts(n_agents: int, n_actions: int, random: int = 16, seed: int = 0) -> Array:
    """Starts of the search for mixed points, [1 + random, N, K]: uniform, then Dirichlet(1) on random faces.

    The first random start and every second one after it lie inside the whole product; the others have random supports
    that can carry an isolated equilibrium (no agent mixes over more actions than the rest together can balance). The
    same for every fleet. Raises InputError on numbers out of range.
    """
    n_agents, n_actions = check_int("n_agents", n_agents, 1), check_int("n_actions", n_actions, 1)
    random = check_int("random", random, 0)
    rng = np.random.default_rng(np.random.SeedSequence(check_int("seed", seed, 0), spawn_key=(11,)))
    starts = np.full((1 + random, n_agents, n_actions), 1.0 / n_actions)
    for s in range(random):
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


def stationary_points(table: ArrayLike, starts: ArrayLike | None = None) -> StationaryPoints:
    """All pure equilibria of a table [F, K, ..., K] and the mixed ones that Newton's method reaches from `starts`.

    Parameters
    ----------
    table
        The reward to be maximised, float64.
    starts
        Profiles [S, N, K] used for every fleet; their zeros fix the face. Default declared_starts(N, K).

    Returns
    -------
    StationaryPoints
        Every point has NashConv <= 1e-9 of the table's range.

    Raises
    ------
    InputError
        As check_table, or when starts have another shape.

    Notes
    -----
    Cost O(F S (N^2 K^N + N^3 K^3)) per Newton step.
    """
    table = check_table("table", table)
    shape = (table.ndim - 1, table.shape[1])
    first = declared_starts(*shape) if starts is None else np.asarray(starts, dtype=np.float64)
    if first.ndim != 3 or first.shape[1:] != shape:
        raise InputError(f"starts has shape {first.shape}: it must be [S, N, K] with (N, K) = {shape}")
    # never empty: the best joint action is an equilibrium of every table
    parts = [pure_points(pure_nash(table)), *_reached(table, first)]
    points = Points(np.concatenate([part.fleet for part in parts]), np.concatenate([part.p for part in parts]))
    points = _distinct(points.take(certified_points(table, points)))
    value = expected(table[points.fleet], points.p)
    order = np.lexsort((-value, points.fleet))
    points = points.take(order)
    kind, curvature = classify(table, points)
    return StationaryPoints(points, kind, value[order], curvature)


def _reached(table: Array, starts: Array) -> Iterator[Points]:
    """Mixed points that Newton's method reaches, by chunks of fleets."""
    size = len(starts) * max(table[0].size, (starts.shape[1] * (starts.shape[2] + 1)) ** 2)
    step = max(1, BATCH // size)
    extent = table_range(table)
    for begin in range(0, len(table), step):
        some = table[begin : begin + step]
        p, good = newton_on_face(some, np.broadcast_to(starts, (len(some), *starts.shape)), CERTIFICATE)
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


def classify(table: ArrayLike, points: Points) -> tuple[NDArray[np.str_], Array]:
    """Kind (POINT_KINDS) and curvature of equilibria, str [E] and float64 [E]; points must be equilibria.

    A vertex is strict or tied by exact comparison of table entries. A mixed point is a saddle if the largest second
    derivative on the tangent space of its support exceeds 1e-9 of the range. The Hessian has no diagonal blocks, so
    its trace is 0: it has a positive eigenvalue unless it vanishes, and a mixed equilibrium is never a strict maximum.
    """
    table = check_table("table", table)
    support = points.p > SUPPORT
    pure = (support.sum(-1) == 1).all(-1)
    actions = points.p.argmax(-1)
    strict = kinds(table)[(points.fleet, *actions.T)] == STRICT
    curvature = np.zeros(len(points))
    mixed = np.flatnonzero(~pure)
    if len(mixed):
        curvature[mixed] = tangent_curvature(table[points.fleet[mixed]], points.p[mixed], support[mixed])
    bent = curvature > CERTIFICATE * table_range(table)[points.fleet]
    place = np.where(pure, np.where(strict, 0, 1), np.where(bent, 2, 3))
    return np.asarray(POINT_KINDS)[place], curvature

"""Alignment at ALL finite softmax parameters: refuted by a witness, or certified by perfect alignment; else unknown.

Witnesses are looked for where theory says they are. With the others close to a vertex and agent i mixing two actions
evenly, the inner product tends to -D_iJ D_iG / 8: a sign disagreement always leaves one (T4). With one action of i
almost certain and a little on the others, it turns negative when J and -G place that action differently between its
neighbours although they rank all actions alike (why the converse of T4 is false). Random profiles come on top.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np

from dgpg_verify.core import check_int
from dgpg_verify.equilibria.alignment.points import alignment_at
from dgpg_verify.equilibria.alignment.signs import perfectly_aligned
from dgpg_verify.equilibria.arrays import Array, Mask
from dgpg_verify.equilibria.games.tables import Tables

NEAR = (1e-2, 1e-4, 1e-7)  # probability left to each action that is "not played"
MIDDLE = (0.3, 0.1, 0.03)  # probability shared by the actions beside an almost certain one
BATCH = 2_000_000  # profile entries evaluated at once


@dataclass(frozen=True, eq=False)
class SoftmaxAlignment:
    """negative bool [F]: <grad J, -grad G> < 0 beyond rounding at the interior profile `point` [F, N, K], where it is
    `inner` [F] with error at most `rounding` [F] (the least of all profiles tried); aligned bool [F]: certified at
    every theta, because J = -c G + const. Neither: unknown."""

    negative: Mask
    aligned: Mask
    point: Array
    inner: Array
    rounding: Array


def softmax_alignment(tables: Tables, random_points: int = 16, seed: int = 0) -> SoftmaxAlignment:
    """Decide alignment at every finite softmax theta where a witness or a certificate exists.

    Parameters
    ----------
    tables
        The games.
    random_points, seed
        Dirichlet profiles tried beside the declared ones.

    Raises
    ------
    InputError
        On random_points < 0.

    Notes
    -----
    Cost O(F N K^(N-1) K^2 K^N) for the declared profiles.
    """
    check_int("random_points", random_points, 0)
    tried = witness_profiles(tables.n_agents, tables.n_actions)
    rng = np.random.default_rng(np.random.SeedSequence(check_int("seed", seed, 0), spawn_key=(13,)))
    drawn = rng.dirichlet(np.full(tables.n_actions, 0.7), (random_points, tables.n_agents))
    drawn = np.maximum(drawn, NEAR[-1])
    tried = np.concatenate([tried, drawn / drawn.sum(-1, keepdims=True)])
    step = max(1, BATCH // tried.size // max(1, tables.n_actions ** (tables.n_agents - 2)))
    parts = [tables.take(slice(first, first + step)) for first in range(0, tables.fleets, step)]
    point, inner, rounding = (np.concatenate(column) for column in zip(*(_surest(part, tried) for part in parts)))
    return SoftmaxAlignment(inner < -rounding, perfectly_aligned(tables), point, inner, rounding)


def _surest(tables: Tables, tried: Array) -> tuple[Array, Array, Array]:
    """The surest witness among profiles [S, N, K], the one farthest below its rounding: point, inner, rounding."""
    at = alignment_at(tables, np.broadcast_to(tried, (tables.fleets, *tried.shape)), "softmax")
    best = (at.inner + at.rounding).argmin(1)
    rows = np.arange(tables.fleets)
    return tried[best], at.inner[rows, best], at.rounding[rows, best]


def witness_profiles(n_agents: int, n_actions: int) -> Array:
    """The declared interior profiles [S, N, K]: for each agent, joint action of the others and nearness to it, every
    even mixture of two own actions, and every almost certain own action; none twice. A lone action is certain."""
    if n_actions == 1:
        return np.ones((1, n_agents, 1))
    rows = []
    for i, near in product(range(n_agents), NEAR):
        mixtures = list(_own_mixtures(n_actions, near))
        for others in product(range(n_actions), repeat=n_agents - 1):
            vertex = [_close_to(k, n_actions, near) for k in others]
            rows += [np.stack([*vertex[:i], mixture, *vertex[i:]]) for mixture in mixtures]
    return np.unique(np.stack(rows), axis=0)


def _own_mixtures(n_actions: int, near: float) -> Iterator[Array]:
    for k, l in combinations(range(n_actions), 2):
        mixture = np.full(n_actions, near)
        mixture[[k, l]] = 0.5 * (1.0 - near * (n_actions - 2))
        yield mixture
    if n_actions > 2:
        for k, beside in product(range(n_actions), MIDDLE):
            mixture = np.full(n_actions, beside / (n_actions - 1))
            mixture[k] = 1.0 - beside
            yield mixture
        yield np.full(n_actions, 1.0 / n_actions)


def _close_to(k: int, n_actions: int, near: float) -> Array:
    vertex = np.full(n_actions, near)
    vertex[k] = 1.0 - near * (n_actions - 1)
    return vertex

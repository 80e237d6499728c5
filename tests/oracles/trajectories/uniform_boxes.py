"""What depends on the agents' uniforms: the `branch` credit and the cross-agent part over several steps, for tests.

An agent turns its uniform u_t,i into an action by the inverse CDF, in candidate order. Over the whole tree only
finitely many thresholds occur, so the unit cube of all uniforms splits into boxes inside which everything is
constant; one mid-point for each box, weighted by its volume, is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dgpg_verify.core import InputError
from dgpg_verify.oracles.trajectories.action_sequences import Trajectories
from dgpg_verify.oracles.trajectories.history_tree import Array, Indices, Level

MAX_BOXES = 1_000_000


@dataclass(frozen=True, eq=False)
class UniformCells:
    """All boxes: weight [Q]; uniforms [Q, T, N] mid-points; own [Q, N] = which boxes share agent i's uniforms;
    leaf [Q] = the action sequence of the box; paths: the sequences."""

    paths: Trajectories
    weight: Array
    uniforms: Array
    own: Indices
    leaf: Indices


def uniform_cells(paths: Trajectories) -> UniformCells:
    """Split the unit cube of the agents' uniforms into boxes of constant behaviour.

    Raises InputError beyond 10^6 boxes (their number grows with the number of histories unless the policy ignores
    them). Cost: O(boxes * T * N).
    """
    mids, widths = [], []
    for level in paths.levels:
        for i in range(level.policy.shape[1]):
            rows = level.policy[level.active[:, i], i]
            edges = np.unique(np.concatenate([[0.0, 1.0], np.cumsum(rows, axis=1).ravel().clip(0.0, 1.0)]))
            mids.append(0.5 * (edges[1:] + edges[:-1]))
            widths.append(np.diff(edges))
    sizes = [len(m) for m in mids]
    boxes = int(np.prod([float(s) for s in sizes]))
    if boxes > MAX_BOXES:
        raise InputError(f"{boxes} boxes of uniforms is not allowed: it must be in [1, {MAX_BOXES}]")
    place = np.stack(np.unravel_index(np.arange(boxes), sizes), axis=1)
    weight = np.prod([width[place[:, c]] for c, width in enumerate(widths)], axis=0)
    horizon, n = len(paths.levels), paths.system.n_agents
    uniforms = np.stack([mid[place[:, c]] for c, mid in enumerate(mids)], axis=1).reshape(boxes, horizon, n)
    grid = place.reshape(boxes, horizon, n)
    shape = np.array(sizes).reshape(horizon, n)
    own = np.stack([np.ravel_multi_index(tuple(grid[:, :, i].T), tuple(shape[:, i])) for i in range(n)], axis=1)
    leaf = _walk(paths.levels, uniforms, 0, np.zeros(boxes, dtype=np.int64))[-1]
    return UniformCells(paths, weight, uniforms, own, leaf)


def cross_agent(cells: UniformCells, weights: Array) -> Array:
    """E tr Cov(g_i given agent i's own uniforms), [N], for weights w [Q, T, N] on the action sequences."""
    g = np.einsum("qtnp,qtn->qnp", cells.paths.score, weights)[cells.leaf]
    return np.array([_within(cells.weight, cells.own[:, i], g[:, i]) for i in range(g.shape[1])])


@dataclass(frozen=True, eq=False)
class BranchMoments:
    """Of g_i = sum_t psi_t,i (R - R'_t,i): mean [N, P], variance [N] and its part from the replacement draws [N]."""

    mean: Array
    variance: Array
    replacement: Array


def branch_moments(cells: UniformCells) -> BranchMoments:
    """Exact moments of the `branch` credit: R' re-runs the episode on the same uniforms with a_t,i replaced by an
    independent draw from the policy, the others (and i later) reacting.

    Cost: O(boxes * T^2 * N * K).
    """
    paths = cells.paths
    score = paths.score[cells.leaf]
    boxes, horizon, n, _ = score.shape
    mean_w, var_w = np.zeros((2, boxes, horizon, n))
    returns = paths.returns[cells.leaf]
    for t, level in enumerate(paths.levels):
        node = paths.nodes[t][cells.leaf]
        played = level.actions[paths.edge[t][cells.leaf]]
        for i in range(n):
            p = level.policy[node, i] * level.active[node, i][:, None]
            w = np.stack([returns - _replaced(cells, t, node, played, i, k, returns) for k in range(p.shape[1])], 1)
            mean_w[:, t, i] = (p * w).sum(1)
            var_w[:, t, i] = (p * (w - mean_w[:, t, i][:, None]) ** 2).sum(1)
    g = np.einsum("qtnp,qtn->qnp", score, mean_w)
    mean = np.tensordot(cells.weight, g, axes=1)
    drawn = np.einsum("q,qtn,qtn->n", cells.weight, (score**2).sum(3), var_w)
    return BranchMoments(mean, np.einsum("q,qnp->n", cells.weight, (g - mean) ** 2) + drawn, drawn)


def _replaced(
    cells: UniformCells, t: int, node: Indices, played: Indices, agent: int, action: int, returns: Array
) -> Array:
    """Return of the whole episode with one action replaced and the same uniforms afterwards; boxes in which the
    replacement cannot happen keep their return (their weight is 0)."""
    levels, paths = cells.paths.levels, cells.paths
    other = played.copy()
    other[:, agent] = np.where(played[:, agent] >= 0, action, -1)
    edge = _edge(levels[t], node, other)
    good = edge >= 0
    leaf = edge[good]
    if t + 1 < len(levels):
        leaf = _walk(levels, cells.uniforms[good], t + 1, leaf)[-1]
    result = returns.copy()
    result[good] = paths.returns[leaf]
    return result


def _walk(levels: list[Level], uniforms: Array, first: int, node: Indices) -> list[Indices]:
    """Follow the uniforms [Q, T, N] from nodes [Q] of level `first` to the end: edges of each level."""
    edges = []
    for t in range(first, len(levels)):
        level = levels[t]
        reached = np.cumsum(level.policy, axis=2)[node] < uniforms[:, t, :, None]
        actions = np.minimum(reached.sum(2), level.policy.shape[2] - 1)
        actions = np.where(level.active[node], actions, -1)
        node = _edge(level, node, actions)
        edges.append(node)
    return edges


def _edge(level: Level, node: Indices, actions: Indices) -> Indices:
    """Edges [Q] of joint actions [Q, N] from nodes [Q]; -1 where there is none."""
    _, n, k = level.policy.shape
    edges = np.full((len(level.policy), k**n), -1, dtype=np.int64)
    edges[level.parent, _code(level.actions, k)] = np.arange(len(level.parent))
    return edges[node, _code(actions, k)]


def _code(actions: Indices, k: int) -> Indices:
    """Joint action number, agent 0 slowest; no action counts as digit 0."""
    return np.asarray(np.maximum(actions, 0) @ (k ** np.arange(actions.shape[1] - 1, -1, -1)), dtype=np.int64)


def _within(weight: Array, group: Indices, g: Array) -> float:
    """E tr Cov(g given group): g [Q, P]."""
    _, group = np.unique(group, return_inverse=True)
    mass = np.bincount(group, weight)
    mean = np.stack([np.bincount(group, weight * column) / mass for column in g.T], axis=1)
    return float((weight * ((g - mean[group]) ** 2).sum(1)).sum())

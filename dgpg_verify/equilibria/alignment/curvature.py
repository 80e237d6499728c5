"""Second derivatives of an expected reward: action values of pairs of agents, and the curvature inside a support."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.equilibria.games.tables import Array


def pair_values(table: Array, p: Array) -> Array:
    """Expected value of each pair of own actions against the others' mixture: the Hessian of E J in p.

    table [F, K, ..., K]; p [F, S, N, K] (not checked; it may leave the simplices, the reward is multilinear).
    Returns [F, S, N, K, N, K], symmetric, with zero blocks for i = j. Cost O(F S N^2 K^N).
    """
    fleets, count, n_agents, n_actions = p.shape
    hessian = np.zeros((fleets, count, n_agents, n_actions, n_agents, n_actions))
    for i in range(n_agents):
        for j in range(i + 1, n_agents):
            others = [k for k in range(n_agents) if k not in (i, j)]
            rest = np.moveaxis(table, (1 + i, 1 + j), (1, 2)).reshape(fleets, 1, -1)
            for k in reversed(others):
                rows = rest.reshape(*rest.shape[:2], -1, n_actions)
                rest = (rows @ p[:, :, k, :, None])[..., 0]
            block = rest.reshape(fleets, -1, n_actions, n_actions)
            hessian[:, :, i, :, j, :] = block
            hessian[:, :, j, :, i, :] = block.swapaxes(-1, -2)
    return hessian


def tangent_curvature(table: Array, p: Array, support: NDArray[np.bool_]) -> Array:
    """Largest eigenvalue of the Hessian on the tangent space of the support, [E]; never negative.

    table [E, K, ..., K], p [E, N, K], support bool [E, N, K]. Directions: own probabilities move inside the support
    and keep their sum. The Hessian's trace there is 0, so 0 means that it vanishes. Cost O(E (N^2 K^N + N^3 K^3)).
    """
    count, n_agents, n_actions = p.shape
    hessian = pair_values(table, p[:, None])[:, 0].reshape(count, n_agents * n_actions, -1)
    inside = support.astype(np.float64)
    project = np.zeros((count, n_agents, n_actions, n_agents, n_actions))
    for i in range(n_agents):
        mean = inside[:, i, :, None] * inside[:, i, None, :] / inside[:, i].sum(-1)[:, None, None]
        project[:, i, :, i, :] = inside[:, i, :, None] * np.eye(n_actions) - mean
    flat = project.reshape(hessian.shape)
    return np.asarray(np.maximum(np.linalg.eigvalsh(flat @ hessian @ flat)[:, -1], 0.0))

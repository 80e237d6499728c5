"""Second derivatives of an expected reward, and reduction of derivatives to the tangent space of the simplices."""

from __future__ import annotations

import numpy as np

from dgpg_verify.equilibria.arrays import Array


def pair_values(table: Array, p: Array) -> Array:
    """Expected value of each pair of own actions against the others' mixture: the Hessian of E J in p.

    table [F, K, ..., K]; p [F, S, N, K] (not checked; it may leave the simplices, the reward is multilinear).
    Returns [F, S, N, K, N, K], symmetric, with zero blocks for i = j. Cost O(F S N^2 K^N).
    """
    fleets, count, n_agents, n_actions = p.shape
    values = np.zeros((fleets, count, n_agents, n_actions, n_agents, n_actions))
    for i in range(n_agents):
        for j in range(i + 1, n_agents):
            rest = np.moveaxis(table, (1 + i, 1 + j), (1, 2)).reshape(fleets, 1, -1)
            for k in reversed([k for k in range(n_agents) if k not in (i, j)]):
                rows = rest.reshape(*rest.shape[:2], -1, n_actions)
                rest = (rows @ p[:, :, k, :, None])[..., 0]
            block = rest.reshape(fleets, -1, n_actions, n_actions)
            values[:, :, i, :, j, :] = block
            values[:, :, j, :, i, :] = block.swapaxes(-1, -2)
    return values


def hessian(table: Array, p: Array) -> Array:
    """pair_values at one profile per fleet: p [F, N, K] gives [F, N, K, N, K]."""
    return pair_values(table, p[:, None])[:, 0]


def tangent_basis(n_actions: int) -> Array:
    """Orthonormal basis [K, K - 1] of the vectors that sum to 0 (Helmert)."""
    basis = np.zeros((n_actions, n_actions - 1))
    for k in range(1, n_actions):
        basis[:k, k - 1], basis[k, k - 1] = 1.0, -float(k)
        basis[:, k - 1] /= np.sqrt(k * (k + 1.0))
    return basis


def reduce_hessian(hessian: Array, basis: Array) -> Array:
    """A Hessian [F, N, K, N, K] on the product of tangent spaces, [F, N (K-1), N (K-1)]."""
    fleets, agents = hessian.shape[:2]
    size = agents * basis.shape[1]
    return np.asarray(np.einsum("ka,fnkml,lb->fnamb", basis, hessian, basis).reshape(fleets, size, size))


def reduce_gradient(gradient: Array, basis: Array) -> Array:
    """A gradient [F, N, K] on the product of tangent spaces, [F, N (K-1)]."""
    return np.asarray((gradient @ basis).reshape(len(gradient), -1))


def expand(vector: Array, basis: Array, n_agents: int) -> Array:
    """A tangent vector [F, N (K-1)] back as [F, N, K]."""
    return np.asarray(vector.reshape(len(vector), n_agents, -1) @ basis.T)

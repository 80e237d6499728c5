"""Derivatives on the product of simplices: an orthonormal basis of each tangent space, and reduction to it."""

from __future__ import annotations

import numpy as np

from dgpg_verify.equilibria.games.tables import Array


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

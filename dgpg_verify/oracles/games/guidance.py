"""Exact moments of the guidance gradient in any resource game, from the first two moments of what the others add.

Given agent i's choice k, the guidance is linear in the others' load X: w = -sum_s z_s (X_s + z_s - x~_s) over the
coordinates that z_ik touches, so that its mean and variance follow from the mean and covariance of X there. Agents act
independently: both are sums over agents, less i's own part. Everything is in the norm of G (z times sqrt(W)).
Where each action touches more coordinates than pairs of agents can be counted, the variance is summed over the others
of the variance of <z_ik, z_j> instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from dgpg_verify.oracles.games.conditional import Array, centred_products, check_probabilities, norm_weights
from dgpg_verify.systems.resource_game import ResourceGame

BLOCK = 64  # agents whose products with all others are held at once


@dataclass(frozen=True)
class OthersLoad:
    """What the others add to the coordinates that z_ik touches. z, mean [N, K, S]; squares and covariance [N, K, S, S]:
    sums over the others of E z_j z_j', and with their means taken off."""

    z: Array
    mean: Array
    squares: Array
    covariance: Array


@dataclass(frozen=True)
class GuidanceMoments:
    """Of each agent's gradient [N]: its mean [N, K], tr Cov, and the part of tr Cov that the others cause."""

    mean: Array
    variance: Array
    cross: Array


def others_load(at: NDArray[np.int64], z: Array, p: Array) -> OthersLoad:
    """For additions z to the coordinates `at` [N, K, S] under choice probabilities p [N, K].

    Cost O(N (K S)^2) and the non-zeros of the sum over agents of E z E z'.
    """
    (n, k, s), size = z.shape, int(at.max()) + 1
    # own[i, k, s, k']: what i's action k' adds to the coordinate of slot s of its action k
    same = at[:, :, :, None, None] == at[:, None, None, :, :]
    own = (same * z[:, None, None]).sum(-1)
    own_mean = np.einsum("iksj,ij->iks", own, p)
    own_squares = np.einsum("iksj,iktj,ij->ikst", own, own, p)
    agents = np.arange(n).repeat(k * s)
    means = sparse.csr_array(((p[..., None] * z).ravel(), (agents, at.ravel())), shape=(n, size))
    left, right = (np.broadcast_to(side, (n, k, s, s)).ravel() for side in (at[..., None], at[..., None, :]))
    products = (p[..., None, None] * z[..., None] * z[..., None, :]).ravel()
    squares = sparse.csr_array((products, (left, right)), shape=(size, size))
    around = [
        np.asarray(table.tocsr()[left, right]).reshape(n, k, s, s) for table in (squares, squares - means.T @ means)
    ]
    own_covariance = own_squares - own_mean[..., None] * own_mean[..., None, :]
    mean = np.asarray(means.sum(0)).ravel()[at] - own_mean
    return OthersLoad(z, mean, around[0] - own_squares, around[1] - own_covariance)


def additions_in_norm(game: ResourceGame) -> tuple[NDArray[np.int64], Array]:
    """Coordinates and amounts [N, K, S] that actions add, in the norm of G."""
    at, z = (part.cpu().numpy() for part in (game.additions.index, game.additions.value))
    return at, z * np.sqrt(norm_weights(game))[at]


def guidance_moments(game: ResourceGame, probabilities: ArrayLike, exact: bool = False) -> GuidanceMoments:
    """Moments of psi_i w_i under tabular softmax policies; exact: of the form without the chain rule's bias z^2 / 2.

    Cost: that of `others_load`, or O(N^2 K^2 M) where that is less.
    """
    p = check_probabilities(probabilities, (game.n_agents, game.n_actions))
    at, z = additions_in_norm(game)
    dense = z.shape[2] ** 2 > game.n_agents * game.state_size
    others_mean, spread = dense_spread(at, z, p) if dense else _sparse_spread(at, z, p)
    away = others_mean + z - (np.sqrt(norm_weights(game)) * (game.reference_state - game.idle_state).cpu().numpy())[at]
    mean = -(z * away).sum(-1) + (0.5 * (z**2).sum(-1) if exact else 0.0)
    weight = p * (1.0 - 2.0 * p + (p**2).sum(1, keepdims=True))  # p_ik |psi_i(k)|^2
    gradient = centred_products(p, mean)
    cross = (weight * spread).sum(1)
    return GuidanceMoments(gradient, (weight * mean**2).sum(1) - (gradient**2).sum(1) + cross, cross)


def _sparse_spread(at: NDArray[np.int64], z: Array, p: Array) -> tuple[Array, Array]:
    """What the others add where i's action k acts, on average [N, K, S], and the variance of z_ik . X [N, K]."""
    others = others_load(at, z, p)
    return others.mean, np.einsum("iks,ikt,ikst->ik", z, z, others.covariance)


def dense_additions(at: NDArray[np.int64], z: Array) -> Array:
    """Additions z at the coordinates `at` [N, K, S] as rows over all coordinates, [N K, M]."""
    n, k, s = z.shape
    rows = np.zeros((n * k, int(at.max()) + 1))
    np.add.at(rows, (np.arange(n * k).repeat(s), at.ravel()), z.ravel())
    return rows


def dense_spread(at: NDArray[np.int64], z: Array, p: Array) -> tuple[Array, Array]:
    """What `_sparse_spread` returns, from the products of every two agents' additions; cost O(N^2 K^2 M), in blocks
    of agents."""
    (n, k, _), rows = z.shape, dense_additions(at, z)
    size = rows.shape[1]
    means = np.einsum("ik,ikm->im", p, rows.reshape(n, k, size))
    mean = (means.sum(0) - means)[np.arange(n)[:, None, None], at]
    spread = np.empty((n, k))
    for block in np.array_split(np.arange(n), -(-n // BLOCK)):
        products = (rows.reshape(n, k, size)[block].reshape(-1, size) @ rows.T).reshape(len(block), k, n, k)
        expected, squares = (np.einsum("bknl,nl->bkn", part, p) for part in (products, products**2))
        varied = squares - expected**2
        varied[np.arange(len(block)), :, block] = 0.0
        spread[block] = varied.sum(-1)
    return mean, spread

"""Exact noise of one joint sample in many quadratic load-balancing games at once (closed form F6), pooled over agents.

V = sum_i tr Cov(psi_i w_i) of the return (baseline E R), of the difference reward and of the guidance, and the traces
of their covariances with the guidance: all of a mixture's variance as a function of alpha, hence alpha*. The
entropy's gradient is added exactly and makes no noise. n roll-outs divide every number here by n.
Notation of F6: delta_j = y_j - E y_j the agent's own load about its mean, f_j its part of C, Sigma_j = Cov(y_j).
"""

from __future__ import annotations

import numpy as np

from dgpg_verify.core import InputError
from dgpg_verify.samples.game.potential import Fleets, through_softmax
from dgpg_verify.samples.problems import Array, IntArray
from dgpg_verify.samples.traces import NoiseTraces


class PairPlaces:
    """Where each pair of slots of an agent lands in the list of the fleet's pairs of servers: for sums over agents."""

    def __init__(self, fleets: Fleets) -> None:
        count, agents, actions = fleets.slots.shape
        servers = fleets.weights.shape[1]
        keys = fleets.slots[..., :, None] * servers + fleets.slots[..., None, :]
        keys = keys + (np.arange(count) * servers**2)[:, None, None, None]
        values, place = np.unique(keys, return_inverse=True)
        self.size = len(values)
        self.place: IntArray = place.reshape(count, 1, agents, actions, actions)

    def totals(self, sigma: Array) -> Array:
        """Sum over agents of Sigma_i [F, S, N, K, K] by pair of servers, looked up on every agent's pairs."""
        copies = sigma.shape[1]
        place = self.place + (np.arange(copies) * self.size)[:, None, None, None]
        total = np.bincount(place.reshape(-1), sigma.reshape(-1), minlength=self.size * copies)
        return np.asarray(total[place])


def noise(fleets: Fleets, pairs: PairPlaces, p: Array, base: str | None, half: float) -> NoiseTraces:
    """Noise at p [F, S, N, K]. Cost: O(F S N K^2) time and memory.

    Parameters
    ----------
    base : str or None
        "return", "difference" or None (guidance alone: base and cross are 0); InputError on another.
    half : float
        c of the guidance's -(z . (x - x~) - c z^2), 0 for the chain rule and 1/2 for the exact form.
    """
    if base not in ("return", "difference", None):
        raise InputError(f"base = {base!r} is not allowed: it must be 'return', 'difference' or None")
    z, h = fleets.z[:, None], fleets.at_slots(fleets.weights[:, None])
    sigma, others, spread = _load_covariances(fleets, pairs, p)
    score = p * (1.0 - 2.0 * p + (p**2).sum(-1, keepdims=True))  # p_k |psi(k)|^2
    x_mean = fleets.loads(p * z)
    gap = fleets.at_slots(x_mean - fleets.reference[:, None])
    pulled = -z * (gap + (1.0 - p) * z) + half * z**2  # E[guidance given a_i = k]
    tracked = _pooled(p, score, pulled, pulled, z**2 * spread)
    zero = np.zeros_like(tracked)
    if base is None:
        return NoiseTraces(zero, tracked, zero)
    error = fleets.at_slots(x_mean - fleets.target[:, None])
    if base == "difference":
        saved = -h * (z * (error + (1.0 - p) * z) - 0.5 * z**2)
        alone = _pooled(p, score, saved, saved, (h * z) ** 2 * spread)
        return NoiseTraces(alone, tracked, _pooled(p, score, saved, pulled, h * z**2 * spread))
    terms, inside, with_load = _return_given_choice(fleets, p, h, error, sigma, others, spread)
    own_part = _pooled(p, score, -terms, -terms, inside)
    return NoiseTraces(own_part, tracked, _pooled(p, score, -terms, pulled, z * with_load))


def deviations(fleets: Fleets, pairs: PairPlaces, p: Array) -> tuple[Array, Array]:
    """Standard deviations at p [F, S, N, K] of C, and of the chain-rule guidance values pooled over agents about one
    mean: [F, S] each. From the moments given one agent's choice. Cost: as `noise`."""
    z, h = fleets.z[:, None], fleets.at_slots(fleets.weights[:, None])
    sigma, others, spread = _load_covariances(fleets, pairs, p)
    x_mean = fleets.loads(p * z)
    error = fleets.at_slots(x_mean - fleets.target[:, None])
    terms, inside, _ = _return_given_choice(fleets, p, h, error, sigma, others, spread)
    cost = (p * (terms**2 + inside)).sum(-1).mean(-1)  # the same for every agent but for rounding
    pulled = -z * (fleets.at_slots(x_mean - fleets.reference[:, None]) + (1.0 - p) * z)
    second, mean = ((p * values).sum(-1).mean(-1) for values in (pulled**2 + z**2 * spread, pulled))
    return np.sqrt(np.maximum(cost, 0.0)), np.sqrt(np.maximum(second - mean**2, 0.0))


def _load_covariances(fleets: Fleets, pairs: PairPlaces, p: Array) -> tuple[Array, Array, Array]:
    """On each agent's slots: covariance of its own load and of the others' [F, S, N, K, K], variance of the latter."""
    z = fleets.z[:, None]
    sigma = -(p * z)[..., :, None] * (p * z)[..., None, :]  # Sigma_i on slots x slots
    diagonal = np.arange(p.shape[-1])
    sigma[..., diagonal, diagonal] += p * z**2
    others = pairs.totals(sigma) - sigma
    return sigma, others, others[..., diagonal, diagonal]


def _pooled(p: Array, score: Array, first: Array, second: Array, inside: Array) -> Array:
    """sum_i tr Cov(psi_i w_i, psi_i w'_i) from conditional means [F, S, N, K] and conditional covariances `inside`."""
    means = through_softmax(p, first) * through_softmax(p, second)
    return np.asarray((score * (first * second + inside) - means).sum((-1, -2)))


def _return_given_choice(
    fleets: Fleets, p: Array, h: Array, error: Array, sigma: Array, others: Array, spread: Array
) -> tuple[Array, Array, Array]:
    """Given a_i = k, [F, S, N, K] each: f_i(k) (mean of C about E C), Var C, and Cov(C, others' load on s_k)."""
    z = fleets.z[:, None]
    push, stiff = h * z * error, h * z**2
    f = push + 0.5 * stiff * (1.0 - 2.0 * p) + (0.5 * stiff * p**2 - push * p).sum(-1, keepdims=True)
    about = f - (p * f).sum(-1, keepdims=True)
    own_cost = p * z * about  # Cov(f_i, delta_i) on each slot
    cost = fleets.at_slots(fleets.loads(own_cost, empty=True)) - own_cost
    pair_with_i = (h[..., :, None] * h[..., None, :] * sigma * others).sum((-1, -2))
    agent = (p * about**2).sum(-1)
    rest = (agent.sum(-1, keepdims=True) - agent) + (0.5 * pair_with_i.sum(-1, keepdims=True) - pair_with_i)
    q = h * z
    weighted = np.einsum("fsnkl,fsnl->fsnk", others, q * p)
    square = q**2 * spread - 2.0 * q * weighted + (q * p * weighted).sum(-1, keepdims=True)
    cost_line = q * cost - (q * p * cost).sum(-1, keepdims=True)
    line = q * spread - weighted
    # f is measured from E f_i = E C's own share, so that E[C - E C given a_i = k] = f_i(k) - E f_i
    return about, rest[..., None] + 2.0 * cost_line + square, cost + line

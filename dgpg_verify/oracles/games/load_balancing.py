"""Exact moments of the load-balancing game at any N with quadratic costs (closed form F6); slow and plain.

C = 1/2 sum_m h_m (x_m - t_m)^2 splits into a constant, one term f_j for each agent and one F_jl for each pair, all
uncorrelated: the Hoeffding decomposition. J = -C, G = 1/2 sum_m (x_m - ref_m)^2. `delay` is h = 2 capacity, t = 0;
`mm1` goes to the subset enumeration of `separable`. Quantities of agent i live on its K candidates ("slots").
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dgpg_verify.core import InputError
from dgpg_verify.oracles.games.conditional import AddedCosts, Array, check_probabilities, moments_around_agents
from dgpg_verify.oracles.games.separable import SEPARABLE_CREDITS, separable_moments
from dgpg_verify.oracles.moments import OracleMoments, check_credits
from dgpg_verify.systems import LoadBalancingGame


def load_balancing_moments(
    system: LoadBalancingGame, probabilities: ArrayLike, credits: Sequence[str] | None = None
) -> OracleMoments:
    """Exact moments of every credit for independent softmax choices (closed form F6; `mm1` by subsets).

    Parameters
    ----------
    system : LoadBalancingGame
        Cost quadratic, delay or mm1 (mm1 needs a modest in-degree); any N, K = M included.
    probabilities : array [N, K]
        Softmax of the tabular logits, which are the parameters.
    credits : sequence of str, optional
        Some of return (b = E R), return:raw, guidance (chain rule), guidance:exact, difference (no job as default; its
        mean is grad J), coma, score (w = 1). All by default; `guided:ALPHA` follows from the record.

    Returns
    -------
    OracleMoments with P = K, on the sum scale. Cost: O(N K^2) time and memory.

    Raises
    ------
    InputError on makespan (not a sum over servers), bad probabilities, or an unknown credit.
    """
    shape = (system.n_agents, system.n_actions)
    p = check_probabilities(probabilities, shape)
    names = check_credits(credits, SEPARABLE_CREDITS)
    if system.cost == "makespan":
        raise InputError("cost = 'makespan' has no closed form here: use enumerate_moments at small N")
    if system.cost == "mm1":
        return separable_moments(system, p, names)
    return moments_around_agents(system, p, names, quadratic_added_costs(system, p))


def quadratic_added_costs(system: LoadBalancingGame, p: Array) -> AddedCosts:
    """The moments around each agent in a quadratic or delay game, each a total minus the agent's own term.

    There L_k is q_k X_k + const with q = h z, and C without the terms that i's choice touches is B + sum_k p_k L_k.
    """
    names = ("jobs", "capacity", "background", "weights", "target")
    jobs, capacity, background, weights, target = (
        getattr(system, name).cpu().numpy().astype(np.float64) for name in names
    )
    if system.cost == "delay":
        weights, target = 2.0 * capacity, np.zeros_like(capacity)
    slots, servers = np.asarray(system.candidates.cpu().numpy(), dtype=np.int64), len(capacity)
    z, h = jobs[:, None] / capacity[slots], weights[slots]
    x_mean = background + _by_server(slots, p * z, servers)
    f = agent_terms(p, h * z * (x_mean - target)[slots], h * z**2)
    own_cost = p * z * (f - (p * f).sum(1, keepdims=True))  # Cov(f_i, delta_i) on each slot
    untouched_x = _by_server(slots, own_cost, servers)[slots] - own_cost  # Cov(what i leaves untouched, X_k)
    sigma = -(p * z)[:, :, None] * (p * z)[:, None, :]  # Sigma_i on slots x slots
    diagonal = np.arange(p.shape[1])
    sigma[:, diagonal, diagonal] += p * z**2
    xx = pair_totals(slots, sigma, servers) - sigma
    pair_with_i = (h[:, :, None] * h[:, None, :] * sigma * xx).sum((1, 2))
    f_variance = (p * f**2).sum(1) - (p * f).sum(1) ** 2
    untouched = (f_variance.sum() - f_variance) + (0.5 * pair_with_i.sum() - pair_with_i)
    q = h * z
    mean_added_x = (xx @ (q * p)[:, :, None])[:, :, 0]  # Cov(sum_k p_k L_k, X_k')
    bx = untouched_x - mean_added_x
    x_variance = _by_server(slots, sigma[:, diagonal, diagonal], servers)
    x_others = x_mean[slots] - p * z
    return AddedCosts(
        added=q * (x_others - target[slots] + 0.5 * z),
        x_others=x_others,
        ll=q[:, :, None] * q[:, None, :] * xx,
        lx=q[:, :, None] * xx,
        xx=xx,
        bl=q * bx,
        bx=bx,
        b=untouched + (q * p * (mean_added_x - 2.0 * untouched_x)).sum(1),
        cost=0.5 * float((weights * ((x_mean - target) ** 2 + x_variance)).sum()),
        x_mean=x_mean,
        x_variance=x_variance,
    )


def agent_terms(p: Array, linear: Array, quadratic: Array) -> Array:
    """f_i(k) = sum_k' [linear_k' (1[k=k'] - p_k') + 1/2 quadratic_k' (1[k=k'] - p_k')^2], [N, K]."""
    everywhere = (0.5 * quadratic * p**2 - linear * p).sum(1, keepdims=True)
    return linear + 0.5 * quadratic * (1.0 - 2.0 * p) + everywhere


def pair_totals(slots: NDArray[np.int64], sigma: Array, n_servers: int) -> Array:
    """sum_j Sigma_j [s_k, s_k'] looked up on each agent's slots: [N, K, K]."""
    keys = (slots[:, :, None] * n_servers + slots[:, None, :]).ravel()
    if n_servers**2 <= keys.size:  # dense graph: one bincount; sparse graph: sort the pairs that occur
        total = np.bincount(keys, sigma.ravel(), minlength=n_servers**2)
        return np.asarray(total[keys].reshape(sigma.shape), dtype=np.float64)
    _, place = np.unique(keys, return_inverse=True)
    return np.asarray(np.bincount(place, sigma.ravel())[place].reshape(sigma.shape), dtype=np.float64)


def _by_server(slots: NDArray[np.int64], values: Array, n_servers: int) -> Array:
    """Sum of values [N, K] over the agents that see each server, [M]."""
    return np.asarray(np.bincount(slots.ravel(), values.ravel(), minlength=n_servers), dtype=np.float64)

"""Exact moments of the load-balancing game at any N with quadratic costs (closed form F6); slow and plain.

C = 1/2 sum_m h_m (x_m - t_m)^2 splits into a constant, one term f_j for each agent and one F_jl for each pair, all
uncorrelated: the Hoeffding decomposition. J = -C, G = 1/2 sum_m (x_m - ref_m)^2. `delay` is h = 2 capacity, t = 0;
`mm1` goes to the subset enumeration of `separable`. Quantities of agent i live on its K candidates ("slots").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dgpg_verify.core import InputError
from dgpg_verify.oracles.games.conditional import (
    Array,
    centred_products,
    check_probabilities,
    moments_from_conditionals,
)
from dgpg_verify.oracles.games.separable import SEPARABLE_CREDITS, separable_moments
from dgpg_verify.oracles.moments import OracleMoments, check_credits
from dgpg_verify.systems import LoadBalancingGame


@dataclass(frozen=True)
class GameArrays:
    """The game as arrays: slots [N, K] servers, z [N, K] shares, p [N, K]; weights, target, reference, mean x [M]."""

    slots: NDArray[np.int64]
    z: Array
    p: Array
    weights: Array
    target: Array
    reference: Array
    x_mean: Array


@dataclass(frozen=True)
class Conditionals:
    """Given a_i = k, [N, K] each: what the closed forms need of the other agents' load.

    f: agent term of C; cost_line_k = sum_k' h delta_kk' Cov(C_others, X_k'); square = the quadratic form of h delta in
    the others' covariance; line_k = sum_k' h delta_kk' Cov(X_k, X_k'); spread_k = Var X_k; cost_k = Cov(C_others, X_k).
    others [N]: variance of the part of C that i does not touch. objective: E C.
    """

    f: Array
    cost_line: Array
    square: Array
    line: Array
    spread: Array
    cost: Array
    others: Array
    objective: float
    x_variance: Array


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
        mean is grad J), coma. All by default; `guided:ALPHA` follows from the record.

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
    game = game_arrays(system, p)
    given = quadratic_conditionals(game)
    means = credit_means(game, given)
    wanted = {name: means[name] for name in names}
    return moments_from_conditionals(
        names, p, wanted, _conditional_covariance(game, given), quadratic_objectives(game, given, means)
    )


def _conditional_covariance(game: GameArrays, given: Conditionals) -> Callable[[str, str], Array]:
    """Cov(w, w' given a_i = k) of two credits, [N, K], as a function of their names."""
    local = {"guidance": game.z, "guidance:exact": game.z, "difference": game.weights[game.slots] * game.z}

    def covariance(a: str, b: str) -> Array:
        first, second = sorted((a.split(":raw")[0], b.split(":raw")[0]), key=lambda name: name in local)
        if first in local:
            return local[first] * local[second] * given.spread
        if second in local:
            return local[second] * (given.line + (given.cost if first == "return" else 0.0))
        if first == second == "return":
            return given.others[:, None] + 2.0 * given.cost_line + given.square
        return given.square + (given.cost_line if first != second else 0.0)

    return covariance


def game_arrays(system: LoadBalancingGame, p: Array) -> GameArrays:
    """The parameters of a quadratic or delay game in numpy, with the mean state under p."""
    slots = np.asarray(system.candidates.cpu().numpy(), dtype=np.int64)
    names = ("jobs", "capacity", "background", "weights", "target", "reference_state")
    jobs, capacity, background, weights, target, reference = (
        getattr(system, name).cpu().numpy().astype(np.float64) for name in names
    )
    if system.cost == "delay":
        weights, target = 2.0 * capacity, np.zeros_like(capacity)
    z = jobs[:, None] / capacity[slots]
    x_mean = background + _by_server(slots, p * z, len(capacity))
    return GameArrays(slots, z, p, weights, target, reference, x_mean)


def quadratic_conditionals(game: GameArrays) -> Conditionals:
    """All sums over the other agents that F6 needs, each as a total minus the agent's own term."""
    p, z, slots, h = game.p, game.z, game.slots, game.weights[game.slots]
    error = (game.x_mean - game.target)[slots]
    f = agent_terms(p, h * z * error, h * z**2)
    own_cost = p * z * (f - (p * f).sum(1, keepdims=True))  # Cov(f_i, delta_i) on each slot
    cost = _by_server(slots, own_cost, len(game.weights))[slots] - own_cost
    own = -(p * z)[:, :, None] * (p * z)[:, None, :]  # Sigma_i on slots x slots
    diagonal = np.arange(p.shape[1])
    own[:, diagonal, diagonal] += p * z**2
    others = pair_totals(slots, own, len(game.weights)) - own
    hh = h[:, :, None] * h[:, None, :]
    pair_with_i = (hh * own * others).sum((1, 2))
    pairs = 0.5 * pair_with_i.sum()
    f_variance = (p * f**2).sum(1) - (p * f).sum(1) ** 2
    q = h * z
    weighted = (others @ (q * p)[:, :, None])[:, :, 0]
    line = q * others[:, diagonal, diagonal] - weighted
    square = q**2 * others[:, diagonal, diagonal] - 2.0 * q * weighted
    square += (q * p * weighted).sum(1, keepdims=True)
    x_variance = _by_server(slots, own[:, diagonal, diagonal], len(game.weights))
    base = 0.5 * (game.weights * (game.x_mean - game.target) ** 2).sum()
    return Conditionals(
        f=f,
        cost_line=q * cost - (q * p * cost).sum(1, keepdims=True),
        square=square,
        line=line,
        spread=others[:, diagonal, diagonal],
        cost=cost,
        others=(f_variance.sum() - f_variance) + (pairs - pair_with_i),
        objective=float(base + 0.5 * (game.weights * x_variance).sum()),
        x_variance=x_variance,
    )


def agent_terms(p: Array, linear: Array, quadratic: Array) -> Array:
    """f_i(k) = sum_k' [linear_k' (1[k=k'] - p_k') + 1/2 quadratic_k' (1[k=k'] - p_k')^2], [N, K]."""
    everywhere = (0.5 * quadratic * p**2 - linear * p).sum(1, keepdims=True)
    return linear + 0.5 * quadratic * (1.0 - 2.0 * p) + everywhere


def pair_totals(slots: NDArray[np.int64], own: Array, n_servers: int) -> Array:
    """sum_j Sigma_j [s_k, s_k'] looked up on each agent's slots: [N, K, K]."""
    keys = (slots[:, :, None] * n_servers + slots[:, None, :]).ravel()
    if n_servers**2 <= keys.size:  # dense graph: one bincount; sparse graph: sort the pairs that occur
        total = np.bincount(keys, own.ravel(), minlength=n_servers**2)
        return np.asarray(total[keys].reshape(own.shape), dtype=np.float64)
    _, place = np.unique(keys, return_inverse=True)
    return np.asarray(np.bincount(place, own.ravel())[place].reshape(own.shape), dtype=np.float64)


def _by_server(slots: NDArray[np.int64], values: Array, n_servers: int) -> Array:
    """Sum of values [N, K] over the agents that see each server, [M]."""
    return np.asarray(np.bincount(slots.ravel(), values.ravel(), minlength=n_servers), dtype=np.float64)


def credit_means(game: GameArrays, given: Conditionals) -> dict[str, Array]:
    """E[w given a_i = k] of every credit, ascent sign, [N, K]."""
    p, z, slots = game.p, game.z, game.slots
    centred = -(given.f - (p * given.f).sum(1, keepdims=True))
    arrived = game.x_mean[slots] + (1.0 - p) * z  # E[x on server s_k given a_i = k]
    tracked = z * (arrived - game.reference[slots])
    saved = game.weights[slots] * (z * (arrived - game.target[slots]) - 0.5 * z**2)
    return {
        "return": centred,
        "return:raw": centred - given.objective,
        "guidance": -tracked,
        "guidance:exact": 0.5 * z**2 - tracked,
        "difference": -saved,
        "coma": centred,
    }


def quadratic_objectives(
    game: GameArrays, given: Conditionals, means: dict[str, Array]
) -> tuple[float, Array, float, Array]:
    """J, grad J, G, grad G at the policy."""
    distance = 0.5 * float(((game.x_mean - game.reference) ** 2 + given.x_variance).sum())
    gradient = centred_products(game.p, -given.f)
    return -given.objective, gradient, distance, -centred_products(game.p, means["guidance:exact"])

"""From what a credit is, given agent i's choice, to the moments of i's gradient (tabular softmax, closed form F6).

The gradient of agent i is psi_i(k) w with psi_i(k) = e_k - p_i, and ||psi_i(k)||^2 = 1 - 2 p_ik + ||p_i||^2. All its
moments follow from the conditional means wbar_ik = E[w given a_i = k] and covariances Cov(w, w' given a_i = k). With
agent i taken out the cost is B_i + L_ik when i takes action k: B_i is that of the others alone, L_ik what the action
adds. The guidance of k is linear in X_ik = z_ik . W x, x being the others' load.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.core import InputError
from dgpg_verify.oracles.moments import OracleMoments, check_moments, pair_table
from dgpg_verify.systems.resource_game import ResourceGame

CREDITS = ("return", "return:raw", "guidance", "guidance:exact", "difference", "coma", "score")
Array = NDArray[np.float64]
Parts = tuple[float, float, float, float]


@dataclass(frozen=True)
class AddedCosts:
    """Moments around each agent, taken out: of L, X and B.

    added [N, K] = E L; x_others [N, K] = E X; ll, lx, xx [N, K, K] = Cov(L_k, L_k'), Cov(L_k, X_k'), Cov(X_k, X_k');
    bl, bx [N, K] = Cov(B, L_k), Cov(B, X_k); b [N] = Var B; cost = E C; x_mean, x_variance [M] = of the whole state.
    """

    added: Array
    x_others: Array
    ll: Array
    lx: Array
    xx: Array
    bl: Array
    bx: Array
    b: Array
    cost: float
    x_mean: Array
    x_variance: Array


def check_probabilities(probabilities: object, shape: tuple[int, int]) -> Array:
    """The choice probabilities as float64 [N, K], rows summing to 1; InputError otherwise."""
    detached = probabilities.detach().cpu().numpy() if hasattr(probabilities, "detach") else probabilities
    table = np.array(detached, dtype=np.float64)
    if table.shape != shape:
        raise InputError(f"probabilities has shape {table.shape}: it must be [N, K] = {shape}")
    if not np.isfinite(table).all() or (table < 0.0).any() or np.abs(table.sum(1) - 1.0).max() > 1e-9:
        raise InputError("probabilities is not allowed: every row must hold numbers >= 0 that sum to 1")
    return table


def moments_around_agents(game: ResourceGame, p: Array, names: tuple[str, ...], costs: AddedCosts) -> OracleMoments:
    """The record of the named credits under choice probabilities p [N, K], P = K. Cost O(N K^2 + C^2 N K)."""
    at, z = (part.cpu().numpy() for part in (game.additions.index, game.additions.value))
    reference, weights = game.reference_state.cpu().numpy(), norm_weights(game)
    means = credit_means(costs, p, *((weights[at] * z * other).sum(2) for other in (z, reference[at])))
    weight = p * (1.0 - 2.0 * p + (p**2).sum(1, keepdims=True))  # p_ik ||psi_i(k)||^2
    gradient = np.stack([centred_products(p, means[name]) for name in names])
    parts, around = [_parts(name) for name in names], _Contracted(costs, p)

    def between(a: int, b: int) -> Array:
        products = (weight * means[names[a]] * means[names[b]]).sum(1)
        return np.asarray(products - (gradient[a] * gradient[b]).sum(1))

    value_means = np.array([(p * means[name]).sum(1).mean() for name in names])

    def of_values(a: int, b: int) -> float:
        spread = (means[names[a]] - value_means[a]) * (means[names[b]] - value_means[b])
        return float((p * (around.covariance(parts[a], parts[b]) + spread)).sum(1).mean())

    count, shape = len(names), p.shape[:1]
    cross = pair_table(count, shape, lambda a, b: (weight * around.covariance(parts[a], parts[b])).sum(1))
    total = cross + pair_table(count, shape, between)
    check_moments(gradient, total, cross)
    values = pair_table(count, (), of_values)
    distance = 0.5 * float((weights * ((costs.x_mean - reference) ** 2 + costs.x_variance)).sum())
    slope, pull = (centred_products(p, added) for added in (-costs.added, -means["guidance:exact"]))
    return OracleMoments(names, gradient, total, cross, value_means, values, -costs.cost, slope, distance, pull)


def norm_weights(game: ResourceGame) -> Array:
    """W [M]."""
    weights = game.distance_weights
    return np.ones(game.state_size) if weights is None else np.asarray(weights.cpu().numpy())


def credit_means(costs: AddedCosts, p: Array, size: Array, toward: Array) -> dict[str, Array]:
    """E[w given a_i = k] of every credit, ascent sign, [N, K]; size, toward [N, K] = z_k . W z_k, z_k . W x~."""
    centred = (p * costs.added).sum(1, keepdims=True) - costs.added
    tracked = costs.x_others + size - toward
    return {
        "return": centred,
        "return:raw": centred - costs.cost,
        "guidance": -tracked,
        "guidance:exact": 0.5 * size - tracked,
        "difference": -costs.added,
        "coma": centred,
        "score": np.ones_like(p),
    }


def _parts(name: str) -> Parts:
    """(u, d, r, g): given a_i = k the credit is u B + d L_k + r sum_k' p_k' L_k' + g X_k, up to a constant."""
    kinds = {"return": (-1.0, -1.0, 0.0, 0.0), "difference": (0.0, -1.0, 0.0, 0.0), "coma": (0.0, -1.0, 1.0, 0.0),
             "guidance": (0.0, 0.0, 0.0, -1.0)}  # fmt: skip
    return kinds.get(name.split(":")[0], (0.0, 0.0, 0.0, 0.0))


class _Contracted:
    """Covariances of B, L_k, Lbar = sum_k p_k L_k and X_k for one k at a time: [N, K] each."""

    def __init__(self, costs: AddedCosts, p: Array) -> None:
        def averaged(table: Array) -> Array:
            """sum_k' p_k' table_k'k, [N, K]."""
            return np.asarray((p[:, None, :] @ table)[:, 0])

        def own(table: Array) -> Array:
            return np.asarray(np.diagonal(table, axis1=1, axis2=2))

        mean_ll = averaged(costs.ll)
        total = partial(np.sum, axis=1, keepdims=True)
        self.bb, self.bl, self.b_mean, self.bx = costs.b[:, None], costs.bl, total(p * costs.bl), costs.bx
        self.ll, self.l_mean, self.mean_mean = own(costs.ll), mean_ll, total(p * mean_ll)
        self.lx, self.mean_x, self.xx = own(costs.lx), averaged(costs.lx), own(costs.xx)

    def covariance(self, first: Parts, second: Parts) -> Array:
        """Cov(w_a, w_b given a_i = k), [N, K]."""
        (u, d, r, g), (u2, d2, r2, g2) = first, second
        value = u * u2 * self.bb + d * d2 * self.ll + (d * r2 + r * d2) * self.l_mean + r * r2 * self.mean_mean
        value = value + (u * d2 + d * u2) * self.bl + (u * r2 + r * u2) * self.b_mean + (u * g2 + g * u2) * self.bx
        return np.asarray(value + (d * g2 + g * d2) * self.lx + (r * g2 + g * r2) * self.mean_x + g * g2 * self.xx)


def centred_products(p: Array, values: Array) -> Array:
    """p_ik (v_ik - sum_k' p_ik' v_ik'): the gradient in the logits of sum_k p_ik v_ik."""
    return p * (values - (p * values).sum(1, keepdims=True))

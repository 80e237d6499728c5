"""From what a credit is, given agent i's choice, to the moments of i's gradient (tabular softmax, closed form F6).

The gradient of agent i is psi_i(k) w with psi_i(k) = e_k - p_i, and ||psi_i(k)||^2 = 1 - 2 p_ik + ||p_i||^2. All its
moments follow from the conditional means wbar_ik = E[w given a_i = k] and covariances Cov(w, w' given a_i = k).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.core import InputError
from dgpg_verify.oracles.moments import OracleMoments, check_moments, pair_table

Array = NDArray[np.float64]


def check_probabilities(probabilities: object, shape: tuple[int, int]) -> Array:
    """The choice probabilities as float64 [N, K], rows summing to 1; InputError otherwise."""
    detached = probabilities.detach().cpu().numpy() if hasattr(probabilities, "detach") else probabilities
    table = np.array(detached, dtype=np.float64)
    if table.shape != shape:
        raise InputError(f"probabilities has shape {table.shape}: it must be [N, K] = {shape}")
    if not np.isfinite(table).all() or (table < 0.0).any() or np.abs(table.sum(1) - 1.0).max() > 1e-9:
        raise InputError("probabilities is not allowed: every row must hold numbers >= 0 that sum to 1")
    return table


def moments_from_conditionals(
    names: tuple[str, ...],
    probabilities: Array,
    means: dict[str, Array],
    covariance: Callable[[str, str], Array],
    objectives: tuple[float, Array, float, Array],
) -> OracleMoments:
    """Assemble the record. means[name] = wbar [N, K]; covariance(a, b) [N, K] given the agent's own choice.

    objectives: J, grad J [N, K], G, grad G [N, K]. Cost O(C^2 N K).
    """
    p = probabilities
    weight = p * (1.0 - 2.0 * p + (p**2).sum(1, keepdims=True))  # p_ik ||psi_i(k)||^2
    gradient = np.stack([centred_products(p, means[name]) for name in names])

    def between(a: int, b: int) -> Array:
        products = (weight * means[names[a]] * means[names[b]]).sum(1)
        return np.asarray(products - (gradient[a] * gradient[b]).sum(1))

    def deviation(name: str) -> float:
        spread = means[name] - (p * means[name]).sum(1).mean()
        return float(np.sqrt(max(0.0, float((p * (covariance(name, name) + spread**2)).sum(1).mean()))))

    count, shape = len(names), p.shape[:1]
    cross = pair_table(count, shape, lambda a, b: (weight * covariance(names[a], names[b])).sum(1))
    total = cross + pair_table(count, shape, between)
    check_moments(gradient, total, cross)
    return OracleMoments(names, gradient, total, cross, np.array([deviation(name) for name in names]), *objectives)


def centred_products(p: Array, values: Array) -> Array:
    """p_ik (v_ik - sum_k' p_ik' v_ik'): the gradient in the logits of sum_k p_ik v_ik."""
    return p * (values - (p * values).sum(1, keepdims=True))

"""Optimum of the entropy-regularised game at any N, with a certificate.

Maximise U(p) + tau sum_i H(p_i) over the product of simplices, U a `Potential` (every J_alpha is one). Stationary
points solve the logit equations p_i = softmax(q_i(p) / tau). Uniqueness: the Hessian of -U in p is Z^T H Z minus
diag(h z^2), so with tau >= 2 max h max z^2 the regularised objective is strongly concave IN p, with constant tau / 2
for the norm |.|^2 and also relative to the entropy (tau / p - h z^2 >= tau / (2 p), as p <= 1).

Method: damped steps in the logits, theta <- (1 - g) theta + g q / tau (mirror ascent). With c = max_m h_m sum_j z_jm^2
(p <= 1) the objective is (tau + c)-smooth relative to the entropy, so g = tau / (tau + c) always ascends, and the
distance falls at least like (1 - tau / (2 (tau + c)))^k; larger steps are tried first and kept while the residual
falls.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.core import InputError, check_int
from dgpg_verify.samples.game.potential import Fleets, Potential, softmax
from dgpg_verify.samples.problems import Array

CERTIFICATE = 1e-10  # residual of the logit equations, as a share of the range of J seen by the agents
AIM = 1e-12  # what the iteration tries for, as a share of the same range
KEEP = 0.9  # a step is too long where the residual does not fall to this share of itself


@dataclass(frozen=True, eq=False)
class GameOptimum:
    """The maximiser of F potentials: logits [F, N, K] (each agent's add to 0), value [F] on the sum scale.

    residual [F]: max over agents of the spread over k of q - tau log p, as a share of the range, the largest over
    agents of max_k q - min_k q at the point found (at most the range of the objective, so the stricter one), or tau
    where no agent has a choice. certified bool [F]: residual <= CERTIFICATE.
    """

    logits: Array
    value: Array
    residual: Array
    certified: NDArray[np.bool_]


def quadratic_temperatures(fleets: Fleets) -> Array:
    """2 max(max h, 1) max z^2 of each fleet, [F]: from here on J_alpha + tau H is strongly concave for every alpha.

    The weights of J_alpha lie between h and 1 (the guidance weighs every server alike), hence the max with 1.
    """
    return np.asarray(2.0 * np.maximum(fleets.weights.max(1), 1.0) * (fleets.z**2).max((1, 2)))


def game_optimum(objective: Potential, max_steps: int = 10_000) -> GameOptimum:
    """Maximise one potential for each fleet (its axis S must be 1), from the uniform policy.

    Returns
    -------
    GameOptimum
        A fleet that did not arrive is not certified (never an error: the caller decides). Cost: O(F N K) per step,
        about 20 to 60 steps.

    Raises
    ------
    InputError
        tau <= 0, an axis S above 1.
    """
    fleets, tau = objective.fleets, objective.tau
    if not (tau > 0.0).all():
        raise InputError(f"tau = {tau[:, 0].tolist()} is not allowed: every fleet's must be > 0")
    if objective.weights.shape[1] != 1:
        raise InputError(f"the potential holds {objective.weights.shape[1]} runs per fleet: it must hold 1")
    theta = np.zeros((len(fleets.z), 1, *fleets.z.shape[1:]))
    shortest = tau / (tau + (fleets.loads(objective.hz2, empty=True)).max(-1))
    step = np.ones_like(tau)
    target, spread, gap = _look(objective, theta)
    for _ in range(check_int("max_steps", max_steps, 1)):
        if (gap <= AIM * spread).all():
            break
        moved = theta + step[..., None, None] * (target - theta)
        next_target, next_spread, next_gap = _look(objective, moved)
        good = (next_gap < KEEP * gap) | (step <= shortest)
        step = np.where(good, step, np.maximum(0.5 * step, shortest))
        pick = good[..., None, None]
        theta, target = np.where(pick, moved, theta), np.where(pick, next_target, target)
        spread, gap = np.where(good, next_spread, spread), np.where(good, next_gap, gap)
    residual = (gap / spread)[:, 0]
    return GameOptimum(theta[:, 0], objective.value(*softmax(theta))[:, 0], residual, residual <= CERTIFICATE)


def _look(objective: Potential, theta: Array) -> tuple[Array, Array, Array]:
    """At the logits: centred q / tau, the range, and the residual: max spread over k of q - tau log p, [F, 1]."""
    p, log_p = softmax(theta)
    q = objective.action_values(p)
    tau = objective.tau[..., None, None]
    rest = q - tau * log_p
    gap = (rest.max(-1) - rest.min(-1)).max(-1)
    spread = (q.max(-1) - q.min(-1)).max(-1)
    spread = np.where(spread > 0.0, spread, objective.tau)
    return (q - q.mean(-1, keepdims=True)) / tau, spread, gap

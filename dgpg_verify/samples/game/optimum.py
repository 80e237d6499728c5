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

from dgpg_verify.core import InputError, check_int, check_real
from dgpg_verify.samples.game.potential import Fleets, Potential, softmax
from dgpg_verify.samples.problems import Array

CERTIFICATE = 1e-10  # residual of the logit equations, as a share of the range of J seen by the agents
AIM = 1e-12  # what the iteration tries for, as a share of the same range
KEEP = 0.9  # a step is too long where the residual does not fall to this share of itself


@dataclass(frozen=True, eq=False)
class GameOptimum:
    """The maximiser of F potentials: logits [F, N, K] (each agent's add to 0), value [F] on the sum scale.

    residual [F]: max over agents of the spread over k of q - tau log p, as a share of the range; certified bool [F]:
    residual <= tolerance. error [F]: bound on (true maximum - value) that follows from the residual by strong
    concavity, valid from tau = 2 max h max z^2 on. steps: iterations made.
    """

    logits: Array
    value: Array
    residual: Array
    certified: NDArray[np.bool_]
    error: Array
    steps: int


def quadratic_temperatures(fleets: Fleets) -> Array:
    """2 max(max h, 1) max z^2 of each fleet, [F]: from here on J_alpha + tau H is strongly concave for every alpha.

    The weights of J_alpha lie between h and 1 (the guidance weighs every server alike), hence the max with 1.
    """
    return np.asarray(2.0 * np.maximum(fleets.weights.max(1), 1.0) * (fleets.z**2).max((1, 2)))


def game_optimum(
    objective: Potential, start: Array | None = None, tolerance: float = CERTIFICATE, max_steps: int = 10_000
) -> GameOptimum:
    """Maximise one potential for each fleet (its axis S must be 1).

    Args:
        start: logits [F, N, K], 0 by default; tolerance: of the certificate, a share of the range: the largest over
            agents of max_k q - min_k q at the point found (at most the range of the objective, so the stricter one),
            or tau where no agent has a choice.

    Returns:
        GameOptimum; a fleet that did not arrive is not certified (never an error: the caller decides).

    Raises:
        InputError: tau <= 0, an axis S above 1, a start of another shape.

    Cost: O(F N K) a step, about 20 to 60 steps.
    """
    fleets, tau = objective.fleets, objective.tau
    if not (tau > 0.0).all():
        raise InputError(f"tau = {tau[:, 0].tolist()} is not allowed: every fleet's must be > 0")
    if objective.weights.shape[1] != 1:
        raise InputError(f"the potential holds {objective.weights.shape[1]} runs a fleet: it must hold 1")
    limit = check_real("tolerance", tolerance, 0.0, open_low=True)
    theta = _start(fleets, start)
    shortest = tau / (tau + (fleets.loads(objective.hz2, empty=True)).max(-1))
    step = np.ones_like(tau)
    aim, gap = _look(objective, theta)
    made, last = 0, check_int("max_steps", max_steps, 1)
    while made < last and not (gap <= min(AIM, limit) * aim[1]).all():
        made += 1
        moved = theta + step[..., None, None] * (aim[0] - theta)
        next_aim, next_gap = _look(objective, moved)
        good = (next_gap < KEEP * gap) | (step <= shortest)
        step = np.where(good, step, np.maximum(0.5 * step, shortest))
        pick = good[..., None, None]
        theta, gap = np.where(pick, moved, theta), np.where(good, next_gap, gap)
        aim = (np.where(pick, next_aim[0], aim[0]), np.where(good, next_aim[1], aim[1]))
    return _record(objective, theta, aim[1], gap, limit, made)


def _start(fleets: Fleets, start: Array | None) -> Array:
    if start is None:
        return np.zeros((len(fleets.z), 1, *fleets.z.shape[1:]))
    logits = np.asarray(start, dtype=np.float64)
    if logits.shape != fleets.z.shape or not np.isfinite(logits).all():
        raise InputError(f"start has shape {logits.shape}: it must be finite logits [F, N, K] = {fleets.z.shape}")
    return logits[:, None] - logits.mean(-1)[:, None, :, None]


def _look(objective: Potential, theta: Array) -> tuple[tuple[Array, Array], Array]:
    """(centred q / tau, range) at the logits, and the residual: max spread over k of q - tau log p, [F, 1]."""
    p, log_p = softmax(theta)
    q = objective.action_values(p)
    tau = objective.tau[..., None, None]
    rest = q - tau * log_p
    gap = (rest.max(-1) - rest.min(-1)).max(-1)
    spread = (q.max(-1) - q.min(-1)).max(-1)
    spread = np.where(spread > 0.0, spread, objective.tau)
    return ((q - q.mean(-1, keepdims=True)) / tau, spread), gap


def _record(objective: Potential, theta: Array, spread: Array, gap: Array, limit: float, made: int) -> GameOptimum:
    p, log_p = softmax(theta)
    agents, actions = theta.shape[-2:]
    value = objective.value(p, log_p)[:, 0]
    # strong concavity tau / 2 in p: maximum - value <= |tangent gradient|^2 / tau, and each entry is at most the spread
    error = agents * actions * gap**2 / objective.tau
    residual = (gap / spread)[:, 0]
    return GameOptimum(theta[:, 0], value, residual, residual <= limit, error[:, 0], made)

"""Newton's method for equilibria whose supports are given: every action of a support is worth the same."""

from __future__ import annotations

import numpy as np

from dgpg_verify.equilibria.arrays import Array, Mask
from dgpg_verify.equilibria.games.derivatives import pair_values
from dgpg_verify.equilibria.games.profiles import unchecked_action_values
from dgpg_verify.equilibria.games.tables import normalised
from dgpg_verify.equilibria.nash.nash_conv import CERTIFICATE, unchecked_nash_conv

STEPS = 30
WALLS = 3.0  # iterates are kept in [-WALLS, WALLS]: farther out nothing is found, and numbers would overflow
RIDGE = 1e-13  # added to the Hessian of a table of range 1: a singular system gives a wild step instead of an error
NEGATIVE = 1e-10  # probabilities down to minus this are rounding, and set to 0


def newton_on_face(table: Array, starts: Array) -> tuple[Array, Mask]:
    """Follow starts [F, S, N, K] to points where all actions of the start's support are worth the same.

    table [F, K, ..., K] (not checked). Returns p [F, S, N, K] and bool [F, S]: a profile with NashConv at most
    1e-9 of the table's range; elsewhere p is meaningless. Cost O(F S (N^2 K^N + N^3 K^3)) per step, at most 30 steps.
    """
    scaled = normalised(table)
    support = starts > 0.0
    p = np.array(starts, dtype=np.float64)
    for _ in range(STEPS):
        new = np.clip(_step(scaled, p, support), -WALLS, WALLS)
        moved = float(np.abs(new - p).max(initial=0.0))
        p = new
        if moved < 1e-14:
            break
    inside = np.asarray((p >= -NEGATIVE).all((-1, -2)))
    p = np.where(inside[..., None, None], np.maximum(p, 0.0), 1.0 / p.shape[-1])
    p = p / p.sum(-1, keepdims=True)
    return p, inside & (unchecked_nash_conv(scaled, p) <= CERTIFICATE)


def _step(table: Array, p: Array, support: Mask) -> Array:
    """One Newton step on q_ik = v_i (k in the support), sum_k p_ik = 1, p_ik = 0 off it: the new p [F, S, N, K]."""
    fleets, count, n_agents, n_actions = p.shape
    size = n_agents * n_actions
    hessian = pair_values(table, p).reshape(fleets, count, size, size)
    on = support.reshape(fleets, count, size)
    values = unchecked_action_values(table, p).reshape(fleets, count, size)
    system = np.zeros((fleets, count, size + n_agents, size + n_agents))
    system[..., :size, :size] = np.where(on[..., :, None] & on[..., None, :], hessian, 0.0)
    diagonal = np.arange(size)
    system[..., diagonal, diagonal] = np.where(on, RIDGE, 1.0)
    rows = np.repeat(np.arange(n_agents), n_actions)
    system[..., diagonal, size + rows] = np.where(on, -1.0, 0.0)
    system[..., size + rows, diagonal] = np.where(on, 1.0, 0.0)
    # linearised at p: q(p) + H (new - p) = v, written for the new p itself
    target = np.ones((fleets, count, size + n_agents))
    known = (hessian @ np.where(on, p.reshape(on.shape), 0.0)[..., None])[..., 0]
    target[..., :size] = np.where(on, known - values, 0.0)
    solution = np.linalg.solve(system, target[..., None])[..., 0]
    return np.asarray(solution[..., :size].reshape(p.shape))

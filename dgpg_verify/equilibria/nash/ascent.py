"""The equilibrium that learning reaches from a declared start: all agents climb the expected reward at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from dgpg_verify.equilibria.arrays import Array
from dgpg_verify.equilibria.games.profiles import check_profile, unchecked_action_values, uniform_profile
from dgpg_verify.equilibria.games.tables import check_table, normalised
from dgpg_verify.equilibria.nash.nash_conv import CERTIFICATE, loss_of, unchecked_nash_conv

STEPS = 400
PURE = 1e-6  # a strategy this close to a vertex is taken to it before the last best replies
SWEEPS = 1000


def reached_equilibrium(table: ArrayLike, start: ArrayLike | None = None) -> Array:
    """Climb E J from `start` (default: uniform) until NashConv <= 1e-9 of the range: a profile [F, N, K].

    Natural-gradient steps of all agents together, p_i <- p_i exp(eta q_i) rescaled; a fleet's eta grows by half after
    a step that does not lower the value and is halved after one that does, which is then undone. At most 400 steps;
    what is left is settled by best replies, agent by agent, each of which raises the value. A start that is already an
    equilibrium (even a saddle) stays where it is. Our declared stand-in for a noise-free learner; table [F, K, ..., K].

    Raises InputError as check_profile. Cost O(F K^N) per step.
    """
    checked = check_table("table", table)
    p = uniform_profile(checked) if start is None else check_profile(checked, start)[1]
    scaled = normalised(checked)
    return _best_replies(scaled, _climb(scaled, p[:, None]))[:, 0]


def _climb(table: Array, p: Array) -> Array:
    eta = np.ones((len(table), 1, 1, 1))
    values = unchecked_action_values(table, p)
    for _ in range(STEPS):
        running = loss_of(p, values) > CERTIFICATE
        running &= (p.max(-1) < 1.0 - PURE).any(-1)
        if not running.any():
            break
        usable = np.where(p > 0.0, values, -np.inf)  # the best action in use: else every factor could underflow
        grown = p * np.exp(np.minimum(eta * (values - usable.max(-1, keepdims=True)), 0.0))
        new = grown / grown.sum(-1, keepdims=True)
        new_values = unchecked_action_values(table, new)
        rise = (new[:, :, 0] * new_values[:, :, 0]).sum(-1) >= (p[:, :, 0] * values[:, :, 0]).sum(-1)
        eta = np.where(rise[..., None, None], 1.5 * eta, 0.5 * eta)
        take = (rise & running)[..., None, None]
        p, values = np.where(take, new, p), np.where(take, new_values, values)
    return p


def _best_replies(table: Array, p: Array) -> Array:
    """Best replies in the order of the agents until no agent gains more than its part of the certificate."""
    n_agents, n_actions = p.shape[2:]
    vertices = np.eye(n_actions)
    moving = unchecked_nash_conv(table, p) > CERTIFICATE
    near = (p.max(-1, keepdims=True) >= 1.0 - PURE) & moving[..., None, None]
    p = np.where(near, vertices[p.argmax(-1)], p)
    for _ in range(SWEEPS):
        changed = False
        for i in range(n_agents):
            values = unchecked_action_values(table, p)[:, :, i]
            gain = (p[:, :, i] * (values.max(-1, keepdims=True) - values)).sum(-1)
            improve = gain > CERTIFICATE / n_agents
            p[:, :, i] = np.where(improve[..., None], vertices[values.argmax(-1)], p[:, :, i])
            changed = changed or bool(improve.any())
        if not changed:
            break
    return p

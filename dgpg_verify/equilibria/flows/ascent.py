"""The equilibrium that learning reaches from a declared start: all agents climb the expected reward at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from dgpg_verify.equilibria.games.profiles import (
    CERTIFICATE,
    Array,
    centred,
    check_profile,
    unchecked_action_values,
    unchecked_nash_conv,
)
from dgpg_verify.equilibria.games.tables import table_range

STEPS = 400
PURE = 1e-6  # a strategy this close to a vertex is taken to it before the last best replies
SWEEPS = 1000


def reached_equilibrium(table: ArrayLike, start: ArrayLike | None = None) -> Array:
    """Climb E J from `start` (default: uniform) until NashConv <= 1e-9 of the range: a profile [F, N, K].

    Natural-gradient steps of all agents together, p_i <- p_i exp(eta q_i) rescaled; a fleet's eta grows by half after
    a step that does not lower the value and is halved after one that does, which is then undone. At most 400 steps;
    what is left is settled by best replies, agent by agent, each of which raises the value. A start that is already an
    equilibrium (even a saddle) stays where it is. Our declared stand-in for a noise-free learner; table [F, K, ..., K].

    Raises InputError as check_profile. Cost O(F K^N) a step.
    """
    shape = np.shape(table)
    if start is None and len(shape) >= 2:
        start = np.full((shape[0], len(shape) - 1, shape[1]), 1.0 / max(shape[1], 1))
    checked, p = check_profile(table, np.asarray(start))
    extent = table_range(checked)
    scaled = centred(checked) / np.where(extent > 0.0, extent, 1.0).reshape(-1, *(1,) * (checked.ndim - 1))
    return _best_replies(scaled, _climb(scaled, p[:, None]))[:, 0]


def _climb(table: Array, p: Array) -> Array:
    eta = np.ones((len(table), 1, 1, 1))
    values = unchecked_action_values(table, p)
    for _ in range(STEPS):
        gap = (p * (values.max(-1, keepdims=True) - values)).sum((-1, -2))
        running = gap > CERTIFICATE
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
    """Best replies in the order of the agents until nobody gains more than its part of the certificate."""
    moving = unchecked_nash_conv(table, p) > CERTIFICATE
    near = (p.max(-1, keepdims=True) >= 1.0 - PURE) & moving[..., None, None]
    p = np.where(near, np.eye(p.shape[-1])[p.argmax(-1)], p)
    for _ in range(SWEEPS):
        changed = False
        for i in range(p.shape[2]):
            values = unchecked_action_values(table, p)[:, :, i]
            gain = (p[:, :, i] * (values.max(-1, keepdims=True) - values)).sum(-1)
            improve = gain > CERTIFICATE / p.shape[2]
            reply = np.eye(p.shape[-1])[values.argmax(-1)]
            p[:, :, i] = np.where(improve[..., None], reply, p[:, :, i])
            changed = changed or bool(improve.any())
        if not changed:
            break
    return p

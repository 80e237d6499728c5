"""Do the gradients of J and of -G agree? Cosines at given profiles, and the two exact conditions on a whole table.

Two coordinate systems, two readings: "softmax" (the logits theta that training moves: dJ/dtheta_ik = p_ik (q_ik -
p_i.q_i)) and "simplex" (the probabilities, each agent's gradient projected on its tangent space). A cosine counts as
negative only when the inner product is below minus its own rounding bound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dgpg_verify.core import InputError, check_choice
from dgpg_verify.equilibria.games.deviations import agent_pairs
from dgpg_verify.equilibria.games.profiles import action_values, check_profile
from dgpg_verify.equilibria.games.pure import pure_nash
from dgpg_verify.equilibria.games.tables import Array, Tables

Mask = NDArray[np.bool_]
EPS = float(np.finfo(np.float64).eps)
COORDINATES = ("softmax", "simplex")
VANISHED = 1e-9  # a gradient below this share of its norm at the start has no direction


@dataclass(frozen=True, eq=False)
class Alignment:
    """<grad J, -grad G> at profiles, jointly [F, (S)] and by agent [F, (S,) N]: inner, a bound on its rounding error
    (the tables' own rounding of up to 16 eps included), and the cosine, nan where it is undefined."""

    inner: Array
    rounding: Array
    cosine: Array
    agent_inner: Array
    agent_rounding: Array
    agent_cosine: Array

    @property
    def negative(self) -> Mask:
        """Certainly below 0, [F, (S)]; never where undefined."""
        return np.asarray(np.isfinite(self.cosine) & (self.inner < -self.rounding))

    @property
    def agent_negative(self) -> Mask:
        """The same agent by agent, [F, (S,) N]."""
        return np.asarray(np.isfinite(self.agent_cosine) & (self.agent_inner < -self.agent_rounding))


def gradient(table: ArrayLike, p: ArrayLike, coordinates: str) -> Array:
    """grad E J in softmax or simplex coordinates, [F, (S,) N, K]. InputError on shapes. Cost O(F S K^N)."""
    check_choice("coordinates", coordinates, COORDINATES)
    values, mixture = action_values(table, p), np.asarray(p, dtype=np.float64)
    if coordinates == "simplex":
        return values - values.mean(-1, keepdims=True)
    return mixture * (values - (mixture * values).sum(-1, keepdims=True))


def alignment_at(tables: Tables, p: ArrayLike, coordinates: str, start: ArrayLike | None = None) -> Alignment:
    """Inner products and cosines of grad J and -grad G at profiles.

    Source: audit A2.
    Args:
        tables: the games; p: [F, N, K] or [F, S, N, K]; coordinates: one of COORDINATES.
        start: [F, N, K], where training starts: a cosine is undefined where one of its norms is at most 1e-9 of the
            norm there, or at most its rounding. Uniform policies by default.

    Raises InputError on shapes or names. Cost: O(F S K^N).
    """
    _, mixture = check_profile(tables.reward, p)
    fleets, agents, actions = tables.fleets, tables.n_agents, tables.n_actions
    first = np.full((fleets, agents, actions), 1.0 / actions) if start is None else np.asarray(start, dtype=np.float64)
    if first.shape != (fleets, agents, actions):
        raise InputError(f"start has shape {first.shape}: it must be [F, N, K] = {(fleets, agents, actions)}")
    parts = []
    for table, sign in ((tables.reward, 1.0), (tables.guidance, -1.0)):
        here, there = gradient(table, mixture, coordinates), gradient(table, first, coordinates)
        there = there if mixture.ndim == 3 else there[:, None]
        parts.append((sign * here, there, _gradient_error(table, mixture, coordinates)))
    (u, _, du), (v, _, dv) = parts
    inner, rounding = _product(u, v, du, dv, axes=(-1,))
    total, total_rounding = _product(u, v, du, dv, axes=(-2, -1))
    return Alignment(
        total, total_rounding, _cosine(total, parts, (-2, -1)), inner, rounding, _cosine(inner, parts, (-1,))
    )


def sign_agreement(tables: Tables) -> Mask:
    """D_iJ D_iG <= 0 for every unilateral deviation, bool [F]: exact for the entries as given (signs of differences).

    Source: T3. Cost: O(F N K^(N+1)).
    """
    wrong = np.zeros(tables.fleets, dtype=bool)
    for _, reward, guidance in agent_pairs(tables):
        for s in range(1, tables.n_actions):
            change_j, change_g = (np.sign(np.roll(table, -s, axis=-1) - table) for table in (reward, guidance))
            wrong |= (change_j * change_g > 0).any((1, 2))
    return np.asarray(~wrong)


def tied_descents(tables: Tables) -> Mask:
    """Does a pure equilibrium of J have a tied deviation (D_iJ = 0) with D_iG < 0? bool [F], exact.

    Source: T3: these equilibria are lost at every alpha > 0. Cost: O(F N K^(N+1)).
    """
    members, found = pure_nash(tables.reward), np.zeros(tables.fleets, dtype=bool)
    for agent, reward, guidance in agent_pairs(tables):
        own = np.moveaxis(members, 1 + agent, -1).reshape(reward.shape)
        for k in range(tables.n_actions):
            tied = (reward == reward[..., k : k + 1]) & (guidance < guidance[..., k : k + 1])
            found |= (own[..., k] & tied.any(-1)).any(-1)
    return found


def perfectly_aligned(tables: Tables) -> Mask:
    """J = -c G + const with c > 0 up to the rounding of the tables (16 eps of their largest entries), bool [F].

    Both constant counts as aligned, one alone does not. Cost: O(F K^N).
    """
    reward, guidance = tables.reward.reshape(tables.fleets, -1), tables.guidance.reshape(tables.fleets, -1)
    high, low = guidance.argmin(1), guidance.argmax(1)
    rows = np.arange(tables.fleets)
    rise, fall = reward[rows, high] - reward[rows, low], guidance[rows, low] - guidance[rows, high]
    bound_j, bound_g = 16.0 * EPS * np.abs(reward).max(1), 16.0 * EPS * np.abs(guidance).max(1)
    slope = np.where(fall > 0, rise / np.where(fall > 0, fall, 1.0), 0.0)
    rest = reward + slope[:, None] * guidance
    spread = rest.max(1) - rest.min(1)
    flat = (fall == 0) & (tables.range == 0)
    return np.asarray(flat | ((slope > 0) & (spread <= 4.0 * (bound_j + np.abs(slope) * bound_g))))


def _gradient_error(table: Array, p: Array, coordinates: str) -> Array:
    """Bound on the rounding error of each entry of `gradient`, [F, (S,) N, K]."""
    agents, actions = p.shape[-2:]
    size = np.abs(table).reshape(len(table), -1).max(1).reshape(-1, *(1,) * (p.ndim - 1))
    error = EPS * (agents * (actions + 2) + 16.0 + actions + 4.0) * size
    return np.asarray(2.0 * error * (p if coordinates == "softmax" else np.ones_like(p)))


def _product(u: Array, v: Array, du: Array, dv: Array, axes: tuple[int, ...]) -> tuple[Array, Array]:
    count = float(np.prod([u.shape[axis] for axis in axes])) + 2.0
    error = (np.abs(u) * dv + np.abs(v) * du + du * dv + count * EPS * np.abs(u * v)).sum(axes)
    return (u * v).sum(axes), error


def _cosine(inner: Array, parts: list[tuple[Array, Array, Array]], axes: tuple[int, ...]) -> Array:
    length, defined = np.ones_like(inner), np.ones(inner.shape, dtype=bool)
    for here, there, error in parts:
        norm, before, bound = (np.sqrt((values**2).sum(axes)) for values in (here, there, error))
        defined &= (norm > VANISHED * before) & (norm > bound)
        length = length * norm
    return np.where(defined, inner / np.where(defined, length, 1.0), np.nan)

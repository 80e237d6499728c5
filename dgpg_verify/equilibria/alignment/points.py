"""Whether the gradients of J and of -G agree at given profiles: inner products and cosines.

Two coordinate systems, two readings: "softmax" (the logits theta that training moves: dJ/dtheta_ik = p_ik (q_ik -
p_i.q_i)) and "simplex" (the probabilities, each agent's gradient projected on its tangent space). A cosine counts as
negative only when the inner product is below minus its own rounding bound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dgpg_verify.core import check_choice
from dgpg_verify.equilibria.arrays import EPS, Array, Mask, beside
from dgpg_verify.equilibria.games.profiles import action_values, check_profile, uniform_profile
from dgpg_verify.equilibria.games.tables import Tables

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
        """Which agents' inner products are certainly below 0, [F, (S,) N]; never where undefined."""
        return np.asarray(np.isfinite(self.agent_cosine) & (self.agent_inner < -self.agent_rounding))


def gradient(table: ArrayLike, p: ArrayLike, coordinates: str) -> Array:
    """grad E J in softmax or simplex coordinates, [F, (S,) N, K]. InputError on shapes. Cost O(F S K^N)."""
    check_choice("coordinates", coordinates, COORDINATES)
    values, mixture = action_values(table, p), np.asarray(p, dtype=np.float64)
    if coordinates == "simplex":
        return values - values.mean(-1, keepdims=True)
    return mixture * (values - (mixture * values).sum(-1, keepdims=True))


def alignment_at(tables: Tables, p: ArrayLike, coordinates: str) -> Alignment:
    """Inner products and cosines of grad J and -grad G at profiles p [F, N, K] or [F, S, N, K].

    coordinates is one of COORDINATES. A cosine is undefined where one of its norms is at most 1e-9 of the norm at
    uniform policies, where training starts, or at most its rounding. Raises InputError on shapes or names.
    Source: audit A2. Cost O(F S K^N).
    """
    _, mixture = check_profile(tables.reward, p)
    uniform = uniform_profile(tables.reward)
    parts = []
    for table, sign in ((tables.reward, 1.0), (tables.guidance, -1.0)):
        slope, at_start = (gradient(table, profile, coordinates) for profile in (mixture, uniform))
        at_start = at_start if mixture.ndim == 3 else at_start[:, None]
        parts.append((sign * slope, at_start, _gradient_error(table, mixture, coordinates)))
    (u, _, du), (v, _, dv) = parts
    inner, rounding = _product(u, v, du, dv, axes=(-1,))
    total, total_rounding = _product(u, v, du, dv, axes=(-2, -1))
    return Alignment(
        total, total_rounding, _cosine(total, parts, (-2, -1)), inner, rounding, _cosine(inner, parts, (-1,))
    )


def _gradient_error(table: Array, p: Array, coordinates: str) -> Array:
    """Bound on the rounding error of each entry of `gradient`, [F, (S,) N, K]."""
    agents, actions = p.shape[-2:]
    size = beside(np.abs(table).reshape(len(table), -1).max(1), p)
    error = EPS * (agents * (actions + 2) + 16.0 + actions + 4.0) * size
    return np.asarray(2.0 * error * (p if coordinates == "softmax" else np.ones_like(p)))


def _product(u: Array, v: Array, du: Array, dv: Array, axes: tuple[int, ...]) -> tuple[Array, Array]:
    count = float(np.prod([u.shape[axis] for axis in axes])) + 2.0
    error = (np.abs(u) * dv + np.abs(v) * du + du * dv + count * EPS * np.abs(u * v)).sum(axes)
    return (u * v).sum(axes), error


def _cosine(inner: Array, parts: list[tuple[Array, Array, Array]], axes: tuple[int, ...]) -> Array:
    length, defined = np.ones_like(inner), np.ones(inner.shape, dtype=bool)
    for part in parts:
        norm, before, bound = (np.sqrt((values**2).sum(axes)) for values in part)
        defined &= (norm > VANISHED * before) & (norm > bound)
        length = length * norm
    return np.where(defined, inner / np.where(defined, length, 1.0), np.nan)

"""Optimum of the entropy-regularised game E J + tau sum_i H(p_i): unique, inside the simplices, and certified.

At the optimum p_i = softmax(q_i / tau) for every agent (the logit equations); their residual is the certificate.
Why a large tau makes it unique: with quadratic costs 1/2 sum h (x - target)^2 the Hessian of E J in p is at most
max h max z^2 (times the identity: minus a square, plus the diagonal terms h z^2 that multilinearity takes out), and
the entropy's is at most -tau, as p <= 1. So tau >= 2 max h max z^2 leaves strong concavity of at least tau / 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_softmax

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.arrays import Array, Mask
from dgpg_verify.equilibria.games.derivatives import expand, hessian, reduce_gradient, reduce_hessian, tangent_basis
from dgpg_verify.equilibria.games.profiles import action_values, check_profile, uniform_profile
from dgpg_verify.equilibria.games.tables import Tables, centred, check_table, table_range
from dgpg_verify.equilibria.shift.first_order import predicted_shift
from dgpg_verify.systems import LoadBalancingGame

CERTIFICATE = 1e-12  # residual of the logit equations, as a share of the reward's range
STEPS = 200
SHRINK = 0.05  # no probability falls below this share of itself in one step
HALVINGS = 40
FLOOR = 0.02  # curvature below this share of tau is lifted to it: away from concavity the step still ascends


@dataclass(frozen=True, eq=False)
class LogitPoint:
    """A maximiser: p [F, N, K]; value [F] of E J + tau sum H; certified bool [F]: the logit equations hold up to 1e-12
    of the table's range."""

    p: Array
    value: Array
    certified: Mask


def quadratic_temperature(game: LoadBalancingGame) -> float:
    """2 max h max z^2: from this tau on the regularised game with quadratic cost is strongly concave.

    Raises InputError for another cost.
    """
    if game.cost != "quadratic":
        raise InputError(f"cost = {game.cost!r} is not allowed: this bound is for the quadratic cost")
    return 2.0 * float(game.weights.max()) * float(game.shares.max()) ** 2


def logit_optimum(table: ArrayLike, tau: ArrayLike, start: ArrayLike | None = None) -> LogitPoint:
    """Maximise E J + tau sum_i H(p_i) by damped Newton steps on the tangent space.

    Parameters
    ----------
    table, tau
        [F, K, ..., K] and the temperature > 0, one number or [F].
    start
        Interior profiles p [F, N, K], uniform by default.

    Raises
    ------
    InputError
        Shapes that do not fit, tau <= 0, or a start on the boundary. A fleet that did not reach the certificate is
        not certified (never an error: the caller counts).

    Notes
    -----
    Cost O(F (N^2 K^N + N^3 K^3)) per step, about 6 to 10 steps.
    """
    checked = check_table("table", table)
    values = centred(checked)
    temperature = _temperatures(tau, len(values))
    p = _interior_start(values, start)
    basis = tangent_basis(values.shape[1])
    for _ in range(STEPS):
        active = _residual(values, temperature, p) > CERTIFICATE / 8.0
        if not active.any():
            break
        p[active] = _newton_step(values[active], temperature[active], p[active], basis)
    value = _value(values, temperature, p) + (checked - values).reshape(len(values), -1)[:, 0]
    return LogitPoint(p, value, _residual(values, temperature, p) <= CERTIFICATE)


def entropy_shift(tables: Tables, tau: ArrayLike, p: ArrayLike, alpha: float) -> Array:
    """First-order move [F, N, K] of the regularised optimum p of J when J becomes J_alpha (shift law, tangent space).

    p is the optimum at alpha = 0, alpha in [0, 1); the entropy is part of J, so its temperature falls to
    (1 - alpha) tau. Raises InputError as predicted_shift. Cost O(F (N^2 K^N + N^3 K^3)).
    """
    reward, mixture = check_profile(tables.reward, p)
    basis = tangent_basis(reward.shape[1])
    first = hessian(reward, mixture) + _entropy_hessian(_temperatures(tau, len(reward)), mixture)
    second, gradient = hessian(tables.guidance, mixture), action_values(tables.guidance, mixture)
    reduced = reduce_hessian(first, basis), reduce_hessian(second, basis), reduce_gradient(gradient, basis)
    return expand(predicted_shift(*reduced, alpha), basis, reward.ndim - 1)


def _temperatures(tau: ArrayLike, fleets: int) -> Array:
    values = np.asarray(tau, dtype=np.float64)
    if values.shape not in ((), (fleets,)) or not (np.isfinite(values) & (values > 0)).all():
        raise InputError(f"tau = {np.asarray(tau).tolist()} is not allowed: it must be > 0, one number or [{fleets}]")
    return np.broadcast_to(values, (fleets,))


def _interior_start(values: Array, start: ArrayLike | None) -> Array:
    if start is None:
        return uniform_profile(values)
    _, p = check_profile(values, start)
    if p.ndim != 3 or not (p > 0).all():
        raise InputError(f"start has shape {p.shape}: it must be [F, N, K] with every probability > 0")
    return p / p.sum(-1, keepdims=True)


def _entropy_hessian(temperature: Array, p: Array) -> Array:
    second = np.zeros((*p.shape, *p.shape[1:]))
    i, k = np.indices(p.shape[1:])
    second[:, i, k, i, k] = -temperature[:, None, None] / p
    return second


def _value(table: Array, temperature: Array, p: Array) -> Array:
    gain = (p[:, 0] * action_values(table, p)[:, 0]).sum(-1)
    return np.asarray(gain - temperature * (p * np.log(p)).sum((1, 2)))


def _residual(table: Array, temperature: Array, p: Array) -> Array:
    """max |tau log p - q - const_i| over agents and actions, as a share of the range; the constants by log-sum-exp."""
    log_policy = log_softmax(action_values(table, p) / temperature[:, None, None], axis=-1)
    gap = temperature * np.abs(np.log(p) - log_policy).max((1, 2))
    spread = table_range(table)
    return np.asarray(gap / np.where(spread > 0, spread, temperature))


def _newton_step(table: Array, temperature: Array, p: Array, basis: Array) -> Array:
    """One modified Newton step with backtracking on the value; near the optimum the full step."""
    agents = p.shape[1]
    second = reduce_hessian(hessian(table, p) + _entropy_hessian(temperature, p), basis)
    gradient = reduce_gradient(action_values(table, p) - temperature[:, None, None] * np.log(p), basis)
    curvature, vectors = np.linalg.eigh(-second)
    curvature = np.maximum(curvature, FLOOR * temperature[:, None])
    along = np.einsum("fab,fa->fb", vectors, gradient)
    direction = expand(np.einsum("fab,fb->fa", vectors, along / curvature), basis, agents)
    decrement = (along**2 / curvature).sum(-1)
    ratio = np.where(direction < 0, p / np.where(direction < 0, -direction, 1.0), np.inf).min((1, 2))
    step = np.minimum(1.0, (1.0 - SHRINK) * ratio)
    before = _value(table, temperature, p)
    # below this the value no longer resolves the gain, and Newton's own convergence takes over
    resolved = decrement > 1e-9 * (np.abs(before) + temperature)
    for _ in range(HALVINGS):
        moved = p + step[:, None, None] * direction
        short = resolved & (_value(table, temperature, moved) < before + 1e-4 * step * decrement)
        if not short.any():
            break
        step = np.where(short, 0.5 * step, step)
    moved = p + step[:, None, None] * direction
    return np.asarray(moved / moved.sum(-1, keepdims=True))

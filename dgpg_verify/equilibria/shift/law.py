"""How far a stationary point of J moves when guidance is mixed in: J_alpha = (1 - alpha) J - alpha G.

At a nondegenerate stationary point theta* of J the gradient of J_alpha is -alpha grad G(theta*), so one Newton step
gives the shift alpha [(1 - alpha) H_J - alpha H_G]^-1 grad G(theta*). It is exact where both gradients are affine
(quadratics; games of two players with two actions) and elsewhere exact up to O(shift^2).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dgpg_verify.core import InputError, check_finite, check_real

Array = NDArray[np.float64]
EPS = float(np.finfo(np.float64).eps)


def predicted_shift(hessian_j: ArrayLike, hessian_g: ArrayLike, gradient_g: ArrayLike, alpha: float) -> Array:
    """The first-order move of a stationary point of J, in the coordinates of the Hessians.

    Source: shift law of CLAIMS section 5. On constrained sets pass everything reduced to the tangent space.

    Args:
        hessian_j, hessian_g: [..., P, P] at the stationary point; gradient_g: [..., P]; alpha in [0, 1].

    Returns:
        [..., P]; relative rounding error at most about P eps times `mixed_condition`.

    Raises:
        InputError: shapes that do not fit, alpha out of range, or a mixed Hessian singular to rounding (the point
            is degenerate and the law says nothing there).

    Cost: O(P^3) a point.
    """
    mixed, share = _mixed(hessian_j, hessian_g, alpha)
    gradient = np.asarray(gradient_g, dtype=np.float64)
    if gradient.shape != mixed.shape[:-1]:
        raise InputError(f"gradient_g has shape {gradient.shape}: with these Hessians it must be {mixed.shape[:-1]}")
    check_finite("gradient_g", gradient)
    condition = _condition(mixed)
    limit = 1.0 / (mixed.shape[-1] * EPS)
    if not (condition < limit).all():
        worst = float(np.max(condition, initial=0.0))
        raise InputError(f"the mixed Hessian has condition number {worst:.3g}: it must be below {limit:.3g}")
    return np.asarray(share * np.linalg.solve(mixed, gradient[..., None])[..., 0])


def mixed_condition(hessian_j: ArrayLike, hessian_g: ArrayLike, alpha: float) -> Array:
    """Condition number of (1 - alpha) H_J - alpha H_G, [...]; infinite where it is singular."""
    return _condition(_mixed(hessian_j, hessian_g, alpha)[0])


def observed_order(errors: ArrayLike, sizes: ArrayLike) -> Array:
    """Exponent p of errors ~ sizes^p between neighbouring sizes, [S - 1, ...] from [S, ...] and [S].

    nan where an error is 0. InputError unless the sizes are positive and strictly decreasing.
    """
    error, size = np.asarray(errors, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    if size.ndim != 1 or len(size) < 2 or not (size > 0).all() or not (np.diff(size) < 0).all():
        raise InputError(f"sizes = {size.tolist()} is not allowed: at least two, positive and strictly decreasing")
    if error.shape[:1] != size.shape or not (error >= 0).all():
        raise InputError(f"errors has shape {error.shape}: it must be [{len(size)}, ...] and hold numbers >= 0")
    steps = np.log(size[:-1] / size[1:]).reshape(-1, *[1] * (error.ndim - 1))
    positive = (error[:-1] > 0) & (error[1:] > 0)
    ratio = np.where(positive, error[:-1], 1.0) / np.where(positive, error[1:], 1.0)
    return np.asarray(np.where(positive, np.log(ratio) / steps, np.nan))


def _mixed(hessian_j: ArrayLike, hessian_g: ArrayLike, alpha: float) -> tuple[Array, float]:
    share = check_real("alpha", alpha, 0.0, 1.0)
    first, second = np.asarray(hessian_j, dtype=np.float64), np.asarray(hessian_g, dtype=np.float64)
    if first.shape != second.shape or first.ndim < 2 or first.shape[-1] != first.shape[-2] or not first.shape[-1]:
        raise InputError(f"hessian_j {first.shape} and hessian_g {second.shape} do not fit: both must be [..., P, P]")
    check_finite("hessian_j", first)
    check_finite("hessian_g", second)
    return (1.0 - share) * first - share * second, share


def _condition(matrix: Array) -> Array:
    values = np.linalg.svd(matrix, compute_uv=False)
    smallest, largest = values[..., -1], values[..., 0]
    safe = np.where(smallest > 0, smallest, 1.0)
    return np.asarray(np.where(smallest > 0, largest / safe, np.inf))

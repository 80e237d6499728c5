"""How far a stationary point of J moves when guidance is mixed in: J_alpha = (1 - alpha) J - alpha G.

At a nondegenerate stationary point theta* of J the gradient of J_alpha is -alpha grad G(theta*), so one Newton step
gives the shift alpha [(1 - alpha) H_J - alpha H_G]^-1 grad G(theta*). It is exact where both gradients are affine
(quadratics; games of two players with two actions) and elsewhere exact up to O(shift^2).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from dgpg_verify.core import InputError, check_finite, check_real
from dgpg_verify.equilibria.arrays import EPS, Array


def predicted_shift(hessian_j: ArrayLike, hessian_g: ArrayLike, gradient_g: ArrayLike, alpha: float) -> Array:
    """The first-order move of a stationary point of J, in the coordinates of the Hessians.

    Parameters
    ----------
    hessian_j, hessian_g, gradient_g
        [..., P, P] and [..., P] at the stationary point; on constrained sets reduced to the tangent space.
    alpha
        In [0, 1].

    Returns
    -------
    Array
        [..., P]; relative rounding error at most about P eps times the condition number of the mixed Hessian.

    Raises
    ------
    InputError
        Shapes that do not fit, alpha out of range, or a mixed Hessian singular to rounding (the point is degenerate
        and the law does not apply there).

    Notes
    -----
    Source: the Newton step derived above. Cost O(P^3) per point.
    """
    share = check_real("alpha", alpha, 0.0, 1.0)
    first, second = np.asarray(hessian_j, dtype=np.float64), np.asarray(hessian_g, dtype=np.float64)
    if first.shape != second.shape or first.ndim < 2 or first.shape[-1] != first.shape[-2] or not first.shape[-1]:
        raise InputError(f"hessian_j {first.shape} and hessian_g {second.shape} do not fit: both must be [..., P, P]")
    gradient = np.asarray(gradient_g, dtype=np.float64)
    if gradient.shape != first.shape[:-1]:
        raise InputError(f"gradient_g has shape {gradient.shape}: with these Hessians it must be {first.shape[:-1]}")
    for name, values in (("hessian_j", first), ("hessian_g", second), ("gradient_g", gradient)):
        check_finite(name, values)
    mixed = (1.0 - share) * first - share * second
    worst, limit = float(np.max(np.linalg.cond(mixed), initial=0.0)), 1.0 / (mixed.shape[-1] * EPS)
    if not worst < limit:
        raise InputError(f"the mixed Hessian has condition number {worst:.3g}: it must be below {limit:.3g}")
    return np.asarray(share * np.linalg.solve(mixed, gradient[..., None])[..., 0])

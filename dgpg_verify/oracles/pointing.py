"""How many roll-outs must be averaged until a gradient estimate points the right way."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from dgpg_verify.core import InputError, check_real

POINTING_COSINE = 0.7


def rollouts_to_point(
    mean: ArrayLike, variance: float, gradient: ArrayLike, cosine: float = POINTING_COSINE
) -> int | None:
    """Smallest n for which the mean of n roll-outs has root-mean-square cosine >= `cosine` with the gradient.

    The cosine is taken in the root-mean-square sense of the exact moments: cos_n^2 = <m, grad J>^2 /
    (||grad J||^2 (||m||^2 + V / n)), with m the estimator's mean and V the trace of its covariance. For an unbiased
    estimator this is ||grad J||^2 / (||grad J||^2 + V / n) >= cosine^2.

    Parameters
    ----------
    mean, gradient : any equal shapes (one agent's block, or the whole team's stack).
    variance : tr Cov of the same block for one roll-out.
    cosine : in (0, 1].

    Returns
    -------
    n >= 1, or None when no number of roll-outs suffices (bias, or a vanishing gradient).

    Raises
    ------
    InputError : shapes differ, cosine outside (0, 1] or negative variance.
    """
    m, g = np.asarray(mean, dtype=np.float64), np.asarray(gradient, dtype=np.float64)
    if m.shape != g.shape:
        raise InputError(f"mean {m.shape} and gradient {g.shape} do not fit: they must have one shape")
    check_real("cosine", cosine, 0.0, 1.0, open_low=True)
    check_real("variance", variance, 0.0)
    inner, target, own = float((m * g).sum()), float((g * g).sum()), float((m * m).sum())
    if inner <= 0.0 or target <= 0.0:
        return None
    room = inner**2 / (cosine**2 * target) - own  # V / n may be at most this
    if variance == 0.0:
        return 1 if room >= -1e-12 * own else None
    if room <= 0.0 or variance / room > 2.0**62:
        return None
    return max(1, math.ceil(variance / room))

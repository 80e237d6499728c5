"""Exact variance of a mixture of two credits as a function of alpha, and the alpha of least variance.

Everything here is the closed form of mixing (F7): with g(alpha) = (1 - alpha) s_b g_b + alpha s_g g_g,
V(alpha) = (1 - alpha)^2 s_b^2 V_b + alpha^2 s_g^2 V_g + 2 alpha (1 - alpha) s_b s_g C, where C = tr Cov(g_b, g_g)
of the two ascent parts. Arrays are broadcast against each other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dgpg_verify.core import InputError, check_choice, check_int, check_real

SETTINGS = ("sum", "mean", "mixed", "parts")
Array = NDArray[np.float64]


def setting_scales(setting: str, n_agents: int, deviation: float | None = None) -> tuple[float, float]:
    """Factors (of the base credit, of the guidance) in a setting: the relative scale of J and G.

    sum (1, 1); mean (1/N, 1/N); mixed (1/N, 1): J averaged, G summed; parts (1/sd, 1): base divided by its
    standard deviation `deviation` before mixing.
    """
    check_choice("setting", setting, SETTINGS)
    count = check_int("n_agents", n_agents, 1)
    if setting == "parts":
        if deviation is None:
            raise InputError("setting = 'parts' needs the standard deviation of the base credit")
        return 1.0 / check_real("deviation", deviation, 0.0, open_low=True), 1.0
    return {"sum": (1.0, 1.0), "mean": (1.0 / count, 1.0 / count), "mixed": (1.0 / count, 1.0)}[setting]


def mixing_weights(alpha: ArrayLike, scales: tuple[float, float] = (1.0, 1.0)) -> tuple[Array, Array]:
    """Weights ((1 - alpha) s_b, alpha s_g) of base and guidance. Raises InputError for alpha outside [0, 1]."""
    share = np.asarray(alpha, dtype=np.float64)
    if not bool(np.all((share >= 0.0) & (share <= 1.0))):
        raise InputError(f"alpha = {alpha!r} is not allowed: it must be a finite number in [0, 1]")
    return (1.0 - share) * scales[0], share * scales[1]


def mixed_variance(
    alpha: ArrayLike,
    base: ArrayLike,
    guidance: ArrayLike,
    covariance: ArrayLike,
    scales: tuple[float, float] = (1.0, 1.0),
) -> Array:
    """V(alpha) of the mixture (closed form F7). base V_b, guidance V_g, covariance C; any broadcastable shapes."""
    w_base, w_guidance = mixing_weights(alpha, scales)
    cross = 2.0 * w_base * w_guidance * np.asarray(covariance, dtype=np.float64)
    return np.asarray(w_base**2 * np.asarray(base) + w_guidance**2 * np.asarray(guidance) + cross)


def optimal_alpha(
    base: ArrayLike,
    guidance: ArrayLike,
    covariance: ArrayLike,
    scales: tuple[float, float] = (1.0, 1.0),
) -> Array:
    """argmin of V(alpha) over [0, 1]: (V_b - C) / (V_b + V_g - 2 C), clipped; an end point where V is linear."""
    v_b = np.asarray(base, dtype=np.float64) * scales[0] ** 2
    v_g = np.asarray(guidance, dtype=np.float64) * scales[1] ** 2
    c = np.asarray(covariance, dtype=np.float64) * scales[0] * scales[1]
    curvature = v_b + v_g - 2.0 * c
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = np.clip((v_b - c) / curvature, 0.0, 1.0)
    ends = np.where(v_g < v_b, 1.0, 0.0)
    return np.asarray(np.where(curvature > 0.0, inside, ends))


def return_share(
    alpha: ArrayLike,
    objective_norm: ArrayLike,
    guidance_norm: ArrayLike,
    scales: tuple[float, float] = (1.0, 1.0),
) -> Array:
    """omega = (1 - alpha) ||grad J|| / ((1 - alpha) ||grad J|| + alpha ||grad G||), norms on the sum scale.

    NaN where both gradients vanish: the share is then not defined.
    """
    w_base, w_guidance = mixing_weights(alpha, scales)
    ours = w_base * np.asarray(objective_norm, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        return np.asarray(ours / (ours + w_guidance * np.asarray(guidance_norm, dtype=np.float64)))

"""Moments of gradient estimates, pooled over agents, and every quantity that is computed from them.

The same formulas serve measured, exact and recorded moments. Mixing is the closed form F7:
g(alpha) = (1 - alpha) s_b g_b + alpha s_g g_g has the variance
(1 - alpha)^2 s_b^2 V_b + alpha^2 s_g^2 V_g + 2 alpha (1 - alpha) s_b s_g C, where C = tr Cov(g_b, g_g) of the two
ascent parts and the scales (s_b, s_g) belong to a setting. Arrays are broadcast against each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dgpg_verify.core.errors import InputError, check_choice, check_int, check_real

SETTINGS = ("sum", "mean", "mixed", "parts", "both")  # what a training run may mix
MEASURED_SETTINGS = (*SETTINGS, "joint")  # training: `mixed` with advantages normalised over the batch
# readings of the paper that may decide a claim on DG-PG; the last two say what an update does with a batch
LEADING_MIXTURES = ("parts", "mixed", "joint", "both")
POINTING_COSINE = 0.7
Array = NDArray[np.float64]


@dataclass(frozen=True)
class EstimateMoments:
    """Moments of one estimate g of grad J, agents stacked: sums over agents, or means over them.

    Squares that are estimated without bias may fall below 0; what divides by one is then NaN, not measurable.

    Parameters
    ----------
    variance : tr Cov g.
    signal : |E g|^2.
    inner : <E g, grad J>.
    objective : |grad J|^2.
    """

    variance: float
    signal: float
    inner: float
    objective: float

    @classmethod
    def combine(
        cls, weights: Array, covariance: Array, signal: Array, to_objective: Array, objective: float, **more: Any
    ) -> Self:
        """Moments of a combination of C credits.

        Parameters
        ----------
        weights : [C].
        covariance, signal : [C, C], tr Cov(g_a, g_b) and <E g_a, E g_b>.
        to_objective : [C], <E g_a, grad J>.
        more : fields that a subclass adds.
        """
        variance, length = (float(weights @ table @ weights) for table in (covariance, signal))
        return cls(variance, length, float(weights @ to_objective), float(objective), **more)

    @property
    def noise_to_signal(self) -> float:
        return ratio(self.variance, self.signal)

    @property
    def alignment(self) -> float:
        """cos(E g, grad J); in [-1, 1] for lengths that are known, beyond it by the noise of measured ones."""
        if not (self.objective > 0 and self.signal > 0):  # their product is positive too where both are negative
            return math.nan
        return self.inner / math.sqrt(self.objective * self.signal)

    @property
    def efficiency(self) -> float:
        """Progress of the best step along g, relative to grad J: max(0, <E g, grad J>)^2 / (|grad J|^2 E|g|^2)."""
        return ratio(max(0.0, self.inner) ** 2, self.objective * (self.variance + self.signal))

    @property
    def rollouts_to_point(self) -> float | None:
        """Roll-outs until the mean estimate has a root-mean-square cosine of 0.7 with grad J; None = never."""
        gain = (self.alignment / POINTING_COSINE) ** 2 - 1.0
        if not (self.signal > 0 and self.inner > 0 and gain > 0):
            return None
        return max(1.0, self.variance / (self.signal * gain))


def ratio(above: float, below: float) -> float:
    """above / below, NaN (not measurable) when what stands below is not positive."""
    return float(above / below) if below > 0 else math.nan


def bounded(values: ArrayLike, least: float, most: float) -> Array:
    """Estimates of what lies in [least, most], such as a share, each moved to the nearest value that it can have.

    NaN (not measurable) where one lies beyond by more than the whole range: there is nothing but noise in it.
    """
    found = np.asarray(values, dtype=np.float64)
    beyond = np.abs(found - np.clip(found, least, most)) > most - least
    return np.asarray(np.where(beyond, np.nan, np.clip(found, least, most)))


def setting_scales(
    setting: str, n_agents: int, deviation: float | None = None, guidance_deviation: float | None = None
) -> tuple[float, float]:
    """Factors (of the base credit, of the guidance) in a setting: the relative scale of J and G.

    sum (1, 1); mean (1/N, 1/N); mixed (1/N, 1): J averaged, G summed; parts (1/sd, 1): base divided by its
    standard deviation `deviation` before mixing; both: the guidance by its own too.
    """
    check_choice("setting", setting, SETTINGS)
    count = check_int("n_agents", n_agents, 1)
    if setting in ("parts", "both"):
        base = _reciprocal(setting, "base credit", deviation)
        return base, _reciprocal(setting, "guidance", guidance_deviation) if setting == "both" else 1.0
    return {"sum": (1.0, 1.0), "mean": (1.0 / count, 1.0 / count), "mixed": (1.0 / count, 1.0)}[setting]


def _reciprocal(setting: str, what: str, deviation: float | None) -> float:
    if deviation is None:
        raise InputError(f"setting = {setting!r} needs the standard deviation of the {what}")
    return 1.0 / check_real("deviation", deviation, 0.0, open_low=True)


def mixture_scales(
    setting: str, alpha: float, n_agents: int, means: ArrayLike, covariances: ArrayLike
) -> tuple[float, float, float]:
    """Factors (of the base credit, of the guidance) in any measured setting, and the constant added to the mixture.

    joint: ((1 - alpha) A / N + alpha W - mean) / sd, with mean and sd of that mixture's values; the constant is 0 in
    the other settings. Raises InputError where a divisor is 0.

    Parameters
    ----------
    means, covariances : [2], [2, 2], of the values of base credit and guidance.
    """
    check_choice("setting", setting, MEASURED_SETTINGS)
    table = np.asarray(covariances, dtype=np.float64)
    if setting != "joint":
        return *setting_scales(setting, n_agents, *np.sqrt(np.maximum(np.diag(table), 0.0)).tolist()), 0.0
    base, guidance = setting_scales("mixed", n_agents)
    weights = np.stack(mixing_weights(alpha, (base, guidance)))
    factor = _reciprocal(setting, "mixture", math.sqrt(max(0.0, float(weights @ table @ weights))))
    return base * factor, guidance * factor, -float(weights @ np.asarray(means)) * factor


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

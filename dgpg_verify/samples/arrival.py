"""Samples to a gap: when a run's per-agent gap first stays at or below epsilon, known up to two checkpoints.

n_eps = the first checkpoint n with gap <= eps at every checkpoint of [n, STAY n], STAY = 2. It depends on the path up
to STAY n only, so that ending a curve early, or giving it a larger budget, changes no arrival that was already known.
Each arrival is an interval (low, high]: the checkpoint before n, and n. A run that has not arrived by (last sample) /
STAY is right-censored there: low = that number, high = infinity. A diverged run never arrives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dgpg_verify.core import InputError
from dgpg_verify.samples.learner import STAY, Curve
from dgpg_verify.samples.problems import Array

FACTORS = (10.0, 18.0, 30.0, 55.0, 100.0, 170.0, 300.0)  # eps = (gap at the start) / factor


@dataclass(frozen=True, eq=False)
class Arrivals:
    """low, high [R, E]: n_eps lies in (low, high]; high is infinite where right-censored."""

    low: Array
    high: Array


def samples_to_gap(curve: Curve, eps: ArrayLike) -> Arrivals:
    """n_eps of every run as an interval of joint samples (claims C3.1, C3.2).

    Parameters
    ----------
    eps : array [E] or [R, E]
        Per-agent gaps > 0 and below the start's, the same for all runs or one row each.

    Returns
    -------
    Arrivals [R, E]. Cost: O(R E C).

    Raises
    ------
    InputError
        eps of another shape, not positive, or not below the gap at the start.
    """
    levels = _check_eps(curve, eps)
    samples = curve.samples.astype(np.float64)
    above = ~(curve.gaps[:, None] <= levels[..., None])  # [R, E, C]; nan counts as above
    next_above = np.minimum.accumulate(np.where(above, samples, np.inf)[..., ::-1], axis=-1)[..., ::-1]
    # a stay can be confirmed early enough only; the start is above eps: checked
    stays = (samples * STAY <= samples[-1]) & (next_above > STAY * samples)
    first, arrived = stays.argmax(-1), stays.any(-1)
    low = np.where(arrived, samples[first - 1], samples[-1] / STAY)
    return Arrivals(low, np.where(arrived, samples[first], np.inf))


def start_fractions(curve: Curve, factors: ArrayLike = FACTORS) -> Array:
    """eps [R, E] = the run's own gap at the start divided by each factor. InputError unless the factors are > 1."""
    values = np.asarray(factors, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not bool((values > 1.0).all() & np.isfinite(values).all()):
        raise InputError(f"factors = {values.tolist()} is not allowed: it must list finite numbers > 1")
    return np.asarray(curve.gaps[:, :1] / values)


def _check_eps(curve: Curve, eps: ArrayLike) -> Array:
    levels = np.asarray(eps, dtype=np.float64)
    runs = len(curve.gaps)
    if levels.ndim == 1:
        levels = np.broadcast_to(levels, (runs, len(levels)))
    if levels.ndim != 2 or len(levels) != runs or not levels.shape[1]:
        raise InputError(f"eps has shape {np.shape(eps)}: it must be [E] or [R, E] with R = {runs}")
    allowed = (levels > 0.0) & (levels < curve.gaps[:, :1])
    if not bool(allowed.all()):
        run, column = (int(k) for k in np.argwhere(~allowed)[0])
        raise InputError(
            f"eps = {levels[run, column]:g} is not allowed: it must be in (0, {curve.gaps[run, 0]:g}), "
            f"below the gap at the start of run {run}"
        )
    return levels

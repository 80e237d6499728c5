"""Least value of a quadratic form x'Sx on the simplex, face by face, with a bound on what rounding can hide.

The minimiser lies inside some face, where it solves a linear system; every face is tried, so the answer is exact but
for rounding. On a face whose curvature (on its tangent space) is below CURVATURE times max|S| no system is solved: a
minimiser inside it can be moved to its edge at a cost of at most twice that curvature, so a smaller face has it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from dgpg_verify.core import InputError, check_finite
from dgpg_verify.equilibria.arrays import EPS, Array
from dgpg_verify.equilibria.games.derivatives import tangent_basis

CURVATURE = 1e-9  # of max|S|: faces flatter than this are not solved
MAX_ACTIONS = 12  # 2^K faces


@dataclass(frozen=True, eq=False)
class SimplexMinimum:
    """upper [F]: value at `point` [F, K], a point of the simplex; lower [F]: no point has a smaller value. Both hold
    with the rounding of the sums included; upper - lower is at most 2e-9 (K + 1) of max|S|."""

    point: Array
    upper: Array
    lower: Array


def minimum_on_simplex(form: ArrayLike) -> SimplexMinimum:
    """Minimum of x'Sx over the simplex for each S of form [F, K, K] (only its symmetric part counts).

    Raises InputError on another shape, K > 12 (2^K faces) or entries that are not finite. Cost: O(F 2^K K^3).
    """
    s = np.asarray(form, dtype=np.float64)
    if s.ndim != 3 or s.shape[1] != s.shape[2] or not 1 <= s.shape[1] <= MAX_ACTIONS:
        raise InputError(f"form has shape {s.shape}: it must be [F, K, K] with K in [1, {MAX_ACTIONS}]")
    check_finite("form", s)
    s = 0.5 * (s + s.swapaxes(1, 2))
    size, count = np.abs(s).max((1, 2)), s.shape[1]
    point, value = np.zeros(s.shape[:2]), np.full(len(s), np.inf)
    for members in range(1, count + 1):
        for face in combinations(range(count), members):
            x = _critical_point(s[:, face][:, :, face], size)
            full = np.zeros_like(point)
            full[:, face] = x
            value_here = np.einsum("fk,fkl,fl->f", full, s, full)
            better = value_here < value
            point[better], value[better] = full[better], value_here[better]
    evaluation = 4.0 * count * EPS * size
    # missed curvature once per dimension, and the solved points' own error, second order at a minimum
    hidden = (2.0 * count * CURVATURE + count * (8.0 * count * EPS / CURVATURE) ** 2) * size
    spectral = np.linalg.eigvalsh(s)[:, 0]  # x'Sx >= least eigenvalue (if negative), as |x| <= 1
    by_spectrum = np.minimum(spectral, 0.0) - 8.0 * count * EPS * size
    lower = np.maximum(value - evaluation - hidden, by_spectrum)
    return SimplexMinimum(point, value + evaluation, lower)


def _critical_point(block: Array, size: Array) -> Array:
    """The stationary point inside a face of each form, or the face's centre where there is no trustworthy one."""
    fleets, count = block.shape[:2]
    centre = np.full((fleets, count), 1.0 / count)
    if count == 1:
        return centre
    basis = tangent_basis(count)
    reduced = basis.T @ block @ basis
    curved = np.linalg.eigvalsh(reduced)[:, 0] > CURVATURE * size
    safe = np.where(curved[:, None, None], reduced, np.eye(count - 1))
    slope = (basis.T @ (block @ centre[..., None]))[..., 0]
    x = centre - np.linalg.solve(safe, slope[..., None])[..., 0] @ basis.T
    inside = curved & (x.min(1) >= -1e-4)  # a point just outside by rounding is pulled back and still evaluated
    x = np.maximum(x, 0.0)
    total = x.sum(1, keepdims=True)
    return np.where(inside[:, None], x / np.where(total > 0, total, 1.0), centre)

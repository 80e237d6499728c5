"""Solution sets of linear equations: the stationary sets of quadratics, singular ones included.

{theta : A theta = c} is empty, a point, or a point plus a linear space. Two such sets are compared with every
distance measured against a rounding bound that each set carries, never against a tolerance chosen by eye.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dgpg_verify.core import InputError, check_finite
from dgpg_verify.equilibria.arrays import EPS, Array


@dataclass(frozen=True, eq=False)
class AffineSet:
    """point + span(basis): point [P] (the one of least norm), basis [P, d] orthonormal; `empty` overrides both.

    residual: largest |A theta - c| at the point; smallest_singular: of the non-zero singular values of A;
    rounding: bound on the distance between the set and its float64 image, per unit of max(1, |point|).
    """

    point: Array
    basis: Array
    residual: float
    smallest_singular: float
    rounding: float
    empty: bool = False

    @property
    def dimension(self) -> int:
        """Dimension of the set, -1 if it is empty."""
        return -1 if self.empty else self.basis.shape[1]

    def distance(self, theta: ArrayLike) -> float:
        """Euclidean distance of theta [P] from the set; infinite if it is empty."""
        if self.empty:
            return float("inf")
        gap = _vector("theta", theta, len(self.point)) - self.point
        return float(np.linalg.norm(gap - self.basis @ (self.basis.T @ gap)))

    def contains(self, theta: ArrayLike) -> bool:
        """Whether theta lies in the set up to the rounding bound."""
        scale = max(1.0, float(np.linalg.norm(self.point)), float(np.linalg.norm(np.asarray(theta))))
        return self.distance(theta) <= self.rounding * scale


def solution_set(matrix: ArrayLike, target: ArrayLike) -> AffineSet:
    """All theta with matrix [R, P] theta = target [R]; singular values below max(R, P) eps of the largest count as 0.

    Raises InputError on shapes that do not fit. Cost: O(R P min(R, P)).
    """
    a = np.asarray(matrix, dtype=np.float64)
    if a.ndim != 2 or 0 in a.shape:
        raise InputError(f"matrix has shape {a.shape}: it must be [R, P] with R, P >= 1")
    check_finite("matrix", a)
    c = _vector("target", target, a.shape[0])
    left, values, right = np.linalg.svd(a)
    cutoff = max(a.shape) * EPS * float(values[0])
    rank = int((values > cutoff).sum())
    kept = values[:rank]
    point = right[:rank].T @ ((left[:, :rank].T @ c) / kept)
    residual = np.abs(a @ point - c)
    smallest = float(kept[-1]) if rank else 0.0
    condition = float(values[0]) / smallest if rank else 1.0
    rounding = 16.0 * max(a.shape) * EPS * condition
    # an equation is inconsistent when what no theta can reach of the target exceeds its own rounding
    unreachable = float(np.linalg.norm(left[:, rank:].T @ c))
    scale = float(np.linalg.norm(c)) + float(values[0]) * float(np.linalg.norm(point))
    empty = unreachable > 16.0 * max(a.shape) * EPS * scale
    return AffineSet(point, right[rank:].T, float(residual.max()), smallest, rounding, empty)


def set_relation(first: AffineSet, second: AffineSet) -> str:
    """Relation of the first set to the second, as in nash/compare.py; an empty set is a subset of every other."""
    if len(first.point) != len(second.point):
        raise InputError(f"the sets live in dimensions {len(first.point)} and {len(second.point)}: they must be equal")
    if first.empty or second.empty:
        return "equal" if first.empty and second.empty else "subset" if first.empty else "superset"
    inside, around = _within(first, second), _within(second, first)
    if inside and around:
        return "equal"
    if inside or around:
        return "subset" if inside else "superset"
    directions = np.concatenate([first.basis, -second.basis], axis=1)
    gap = second.point - first.point
    if directions.shape[1]:
        gap = gap - directions @ np.linalg.lstsq(directions, gap, rcond=None)[0]
    return "intersect" if float(np.linalg.norm(gap)) <= _bound(first, second) else "disjoint"


def _within(inner: AffineSet, outer: AffineSet) -> bool:
    bound = _bound(inner, outer)
    outside = inner.basis - outer.basis @ (outer.basis.T @ inner.basis)
    return outer.distance(inner.point) <= bound and float(np.linalg.norm(outside)) <= bound


def _bound(first: AffineSet, second: AffineSet) -> float:
    scale = max(1.0, float(np.linalg.norm(first.point)), float(np.linalg.norm(second.point)))
    return (first.rounding + second.rounding) * scale


def _vector(name: str, values: ArrayLike, size: int) -> Array:
    vector = np.asarray(values, dtype=np.float64)
    if vector.shape != (size,):
        raise InputError(f"{name} has shape {vector.shape}: it must be [{size}]")
    check_finite(name, vector)
    return vector

"""Two finite sets of equilibria of the same fleets: inclusion and distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dgpg_verify.core import InputError, check_int
from dgpg_verify.equilibria.arrays import Array, Mask
from dgpg_verify.equilibria.games.profiles import Points

SAME_POINT = 1e-7  # two profiles are one point when no agent's strategies differ by more, in total variation
RELATIONS = ("equal", "subset", "superset", "intersect", "disjoint")


def compare_sets(first: ArrayLike, second: ArrayLike) -> NDArray[np.int64]:
    """Relation of two sets of joint actions, bool [F, K, ..., K] each, fleet by fleet: places in RELATIONS, [F].

    "subset" means first is properly inside second; "intersect" that neither contains the other but they share one;
    two empty sets are equal. Raises InputError if the shapes differ. Cost O(F K^N).
    """
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if a.shape != b.shape or a.ndim < 2:
        raise InputError(f"first {a.shape} and second {b.shape} do not fit: they must have one shape [F, K, ..., K]")
    a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    return _relations((a & ~b).any(1), (b & ~a).any(1), (a & b).any(1))


def compare_points(first: Points, second: Points, fleets: int) -> NDArray[np.int64]:
    """compare_sets for finite sets of mixed profiles; points within 1e-7 (total variation) are one.

    Raises InputError when a fleet number is not below `fleets`. Cost O(E1 E2 / F).
    """
    fleets = check_int("fleets", fleets, 1)
    for name, points in (("first", first), ("second", second)):
        if len(points) and (points.fleet.min() < 0 or points.fleet.max() >= fleets):
            raise InputError(f"{name} names fleet {points.fleet.max()}: fleets must be integers in [0, {fleets - 1}]")
    shared = distance_moved(first, second) <= SAME_POINT
    shared_back = distance_moved(second, first) <= SAME_POINT
    marked = (first.fleet[~shared], second.fleet[~shared_back], first.fleet[shared])
    return _relations(*(np.isin(np.arange(fleets), fleet) for fleet in marked))


def _relations(only_a: Mask, only_b: Mask, common: Mask) -> NDArray[np.int64]:
    """The relation per fleet; an empty set counts as a subset, and only then "disjoint" is considered."""
    return np.asarray(np.select([~only_a & ~only_b, ~only_a, ~only_b, common], [0, 1, 2, 3], default=4))


def total_variation(p: Array, other: Array) -> Array:
    """max over agents of half the L1 distance of two profiles [..., N, K]: [...] in [0, 1]."""
    return np.asarray(0.5 * np.abs(p - other).sum(-1).max(-1))


def distance_moved(first: Points, second: Points) -> Array:
    """From each point of `first` to the nearest point of `second` in the same fleet: max_i total variation, [E1].

    inf where the fleet has no point in `second`. Raises InputError if N or K differ. Cost O(E1 E2 / F).
    """
    if first.p.shape[1:] != second.p.shape[1:]:
        raise InputError(
            f"points of (N, K) = {first.p.shape[1:]} and {second.p.shape[1:]} do not fit: they must be the same"
        )
    order = np.argsort(second.fleet, kind="stable")
    ranked = second.fleet[order]
    start, stop = np.searchsorted(ranked, first.fleet, "left"), np.searchsorted(ranked, first.fleet, "right")
    distance = np.full(len(first), np.inf)
    for step in range(int((stop - start).max(initial=0))):
        left = np.flatnonzero(start + step < stop)  # points of `first` with so many candidates
        other = second.p[order[start[left] + step]]
        distance[left] = np.minimum(distance[left], total_variation(first.p[left], other))
    return distance

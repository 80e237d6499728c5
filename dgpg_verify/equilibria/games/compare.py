"""Two finite sets of equilibria of the same fleets: inclusion, value, distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dgpg_verify.core import InputError, check_int
from dgpg_verify.equilibria.games.profiles import Points, expected
from dgpg_verify.equilibria.games.tables import Array, check_table, table_range

SAME_POINT = 1e-7  # two profiles are one point when no agent's strategies differ by more, in total variation
RELATIONS = ("equal", "subset", "superset", "intersect", "disjoint")


def compare_sets(first: ArrayLike, second: ArrayLike) -> NDArray[np.str_]:
    """Relation of two sets of joint actions, bool [F, K, ..., K] each, fleet by fleet: str [F] of RELATIONS.

    "subset" means first is properly inside second; "intersect" that neither contains the other but they share one;
    two empty sets are equal. Raises InputError if the shapes differ. Cost O(F K^N).
    """
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if a.shape != b.shape or a.ndim < 2:
        raise InputError(f"first {a.shape} and second {b.shape} do not fit: they must have one shape [F, K, ..., K]")
    a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    return _relations((a & ~b).any(1), (b & ~a).any(1), (a & b).any(1))


def compare_points(first: Points, second: Points, fleets: int, tolerance: float = SAME_POINT) -> NDArray[np.str_]:
    """compare_sets for finite sets of mixed profiles; points closer than `tolerance` (total variation) are one.

    Returns str [F] of RELATIONS. Raises InputError when a fleet number is not below `fleets`. Cost O(E1 E2 / F).
    """
    fleets = check_int("fleets", fleets, 1)
    for name, points in (("first", first), ("second", second)):
        if len(points) and (points.fleet.min() < 0 or points.fleet.max() >= fleets):
            raise InputError(f"{name} names fleet {points.fleet.max()}: fleets must be integers in [0, {fleets - 1}]")
    found = distance_moved(first, second) <= tolerance
    back = distance_moved(second, first) <= tolerance
    only_a, only_b, both = (np.zeros(fleets, dtype=bool) for _ in range(3))
    only_a[first.fleet[~found]] = True
    only_b[second.fleet[~back]] = True
    both[first.fleet[found]] = True
    return _relations(only_a, only_b, both)


def _relations(only_a: NDArray[np.bool_], only_b: NDArray[np.bool_], both: NDArray[np.bool_]) -> NDArray[np.str_]:
    place = np.select(
        [~only_a & ~only_b, ~only_a, ~only_b, both], [0, 1, 2, 3], default=4
    )  # an empty set is a subset, and has an empty superset, before "disjoint" is asked
    return np.asarray(RELATIONS)[place]


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
        here = np.flatnonzero(start + step < stop)
        other = second.p[order[start[here] + step]]
        distance[here] = np.minimum(distance[here], total_variation(first.p[here], other))
    return distance


@dataclass(frozen=True, eq=False)
class ValueChange:
    """Values in J, [F] each: of an equilibrium of J (base) and of the matching one of J_alpha (value); nan: none.

    loss = (base - value) / range of J, 0 = nothing lost, negative = gained; ratio = value / base (for costs, J < 0,
    above 1 is worse); nan where the range or the base is 0.
    """

    base: Array
    value: Array
    range: Array

    @property
    def loss(self) -> Array:
        return _divide(self.base - self.value, self.range)

    @property
    def ratio(self) -> Array:
        return _divide(self.value, self.base)


def _divide(top: Array, bottom: Array) -> Array:
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom != 0.0)


def value_changes(
    reward: ArrayLike,
    base: Points,
    other: Points,
    reached_base: ArrayLike | None = None,
    reached_other: ArrayLike | None = None,
) -> dict[str, ValueChange]:
    """What is lost in J between the equilibria of J (`base`) and those of J_alpha (`other`).

    Args:
        reward: table of J [F, K, ..., K].
        base, other: the two sets of equilibria.
        reached_base, reached_other: profiles [F, N, K] that a learner reached under J and under J_alpha.

    Returns:
        "best" and "worst" (best against best, worst against worst), "optimum" (the worst of J_alpha against the best of
        J) and, where both profiles are given, "reached".

    Raises InputError as check_table or Points. Cost O(E K^N).
    """
    table = check_table("reward", reward)
    extent = table_range(table)
    (low, high), (other_low, other_high) = (_extremes(table, points) for points in (base, other))
    changes = {
        "best": ValueChange(high, other_high, extent),
        "worst": ValueChange(low, other_low, extent),
        "optimum": ValueChange(high, other_low, extent),
    }
    if reached_base is not None and reached_other is not None:
        changes["reached"] = ValueChange(expected(table, reached_base), expected(table, reached_other), extent)
    return changes


def _extremes(table: Array, points: Points) -> tuple[Array, Array]:
    """Lowest and highest expected value over a fleet's points, [F] each; nan where a fleet has none."""
    low, high = np.full(len(table), np.inf), np.full(len(table), -np.inf)
    if len(points):
        value = expected(table[points.fleet], points.p)
        np.minimum.at(low, points.fleet, value)
        np.maximum.at(high, points.fleet, value)
    none = np.isinf(low)
    return np.where(none, np.nan, low), np.where(none, np.nan, high)

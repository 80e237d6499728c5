"""Cells of C2.1, C2.2 and A2: a batch of fleets of one law, each enumerated on every joint action.

Everything is exact for the table entries: sets of pure equilibria are compared without tolerance, for single alphas
and for all alpha in (0, 1) at once. Of the sets one number a fleet is kept, so that judging can pool as it likes; of
what is described and not judged, sums and samples, so that the evidence stays small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.claims.equilibria.measure.alignment import (
    drawn_games,
    measure_alignment,
    measure_readings,
    measure_team,
)
from dgpg_verify.claims.equilibria.measure.counterexamples import measure_counterexample, measure_quadratic
from dgpg_verify.claims.equilibria.measure.intervals import ALPHAS, ever_gained, ever_lost
from dgpg_verify.claims.equilibria.measure.shift import measure_shift
from dgpg_verify.claims.equilibria.measure.tradeoff import measure_tradeoff
from dgpg_verify.core import Cell
from dgpg_verify.equilibria.arrays import Array, Mask, flat
from dgpg_verify.equilibria.games.profiles import Points, expected
from dgpg_verify.equilibria.games.tables import Tables
from dgpg_verify.equilibria.nash.ascent import reached_equilibrium
from dgpg_verify.equilibria.nash.compare import RELATIONS, compare_points, compare_sets, total_variation
from dgpg_verify.equilibria.nash.nash_conv import certified_points, nash_conv
from dgpg_verify.equilibria.nash.pure import pure_nash
from dgpg_verify.equilibria.nash.stationary import stationary_points
from dgpg_verify.equilibria.nash.two_player import two_player_equilibria
from dgpg_verify.equilibria.shift.alpha_c import alpha_intervals

WHICH = ("best", "worst", "reached")
MAX_LIMITS = 300  # thresholds kept a cell
VALUED = 400  # fleets of the first batch whose equilibria are valued in J


def measure_equilibria(cell: Cell) -> Mapping[str, Any]:
    """Measure one cell; a function of the cell alone."""
    return MEASURES[cell.row.partition("/")[0]](cell)


def equilibrium_cost(cell: Cell) -> float:
    """Rough work of a cell in milliseconds, so that long ones start first."""
    part, fleets = cell.row.partition("/")[0], float(cell.options.get("fleets", 1))
    each = {"pure": 1.5, "readings": 2.0, "mixed": 20.0, "aligned": 12.0, "team": 20.0, "shift": 8.0}
    return fleets * each.get(part, 5.0 * cell.n) * (1.0 + (cell.n == 6) * 6.0)


def measure_pure(cell: Cell) -> dict[str, Any]:
    """Pure equilibrium sets of J and J_alpha, and what their members are worth in J.

    relations uint8 [A + 1, F]: place in RELATIONS of the set of J against that of J_alpha, alphas in order, last for
    every alpha in (0, 1) (lost or gained at some alpha). limits: alpha_c of the first equilibria of J, at most 300.
    Equilibria of all fleets: present of J; lost and foreign [A] at each alpha; for_good: lost at every alpha, and
    fleets_for_good: in how many fleets.
    """
    return pure_sets(drawn_games(cell)[1], bool(cell.options["values"]) and cell.replicate == 0)


def pure_sets(tables: Tables, valued: bool) -> dict[str, Any]:
    """What `measure_pure` keeps, of any games; valued: what their equilibria are worth too."""
    intervals = alpha_intervals(tables)
    of_j = intervals.holds(0.0)
    lost, gained = ever_lost(tables, of_j), ever_gained(intervals, of_j)
    every = np.select([~lost & ~gained, gained & ~lost, lost & ~gained], [0, 1, 2], default=3)
    of_alpha = [intervals.holds(alpha) for alpha in ALPHAS]
    for_good = of_j & (intervals.high == 0.0)
    values: dict[str, Any] = {
        "relations": np.stack([*(compare_sets(of_j, members) for members in of_alpha), every]).astype(np.uint8),
        "limits": intervals.high[of_j][:MAX_LIMITS],
        "never_share": float(1.0 - flat(of_j & ~pure_nash(-tables.guidance)).sum() / of_j.sum()),
        "present": int(of_j.sum()),
        "lost": np.array([(of_j & ~members).sum() for members in of_alpha]),
        "foreign": np.array([(members & ~of_j).sum() for members in of_alpha]),
        "for_good": int(for_good.sum()),
        "fleets_for_good": int(flat(for_good).any(1).sum()),
    }
    if not valued:
        return values
    first = np.arange(tables.fleets) < VALUED
    return values | _values(tables.take(first), of_j[first], [members[first] for members in of_alpha])


def _values(tables: Tables, of_j: Mask, of_alpha: Sequence[Mask]) -> dict[str, Any]:
    """Best, worst and reached equilibrium of J_alpha in J, beside those of J: float32 [3, A, F'] over WHICH.

    loss = (J there - J here) / range; ratio of the two; moved: largest total variation of an agent's policy;
    nash_conv in J as a share of its range. F': fleets in which J is not constant.
    """
    usable = tables.range > 0.0
    kept, of_j = tables.take(usable), of_j[usable]
    base = _chosen(kept.reward, of_j) | {"reached": reached_equilibrium(kept.reward)}
    made: dict[str, list[Array]] = {name: [] for name in ("loss", "ratio", "moved", "nash_conv")}
    for alpha, members in zip(ALPHAS, of_alpha):
        here = _chosen(kept.reward, members[usable]) | {"reached": reached_equilibrium(kept.of(alpha))}
        worth = [(expected(kept.reward, base[w]), expected(kept.reward, here[w])) for w in WHICH]
        made["loss"].append(np.stack([(a - b) / kept.range for a, b in worth]))
        made["ratio"].append(np.stack([b / np.where(a != 0.0, a, -1.0) for a, b in worth]))
        made["moved"].append(np.stack([total_variation(base[w], here[w]) for w in WHICH]))
        made["nash_conv"].append(np.stack([nash_conv(kept.reward, here[w]) / kept.range for w in WHICH]))
    return {name: np.stack(rows, axis=1).astype(np.float32) for name, rows in made.items()}


def _chosen(reward: Array, members: Mask) -> dict[str, Array]:
    """Best and worst marked joint action of each fleet as profiles [F, N, K]; a common-interest game has one always."""
    value, marked = flat(reward), flat(members)
    places = {"best": np.where(marked, value, -np.inf).argmax(1), "worst": np.where(marked, value, np.inf).argmin(1)}
    shape = reward.shape[1:]
    unit = np.eye(shape[0])
    return {name: unit[np.stack(np.unravel_index(place, shape), axis=1)] for name, place in places.items()}


def measure_mixed(cell: Cell) -> dict[str, Any]:
    """Sets with mixed equilibria. relations int8 [A, F]: place in RELATIONS, or -1: not decided.

    Two agents: all equilibria, not decided where a game is degenerate. Three: certified points of either side tested
    on the other, so unequal sets can be seen (reported as "intersect") and equal ones never.
    """
    _, tables = drawn_games(cell)
    relations = _two(tables) if cell.n == 2 else _more(tables)
    return {"relations": np.stack(list(relations)).astype(np.int8)}


def _two(tables: Tables) -> Iterator[NDArray[np.int64]]:
    base = two_player_equilibria(tables.reward)
    for alpha in ALPHAS:
        other = two_player_equilibria(tables.of(alpha))
        decided = ~base.degenerate & ~other.degenerate
        yield np.where(decided, compare_points(base.points, other.points, tables.fleets), -1)


def _more(tables: Tables) -> Iterator[NDArray[np.int64]]:
    base = stationary_points(tables.reward)
    for alpha in ALPHAS:
        mixed = tables.of(alpha)
        unequal = _foreign(base, mixed, tables.fleets)
        unequal |= _foreign(stationary_points(mixed), tables.reward, tables.fleets)
        yield np.where(unequal, RELATIONS.index("intersect"), -1)


def _foreign(points: Points, table: Array, fleets: int) -> Mask:
    """Has a fleet a point that is certainly no equilibrium of the table (NashConv > 1e-6 of its range)? [F]"""
    found = np.zeros(fleets, dtype=bool)
    found[points.fleet[~certified_points(table, points, 1e-6)]] = True
    return found


MEASURES: Mapping[str, Callable[[Cell], dict[str, Any]]] = {
    "pure": measure_pure,
    "readings": measure_readings,
    "mixed": measure_mixed,
    "aligned": measure_alignment,
    "team": measure_team,
    "shift": measure_shift,
    "tradeoff": measure_tradeoff,
    "counterexample": measure_counterexample,
    "quadratic": measure_quadratic,
}

"""What annealing alpha from 0.9 to a floor of 0.2 leaves behind, and what alpha -> 0 would remove.

Every equilibrium set of J_alpha is that of J again in the limit; at a floor above 0 it is not. Shown as curves over
alpha for three kinds of equilibrium: pure ones (they jump, or stay), the unique optimum with entropy, and the
stationary point of the linear-quadratic team (both move smoothly).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dgpg_verify.core import InputError, check_unique
from dgpg_verify.equilibria.arrays import Array, Mask
from dgpg_verify.equilibria.games.profiles import expected
from dgpg_verify.equilibria.games.tables import Tables, check_alpha, table_range
from dgpg_verify.equilibria.nash.compare import total_variation
from dgpg_verify.equilibria.shift.alpha_c import alpha_intervals
from dgpg_verify.equilibria.shift.entropy import entropy_shift, logit_optimum, mixed_temperature
from dgpg_verify.equilibria.shift.first_order import predicted_shift
from dgpg_verify.equilibria.teams.stationary import team_matrices, team_stationary
from dgpg_verify.systems import LinearQuadraticTeam

FLOOR = 0.2  # where the published schedule stops


@dataclass(frozen=True, eq=False)
class PureAnnealing:
    """Counts [A, F] over a grid of alpha: equilibria of J lost in J_alpha, and of J_alpha foreign to J; present [F]:
    equilibria of J; for_good [F]: lost at every alpha > 0; harmless_below [F]: at smaller alpha nothing else differs.
    """

    alphas: tuple[float, ...]
    present: NDArray[np.int64]
    lost: NDArray[np.int64]
    foreign: NDArray[np.int64]
    for_good: NDArray[np.int64]
    harmless_below: Array


@dataclass(frozen=True, eq=False)
class SmoothAnnealing:
    """Over a grid of alpha [A, ...], entropy games with the fleets last, teams without.

    distance from the equilibrium of J (games: the largest total variation of an agent's policy; teams: Euclidean, in
    theta); predicted: the shift law's (nan where J is singular); lost: what J loses there (games: of its unregularised
    value, as a share of its range, negative where it gains; teams: J* - J); certified.
    """

    alphas: tuple[float, ...]
    distance: Array
    predicted: Array
    lost: Array
    certified: Mask


def anneal_pure(tables: Tables, alphas: Sequence[float]) -> PureAnnealing:
    """Pure equilibria lost and gained at each alpha, exact for the table entries, ties included.

    Raises InputError on alphas. Cost: O(F (N K + A) K^N).
    """
    grid = _grid(alphas)
    intervals = alpha_intervals(tables)
    of_j = intervals.holds(0.0)
    at = [intervals.holds(alpha) for alpha in grid]
    axes = tuple(range(1, of_j.ndim))
    enters = np.where((intervals.low <= intervals.high) & ~of_j, intervals.low, 1.0).min(axes)
    leaves = np.where(of_j & (intervals.high > 0.0), intervals.high, 1.0).min(axes)
    return PureAnnealing(
        alphas=grid,
        present=_count(of_j),
        lost=np.stack([_count(of_j & ~members) for members in at]),
        foreign=np.stack([_count(members & ~of_j) for members in at]),
        for_good=_count(of_j & (intervals.high == 0.0)),
        harmless_below=np.minimum(enters, leaves),
    )


def anneal_entropy(tables: Tables, tau: ArrayLike, alphas: Sequence[float], kept: bool = False) -> SmoothAnnealing:
    """Distance of the regularised optimum of J_alpha from that of J; alphas in [0, 1) unless the entropy is `kept`.

    Raises InputError on alphas or tau. Cost: one Newton solve per alpha, each started from the last.
    """
    grid = _grid(alphas)
    if not kept and max(grid) == 1.0:
        raise InputError("alphas holds 1.0: it must lie in [0, 1) unless the entropy is kept whole")
    base = logit_optimum(tables.reward, tau)
    value, spread = expected(tables.reward, base.p), table_range(tables.reward)
    spread = np.where(spread > 0, spread, 1.0)
    rows = []
    for alpha in grid:
        point = logit_optimum(tables.of(alpha), mixed_temperature(tau, alpha, kept), start=base.p)
        move = entropy_shift(tables, tau, base.p, alpha, kept)
        lost = (value - expected(tables.reward, point.p)) / spread
        predicted = total_variation(move, np.zeros_like(move))
        rows.append((total_variation(point.p, base.p), predicted, lost, point.certified & base.certified))
    return SmoothAnnealing(grid, *(np.stack(column) for column in zip(*rows)))


def anneal_team(team: LinearQuadraticTeam, alphas: Sequence[float]) -> SmoothAnnealing:
    """Distance of theta_alpha from theta_J and J* - J(theta_alpha), in closed form; the shift law is exact here."""
    grid = _grid(alphas)
    base = team_stationary(team, 0.0)
    moved = [team_stationary(team, alpha) for alpha in grid]
    # singular teams have sets: the distance is to the set, and the shift law says nothing where J is flat
    distance = np.array([base.points.distance(point.point) for point in moved])
    certified = np.array([point.residual <= point.residual_bound for point in moved])
    predicted = np.full(len(grid), np.nan)
    if base.points.dimension == 0:
        m = team_matrices(team)
        gradient = m.gradient_g(base.point)
        predicted = np.array([np.linalg.norm(predicted_shift(-m.a, m.b, gradient, alpha)) for alpha in grid])
    return SmoothAnnealing(grid, distance, predicted, np.array([point.value_lost for point in moved]), certified)


def _grid(alphas: Sequence[float]) -> tuple[float, ...]:
    return tuple(check_unique("alphas", [check_alpha(alpha) for alpha in alphas]))


def _count(mask: Mask) -> NDArray[np.int64]:
    return np.asarray(mask.reshape(len(mask), -1).sum(1).astype(np.int64))

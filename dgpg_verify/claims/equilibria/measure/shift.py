"""Cells of the shift law: predicted and found move of a stationary point when guidance is mixed in.

Teams and saddles of 2 x 2 games: the law is exact, so only rounding may separate the two. Games with entropy: exact
up to O(shift^2).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.core import Cell
from dgpg_verify.equilibria.games.profiles import expected
from dgpg_verify.equilibria.games.random_games import child_seeds, random_games
from dgpg_verify.equilibria.games.tables import Tables, joint_tables
from dgpg_verify.equilibria.nash.compare import total_variation
from dgpg_verify.equilibria.shift.entropy import entropy_shift, logit_optimum, quadratic_temperature
from dgpg_verify.equilibria.shift.first_order import predicted_shift
from dgpg_verify.equilibria.shift.saddles import guidance_gradient_at, saddles
from dgpg_verify.equilibria.teams.stationary import team_shift, team_stationary
from dgpg_verify.systems import LinearQuadraticTeam

Array = NDArray[np.float64]
SHIFT_ALPHAS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
ENTROPY_ACTIONS = 3
TEAM_LAW = (0.5, 0.3)  # alignment, bias of the reference
WELL_CONDITIONED = 1e-3  # saddles: least |cross difference| of J and of J_alpha, as a share of the range


def measure_shift(cell: Cell) -> dict[str, Any]:
    """predicted, found [A, F]: norms of the move; error [A, F]: of their difference where the vectors are known."""
    return {"saddle": _saddles, "entropy": _entropy, "team": _teams}[str(cell.options["kind"])](cell)


def _saddles(cell: Cell) -> dict[str, Any]:
    """Interior saddles of random 2 x 2 tables of J; G the square of another table's difference, so that both bend."""
    rng = np.random.default_rng(np.random.SeedSequence(cell.seed, spawn_key=(23,)))
    count = int(cell.options["fleets"])
    tables = Tables(rng.normal(size=(20 * count, 2, 2)), rng.normal(size=(20 * count, 2, 2)))
    base = saddles(tables.reward)
    bend = np.min([np.abs(saddles(tables.of(a)).cross) for a in (0.0, *SHIFT_ALPHAS)], axis=0)
    kept = np.flatnonzero(base.interior & (bend > WELL_CONDITIONED * tables.range))[:count]
    tables = tables.take(kept)
    base = saddles(tables.reward)
    slope, bent = guidance_gradient_at(tables, base), saddles(tables.guidance).hessian()
    predicted = np.stack([predicted_shift(base.hessian(), bent, slope, a) for a in SHIFT_ALPHAS])
    found = np.stack([saddles(tables.of(a)).point - base.point for a in SHIFT_ALPHAS])
    return _norms(predicted, found)


def _entropy(cell: Cell) -> dict[str, Any]:
    """Unique optima of games with entropy (quadratic cost, tau from the bound that makes J strongly concave).

    Distances are the largest total variation of an agent's policy; lost is what J without its entropy loses, as a
    share of its range, negative where it gains.
    """
    games = random_games(int(cell.options["fleets"]), cell.n, ENTROPY_ACTIONS, "quadratic", "biased:0.3", cell.seed)
    tables, tau = joint_tables(games), np.array([quadratic_temperature(game) for game in games])
    start = logit_optimum(tables.reward, tau)
    worth = expected(tables.reward, start.p)
    made: dict[str, list[Any]] = {name: [] for name in ("predicted", "found", "lost", "certified")}
    for alpha in SHIFT_ALPHAS:
        end = logit_optimum(tables.of(alpha), (1.0 - alpha) * tau, start=start.p)
        move = entropy_shift(tables, tau, start.p, alpha)
        made["predicted"].append(total_variation(move, np.zeros_like(move)))
        made["found"].append(total_variation(end.p, start.p))
        made["lost"].append((worth - expected(tables.reward, end.p)) / np.where(tables.range > 0, tables.range, 1.0))
        made["certified"].append(end.certified & start.certified)
    found = {name: np.stack(rows) for name, rows in made.items()}
    return found | {"error": np.abs(found["predicted"] - found["found"])}


def _norms(predicted: Array, found: Array) -> dict[str, Any]:
    norms = [np.linalg.norm(values, axis=-1) for values in (predicted, found, predicted - found)]
    return dict(zip(("predicted", "found", "error"), norms))


def _teams(cell: Cell) -> dict[str, Any]:
    """Quadratic teams with a biased reference and unequal weights: closed forms against the law, as vectors."""
    made: dict[str, list[Array]] = {"predicted": [], "found": [], "lost": []}
    for seed in child_seeds(int(cell.options["fleets"]), cell.seed):
        team = LinearQuadraticTeam.random(cell.n, seed, *TEAM_LAW)
        start = team_stationary(team, 0.0).point
        ends = [team_stationary(team, alpha) for alpha in SHIFT_ALPHAS]
        made["predicted"].append(np.stack([team_shift(team, start, alpha) for alpha in SHIFT_ALPHAS]))
        made["found"].append(np.stack([end.point - start for end in ends]))
        made["lost"].append(np.array([end.value_lost for end in ends]))
    predicted, found, lost = (np.stack(made[name], axis=1) for name in ("predicted", "found", "lost"))
    return _norms(predicted, found) | {"lost": lost}

"""Cells of A2 and of the readings of alignment: where grad J and -grad G agree, in games and in quadratic teams.

A cosine counts as negative only where the inner product is below minus its own rounding bound, and is undefined where
one of the gradients has vanished (equilibria/alignment/).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.claims.equilibria.measure.intervals import ALPHAS, ever_gained, ever_lost
from dgpg_verify.claims.subjects import one_shot_probabilities
from dgpg_verify.core import Cell
from dgpg_verify.equilibria.alignment.points import alignment_at
from dgpg_verify.equilibria.alignment.signs import sign_agreement, tied_descents
from dgpg_verify.equilibria.alignment.simplex import simplex_alignment
from dgpg_verify.equilibria.alignment.softmax import softmax_alignment
from dgpg_verify.equilibria.arrays import Array, flat
from dgpg_verify.equilibria.games.random_games import child_seeds, games_with_tables
from dgpg_verify.equilibria.games.tables import Tables
from dgpg_verify.equilibria.nash.compare import RELATIONS
from dgpg_verify.equilibria.nash.pure import pure_nash
from dgpg_verify.equilibria.shift.alpha_c import alpha_intervals
from dgpg_verify.equilibria.teams.affine_sets import set_relation
from dgpg_verify.equilibria.teams.stationary import misaligned_point, team_inner, team_matrices, team_stationary
from dgpg_verify.policies import make_policy
from dgpg_verify.systems import LinearQuadraticTeam, LoadBalancingGame
from dgpg_verify.systems.resource_game import ResourceGame

UNDEFINED = 2.0  # stands for an undefined cosine in stored arrays
TEAM_POINTS = ("start", "toward:0.5", "toward:0.9", "random")
TEAM_RANDOM = 8
PERFECT = "perfect"  # the reference of the control: J = -cG + const
# policies at which A2 is measured, one-shot games; random: softmax of standard normal logits
POLICIES = ("uniform", "least_committed:1", "least_committed:0.3", "random", "near_equilibrium")
RANDOM_POLICIES = 4  # draws of it
NEAR = 0.05  # "near_equilibrium": the best pure equilibrium of J, with this share spread evenly


def measure_alignment(cell: Cell) -> dict[str, Any]:
    """Softmax coordinates: joint and per agent at every policy of POLICIES.

    joint (float32), negative [F, S]: cosine (2: undefined) and whether it is certainly below 0; agents_negative and
    agents_defined [F, S]: how many agents; policy uint8 [S]: place in POLICIES of each profile.
    """
    games, tables = drawn_games(cell)
    profiles, policy = policy_profiles(games, tables, cell.seed)
    return cosines(tables, profiles) | {"policy": policy}


def cosines(tables: Tables, profiles: Array) -> dict[str, Any]:
    """Joint cosines and negative ones, and how many agents have such, of any games at profiles [F, S, N, K]; fields
    as in `measure_alignment`."""
    found = alignment_at(tables, profiles, "softmax")
    return {
        "joint": np.where(np.isfinite(found.cosine), found.cosine, UNDEFINED).astype(np.float32),
        "negative": found.negative,
        "agents_negative": found.agent_negative.sum(-1).astype(np.uint8),
        "agents_defined": np.isfinite(found.agent_cosine).sum(-1).astype(np.uint8),
    }


def drawn_games(cell: Cell) -> tuple[list[LoadBalancingGame], Tables]:
    """The fleets of a cell and their tables."""
    options = cell.options
    return games_with_tables(options["fleets"], cell.n, options["k"], options["cost"], options["reference"], cell.seed)


def policy_profiles(
    games: Sequence[ResourceGame], tables: Tables, seed: int, names: Sequence[str] = POLICIES
) -> tuple[Array, NDArray[np.uint8]]:
    """Profiles [F, S, N, K] of the declared policies, and the place in `names` of each of them [S]."""
    shape = (len(games), tables.n_agents, tables.n_actions)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(21,)))
    made: list[tuple[int, Array]] = []
    for place, name in enumerate(names):
        if name == "uniform":
            made.append((place, np.full(shape, 1.0 / tables.n_actions)))
        elif name == "random":
            made += [(place, _softmax(rng.normal(size=shape))) for _ in range(RANDOM_POLICIES)]
        elif name == "near_equilibrium":
            best = np.where(pure_nash(tables.reward), tables.reward, -np.inf).reshape(len(games), -1).argmax(1)
            vertex = np.eye(shape[2])[np.stack(np.unravel_index(best, tables.reward.shape[1:]), axis=1)]
            made.append((place, (1.0 - NEAR) * vertex + NEAR / shape[2]))
        else:
            policies = (make_policy(f"heuristic:{name}", game) for game in games)
            made.append((place, np.stack([one_shot_probabilities(g, p) for g, p in zip(games, policies)])))
    p = np.stack([profile for _, profile in made], axis=1)
    return p / p.sum(-1, keepdims=True), np.array([place for place, _ in made], dtype=np.uint8)


def _softmax(logits: Array) -> Array:
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(weights / weights.sum(-1, keepdims=True))


def measure_readings(cell: Cell) -> dict[str, Any]:
    """Which readings of alignment hold in each fleet of two agents, and which inclusions fail at some alpha; bool [F].

    simplex: at every profile, jointly (each: agent by agent), exact up to a resolution of 2e-8 of the forms
    (simplex_negative: certainly not); signs:
    sign agreement; perfect: J = -cG + const; misaligned: a softmax profile with a negative product was found.
    lost, gained: at some alpha in (0, 1); strict_lost: a strict equilibrium of J at one of ALPHAS.
    """
    _, tables = drawn_games(cell)
    intervals = alpha_intervals(tables)
    of_j = intervals.holds(0.0)
    strict = pure_nash(tables.reward, strict=True)
    simplex, softmax = simplex_alignment(tables), softmax_alignment(tables)
    fails = [flat(strict & ~intervals.holds(alpha)).any(1) for alpha in ALPHAS]
    return {
        "simplex": simplex.aligned,
        "simplex_negative": simplex.negative,
        "each": np.asarray((simplex.agent_lower >= -simplex.resolution[:, None]).all(1)),
        "signs": sign_agreement(tables),
        "perfect": softmax.aligned,
        "misaligned": softmax.negative,
        "tied": tied_descents(tables),
        "lost": ever_lost(tables, of_j),
        "gained": ever_gained(intervals, of_j),
        "strict_lost": np.any(fails, axis=0),
    }


def measure_team(cell: Cell) -> dict[str, Any]:
    """Alignment of quadratic teams at declared points, a witness anywhere, and their stationary sets over alpha.

    negative bool [F, S], agents_negative [F, S], cosine [F, S] (2: undefined), point uint8 [S]: place in TEAM_POINTS;
    witness bool [F]; relations uint8 [A, F]; distance, lost [A, F]: |theta_alpha - S_J| and J* - J(theta_alpha).
    """
    options = cell.options
    made: dict[str, list[Any]] = {name: [] for name in ("cosine", "negative", "agents_negative", "witness")}
    over: dict[str, list[Any]] = {name: [] for name in ("relations", "distance", "lost")}
    for seed in child_seeds(options["fleets"], cell.seed):
        team = LinearQuadraticTeam.random(cell.n, seed, options["alignment"], options["bias"])
        for name, value in zip(made, _team_alignment(team, seed)):
            made[name].append(value)
        base = team_stationary(team, 0.0)
        here = [team_stationary(team, alpha) for alpha in ALPHAS]
        over["relations"].append([RELATIONS.index(set_relation(base.points, one.points)) for one in here])
        over["distance"].append([base.points.distance(one.point) for one in here])
        over["lost"].append([one.value_lost for one in here])
    places = [0, 1, 2, *[3] * TEAM_RANDOM]
    return (
        {name: np.stack(rows) for name, rows in made.items()}
        | {name: np.array(rows).T for name, rows in over.items()}
        | {"point": np.array(places, dtype=np.uint8)}
    )


def _team_alignment(team: LinearQuadraticTeam, seed: int) -> Iterator[Any]:
    """cosine, negative, agents_negative at the points, and whether a misaligned theta was found anywhere."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(22,)))
    optimum = team_stationary(team, 0.0).point
    drawn = rng.normal(size=(TEAM_RANDOM, len(optimum)))
    theta = np.concatenate([np.stack([0.0 * optimum, 0.5 * optimum, 0.9 * optimum]), drawn])
    inner, rounding = team_inner(team, theta)
    matrices = team_matrices(team)
    up, down = matrices.gradient_j(theta), -matrices.gradient_g(theta)
    lengths = np.linalg.norm(up, axis=1) * np.linalg.norm(down, axis=1)
    defined = lengths > 1e-18 * lengths[0]
    yield np.where(defined, inner / np.where(defined, lengths, 1.0), UNDEFINED)
    yield defined & (inner < -rounding)
    # the joint bound is a sum over agents, so it bounds each of them
    yield (up * down < -rounding[:, None]).sum(1)
    yield misaligned_point(team) is not None

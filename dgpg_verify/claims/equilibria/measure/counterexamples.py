"""Cells of C2.1 and C2.2: stored counterexamples, proved again from the definition in exact arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from dgpg_verify.core import Cell
from dgpg_verify.equilibria.alignment.points import gradient
from dgpg_verify.equilibria.counterexamples.certificate import Counterexample, game_of, verify
from dgpg_verify.equilibria.counterexamples.files import load
from dgpg_verify.equilibria.counterexamples.quadratic import (
    SINGULAR,
    SMALLEST_SINGULAR,
    UNALIGNED_EQUAL,
    QuadraticTeam,
    equal_but_misaligned,
    loses_a_point,
    misaligned_points,
)
from dgpg_verify.equilibria.counterexamples.words import in_words
from dgpg_verify.equilibria.exact.rational import HALF
from dgpg_verify.equilibria.games.tables import Tables
from dgpg_verify.equilibria.nash.two_player import two_player_equilibria

SINGULAR_WORDS = "T2: aligned at every theta, no foreign stationary point arises; one of J stays where its Hessian is "
SINGULAR_WORDS += "nonsingular. It can be lost where it is singular: "
SINGULAR_TEAMS: Mapping[str, tuple[QuadraticTeam, tuple[int, int], str]] = {
    "singular": (SINGULAR, (0, 0), "J = -1/2 theta_1^2, G = 1/2 theta_1^2 + 1/2 (theta_2 - 1)^2, theta = (0, 0)"),
    "smallest-singular": (SMALLEST_SINGULAR, (1, 0), "J = -1/2 theta_2^2, G = 1/2 |theta|^2, theta = (1, 0)"),
}
FIELD = "fluid-quadratic-gained"  # the declared game of the drawn field: fluid reference, two agents, two actions
GRID = 11  # points a side


def measure_counterexample(cell: Cell) -> dict[str, Any]:
    """The statements of one stored example that are false (none, or it proves nothing), and the example in words."""
    name = str(cell.options["form"])
    example = load(name)
    values: dict[str, Any] = {
        "failed": verify(example),
        "words": in_words(example),
        "gain": float(example.gain),
        "gain_exact": str(example.gain),
        "alpha": str(example.form.alpha),
        "examined": example.examined,
    }
    return values | ({"field": field_of(example)} if name == FIELD else {})


def field_of(example: Counterexample) -> dict[str, Any]:
    """grad J and grad J_alpha over the chances of the second action, and the equilibria of both, for two agents."""
    game, alpha = game_of(example), float(example.form.alpha)
    shape = (1, *(game.n_actions,) * game.n_agents)
    tables = Tables(*(np.array([*map(float, table.values())]).reshape(shape) for table in (game.reward, game.guidance)))
    axis = np.linspace(0.0, 1.0, GRID)
    p1, p2 = (grid.ravel() for grid in np.meshgrid(axis, axis, indexing="ij"))
    profile = np.stack([np.stack([1.0 - p, p], axis=-1) for p in (p1, p2)], axis=1)[None]
    made: dict[str, Any] = {"alpha": alpha, "p1": p1, "p2": p2}
    for label, table in (("j", tables.reward), ("mixed", tables.of(alpha))):
        slope = gradient(table, profile, "simplex")[0]  # [S, 2, 2], projected: second minus first is twice the second
        points = two_player_equilibria(table).points.p
        for agent in (0, 1):
            made[f"{label}_slope_{agent + 1}"] = 2.0 * slope[:, agent, 1]
            made[f"{label}_equilibria_{agent + 1}"] = points[:, agent, 1]
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in made.items()}


def measure_quadratic(cell: Cell) -> dict[str, Any]:
    """One quadratic example of T1 and T2, proved in fractions: what fails, what it shows, in words."""
    name = str(cell.options["form"])
    if name == "unaligned-equal":
        return _equal_unaligned()
    team, point, words = SINGULAR_TEAMS[name]
    lost = loses_a_point(team, point, HALF)
    return {
        "failed": [] if lost else ["the point is stationary for J, not for J_alpha, and J is aligned everywhere"],
        "words": f"{SINGULAR_WORDS}{words}.",
        "claim": "Aligned at every theta, J_alpha keeps every stationary point of J.",
        "gain": float(max(abs(d) for d in team.gradients(point)[1])),
    }


def _equal_unaligned() -> dict[str, Any]:
    team = UNALIGNED_EQUAL
    theta, inner = next(misaligned_points(team), ((0, 0), Fraction(0)))
    statements = {"one target, Z invertible, not aligned": equal_but_misaligned(team), "negative product": inner < 0}
    return {
        "failed": [text for text, holds in statements.items() if not holds],
        "words": f"Alignment is sufficient, not necessary: Z = {team.influence}, weights {team.weights}, J and G of "
        f"the same target: one stationary point for every alpha, and <grad J, -grad G> = {inner} at theta = {theta}.",
        "claim": "Where J and J_alpha have the same stationary points for every alpha, they are aligned.",
        "gain": float(inner),
    }

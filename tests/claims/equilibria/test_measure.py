"""Cells of C2.1, C2.2 and A2: their design, and what they store against plain loops over exact fractions."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest

from dgpg_verify.claims.equilibria.design import SCALES, SHUFFLED, SIZE, equilibrium_design
from dgpg_verify.claims.equilibria.measure import games as equilibrium_cells
from dgpg_verify.claims.equilibria.measure.alignment import drawn_games
from dgpg_verify.claims.equilibria.measure.games import MEASURES, measure_equilibria, measure_pure
from dgpg_verify.claims.equilibria.measure.intervals import ALPHAS, ever_gained, ever_lost
from dgpg_verify.claims.equilibria.measure.tradeoff import TEAM, followed_equilibrium, followed_optimum, game_cost
from dgpg_verify.core import Cell
from dgpg_verify.equilibria.games.tables import Tables
from dgpg_verify.equilibria.nash.compare import RELATIONS
from dgpg_verify.equilibria.shift.alpha_c import alpha_intervals
from dgpg_verify.equilibria.teams.stationary import team_matrices
from dgpg_verify.runs.cells import cell_file
from dgpg_verify.systems import LinearQuadraticTeam, LoadBalancingGame
from tests.claims.equilibria.evidence import cell_of, changes_of, game_cell, plain_every, plain_set

PARTS = sorted(MEASURES)


def cells_of(scale: str, seed: int) -> list[Cell]:
    return [cell for row in equilibrium_design(scale, PARTS) for cell in row.cells(seed)]


@pytest.mark.parametrize("scale", SCALES)
def test_every_cell_has_a_key_of_its_own(scale: str) -> None:
    cells = cells_of(scale, 0)
    keys = [(cell.row, cell.n, cell.replicate) for cell in cells]
    assert len(set(keys)) == len(set(map(cell_file, cells))) == len(cells)
    assert {part for cell in cells for part in [cell.row.partition("/")[0]]} == set(PARTS)
    assert not {cell.seed for cell in cells} & {cell.seed for cell in cells_of(scale, 1)}


def test_references_share_their_fleets_and_nothing_else_does() -> None:
    seeds = defaultdict(set)
    for cell in cells_of("full", 0):
        part, law = cell.row.partition("/")[0], cell.options.get("cost", cell.row)
        seeds[part, law, cell.n, cell.options.get("k"), cell.replicate].add(cell.seed)
    assert {len(found) for found in seeds.values()} == {1}
    assert len(set.union(*seeds.values())) == len(seeds)


def test_the_same_fleets_are_drawn_for_every_reference() -> None:
    references = ("fluid", "perfect", "speed_aware", SHUFFLED)
    made = {r: drawn_games(game_cell("pure", 3, 2, 4, "mm1", r))[1] for r in references}
    base = made.pop("fluid")
    for name, tables in made.items():
        np.testing.assert_array_equal(tables.reward, base.reward, name)
        assert (tables.guidance != base.guidance).any(), name


TINY = [
    *[game_cell(part, n, k, 3, "delay") for part, n, k in (("pure", 4, 3), ("readings", 2, 3), ("aligned", 4, 3))],
    *[game_cell("mixed", n, 2, 3, "mm1", r) for n in (2, 3) for r in ("fluid", "perfect")],
    *[cell_of("shift", n, kind=kind, fleets=2) for kind, n in (("saddle", 2), ("entropy", 3), ("team", 4))],
    *[cell_of("tradeoff", 6, kind=kind) for kind in ("team", "game")],
    cell_of("team", 5, alignment=0.5, bias=0.3, fleets=2),
    cell_of("counterexample", 2, form="fluid-quadratic-gained"),
    cell_of("quadratic", 2, form="smallest-singular"),
]


@pytest.mark.parametrize("cell", TINY, ids=lambda cell: f"{cell.row},N={cell.n}")
def test_a_cell_gives_the_same_numbers_twice(cell: Cell) -> None:
    first, again = (measure_equilibria(cell) for _ in range(2))
    assert first.keys() == again.keys()
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name], name)


def test_every_part_was_measured_twice_and_another_batch_differs() -> None:
    assert sorted({cell.row.partition("/")[0] for cell in TINY}) == PARTS
    batches = [measure_pure(game_cell("pure", 4, 3, 3)), measure_pure(cell_of("pure", 4, 1, **TINY[0].options))]
    assert (
        len(batches[0]["limits"]) != len(batches[1]["limits"]) or (batches[0]["limits"] != batches[1]["limits"]).any()
    )


def integer_tables(fleets: int, n: int, k: int, rng: np.random.Generator) -> Tables:
    """Few different entries, so that ties in J, in G and in J_alpha are common; every third fleet has G = -2 J."""
    shape = (fleets, *(k,) * n)
    reward, guidance = rng.integers(-2, 3, shape), rng.integers(-2, 3, shape)
    guidance[::3] = -2 * reward[::3]
    return Tables(reward, guidance)


SHAPES = ((1, 3), (2, 2), (2, 3), (3, 2))


@pytest.mark.parametrize("n, k", SHAPES)
@pytest.mark.parametrize("law", ["integers", "fleets"])
def test_lost_and_gained_at_some_alpha(n: int, k: int, law: str, seed: int) -> None:
    """Against every alpha that could decide and a fine grid, exact on both sides: no false alarm.

    That none of 24 random fleets loses or gains has probability under 1e-10.
    """
    rng = np.random.default_rng([seed, n, k])
    drawn = drawn_games(game_cell("pure", n, k, 12, "delay"))[1]
    tables = integer_tables(36, n, k, rng) if law == "integers" else drawn
    intervals = alpha_intervals(tables)
    of_j = intervals.holds(0.0)
    lost, gained = ever_lost(tables, of_j), ever_gained(intervals, of_j)
    plain = [plain_every(changes_of(*pair)) for pair in zip(tables.reward, tables.guidance)]
    assert list(zip(lost, gained)) == plain
    if law == "integers":  # there is something to tell: G = -2 J changes nothing, and some of 24 other fleets do
        assert set(plain[::3]) == {(False, False)} < set(plain)


# one agent, three actions: is action 0, no equilibrium of J, one of J_alpha at some alpha in (0, 1)?
EDGES: dict[str, tuple[list[float], list[float], bool]] = {
    "at one alpha only": ([0.0, 1.0, -1.0], [0.0, 1.0, -1.0], True),
    "at none, by one unit in the last place": ([0.0, 1.0, -1.0], [0.0, 1.0, -1.0 - 2.0**-52], False),
    "on an interval of that width": ([0.0, 1.0, -1.0], [0.0, 1.0, -1.0 + 2.0**-53], True),
    "at alpha = 1 alone": ([0.0, 1.0, -1.0], [0.0, 0.0, 0.0], False),
    "from an alpha that rounds to 1": ([0.0, 1.0, -1.0], [0.0, 1e-30, 0.0], True),
    "below every float but 0": ([0.0, 5e-324, -1.0], [0.0, 1e150, 0.0], True),
    "never": ([0.0, 1.0, -1.0], [0.0, -1.0, 0.0], False),
}


@pytest.mark.parametrize("reward, guidance, found", EDGES.values(), ids=EDGES.keys())
def test_ends_of_intervals_are_decided_exactly(reward: list[float], guidance: list[float], found: bool) -> None:
    """Joint actions beside action 0 are watched too: the plain loop says the same of the whole game."""
    tables = Tables(np.array([reward]), np.array([guidance]))
    changes = changes_of(tables.reward[0], tables.guidance[0])
    only = np.array([[False, True, True]])  # leaves action 0 as the one that could be gained
    assert ever_gained(alpha_intervals(tables), only)[0] == found
    assert plain_every({(0,): changes[0,]})[1] == found


CODES = {(False, False): 0, (False, True): 1, (True, False): 2, (True, True): 3}


def relation(first: set[Any], second: set[Any]) -> str:
    """Of the set of J against that of J_alpha; "subset": J's is properly inside."""
    if first == second:
        return "equal"
    if first < second:
        return "subset"
    if first > second:
        return "superset"
    return "intersect" if first & second else "disjoint"


@pytest.mark.parametrize("n, k", [(2, 2), (2, 3), (3, 2)])
@pytest.mark.parametrize("law", ["integers", "fleets"])
def test_pure_cells_store_what_enumeration_finds(
    n: int, k: int, law: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relations at each alpha and at all of them, thresholds, best and worst: every change of one agent played."""
    cell = game_cell("pure", n, k, 12, "quadratic", "biased:0.3")
    if law == "integers":
        tables = integer_tables(24, n, k, np.random.default_rng([seed, 7, n, k]))
        monkeypatch.setattr(equilibrium_cells, "drawn_games", lambda _: ([], tables))
    else:
        tables = drawn_games(cell)[1]
    stored = measure_pure(cell)
    limits, seen, kept = [], set(), np.flatnonzero(tables.range > 0.0)
    for f, (reward, guidance) in enumerate(zip(tables.reward, tables.guidance)):
        changes = changes_of(reward, guidance)
        base = plain_set(changes, Fraction(0))
        for place, alpha in enumerate(ALPHAS):
            here = plain_set(changes, Fraction(alpha))
            said = RELATIONS[stored["relations"][place, f]]
            seen.add(said)
            assert said == relation(base, here), (f, alpha)
            if f in kept:
                lost = [pick(reward[a] for a in base) - pick(reward[a] for a in here) for pick in (max, min)]
                own = stored["loss"][:2, place, list(kept).index(f)] * tables.range[f]
                np.testing.assert_allclose(own, lost, atol=1e-6 * max(1.0, np.abs(reward).max()))  # kept in float32
        assert stored["relations"][-1, f] == CODES[plain_every(changes)]
        limits += [min([j / (j + g) for j, g in changes[a] if g < 0], default=Fraction(1)) for a in sorted(base)]
    np.testing.assert_allclose(stored["limits"], [float(limit) for limit in limits], rtol=1e-15)
    assert stored["never_share"] == pytest.approx(sum(limit == 1 for limit in limits) / len(limits), abs=1e-12)
    assert law == "fleets" or len(seen) > 1


def mixed_cost(game: LoadBalancingGame, actions: tuple[int, ...], alpha: float) -> float:
    """-J_alpha of one joint action from the definition: the quadratic cost and the guidance, server by server."""
    x = game.background.tolist()
    for i, k in enumerate(actions):
        server = int(game.candidates[i, k])
        x[server] += float(game.jobs[i]) / float(game.capacity[server])
    pairs = list(zip(x, game.weights.tolist(), game.target.tolist(), game.reference_state.tolist()))
    return sum((1 - alpha) * 0.5 * h * (u - t) ** 2 + alpha * 0.5 * (u - r) ** 2 for u, h, t, r in pairs)


@pytest.mark.parametrize("alpha", [0.0, 0.2, 0.55, 0.9, 1.0])
def test_a_followed_equilibrium_is_one(alpha: float, seed: int) -> None:
    """Every change of one agent is played; the rule stops at gains of 1e-12 of what a reply costs."""
    moved = 0
    for fleet in range(12):
        game = LoadBalancingGame.random(5, 100 * seed + fleet, n_candidates=3, reference="biased:0.3")
        start = np.random.default_rng([seed, fleet]).integers(0, 3, 5)
        found = followed_equilibrium(game, alpha, start)
        here = mixed_cost(game, tuple(found), alpha)
        slack = 1e-11 * (1.0 + here)
        for i, k in product(range(5), range(3)):
            assert here <= mixed_cost(game, (*found[:i], k, *found[i + 1 :]), alpha) + slack
        assert here <= mixed_cost(game, tuple(start), alpha) + slack
        assert game_cost(game, found) == pytest.approx(mixed_cost(game, tuple(found), 0.0), rel=1e-12)
        np.testing.assert_array_equal(followed_equilibrium(game, alpha, found), found)  # an equilibrium stays
        moved += bool((found != start).any())
    assert moved > 6


@pytest.mark.parametrize("alpha", [0.0, 0.2, 1.0])
def test_a_followed_optimum_has_no_slope(alpha: float, seed: int) -> None:
    """d J_alpha / d theta_i in plain loops over the columns of Z; 1e-11 of its largest term covers the rounding."""
    team = LinearQuadraticTeam.random(6, seed, *TEAM)
    theta = followed_optimum(team_matrices(team), alpha)
    columns = [dict(zip(rows, values)) for rows, values in zip(team.index.tolist(), team.value.tolist())]
    h, aim, reference = (t.tolist() for t in (team.weights, team.optimum, team.reference_state))
    x = [sum(column.get(m, 0.0) * t for column, t in zip(columns, theta)) for m in range(len(h))]
    for column in columns:
        terms = [z * ((1 - alpha) * h[m] * (x[m] - aim[m]) + alpha * (x[m] - reference[m])) for m, z in column.items()]
        assert abs(sum(terms)) <= 1e-11 * max(map(abs, terms))


def test_values_in_j_are_kept_at_the_leading_size_alone() -> None:
    """The rows that lead are enumerated at one declared size, at every scale."""
    for scale in SCALES:
        cells = [cell for cell in cells_of(scale, 0) if cell.row.startswith("pure/") and cell.options["values"]]
        assert {(cell.n, cell.options["k"]) for cell in cells} == {SIZE}

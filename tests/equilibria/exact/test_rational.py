"""Exact games against the float64 system, against hand cases, and against the definitions by another way."""

from __future__ import annotations

import math
from fractions import Fraction as F
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.exact import polynomials
from dgpg_verify.equilibria.exact.alignment import simplex_minimum, softmax_alignment
from dgpg_verify.equilibria.exact.ascent import exact_ascent, project, settled
from dgpg_verify.equilibria.exact.rational import (
    RationalFleet,
    RationalGame,
    action_values,
    check_fleet,
    check_mixed,
    fleet_game,
    fleet_of,
    nash_conv,
    pure_nash,
    sign_agreement,
    simplex_products,
    softmax_gradient,
    softmax_products,
    table_game,
    uniform,
    vertex,
)
from dgpg_verify.systems import LoadBalancingGame
from dgpg_verify.testing import load_balancing_games

SMALL = st.integers(-6, 6).map(F)


@st.composite
def tables(draw: st.DrawFn, n: int = 2, k: int = 2) -> RationalGame:
    size = k**n
    return table_game(n, k, *(draw(st.lists(SMALL, min_size=size, max_size=size)) for _ in range(2)))


@given(load_balancing_games(max_agents=3))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_tables_are_those_of_the_float64_system(game: LoadBalancingGame) -> None:
    exact = fleet_game(fleet_of(game))
    profiles = list(exact.profiles())
    moved = game.step(game.start(torch.zeros(len(profiles), 1, 0)), torch.tensor(profiles))
    guidance = 0.5 * ((moved.x - moved.reference) ** 2).sum(-1)
    for row, profile in enumerate(profiles):
        scale = 1 + abs(float(exact.reward[profile])) + abs(float(exact.guidance[profile]))
        assert abs(float(moved.reward[row]) - float(exact.reward[profile])) <= 1e-9 * scale
        assert abs(float(guidance[row]) - float(exact.guidance[profile])) <= 1e-9 * scale


def test_hand_case() -> None:
    """Jobs 1 and 2 on servers of capacity 1 and 4, cost capacity x utilisation^2, reference idle."""
    game = fleet_game(RationalFleet((1, 2), (1, 4), ((0, 1), (0, 1)), (0, 0)))
    assert game.reward == {(0, 0): -9, (0, 1): -2, (1, 0): F(-17, 4), (1, 1): F(-9, 4)}
    assert game.guidance == {(0, 0): F(9, 2), (0, 1): F(5, 8), (1, 0): F(65, 32), (1, 1): F(9, 32)}
    assert pure_nash(game, game.reward) == [(0, 1)]
    assert pure_nash(game, game.of(F(1, 2))) == [(1, 1)]


@given(tables(n=2, k=3))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_pure_equilibria_are_the_vertices_without_gain(game: RationalGame) -> None:
    still = [a for a in game.profiles() if nash_conv(game.reward, vertex(a, 3)) == 0]
    assert still == pure_nash(game, game.reward)


def test_nash_conv_of_a_mixed_profile() -> None:
    """Matching coins against oneself: (1/3, 2/3) twice loses 1/3 - 2/9 ... computed by hand."""
    game = table_game(2, 2, [1, 0, 0, 1], [0, 0, 0, 0])
    p = ((F(1, 3), F(2, 3)),) * 2
    assert action_values(game.reward, p, 0) == [F(1, 3), F(2, 3)]
    assert nash_conv(game.reward, p) == 2 * (F(2, 3) - F(5, 9))
    assert nash_conv(game.reward, uniform(2, 2)) == 0


@given(tables(n=2, k=3), st.integers(0, 1))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_softmax_gradient_is_the_derivative_in_the_logits(game: RationalGame, agent: int) -> None:
    logits = [[0.3, -0.2, 0.1], [0.0, 0.4, -0.5]]

    def mixed(rows: list[list[float]]) -> list[list[float]]:
        return [[math.exp(v) / sum(map(math.exp, row)) for v in row] for row in rows]

    def expected(rows: list[list[float]]) -> float:
        p = mixed(rows)
        return sum(float(v) * p[0][a] * p[1][b] for (a, b), v in game.reward.items())

    exact = softmax_gradient(game.reward, tuple(tuple(F(v) for v in row) for row in mixed(logits)), agent)
    for k in range(3):
        up, down = ([[v + h * (i == agent and j == k) for j, v in enumerate(row)] for i, row in enumerate(logits)]
                    for h in (1e-4, -1e-4))  # fmt: skip
        assert float(exact[k]) == pytest.approx((expected(up) - expected(down)) / 2e-4, abs=1e-5)


@given(tables(n=2, k=3), st.lists(st.integers(0, 4), min_size=6, max_size=6))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_simplex_minimum_is_a_lower_bound_and_is_reached(game: RationalGame, parts: list[int]) -> None:
    least = simplex_minimum(game)
    p = tuple(tuple(F(v + 1, sum(row) + 3) for v in row) for row in (parts[:3], parts[3:]))
    assert all(at >= low for at, low in zip(simplex_products(game, p), least))
    corners = [simplex_products(game, vertex(a, 3)) for a in game.profiles()]
    assert all(min(corner[i] for corner in corners) >= least[i] for i in (0, 1))


def test_simplex_minimum_of_a_hand_case() -> None:
    """J gains q - 2/5, -G gains q - 3/5: half the product is (q - 2/5)(q - 3/5), least -1/100 at 1/2."""
    assert simplex_minimum(_shifted(F(2, 5), F(3, 5))) == [F(-1, 200), 0]


def _shifted(j: F, g: F) -> RationalGame:
    """Agent 1 gains q - j in J and q - g in -G by action 1; agent 2 gains p in both."""
    return table_game(2, 2, [0, 0, -j, 1 - j], [0, 0, g, g - 1])


@pytest.mark.parametrize(("gap", "aligned"), [(F(1, 5), True), (F(2, 5), True), (F(3, 5), False)])
def test_softmax_alignment_of_a_known_family(gap: F, aligned: bool) -> None:
    """(q - j)(q - g) + q^2 (1 - q)^2 >= 0 around the middle needs g - j <= 1/2."""
    decision = softmax_alignment(_shifted(F(1, 2) - gap / 2, F(1, 2) + gap / 2))
    assert decision.aligned is aligned
    assert (decision.witness is None) is aligned


@given(tables(), st.integers(1, 15), st.integers(1, 15))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_softmax_decisions_agree_with_the_products(game: RationalGame, a: int, b: int) -> None:
    try:
        decision = softmax_alignment(game)
    except ArithmeticError:
        return  # undecided is said, never guessed
    if decision.aligned:
        assert sum(softmax_products(game, ((1 - F(a, 16), F(a, 16)), (1 - F(b, 16), F(b, 16))))) >= 0
    elif decision.witness is not None:
        assert sum(softmax_products(game, decision.witness)) < 0
    else:
        assert not sign_agreement(game)


@given(st.lists(st.integers(-8, 8).map(lambda v: F(v, 8)), min_size=0, max_size=4), st.integers(-3, 3))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_nonnegative_against_known_roots(roots: list[F], lead: int) -> None:
    """A product of linear factors keeps its sign between neighbouring roots: look at each gap."""
    poly = [F(lead)]
    for root in roots:
        poly = polynomials.product_of(poly, [-root, F(1)])
    ends = sorted({F(0), F(1), *(r for r in roots if 0 < r < 1)})
    middles = [(a + b) / 2 for a, b in pairwise(ends)]
    assert polynomials.nonnegative(poly) == all(polynomials.value(poly, m) >= 0 for m in middles)


def test_nonnegative_sees_a_touching_irrational_root_and_a_crossing_one() -> None:
    touching = polynomials.product_of([F(-1, 2), F(0), F(1)], [F(-1, 2), F(0), F(1)])  # (t^2 - 1/2)^2
    assert polynomials.nonnegative(touching)
    assert not polynomials.nonnegative([touching[0] - F(1, 10**9), *touching[1:]])


@given(st.lists(SMALL, min_size=1, max_size=4))
@settings(deadline=None, derandomize=True)
def test_projection_is_the_nearest_point(point: list[F]) -> None:
    near = project(point)
    check_mixed((near,))
    for k in range(len(point)):  # <point - near, vertex - near> <= 0 for every vertex
        assert sum((v - m) * (int(j == k) - m) for j, (v, m) in enumerate(zip(point, near))) <= 0


def test_ascent_ends_in_an_equilibrium() -> None:
    game = table_game(1, 3, [1, F(9, 10), -5], [0, 0, 0])
    visited = exact_ascent(game.reward, 1, 3)
    assert settled(visited)
    assert visited[-1] == vertex((0,), 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"jobs": (0, 1)}, "must be > 0"), ({"reference": (1,)}, "reference has 1 entries"),
        ({"candidates": ((0, 1), (0, 2))}, "servers in"), ({"cost": "linear"}, "cost"),
        ({"candidates": ((0, 1),)}, "one row"), ({"cost": "quadratic"}, "weights has 0"),
    ],
)  # fmt: skip
def test_bad_fleets_are_named(change: dict[str, object], message: str) -> None:
    good: dict[str, object] = {"jobs": (1, 2), "capacity": (1, 4), "candidates": ((0, 1), (0, 1)), "reference": (0, 0)}
    check_fleet(RationalFleet(**good))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=message):
        check_fleet(RationalFleet(**(good | change)))  # type: ignore[arg-type]


def test_bad_alpha_table_and_profile_are_named() -> None:
    game = table_game(1, 2, [0, 1], [0, 0])
    with pytest.raises(InputError, match="alpha = 2"):
        game.of(F(2))
    with pytest.raises(InputError, match="K\\^N = 2"):
        table_game(1, 2, [0], [0, 0])
    with pytest.raises(InputError, match="sum 1"):
        check_mixed(((F(1, 2), F(1, 3)),))

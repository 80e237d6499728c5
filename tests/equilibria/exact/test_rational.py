"""Exact games against the float64 system, against hand cases, and against the definitions by another way."""

from __future__ import annotations

import math
from fractions import Fraction as F

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dgpg_verify.core import InputError
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
    softmax_gradient,
    table_game,
    uniform,
    vertex,
)
from dgpg_verify.systems import LoadBalancingGame
from dgpg_verify.testing import load_balancing_games
from tests.equilibria.exact.drawn import tables


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"jobs": (0, 1)}, "must be > 0"), ({"reference": (1,)}, "reference has 1 entries"),
        ({"candidates": ((0, 1), (0, 2))}, "servers in"), ({"cost": "linear"}, "cost"),
        ({"candidates": ((0, 1),)}, "one row"), ({"cost": "quadratic"}, "weights has 0"),
        ({"weights": (F(-1, 2), 1)}, ">= 0"),
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

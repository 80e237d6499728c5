"""Exact minima in simplex coordinates and exact softmax decisions, against hand cases and the products themselves."""

from __future__ import annotations

from fractions import Fraction as F

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgpg_verify.equilibria.exact.alignment import simplex_minimum, softmax_alignment
from dgpg_verify.equilibria.exact.rational import (
    RationalGame,
    sign_agreement,
    simplex_products,
    softmax_products,
    table_game,
    vertex,
)
from tests.equilibria.exact.drawn import tables


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

"""Exact minima in simplex coordinates and exact softmax decisions, against hand cases and the products themselves."""

from __future__ import annotations

from fractions import Fraction as F

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgpg_verify.core import InputError
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


def _quadratics(first: tuple[F, F], second: tuple[F, F]) -> RationalGame:
    """f_1 = (q - j)(q - g) for (j, g) = first, f_2 the same in p for second."""
    (j, g), (k, h) = first, second
    return table_game(2, 2, [0, -k, -j, 1 - j - k], [0, h, g, g + h - 1])


def test_a_witness_between_the_points_of_every_grid() -> None:
    """(q - 1/3)(q - 101/300) beside (p - 1/2)^2: negative for q between the roots alone, least where it turns."""
    turn = F(201, 600)
    decision = softmax_alignment(_quadratics((F(1, 3), F(101, 300)), (F(1, 2), F(1, 2))))
    assert decision.witness == ((F(1, 2), F(1, 2)), (1 - turn, turn))


def test_products_that_touch_zero_between_the_points_of_the_grid_are_separated_by_zero() -> None:
    """(q - 1/3)^2 and (p - 2/5)^2: of all numbers 0 alone separates them."""
    decision = softmax_alignment(_quadratics((F(1, 3), F(1, 3)), (F(2, 5), F(2, 5))))
    assert (decision.aligned, decision.level) == (True, 0)


@pytest.mark.parametrize("end", [F(0), F(1)])
def test_a_double_root_at_an_end_gives_the_number_that_separates(end: F) -> None:
    """(q - end)^2 / w falls to 1 at the end, and (p - 1/4)(p - 3/4) + w touches 0 at 1/2: 1 alone separates them."""
    root, touching = (end, end), (F(1, 4), F(3, 4))
    assert softmax_alignment(_quadratics(root, touching)).level == 1
    assert softmax_alignment(_quadratics(touching, root)).level == -1


def test_elsewhere_the_middle_of_what_the_grid_allows_separates() -> None:
    """(q - 3/10)(q - 7/10) >= c w needs c <= -16/25, (p + 1/4)^2 >= -c w needs c > -7."""
    decision = softmax_alignment(_quadratics((F(3, 10), F(7, 10)), (F(-1, 4), F(-1, 4))))
    assert decision.aligned and decision.level is not None and -5 < decision.level < -2


@pytest.mark.parametrize(("n", "k"), [(1, 3), (2, 3), (3, 2)])
def test_other_games_are_refused(n: int, k: int) -> None:
    with pytest.raises(InputError, match=f"{n} agents with {k} actions"):
        softmax_alignment(table_game(n, k, [0] * k**n, [0] * k**n))


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

"""Exact projection on the simplex, and where exact ascent ends."""

from __future__ import annotations

from fractions import Fraction as F

from hypothesis import given, settings
from hypothesis import strategies as st

from dgpg_verify.equilibria.exact.ascent import exact_ascent, project, settled
from dgpg_verify.equilibria.exact.rational import (
    check_mixed,
    table_game,
    vertex,
)
from tests.equilibria.exact.drawn import SMALL


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

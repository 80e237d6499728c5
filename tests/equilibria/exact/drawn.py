"""Small games in whole numbers, drawn by Hypothesis."""

from __future__ import annotations

from fractions import Fraction as F

from hypothesis import strategies as st

from dgpg_verify.equilibria.exact.rational import RationalGame, table_game

SMALL = st.integers(-6, 6).map(F)


@st.composite
def tables(draw: st.DrawFn, n: int = 2, k: int = 2) -> RationalGame:
    size = k**n
    return table_game(n, k, *(draw(st.lists(SMALL, min_size=size, max_size=size)) for _ in range(2)))

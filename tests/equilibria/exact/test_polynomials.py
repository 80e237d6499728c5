"""Whether a polynomial is nonnegative on [0, 1], against known roots."""

from __future__ import annotations

from fractions import Fraction as F
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial.polynomial import polymul, polyval

from dgpg_verify.equilibria.exact.polynomials import nonnegative


@given(st.lists(st.integers(-8, 8).map(lambda v: F(v, 8)), min_size=0, max_size=4), st.integers(-3, 3))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_nonnegative_against_known_roots(roots: list[F], lead: int) -> None:
    """A product of linear factors keeps its sign between neighbouring roots: look at each gap."""
    poly = [F(lead)]
    for root in roots:
        poly = polymul(poly, [-root, F(1)])
    ends = sorted({F(0), F(1), *(r for r in roots if 0 < r < 1)})
    middles = [(a + b) / 2 for a, b in pairwise(ends)]
    assert nonnegative(poly) == all(polyval(m, poly) >= 0 for m in middles)


def test_nonnegative_sees_a_touching_irrational_root_and_a_crossing_one() -> None:
    touching = polymul([F(-1, 2), F(0), F(1)], [F(-1, 2), F(0), F(1)])  # (t^2 - 1/2)^2
    assert nonnegative(touching)
    assert not nonnegative([touching[0] - F(1, 10**9), *touching[1:]])

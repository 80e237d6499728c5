"""By hand: the minimising alpha of a measurement."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dgpg_verify.measurement.moments import best_alpha


@pytest.mark.parametrize(
    ("v_pg", "v_g", "c", "expected"),
    [(9.0, 1.0, 0.0, 0.9), (9.0, 1.0, 3.0, 1.0), (1.0, 9.0, 3.0, 0.0), (4.0, 4.0, -2.0, 0.5), (1.0, 1.0, 0.5, 0.5)],
)
def testbest_alpha_by_hand(v_pg: float, v_g: float, c: float, expected: float) -> None:
    """(V_PG - C) / (V_PG + V_G - 2 C), clipped to [0, 1]."""
    assert best_alpha(np.array([[v_pg, c], [c, v_g]])) == pytest.approx(expected)


def testbest_alpha_of_equal_parts_is_not_measurable() -> None:
    assert math.isnan(best_alpha(np.ones((2, 2))))

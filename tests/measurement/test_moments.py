"""Ratios by hand: efficiency, alignment, noise-to-signal, the minimising alpha, quantiles over agents."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dgpg_verify.measurement import Pooled, alignment, efficiency, ratio
from dgpg_verify.measurement.moments import _agent_ratios, _best_alpha


def pooled(variance: float, own: float, joint: float, target: float) -> Pooled:
    """Credit 0 against an exactly known target 1."""
    return Pooled(np.array([[variance, 0.0], [0.0, 0.0]]), np.array([[own, joint], [joint, target]]))


def test_efficiency_by_hand() -> None:
    """max(0, <E g, grad J>)^2 / (|grad J|^2 E|g|^2): 1 for the gradient itself, 1 / (1 + nsr) if unbiased, 0 uphill."""
    assert efficiency(pooled(0.0, 4.0, 4.0, 4.0)) == 1.0
    assert efficiency(pooled(12.0, 4.0, 4.0, 4.0)) == pytest.approx(0.25)
    assert efficiency(pooled(5.0, 4.0, 3.0, 9.0)) == pytest.approx(9.0 / 81.0)
    assert efficiency(pooled(5.0, 4.0, -3.0, 9.0)) == 0.0
    assert math.isnan(efficiency(pooled(5.0, 4.0, 3.0, -0.1)))  # no signal: not measurable


def test_efficiency_is_free_of_the_credits_scale() -> None:
    assert efficiency(pooled(5.0, 4.0, 3.0, 9.0)) == pytest.approx(efficiency(pooled(500.0, 400.0, 30.0, 9.0)))


def test_alignment_by_hand() -> None:
    assert alignment(pooled(7.0, 4.0, 3.0, 9.0)) == pytest.approx(0.5)
    assert alignment(pooled(7.0, 4.0, -6.0, 9.0)) == pytest.approx(-1.0)  # signed
    assert math.isnan(alignment(pooled(7.0, -1e-3, 3.0, 9.0)))


def test_ratio_is_not_measurable_without_signal() -> None:
    assert ratio(6.0, 2.0) == 3.0
    assert math.isnan(ratio(6.0, 0.0)) and math.isnan(ratio(6.0, -1.0))


@pytest.mark.parametrize(
    ("v_pg", "v_g", "c", "expected"),
    [(9.0, 1.0, 0.0, 0.9), (9.0, 1.0, 3.0, 1.0), (1.0, 9.0, 3.0, 0.0), (4.0, 4.0, -2.0, 0.5), (1.0, 1.0, 0.5, 0.5)],
)
def test_best_alpha_by_hand(v_pg: float, v_g: float, c: float, expected: float) -> None:
    """(V_PG - C) / (V_PG + V_G - 2 C), clipped to [0, 1]."""
    assert _best_alpha(np.array([[v_pg, c], [c, v_g]])) == pytest.approx(expected)


def test_best_alpha_of_equal_parts_is_not_measurable() -> None:
    assert math.isnan(_best_alpha(np.ones((2, 2))))


def test_quantiles_over_agents_count_the_unmeasurable_as_infinite() -> None:
    """An agent whose signal estimate is not positive has an infinite ratio: it may not vanish from a quantile."""
    variance = np.arange(1.0, 11.0)
    assert _agent_ratios(variance, np.ones(10)) == (6.0, 10.0)
    assert _agent_ratios(variance, np.r_[np.ones(6), np.zeros(4)]) == (6.0, None)
    assert _agent_ratios(variance, -np.ones(10)) == (None, None)

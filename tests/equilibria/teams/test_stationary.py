"""Stationary points of teams against the oracle's own solver, the shift law, and hand cases."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.shift.first_order import predicted_shift
from dgpg_verify.equilibria.teams.affine_sets import set_relation
from dgpg_verify.equilibria.teams.stationary import (
    misaligned_point,
    team_inner,
    team_matrices,
    team_shift,
    team_stationary,
)
from dgpg_verify.oracles.teams.linear_quadratic import stationary_point, team_arrays
from dgpg_verify.systems import LinearQuadraticTeam

ALPHAS = (0.0, 0.05, 0.2, 0.5, 0.9, 1.0)
TEAMS = [(1, 1.0, 0.0), (2, 0.0, 0.5), (6, 0.3, 1.0), (25, 0.0, 0.0), (40, 0.0, 2.0)]


def dense(
    weights: list[float], optimum: list[float], reference: list[float], z: list[list[float]]
) -> LinearQuadraticTeam:
    matrix = torch.tensor(z, dtype=torch.float64)
    rows, columns = matrix.shape
    tensors: list[Tensor] = [torch.tensor(v, dtype=torch.float64) for v in (weights, optimum, reference)]
    return LinearQuadraticTeam(torch.arange(rows).expand(columns, rows), matrix.T.contiguous(), *tensors)


SINGULAR = dense([1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [[1.0, 0.0], [0.0, 1.0]])  # T2's example


@pytest.mark.parametrize(("n", "alignment", "bias"), TEAMS)
@pytest.mark.parametrize("alpha", ALPHAS)
def test_against_the_oracle_and_the_shift_law(n: int, alignment: float, bias: float, alpha: float, seed: int) -> None:
    """Quadratics: theta_alpha - theta_J is the predicted shift to 1e-10, and the two solvers agree to 1e-10."""
    team = LinearQuadraticTeam.random(n, seed, alignment, bias)
    base, found = team_stationary(team, 0.0), team_stationary(team, alpha)
    m = team_matrices(team)
    move = predicted_shift(-m.a, m.b, m.gradient_g(base.point), alpha)
    assert np.abs(found.point - base.point - move).max() < 1e-10
    assert np.abs(found.point - stationary_point(team, alpha)).max() < 1e-10
    assert found.points.dimension == 0 and 0.0 <= found.residual <= found.residual_bound < 1e-10
    lost = team_arrays(team, base.point).objective(0.0) - team_arrays(team, found.point).objective(0.0)
    assert found.value_lost == pytest.approx(lost, abs=1e-11 * n) and found.value_lost >= 0.0


def test_the_shift_is_not_small_in_these_cases(seed: int) -> None:
    """Control: with a biased reference half of alpha moves the point by far more than the 1e-10 above."""
    team = LinearQuadraticTeam.random(6, seed, 0.3, 1.0)
    assert np.abs(team_stationary(team, 0.5).point - team_stationary(team, 0.0).point).max() > 1e-3


def test_singular_hessian_is_a_line_and_guidance_picks_a_point() -> None:
    line, point = team_stationary(SINGULAR, 0.0), team_stationary(SINGULAR, 0.3)
    assert (line.points.dimension, point.points.dimension) == (1, 0)
    assert set_relation(point.points, line.points) == "subset"
    assert line.points.contains([0.0, -9.0]) and point.points.contains([0.0, 1.0])
    assert point.value_lost == 0.0


def test_an_idle_agent_is_a_free_direction_at_every_alpha() -> None:
    team = dense([1.0, 2.0], [1.0, 3.0], [0.0, 1.0], [[1.0, 0.0], [1.0, 0.0]])
    assert [team_stationary(team, a).points.dimension for a in ALPHAS] == [1] * len(ALPHAS)
    nothing = dense([1.0], [1.0], [0.0], [[0.0, 0.0]])
    assert team_stationary(nothing, 0.5).points.dimension == 2


def test_inner_product_by_hand_and_its_bound() -> None:
    team = dense([1.0, 4.0], [1.0, 2.0], [0.0, 1.0], [[1.0, 0.0], [0.0, 1.0]])
    inner, bound = team_inner(team, [[3.0, 5.0], [0.5, 2.0]])
    assert inner == pytest.approx([2.0 * 3.0 + 12.0 * 4.0, -0.5 * 0.5], abs=1e-15)
    assert ((bound > 0) & (bound < 1e-9 * np.abs(inner))).all()  # far from idle


def test_misaligned_point_where_there_is_one_and_only_there() -> None:
    same = LinearQuadraticTeam.random(5, 0, alignment=1.0)  # equal weights: J = -G + const
    assert misaligned_point(same) is None
    diagonal = dense([1.0, 9.0], [1.0, 2.0], [1.0, 2.0], [[1.0, 0.0], [0.0, 1.0]])
    assert misaligned_point(diagonal) is None  # commuting Hessians of one sign
    sheared = dense([1.0, 100.0], [1.0, 2.0], [1.0, 2.0], [[1.0, 1.0], [0.0, 0.3]])
    point = misaligned_point(sheared)
    assert point is not None
    m = team_matrices(sheared)
    assert float(m.gradient_j(point) @ -m.gradient_g(point)) < 0.0
    moved = dense([1.0], [0.0], [1.0], [[1.0]])  # between the two targets the gradients oppose each other
    assert misaligned_point(moved) is not None


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
def test_alpha_out_of_range(alpha: float) -> None:
    with pytest.raises(InputError, match="alpha"):
        team_stationary(SINGULAR, alpha)


def test_theta_of_a_wrong_size() -> None:
    with pytest.raises(InputError, match="theta"):
        team_inner(SINGULAR, [1.0, 2.0, 3.0])


def test_the_shift_law_is_exact_for_a_team(seed: int) -> None:
    team = LinearQuadraticTeam.random(12, seed, alignment=0.3, reference_bias=0.5)
    start = team_stationary(team, 0.0).point
    for alpha in (0.9, 0.2, 0.05, 0.0):
        moved = team_stationary(team, alpha).point - start
        assert team_shift(team, start, alpha) == pytest.approx(moved, abs=1e-10)

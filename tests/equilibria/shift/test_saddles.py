"""Closed-form saddles of 2 x 2 games: certificates by NashConv, and the shift law, exact here."""

from __future__ import annotations

import numpy as np
import pytest

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.alignment.signs import perfectly_aligned
from dgpg_verify.equilibria.games.random_games import random_tables
from dgpg_verify.equilibria.games.tables import Tables
from dgpg_verify.equilibria.nash.nash_conv import nash_conv
from dgpg_verify.equilibria.shift.first_order import EPS, predicted_shift
from dgpg_verify.equilibria.shift.saddles import guidance_gradient_at, saddles

COUNT = 2000


def tables_of(kind: str, seed: int) -> Tables:
    if kind == "normal":
        rng = np.random.default_rng(seed)
        return Tables(rng.normal(size=(COUNT, 2, 2)), rng.normal(size=(COUNT, 2, 2)))
    return random_tables(COUNT, 2, 2, kind, "biased:0.3", seed)


def test_matching_by_hand() -> None:
    """Reward 3 and 1 for matching: each agent plays its second action with probability 3/4."""
    found = saddles([[[3.0, 0.0], [0.0, 1.0]]])
    assert found.interior.tolist() == [True] and found.point.tolist() == [[0.75, 0.75]]
    assert nash_conv([[[3.0, 0.0], [0.0, 1.0]]], found.profile())[0] == 0.0


def test_no_saddle_without_interaction_or_inside() -> None:
    found = saddles([[[0.0, 1.0], [2.0, 3.0]], [[5.0, 4.0], [1.0, 0.5]]])
    assert found.interior.tolist() == [False, False]
    assert np.isnan(found.point[0]).all() and np.isfinite(found.point[1]).all()


@pytest.mark.parametrize("kind", ["normal", "quadratic", "delay", "makespan"])
def test_each_interior_saddle_is_an_equilibrium_within_its_rounding(kind: str, seed: int) -> None:
    """NashConv <= 2 |d| rounding + that of evaluating it; a point off by 1e-6 is not (control)."""
    table = tables_of(kind, seed).reward
    found = saddles(table)
    inside = found.interior
    assert inside.sum() > 100
    size = np.abs(table).max((1, 2))[inside]
    conv = nash_conv(table[inside], found.profile()[inside])
    assert (conv <= 2.0 * np.abs(found.cross[inside]) * found.rounding[inside] + 64.0 * EPS * size).all()
    off = found.point[inside] * (1.0 - 1e-6)
    assert (nash_conv(table[inside], np.stack([1.0 - off, off], axis=-1)) > 1e-9 * np.abs(found.cross[inside])).any()


@pytest.mark.parametrize("alpha", [0.02, 0.2, 0.5])
@pytest.mark.parametrize("kind", ["normal", "quadratic", "delay"])
def test_the_shift_law_is_exact(kind: str, alpha: float, seed: int) -> None:
    """Both gradients are affine: prediction and saddle of J_alpha differ by rounding, bounded by its condition."""
    tables = tables_of(kind, seed)
    base, moved = saddles(tables.reward), saddles(tables.of(alpha))
    # relative cancellation in the mixed cross term: leave out the nearly singular, which the law does not cover
    use = base.interior & (moved.rounding < 1e-12)
    assert use.sum() > 100
    move = predicted_shift(
        base.hessian()[use], saddles(tables.guidance).hessian()[use], guidance_gradient_at(tables, base)[use], alpha
    )
    error = np.abs(moved.point[use] - base.point[use] - move).max(1)
    mixed = np.abs(moved.cross[use])
    size = np.abs(tables.reward).max((1, 2))[use] + np.abs(tables.guidance).max((1, 2))[use]
    scale = 1.0 + np.abs(moved.point[use]).max(1)
    bound = (base.rounding[use] + 64.0 * EPS * size / mixed) * (1.0 + size / mixed) * scale
    assert (error <= bound).all()
    assert np.abs(move).max() > 1e-2  # the law is not tested on zeros


def test_two_servers_and_the_fluid_reference_never_move(seed: int) -> None:
    """With two servers the load conserved makes the quadratic J a multiple of -G: aligned perfectly, no shift."""
    tables = random_tables(200, 2, 2, "quadratic", "fluid", seed, n_servers=2)
    assert perfectly_aligned(tables).all()
    base = saddles(tables.reward)
    drift = guidance_gradient_at(tables, base)[base.interior]
    assert np.abs(drift).max() < 1e-12


def test_shape() -> None:
    with pytest.raises(InputError, match="two agents with two actions"):
        saddles(np.zeros((1, 3, 3)))

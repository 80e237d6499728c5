"""REGRESSION VALUES FOR ONE SEED, and nothing else: no theory stands behind these numbers.

They change when a random stream, the order of a sum or a formula changes. A change on purpose is written down here with
the change itself; any other is a fault. Everything that a theory predicts is tested elsewhere, with any seed.
"""

from __future__ import annotations

import pytest

from dgpg_verify.claims.design import cell_seed
from dgpg_verify.measurement import measure_gradients
from dgpg_verify.systems import CloudScheduling, LoadBalancingGame

SAME = {"rel": 1e-9, "abs": 0.0}  # other processors order sums in another way


def test_seeds_of_cells() -> None:
    """Changing them would draw other fleets for every committed report."""
    assert cell_seed(0, "cloud", 2, 0) == 4377743065890707498
    assert cell_seed(7, "gradients", 100, 3) == 6023364790254664075


def test_variances_of_a_game() -> None:
    game = LoadBalancingGame.random(8, seed=0)
    moments = measure_gradients(game, "uniform", ["return", "guidance"], rollouts=64, seed=0, progress=False)
    assert float(moments["return"].variance.sum()) == pytest.approx(4.671206767302624, **SAME)
    assert float(moments["guidance"].variance.sum()) == pytest.approx(1.9625477136405474, **SAME)


def test_variances_of_a_cloud() -> None:
    cloud = CloudScheduling(4, seed=0, horizon=5)
    credits = ["return:to_go", "guidance", "difference"]
    moments = measure_gradients(cloud, "linear", credits, rollouts=32, seed=0, progress=False)
    variances = [float(moments[name].variance.sum()) for name in credits]
    assert variances == pytest.approx([50.250041037417795, 6.2576300800251925, 3.209811477346957], **SAME)

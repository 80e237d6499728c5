"""Training cells read back: scores, levels, and which fleets count."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from dgpg_verify.claims.training.design import training_design
from dgpg_verify.claims.training.read import Trained, read_training
from dgpg_verify.core import Evidence
from tests.claims.judging import measured_of
from tests.claims.training.evidence import episodes_of, rising, training_evidence

DESIGN = {row.key: row for row in training_design("full")}
ROW = DESIGN["dgpg/parts"]
POINTS = len(episodes_of(ROW))  # evaluations of a run


def trained_of(items: list[Evidence]) -> dict[tuple[str, int], Trained]:
    return read_training(measured_of(items, DESIGN))


def trained(scores: list[Any], n: int = 10, key: str = "dgpg/parts", **more: Any) -> Trained:
    return trained_of(training_evidence(DESIGN[key], n, scores, **more))[key, n]


def test_scores_level_and_gap_are_plain_arithmetic() -> None:
    curve = np.linspace(0.0, 1.5, POINTS)
    last = 3  # evaluations after 24, 27 and 30 episodes
    run = trained([curve, curve]).runs[0]
    assert np.allclose(run.scores, curve, atol=1e-12)
    assert run.level == pytest.approx(np.mean(curve[-last:]))  # the last 20 % of the episodes
    mean_return = -100.0 + 60.0 * float(np.mean(curve[-last:]))
    assert run.gap_percent == pytest.approx(100.0 * (-30.0 - mean_return) / 30.0)  # best heuristic: -30


def test_a_run_cut_short_ends_where_it_was_cut() -> None:
    curve = np.arange(float(POINTS))
    run = trained([curve, curve]).runs[0].until(18)
    assert run.episodes[-1] == 18 and len(run.scores) == 17 and run.level == pytest.approx(15.5)  # after 15 and 18


def test_fleets_on_which_best_fit_gains_nothing_are_left_out() -> None:
    flat = [np.zeros(POINTS), np.zeros(POINTS)]
    items = training_evidence(ROW, 10, flat) + training_evidence(ROW, 50, flat, gain_error=60.0)
    assert set(trained_of(items)) == {("dgpg/parts", 10)}


def test_the_width_of_a_score_counts_the_noise_of_the_workloads() -> None:
    """Two fleets, standard errors 1 each, gains 60: 10 agents share them; 99 % of Student's t with 78 degrees."""
    width = trained([np.zeros(POINTS)] * 2).width
    half = stats.t.ppf(0.995, 78) * np.sqrt(2.0) / 2.0 / 10.0
    assert (width.value, width.low, width.high) == pytest.approx((6.0, 6.0 - half, 6.0 + half))


def test_alpha_is_that_of_the_schedule_at_the_three_points() -> None:
    run = trained([np.zeros(POINTS)] * 2).runs[0]
    assert [run.alpha_at(p) for p in ("start", "end")] == pytest.approx([0.9, 0.2])
    assert run.alpha_at("middle") == pytest.approx(0.9 - 0.7 * 15 / 29)


def test_a_settled_curve_is_read_as_settled() -> None:
    times = [run.settled_at for run in trained([rising(ROW, 8.0, seed=k) for k in range(4)]).convergences]
    assert all(time is not None and 6 <= time <= 10 for time in times)

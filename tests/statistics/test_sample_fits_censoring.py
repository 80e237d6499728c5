"""Runs that never arrive: trimmed alike in every cell, whatever they would have needed; too many decide nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dgpg_verify.statistics import fit_samples, judge_p, judge_q
from dgpg_verify.statistics.sample_parts import trim_count, typical_values

SIZES = np.array([32, 100, 178, 316, 562, 1000])
EPS = 1.0 / np.geomspace(10.0, 300.0, 6)
X = -np.log(EPS)


def logs(p: float, seed: int = 0, fleets: int = 16, spread: float = 0.2) -> np.ndarray:
    rng = np.random.default_rng([12, seed])
    return p * np.log(SIZES)[:, None] + X + spread * rng.standard_normal((fleets, len(SIZES), 1))


def cut(y: np.ndarray, share: float) -> np.ndarray:
    """High ends with one budget: `share` of the fleets misses the smallest eps at the largest N."""
    return np.where(y > np.quantile(y[:, -1, -1], 1 - share), np.inf, np.exp(y))


def test_typical_values_are_tukey_and_mclaughlin() -> None:
    y = np.random.default_rng(0).standard_exponential((15, 2, 3))
    assert np.allclose(typical_values(y, 0), y, rtol=0, atol=1e-14)
    values = typical_values(y, 4)
    assert np.allclose(values.mean(0), stats.trim_mean(y, 4 / 15, axis=0))
    winsorised = stats.mstats.winsorize(y, (4 / 15, 4 / 15), axis=0)
    error = np.sqrt(((winsorised - winsorised.mean(0)) ** 2).sum(0) / (7 * 6))
    assert np.allclose(values.std(0, ddof=1) / np.sqrt(15), error)


def test_how_late_a_censored_run_would_be_does_not_matter() -> None:
    y = logs(1.0)
    high = cut(y, 0.25)
    low = np.exp(y) / 1.01
    capped = np.where(np.isposinf(high), 1.0, low)
    found = fit_samples(SIZES, EPS, low, high)
    assert found.trimmed == 4 and found == fit_samples(SIZES, EPS, capped, high)
    assert 0.0 < found.censored < 0.25


def test_censoring_at_the_largest_n_does_not_bend_p(seed: int) -> None:
    # Intervals at 1 - 1e-6. The control, runs that never arrive left out, lies 0.04 below the whole sample's slope,
    # standard deviation 0.005: a false alarm in 10^6.
    y = logs(1.0, seed, fleets=64)
    high = cut(y, 0.35)
    found = fit_samples(SIZES, EPS, np.exp(y), high, 1 - 1e-6)
    assert found.p.low < 1.0 < found.p.high and found.p.high - found.p.low < 0.35
    assert found.trimmed == np.isposinf(high[:, -1, -1]).sum() > 20
    assert found.p_total.low < 2.0 < found.p_total.high
    smallest = y[:, 1:, -1]
    left_out = np.where(np.isposinf(high[:, 1:, -1]), np.nan, smallest)
    whole, naive = (np.polyfit(np.log(SIZES[1:]), np.nanmean(t, 0), 1)[0] for t in (smallest, left_out))
    assert naive < whole - 0.015


def test_trimming_costs_degrees_of_freedom() -> None:
    y = logs(0.5)
    whole = fit_samples(SIZES, EPS, np.exp(y), np.exp(y))
    found = fit_samples(SIZES, EPS, np.exp(y), cut(y, 0.35))
    assert found.trimmed == 6 and trim_count(np.where(np.isposinf(cut(y, 0.35)), np.inf, y)) == 6
    assert found.p.top_decade.df < 0.4 * whole.p.top_decade.df
    assert found.p.high - found.p.low > whole.p.high - whole.p.low


def test_eps_at_which_too_many_fail_leave_and_are_named() -> None:
    y = logs(0.5)
    high = np.exp(y)
    high[:8, 4, 5] = np.inf
    found = fit_samples(SIZES, EPS, np.exp(y), high)
    assert found.eps == pytest.approx(EPS[:5]) and found.trimmed == 0
    assert "8 of 16" in found.dropped and "N = 562" in found.dropped
    assert found.censored == pytest.approx(8 / (16 * 5 * 6))
    assert judge_q(found).label == "supported"
    high[:8, 4] = np.inf
    nothing = fit_samples(SIZES, EPS, np.exp(y), high)
    assert nothing.eps == () and judge_p(nothing).label == judge_q(nothing).label == "inconclusive"
    assert "8 of 16" in judge_p(nothing).why and nothing.p.estimate.value is None


@pytest.mark.parametrize(("late", "enters"), [(16, True), (17, False)])
def test_of_many_fleets_two_in_five_may_fail(late: int, enters: bool) -> None:
    """Although trimming both ends would leave 4 of 40 with one more."""
    y = logs(0.5, fleets=40)
    high = np.exp(y)
    high[:late, 4, 5] = np.inf
    found = fit_samples(SIZES, EPS, np.exp(y), high)
    assert (len(found.eps) == 6) == enters and (f"{late} of 40" in found.dropped) != enters


def test_a_small_team_that_never_arrives_costs_only_the_context() -> None:
    y = logs(0.5)
    high = np.exp(y)
    high[:, 0] = np.inf
    found = fit_samples(SIZES, EPS, np.exp(y), high)
    assert found.p.measurable and found.q.measurable and found.p.full is None and found.trimmed == 0


def test_arrivals_before_the_first_checkpoint_count_as_early() -> None:
    y = logs(0.5)
    low, high = np.exp(y) / 1.02, np.exp(y) * 1.02
    low[np.argsort(y[:, 2, 0])[:3], 2, 0] = 0.0
    found = fit_samples(SIZES, EPS, low, high, 1 - 1e-6)
    assert found.trimmed == 3 and found.censored == 0.0
    assert found.p.low < 0.5 < found.p.high

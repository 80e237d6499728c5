"""Scaling fits: known exponents, the top decade, what is not measurable, bad input."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from dgpg_verify.core import InputError, to_json
from dgpg_verify.statistics import coverage_band, fit_scaling
from dgpg_verify.statistics.scaling import highest_decade, top_decade

SIZES = (4, 8, 16, 32, 64, 128, 256)


def powers(exponent: float = 1.0, seed: int = 0, replicates: int = 20, spread: float = 0.1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    noise = np.exp(spread * rng.standard_normal((len(SIZES), replicates)))
    return 3.0 * np.array(SIZES, dtype=float)[:, None] ** exponent * noise


@pytest.mark.parametrize("exponent", [-1.0, 0.0, 0.5, 2.0])
def test_a_power_law_is_recovered_with_its_intercept(exponent: float, seed: int) -> None:
    # Interval at 1 - 1e-6: a false alarm in a million.
    fit = fit_scaling(SIZES, powers(exponent, seed), level=1 - 1e-6)
    assert fit.measurable and fit.low < exponent < fit.high and fit.high - fit.low < 0.3
    assert fit.top_decade.n_values == (32, 64, 128, 256) and fit.full.n_values == SIZES
    assert fit.top_decade.intercept == pytest.approx(np.log10(3.0), abs=0.4)
    assert (fit.n, fit.level, fit.why) == (20, 1 - 1e-6, "")
    assert fit.estimate.value == fit.exponent and fit.estimate.n == 20


def test_only_the_top_decade_decides() -> None:
    values = powers(0.0)
    values[:3] *= 1e6
    assert fit_scaling(SIZES, values).exponent == fit_scaling(SIZES, powers(0.0)).exponent
    assert fit_scaling(SIZES, values).full.exponent < -2
    assert top_decade(np.array([25, 26, 256])).tolist() == [False, True, True]
    assert top_decade(np.array([25, 250])).tolist() == [True, True]


def test_the_highest_decade_that_can_decide() -> None:
    papers = np.array([5, 10, 20, 50, 100, 200, 500, 1500])
    assert papers[highest_decade(papers)].tolist() == [50, 100, 200, 500]
    assert papers[:6][highest_decade(papers[:6])].tolist() == [20, 50, 100, 200]
    assert papers[highest_decade(papers[::-1])[::-1]].tolist() == [50, 100, 200, 500]
    few = np.array([10, 300, 1500])
    assert few[highest_decade(few)].tolist() == [300, 1500]  # none can: the top decade, and its fit says so


def test_sizes_below_the_minimum_are_drawn_and_not_fitted() -> None:
    fit = fit_scaling((*SIZES[:3], *SIZES[3:]), powers(), minimum_n=8)
    assert fit.full.n_values == SIZES[1:]
    too_few = fit_scaling(SIZES, powers(), minimum_n=64)
    assert not too_few.measurable and "top decade: 3" in too_few.why and too_few.exponent is None


def test_order_of_n_does_not_matter() -> None:
    shuffle = np.array([3, 0, 6, 1, 5, 2, 4])
    mixed = fit_scaling(np.array(SIZES)[shuffle], powers()[shuffle])
    assert dataclasses.asdict(mixed) == dataclasses.asdict(fit_scaling(SIZES, powers()))


def test_the_affine_fit_recovers_intercept_and_slope(seed: int) -> None:
    rng = np.random.default_rng([1, seed])
    sizes = np.array(SIZES, dtype=float)
    values = (50.0 + 2.0 * sizes)[:, None] * (1.0 + 0.05 * rng.standard_normal((7, 40)))
    affine = fit_scaling(SIZES, values).affine
    assert abs(affine.a - 50.0) < 1.7 and abs(affine.b - 2.0) < 0.06  # five standard errors each: false alarm 1e-6


def test_the_affine_weights_follow_log_n() -> None:
    # statsmodels with weights from the regression of log variance on log N, which a power law of spreads has.
    values = powers(1.0)
    axis, spread = np.log(SIZES), values.var(-1, ddof=1)
    weights = np.exp(-stats.linregress(axis, np.log(spread)).slope * axis)
    wls = sm.WLS(values.mean(-1), sm.add_constant(np.array(SIZES, dtype=float)), weights=weights).fit()
    affine = fit_scaling(SIZES, values).affine
    assert np.allclose([affine.a, affine.b], wls.params)


def test_rows_of_different_length_are_used_whole(seed: int) -> None:
    rows = [list(row) for row in powers(0.5, seed)]
    ragged = [row[:count] for row, count in zip(rows, (20, 20, 20, 10, 3, 3, 3))]
    fit, cut = fit_scaling(SIZES, ragged), fit_scaling(SIZES, [row[:3] for row in rows])
    assert (fit.n, cut.n) == (3, 3) and fit.top_decade.replicates == 3
    assert fit.exponent != cut.exponent and fit.top_decade.standard_error < cut.top_decade.standard_error
    backwards = fit_scaling(SIZES[::-1], ragged[::-1])
    assert (backwards.exponent, backwards.low) == (fit.exponent, fit.low)
    turned = fit_scaling(SIZES, [row[::-1] for row in ragged])  # no value counts for more than another
    for line, other in ((fit.full, turned.full), (fit.top_decade, turned.top_decade), (fit.affine, turned.affine)):
        assert dataclasses.astuple(line)[:5] == pytest.approx(dataclasses.astuple(other)[:5], rel=1e-9)
    equal = fit_scaling(SIZES, [tuple(row) for row in rows])
    assert dataclasses.asdict(equal) == dataclasses.asdict(fit_scaling(SIZES, powers(0.5, seed)))
    ragged[4][1] = float("nan")
    assert "1 of 3 replicates" in fit_scaling(SIZES, ragged).why


def test_few_fleets_at_large_n_are_refused_only_where_no_interval_exists() -> None:
    rows = [list(row) for row in powers()]
    with pytest.raises(InputError, match="at least 2 replicates at every N"):
        fit_scaling(SIZES, [*rows[:6], rows[6][:1]])


@pytest.mark.parametrize("counts", [(10, 3, 3, 3), (10, 10, 3, 3), (10, 10, 10, 3)])
@pytest.mark.parametrize("grows", [-0.5, 0.0, 0.5])
def test_intervals_cover_with_three_fleets_at_large_n(counts: tuple[int, ...], grows: float, seed: int) -> None:
    # As training runs have from 200 to 1 500 agents, with a spread that falls, stays or rises with N. At most
    # 5.6 % misses over 8 000 draws; 1 000 draws of 6 % exceed 88 once in 10 000.
    sizes, misses = np.array((200, 500, 1000, 1500)), 0
    rng = np.random.default_rng([3, seed])
    for _ in range(1000):
        rows = [np.exp(0.3 * (n / 500) ** grows * rng.standard_normal(count)) for n, count in zip(sizes, counts)]
        fit = fit_scaling(sizes, rows, level=0.95)
        misses += not fit.low <= 0.0 <= fit.high
    assert 20 <= misses <= 88


def test_intervals_cover_at_their_level_with_few_heteroscedastic_fleets(seed: int) -> None:
    # 200 data sets of 5 fleets whose spread falls with N; outside the band once in 1 000 correct instruments.
    low, high = coverage_band(0.95, 200)
    rng = np.random.default_rng([2, seed])
    spread = 2.0 / np.sqrt(np.array(SIZES))[:, None]

    def misses(width: float) -> int:
        count = 0
        for _ in range(200):
            fit = fit_scaling(SIZES, np.exp(spread * rng.standard_normal((7, 5))), level=0.95)
            count += abs(fit.exponent) > width * (fit.high - fit.low) / 2
        return count

    assert low <= misses(1.0) <= high
    assert misses(0.5) > high  # control: intervals of half the width


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -1.0])
def test_an_unmeasurable_replicate_in_the_top_decade_makes_the_fit_say_so(value: float) -> None:
    values = powers()
    values[5, 2] = value
    fit = fit_scaling(SIZES, values)
    assert not fit.measurable and fit.exponent is fit.low is fit.high is fit.full is None
    assert "N = 128" in fit.why and "1 of 20" in fit.why
    assert to_json(fit)["top_decade"] is None and to_json(fit.estimate)["value"] is None


def test_an_unmeasurable_replicate_below_the_top_decade_costs_only_the_context() -> None:
    values = powers()
    values[0, 0] = np.nan
    fit = fit_scaling(SIZES, values)
    assert fit.measurable and fit.full is None and fit.affine is None


def test_three_values_of_n_decide_nothing() -> None:
    fit = fit_scaling((32, 64, 128), powers()[3:6])
    assert not fit.measurable and fit.full is not None


def test_units_shift_the_intercept_only() -> None:
    a, b = fit_scaling(SIZES, powers()), fit_scaling(SIZES, 1e150 * powers())
    assert b.exponent == pytest.approx(a.exponent) and b.high == pytest.approx(a.high)
    assert b.top_decade.intercept == pytest.approx(a.top_decade.intercept + 150)
    assert b.affine.b == pytest.approx(1e150 * a.affine.b)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"n_values": (32, 32, 64, 128), "replicates": np.ones((4, 3))}, "32"),
        ({"n_values": (0, 32, 64, 128), "replicates": np.ones((4, 3))}, "n_values"),
        ({"n_values": (1.5, 32, 64, 128), "replicates": np.ones((4, 3))}, "1.5"),
        ({"n_values": (), "replicates": np.ones((0, 3))}, "n_values"),
        ({"n_values": ((32, 64), (128, 256)), "replicates": np.ones((4, 3))}, "1 axis"),
        ({"n_values": (32, 64, 128, 256), "replicates": np.ones((3, 3))}, "(4, R)"),
        ({"n_values": (32, 64, 128, 256), "replicates": np.ones(4)}, "2 axes"),
        ({"n_values": (32, 64, 128, 256), "replicates": np.ones((4, 0))}, "R >= 1"),
        ({"n_values": (32, 64, 128, 256), "replicates": [["a"] * 2] * 4}, "real numbers"),
        ({"n_values": (32, 64, 128, 256), "replicates": np.ones((4, 3)), "level": 1.0}, "level = 1.0"),
        ({"n_values": (32, 64, 128, 256), "replicates": np.ones((4, 3)), "level": float("nan")}, "level"),
        ({"n_values": (32, 64, 128, 256), "replicates": np.ones((4, 3)), "minimum_n": 0}, "minimum_n"),
    ],
)
def test_bad_input_is_named(arguments: dict, words: str) -> None:
    with pytest.raises(InputError) as caught:
        fit_scaling(**arguments)
    assert words in str(caught.value)

"""Exponents of samples to a gap: known powers, the rival with a logarithm, fleets as unit, floors, bad input."""

from __future__ import annotations

import numpy as np
import pytest

from dgpg_verify.core import InputError, to_json
from dgpg_verify.statistics import fit_samples, fit_scaling, judge_p, judge_q

SIZES = np.array([10, 32, 100, 178, 316, 562, 1000])
EPS = 1.0 / np.geomspace(10.0, 300.0, 6)
X = -np.log(EPS)
LOG_SHIFT = np.polyfit(X, np.log(X), 1)[0]
SURE = 1 - 1e-6


def counts(p: float = 0.5, q: float = 1.0, spread: float = 0.1, seed: int = 0, k: float = 0.0, fleets: int = 16):
    """Arrivals [F, G, E]: a level and a slope of its own for every fleet."""
    rng = np.random.default_rng([11, seed])
    level, slope = spread * rng.standard_normal((2, fleets, len(SIZES), 1))
    logs = (p * np.log(SIZES))[:, None] + q * X + k * np.log(X) + level + 0.3 * slope * (X - X.mean())
    return 50.0 * np.exp(logs)


def fit(n, level: float = SURE, **options):
    return fit_samples(SIZES, EPS, n / 1.02, n * 1.02, level, **options)


@pytest.mark.parametrize(("p", "q"), [(0.0, 1.0), (0.5, 0.5), (1.0, 2.0)])
def test_powers_are_recovered(p: float, q: float, seed: int) -> None:
    # Four intervals at 1 - 1e-6: a false alarm in 250 000.
    found = fit(counts(p, q, seed=seed))
    for part, true in ((found.p, p), (found.q, q), (found.q_log, q - LOG_SHIFT), (found.p_total, p + q)):
        assert part.low < true < part.high and part.high - part.low < 0.5
        assert part.n == 16 and part.level == SURE and part.top_decade.n_values == (100, 178, 316, 562, 1000)
    assert found.q.high - found.q.low < 0.15
    assert (found.censored, found.trimmed, found.dropped, found.fleets) == (0.0, 0, "", 16)
    assert found.eps == pytest.approx(EPS)


def test_the_line_over_eps_is_drawn_through_the_middle_size() -> None:
    """Without noise n = 50 N^p (1/eps)^q: the intercept is its logarithm at eps = 1 and the geometric mean of N."""
    found = fit(counts(0.5, 1.2, spread=1e-6)).q.top_decade
    middle = np.exp(np.log(found.n_values).mean())
    assert found.intercept == pytest.approx(np.log10(50.0 * middle**0.5), abs=1e-4)


def test_uncensored_p_is_the_scaling_fit_of_the_mean_over_eps() -> None:
    n = counts(0.7)
    plain = fit_scaling(SIZES, np.exp(np.log(n).mean(-1)).T, 0.99, minimum_n=32)
    found = fit(n, 0.99)
    assert found.p.exponent == pytest.approx(plain.exponent)
    assert (found.p.low, found.p.high) == pytest.approx((plain.low, plain.high))
    assert judge_p(found, 0.7).label == "supported"
    assert judge_p(found, 1.0).label == "refuted" and judge_p(found, 1.0, relation="big_o").label == "supported"
    assert judge_p(found, 1.7, total=True).label == "supported"


def test_all_eps_of_a_fleet_are_one_observation(seed: int) -> None:
    # The control: eps and eps repeated a hair apart is no new information and must not narrow p.
    n = counts(0.5, seed=seed)
    twice = fit_samples(SIZES, np.r_[EPS, 0.999 * EPS], np.tile(n, 2), np.tile(n, 2), 0.95).p
    once = fit(n, 0.95).p
    assert twice.high - twice.low == pytest.approx(once.high - once.low)


def test_order_of_n_and_eps_does_not_matter() -> None:
    n, g, e = counts(), np.array([3, 0, 6, 1, 5, 2, 4]), np.array([2, 5, 0, 1, 4, 3])
    mixed = fit_samples(SIZES[g], EPS[e], n[:, g][:, :, e], n[:, g][:, :, e])
    assert mixed == fit_samples(SIZES, EPS, n, n) and to_json(mixed)["p"]["top_decade"] is not None


def test_q_is_read_with_and_without_a_logarithm(seed: int) -> None:
    # The label needs an interval inside a margin of 0.15 around values at its middle: SE 0.005.
    with_log, plain = fit(counts(k=1.0, seed=seed), 0.99), fit(counts(seed=seed), 0.99)
    assert abs(with_log.q_log.exponent - 1.0) < 0.05 and with_log.q.low > 1.15
    assert judge_q(with_log).label == "supported" and judge_q(with_log).estimate == with_log.q_log.estimate
    assert judge_q(plain).label == "supported" and judge_q(plain).estimate == plain.q.estimate
    for q, k in ((2.0, 0.0), (0.5, 0.0), (1.5, 1.0)):
        verdict = judge_q(fit(counts(q=q, k=k, seed=seed), 0.99))
        assert verdict.label == "refuted" and "log(1/eps)" in verdict.why


def test_without_the_rival_q_is_not_refuted() -> None:
    n = counts(q=2.0)
    found = fit_samples(SIZES, 20.0 * EPS, n, n)
    assert not found.q_log.measurable and "below 1" in found.q_log.why
    assert found.q.low > 1.5 and judge_q(found).label == "inconclusive"


def test_a_curve_that_is_no_power_of_eps_decides_nothing() -> None:
    """A floor at half the smallest eps bends the curve upwards."""
    bent = counts() * (EPS / (EPS - 0.9 * EPS.min()))
    found = fit(bent, 0.99)
    assert found.q.lack_of_fit < 0.01 and judge_q(found).label == "inconclusive"
    assert fit(counts(), 0.99).q.lack_of_fit > 0.5  # control: straight


def test_a_bent_power_of_n_decides_nothing() -> None:
    """Its steps, which would decide, know nothing of what the checkpoints hide."""
    logs = np.log(SIZES)
    n = counts(0.0, spread=0.01) * np.exp(0.5 * (logs - logs[2]).clip(0) ** 2)[None, :, None]
    found = fit(n)
    assert found.p.lack_of_fit < 0.01 and found.p.low > 0.15 and found.p.top_decade.steps is None
    assert judge_p(found, 0.0, relation="big_o").label == "inconclusive"


def test_counts_between_coarse_checkpoints_widen_the_interval() -> None:
    step = 0.7  # fleets spread much less than a cell: every one falls into the same
    n = counts(0.5, spread=0.01)
    low = np.exp(np.floor(np.log(n) / step) * step)
    found = fit_samples(SIZES, EPS, low, low * np.exp(step), 0.95)
    middle = low * np.exp(0.5 * step)  # control: the cell's centre taken for the count, at least one interval misses
    narrow = fit_samples(SIZES, EPS, middle, middle, 0.95)
    for part, sure, true in ((found.p, narrow.p, 0.5), (found.q, narrow.q, 1.0)):
        assert part.low <= true <= part.high and part.high - part.low > sure.high - sure.low
    assert any(not part.low <= true <= part.high for part, true in ((narrow.p, 0.5), (narrow.q, 1.0)))


def test_three_eps_over_a_factor_of_eight_are_enough() -> None:
    n = counts()
    for chosen, enough in (([0, 2, 5], True), ([0, 1, 2], False), ([0, 5], False)):
        assert fit_samples(SIZES, EPS[chosen], n[:, :, chosen], n[:, :, chosen]).q.measurable == enough


def test_eps_at_the_floor_do_not_enter() -> None:
    n = counts()
    floors = np.zeros(len(SIZES))
    floors[2] = EPS[3] / 3.0
    found = fit(n, 0.99, floors=floors)
    assert found.eps == pytest.approx(EPS[:3]) and "floor" in found.dropped
    assert found.p.measurable and not found.q.measurable and "factor" in found.q.why
    nothing = fit(n, 0.99, floors=0.1)
    assert (nothing.eps, nothing.trimmed, nothing.censored, nothing.fleets) == ((), 0, 0.0, 16)
    for verdict in (judge_p(nothing), judge_q(nothing)):
        assert verdict.label == "inconclusive" and "no n_eps (floor)" in verdict.why
    floors[2], floors[0] = 0.0, 1.0  # N = 10 does not decide
    assert fit(n, 0.99, floors=floors).eps == pytest.approx(EPS)


def test_three_deciding_sizes_decide_nothing() -> None:
    n = counts()[:, :5]
    found = fit_samples(SIZES[:5], EPS, n, n)
    assert found.p.measurable and found.p.top_decade.n_values == (32, 100, 178, 316)
    small = fit_samples(SIZES[:4], EPS, n[:, :4], n[:, :4])
    assert judge_p(small).label == "inconclusive" and "top decade: 3" in judge_p(small).why
    tiny = fit_samples(SIZES[:1], EPS, n[:, :1], n[:, :1])
    assert "top decade: 0" in tiny.p.why


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_values": (10, 10, 100, 178, 316, 562, 1000)}, "10"),
        ({"n_values": SIZES[:3]}, "fleets x N x eps"),
        ({"eps": np.r_[EPS[:5], 0.0]}, "eps"),
        ({"eps": np.r_[EPS[:5], EPS[4]]}, "more than once"),
        ({"eps": np.r_[EPS[:5], np.nan]}, "eps[5] = nan"),
        ({"low": np.ones((16, 7))}, "3 axes"),
        ({"low": np.ones((15, 7, 6))}, "(15, 7, 6)"),
        ({"low": np.full((16, 7, 6), 1e99)}, "low[0, 0, 0] = 1e+99"),
        ({"low": np.full((16, 7, 6), -1.0)}, "low[0, 0, 0] = -1"),
        ({"low": np.full((16, 7, 6), np.nan)}, "low[0, 0, 0] = nan"),
        ({"high": np.full((16, 7, 6), np.nan)}, "high[0, 0, 0] = nan"),
        ({"low": np.ones((3, 7, 6)), "high": np.ones((3, 7, 6))}, "at least 4"),
        ({"level": 1.0}, "level = 1.0"),
        ({"floors": -1.0}, "floors"),
        ({"floors": [0.1, 0.2]}, "floors"),
        ({"minimum_n": 0}, "minimum_n"),
    ],
)
def test_bad_input_is_named(change: dict, words: str) -> None:
    n = counts()
    arguments = {"n_values": SIZES, "eps": EPS, "low": n, "high": n} | change
    with pytest.raises(InputError) as caught:
        fit_samples(**arguments)
    assert words in str(caught.value)
    with pytest.raises(InputError, match="margin"):
        judge_q(fit(n), margin=0.0)

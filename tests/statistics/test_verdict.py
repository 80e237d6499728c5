"""The verdict rules on hand-made intervals."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dgpg_verify.core import Estimate, InputError, to_json
from dgpg_verify.statistics import fit_scaling, judge, judge_at_least, judge_equal, judge_margins, judge_threshold
from dgpg_verify.statistics.verdict import exponent_labels

SIZES = (32, 64, 128, 256)


def fit_with(low: float, high: float, lack_of_fit: float | None = 0.5, steps: tuple[float, float] | None = None):
    """A fit whose deciding interval is [low, high]."""
    rng = np.random.default_rng(0)
    base = fit_scaling(SIZES, np.exp(0.1 * rng.standard_normal((4, 20))))
    middle = (low + high) / 2
    top = dataclasses.replace(
        base.top_decade,
        exponent=middle,
        low=low,
        high=high,
        lack_of_fit=lack_of_fit,
        steps=steps,
        df=76.0,
        standard_error=(high - low) / 2 / 2.642,  # t_76 at 99 %
    )
    return dataclasses.replace(base, top_decade=top)


@pytest.mark.parametrize(
    ("low", "high", "theta", "big_o"),
    [
        (-0.10, 0.10, "supported", "supported"),
        (-0.15, 0.15, "supported", "supported"),
        (-0.16, 0.10, "inconclusive", "supported"),
        (-0.10, 0.16, "inconclusive", "inconclusive"),
        (-0.90, -0.20, "refuted", "supported"),
        (-0.90, -0.15, "inconclusive", "supported"),
        (0.15, 0.40, "inconclusive", "inconclusive"),
        (0.16, 0.40, "refuted", "refuted"),
        (-9.0, 9.0, "inconclusive", "inconclusive"),
    ],
)
def test_the_table_of_the_protocol(low: float, high: float, theta: str, big_o: str) -> None:
    assert judge(fit_with(low, high)).label == theta
    assert judge(fit_with(low, high), relation="big_o").label == big_o
    shifted = judge(fit_with(low + 1, high + 1), expected=1.0, relation="theta", margin=0.15 + 1e-12)
    assert shifted.label == theta


@pytest.mark.parametrize("interval", [(-0.1, 0.1), (0.2, 0.4)])
def test_lack_of_fit_at_one_percent_is_inconclusive_unless_a_bound_is_proved(interval) -> None:
    bent = fit_with(*interval, lack_of_fit=0.009)
    verdict = judge(bent)
    assert verdict.label == "inconclusive" and "0.009" in verdict.why and verdict.decided_at is None
    straight = judge(fit_with(*interval, lack_of_fit=0.011)).label
    assert straight == judge(bent, proved_bound=True).label != "inconclusive"
    assert "proved bound" in judge(bent, proved_bound=True).why
    assert judge(fit_with(*interval, lack_of_fit=None)).label == straight


@pytest.mark.parametrize(
    ("steps", "theta", "big_o"),
    [
        ((-0.9, -0.2), "refuted", "supported"),  # falls all the way, by no one power
        ((-0.9, 0.1), "inconclusive", "supported"),
        ((-0.1, 0.1), "supported", "supported"),
        ((-0.9, 0.9), "inconclusive", "inconclusive"),  # a hump: the line through it is flat
        ((0.2, 0.9), "refuted", "refuted"),
    ],
)
def test_a_curve_that_is_no_line_is_judged_step_by_step(steps: tuple[float, float], theta: str, big_o: str) -> None:
    bent = fit_with(-0.01, 0.01, lack_of_fit=0.001, steps=steps)
    assert judge(bent).label == theta and judge(bent, relation="big_o").label == big_o
    assert ("between neighbouring N" in judge(bent).why) == (theta != "inconclusive")
    said = {"supported": " lies inside it", "refuted": " lies outside it", "inconclusive": ""}[theta]
    assert said in judge(bent).why and (" it: [" in judge(bent).why) == bool(said)
    assert not said or judge(bent).why.endswith(f" it: [{steps[0]:.3f}, {steps[1]:.3f}]")
    straight = fit_with(-0.01, 0.01, lack_of_fit=0.5, steps=steps)
    assert judge(straight).label == judge(bent, proved_bound=True).label == "supported"


def test_what_cannot_be_measured_is_inconclusive_with_the_reason() -> None:
    values = np.ones((4, 3))
    values[2, 1] = np.nan
    verdict = judge(fit_scaling(SIZES, values))
    assert verdict.label == "inconclusive" and "N = 128" in verdict.why and verdict.estimate.value is None
    assert to_json(verdict)["estimate"]["low"] is None
    assert judge_equal(Estimate(None, None, None, 0.99, 5), 0.0, 0.1).label == "inconclusive"
    for open_end in (Estimate(1.0, None, 1.0, 0.99, 5), Estimate(1.0, 1.0, None, 0.99, 5)):
        assert judge_equal(open_end, 1.0, 0.1).label == "inconclusive"
    assert judge_at_least(Estimate(np.nan, np.nan, np.nan, 0.99, 5), 0.0).label == "inconclusive"
    assert exponent_labels(np.nan, 0.0, np.nan, 0.0).item() == "inconclusive"
    assert exponent_labels(np.nan, -9.0, np.nan, 0.0, relation="big_o").item() == "inconclusive"


def test_the_verdict_at_other_margins() -> None:
    assert judge_margins(fit_with(-0.12, 0.12)) == {"0.10": "inconclusive", "0.25": "supported"}
    assert judge_margins(fit_with(0.2, 0.24), relation="big_o") == {"0.10": "refuted", "0.25": "supported"}


def test_decided_at_is_where_the_interval_would_fall_on_one_side() -> None:
    rng = np.random.default_rng(1)

    def draw(replicates: int):
        noise = rng.standard_normal((4, replicates))
        noise = (noise - noise.mean(1, keepdims=True)) / noise.std(1, ddof=1, keepdims=True)
        return fit_scaling(SIZES, np.exp(0.6 * noise), level=0.999)  # slope exactly 0, spread exactly 0.6

    needed = judge(draw(10)).decided_at
    assert needed is not None and needed > 10
    assert judge(draw(needed)).label == "supported"
    assert judge(draw(needed - 1)).label == "inconclusive"
    assert judge(draw(needed)).decided_at is None  # decided
    assert judge(fit_with(0.05, 0.25)).decided_at is None  # the estimate lies on the margin


def test_a_threshold_with_a_gap() -> None:
    def label(low: float, high: float) -> str:
        return judge_threshold(Estimate((low + high) / 2, low, high, 0.99, 20), 0.01, 0.05).label

    assert label(0.0, 0.01) == "supported" and label(0.0, 0.011) == "inconclusive"
    assert label(0.051, 0.2) == "refuted" and label(0.05, 0.2) == "inconclusive"
    assert label(0.02, 0.04) == "inconclusive"
    assert judge_threshold(Estimate(0.03, 0.02, 0.04, 0.99, 20), 0.01, 0.05).decided_at is None
    said = judge_threshold(Estimate(0.03, 0.02, 0.04, 0.99, 20), 0.01, 0.05).why
    assert said.endswith("at most 0.01, refuted above 0.05")
    assert judge_threshold(Estimate(0.03, 0.02, 0.04, 0.99, 20), 0.01).why.endswith("at most 0.01")
    # Half-width 0.04 at n = 20, value 0.01 beyond 0.05: 16 times as many replicates.
    assert judge_threshold(Estimate(0.06, 0.02, 0.10, 0.99, 20), 0.01, 0.05).decided_at in (320, 321)


def test_at_least_and_equal() -> None:
    assert judge_at_least(Estimate(0.995, 0.99, 1.0, 0.99, 100), 0.99).label == "supported"
    assert judge_at_least(Estimate(0.98, 0.97, 0.9899, 0.99, 100), 0.99).label == "refuted"
    assert judge_at_least(Estimate(0.985, 0.97, 0.99, 0.99, 100), 0.99).label == "inconclusive"
    assert judge_equal(Estimate(1.0, 0.995, 1.005, 0.95, 9), 1.0, 0.01).label == "supported"
    assert judge_equal(Estimate(1.1, 1.05, 1.15, 0.95, 9), 1.0, 0.01).label == "refuted"
    assert judge_equal(Estimate(1.0, 0.98, 1.02, 0.95, 9), 1.0, 0.01).decided_at in (36, 37)
    for value in (0.97, 1.03):  # 0.02 beyond the band on either side, half-width 0.04
        assert judge_equal(Estimate(value, value - 0.04, value + 0.04, 0.95, 9), 1.0, 0.01).decided_at in (36, 37)


@pytest.mark.parametrize(
    "arguments",
    [{"margin": 0.0}, {"margin": -0.1}, {"margin": float("nan")}, {"relation": "omega"}, {"expected": "x"}],
)
def test_bad_input_is_refused(arguments: dict) -> None:
    with pytest.raises(InputError, match=next(iter(arguments))):
        judge(fit_with(-0.1, 0.1), **arguments)


def test_a_threshold_below_its_support_is_refused() -> None:
    with pytest.raises(InputError, match="refute_above"):
        judge_threshold(Estimate(0.0, 0.0, 0.0, 0.99, 2), 0.05, 0.01)

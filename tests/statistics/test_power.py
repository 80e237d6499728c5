"""Sample-size design: the formula by hand, and the promised power by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from dgpg_verify.core import InputError
from dgpg_verify.statistics import (
    bonferroni,
    exponent_labels,
    log_variance_spread,
    replicates_to_decide,
    slope_leverage,
    slope_standard_error,
)
from dgpg_verify.statistics.lines import fit_lines, t_interval

SIZES = (32, 64, 128, 256)


def test_the_leverage_of_four_doublings() -> None:
    assert slope_leverage(SIZES) == pytest.approx(np.log(2) * np.sqrt(5.0))


def test_the_error_of_a_slope_is_the_formula_of_the_log_variance(seed: int) -> None:
    # sqrt((kurtosis - 1) / R) / sqrt(sum (log N - mean)^2), against normal samples: 2 000 slopes, 4.5 sigma.
    expected = slope_standard_error(SIZES, log_variance_spread(3.0, 400))
    assert expected == pytest.approx(np.sqrt(2 / 400) / (np.log(2) * np.sqrt(5)))
    rng = np.random.default_rng([0, seed])
    logs = np.log(rng.standard_normal((2000, 4, 400)).var(-1, ddof=1))
    slopes = np.polyfit(np.log(SIZES), logs.T, 1)[0]
    assert slopes.std(ddof=1) == pytest.approx(expected, rel=4.5 / np.sqrt(2 * 2000) + 0.01)


@pytest.mark.parametrize(
    ("offset", "relation"), [(0.0, "theta"), (-0.05, "theta"), (0.4, "theta"), (0.0, "big_o"), (0.4, "big_o")]
)
def test_the_designed_number_of_fleets_decides_with_the_promised_power(offset: float, relation: str, seed: int) -> None:
    level = bonferroni(0.99, 60)
    replicates = replicates_to_decide(SIZES, 0.3, level=level, offset=offset, power=0.9, relation=relation)
    wanted = "supported" if offset < 0.15 else "refuted"

    def power(count: int) -> float:
        noise = 0.3 * np.random.default_rng([1, seed]).standard_normal((1000, 4, count))
        lines = fit_lines(np.log(SIZES), noise + offset * np.log(SIZES)[:, None])
        low, high = t_interval(lines.slope, lines.slope_error, lines.slope_df, level)
        return float((exponent_labels(low, high, np.nan, 0.0, relation=relation) == wanted).mean())

    # The design ignores that low variances are raised to the variance function: 0.83 to 0.88 instead of 0.9.
    assert power(replicates) > 0.75
    assert power(replicates // 2) < 0.5


def test_what_no_number_of_fleets_decides() -> None:
    assert replicates_to_decide(SIZES, 0.3, offset=0.15) is None
    assert replicates_to_decide(SIZES, 1e4) is None
    assert replicates_to_decide(SIZES, 0.0) == 2


def test_bonferroni_splits_the_error() -> None:
    assert bonferroni(0.99, 60) == pytest.approx(1 - 0.01 / 60)
    assert bonferroni(0.95) == pytest.approx(0.95)


@pytest.mark.parametrize(
    "call",
    [
        lambda: bonferroni(0.99, 0),
        lambda: bonferroni(1.0, 5),
        lambda: slope_leverage([5]),
        lambda: log_variance_spread(0.5, 10),
        lambda: slope_standard_error(SIZES, -1.0),
        lambda: replicates_to_decide(SIZES, 0.3, margin=0.0),
        lambda: replicates_to_decide(SIZES, 0.3, power=1.0),
    ],
)
def test_bad_input_is_refused(call) -> None:
    with pytest.raises(InputError):
        call()

"""The level of rows that hold together, and the replicates that would decide an open one, against a plain search."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dgpg_verify.core import InputError
from dgpg_verify.statistics import bonferroni
from dgpg_verify.statistics.power import MAXIMUM, replicates_for_half_width


def half_width(count: int) -> float:
    """Of a mean over groups of 10 replicates now (error 0.2, 36 degrees of freedom), with `count` of them."""
    return float(stats.t.ppf(0.995, 36 * (count - 1) / 9) * 0.2 * np.sqrt(10 / count))


@pytest.mark.parametrize("distance", [3.0, 0.5, 0.1, 0.02])
def test_it_is_the_first_count_whose_interval_is_short_enough(distance: float) -> None:
    plain = next(count for count in range(2, 10**5) if half_width(count) <= distance)
    assert replicates_for_half_width(0.2, 36.0, 10, 0.99, distance) == plain


def test_what_no_number_of_replicates_decides() -> None:
    assert replicates_for_half_width(0.2, 36.0, 10, 0.99, 0.0) is None
    assert replicates_for_half_width(0.2, 36.0, 1, 0.99, 0.1) is None
    assert replicates_for_half_width(1e4, 36.0, 10, 0.99, 0.1) is None
    last = half_width(MAXIMUM)
    assert replicates_for_half_width(0.2, 36.0, 10, 0.99, last * (1 + 1e-6)) > 0.99 * MAXIMUM
    assert replicates_for_half_width(0.2, 36.0, 10, 0.99, last * (1 - 1e-6)) is None


def test_bonferroni_splits_the_error() -> None:
    assert bonferroni(0.99, 60) == pytest.approx(1 - 0.01 / 60)
    assert bonferroni(0.95) == pytest.approx(0.95)


@pytest.mark.parametrize(("level", "rows"), [(0.99, 0), (1.0, 5)])
def test_bad_input_is_refused(level: float, rows: int) -> None:
    with pytest.raises(InputError):
        bonferroni(level, rows)

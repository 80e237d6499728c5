"""The value normaliser against a slow plain version."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dgpg_verify.core import InputError
from dgpg_verify.critics import ValueNorm
from dgpg_verify.critics.value_norm import DECAY, VARIANCE_FLOOR
from dgpg_verify.testing import EXACT

batches = st.lists(st.lists(st.floats(-100, 100), min_size=1, max_size=5), min_size=1, max_size=6)


def slow_moments(seen: list[list[float]], decay: float) -> tuple[float, float]:
    """Weighted mean and deviation: batch j of n has weight decay^(n - j), its entries share it equally."""
    n = len(seen)
    weights = [decay ** (n - 1 - j) / len(seen[j]) for j in range(n) for _ in seen[j]]
    values = [value for batch in seen for value in batch]
    mean = sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)
    variance = sum(w * (v - mean) ** 2 for w, v in zip(weights, values, strict=True)) / sum(weights)
    return mean, max(variance, VARIANCE_FLOOR) ** 0.5


def after(seen: list[list[float]], decay: float) -> ValueNorm:
    norm = ValueNorm.empty(decay)
    for batch in seen:
        norm = norm.updated(torch.tensor(batch, dtype=torch.float64))
    return norm


@EXACT
@given(seen=batches, decay=st.sampled_from([0.0, 0.5, 0.9, DECAY]))
def test_moments_equal_the_weighted_mean_and_deviation(seen: list[list[float]], decay: float) -> None:
    found = tuple(float(value) for value in after(seen, decay).moments())
    mean, sd = slow_moments(seen, decay)
    assert found[0] == pytest.approx(mean, rel=1e-6, abs=1e-6)
    assert found[1] ** 2 == pytest.approx(sd**2, rel=1e-6, abs=1e-5)  # square minus square: 1e4 x 1e-16 / 1e-5


def test_the_first_batch_counts_in_full() -> None:
    """Debiased: without it the first mean would be 1e-5 of the truth."""
    mean, sd = after([[-900.0, -1100.0]], DECAY).moments()
    assert float(mean) == pytest.approx(-1000.0, rel=1e-9) and float(sd) == pytest.approx(100.0, rel=1e-6)


def test_before_anything_was_seen_it_is_the_identity() -> None:
    values = torch.tensor([3.0, -7.0], dtype=torch.float64)
    norm = ValueNorm.empty()
    assert torch.equal(norm.normalise(values), values) and torch.equal(norm.denormalise(values), values)


@EXACT
@given(seen=batches, value=st.floats(-1e4, 1e4))
def test_denormalise_undoes_normalise(seen: list[list[float]], value: float) -> None:
    norm, raw = after(seen, 0.9), torch.tensor(value, dtype=torch.float64)
    assert float(norm.denormalise(norm.normalise(raw))) == pytest.approx(value, rel=1e-9, abs=1e-9)


def test_normalised_targets_have_mean_0_and_variance_1() -> None:
    targets = torch.tensor([-30.0, -10.0, 5.0, 99.0], dtype=torch.float64)
    scaled = ValueNorm.empty().updated(targets).normalise(targets)
    assert float(scaled.mean()) == pytest.approx(0.0, abs=1e-9)
    assert float(scaled.std(correction=0)) == pytest.approx(1.0, rel=1e-9)


def test_equal_targets_do_not_divide_by_zero() -> None:
    norm = after([[5.0, 5.0]], DECAY)
    assert float(norm.moments()[1]) == VARIANCE_FLOOR**0.5
    assert bool(norm.normalise(torch.tensor([5.0, 6.0])).isfinite().all())


def test_an_empty_batch_changes_nothing_and_an_update_is_a_new_object() -> None:
    norm = after([[1.0, 2.0]], 0.9)
    assert norm.updated(torch.empty(0)) is norm
    mean = float(norm.mean)
    assert norm.updated(torch.tensor([50.0])) is not norm and float(norm.mean) == mean


def test_float32_targets_are_averaged_in_float64() -> None:
    targets = torch.full((1000,), 16_777_217.0, dtype=torch.float64)
    mean, _ = ValueNorm.empty().updated(targets).moments()
    assert mean.dtype == torch.float64 and float(mean) == pytest.approx(16_777_217.0, rel=1e-12)


def test_state_brings_everything_back() -> None:
    norm = after([[1.0, 5.0], [-3.0]], 0.9)
    again = ValueNorm.empty(0.9).with_state(norm.state())
    more = torch.tensor([7.0, 8.0], dtype=torch.float64)
    for a, b in zip(norm.updated(more).moments(), again.updated(more).moments(), strict=True):
        assert torch.equal(a, b)
    np.testing.assert_array_equal(norm.normalise(more).numpy(), again.normalise(more).numpy())


@pytest.mark.parametrize("decay", [-0.1, 1.1, float("nan")])
def test_bad_decay_is_refused(decay: float) -> None:
    with pytest.raises(InputError, match="decay"):
        ValueNorm.empty(decay)

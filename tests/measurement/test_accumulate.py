"""Streaming moments against two-pass numpy, cancellation included, and what they keep in memory."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dgpg_verify.core import generator
from dgpg_verify.measurement import jackknife
from dgpg_verify.measurement.accumulate import GROUPS, MAX_GROUP_VALUES, GroupMoments, deal, group_count
from dgpg_verify.measurement.jackknife import finish
from dgpg_verify.testing import EXACT


def gradients(c: int, b: int, n: int, p: int, seed: int = 0, mean: float = 0.0) -> torch.Tensor:
    return mean + torch.randn(c, b, n, p, generator=generator(seed), dtype=torch.float64)


def two_pass(values: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """mean [C, N, P] and tr Cov [C, C, N] with ddof 1, in plain numpy."""
    x = values.numpy()
    mean = x.mean(1)
    centred = x - mean[:, None]
    return mean, np.einsum("cbnp,dbnp->cdn", centred, centred) / (x.shape[1] - 1)


def streamed(values: torch.Tensor, cuts: list[int], groups: int = 1) -> list[GroupMoments]:
    """The values dealt to groups in chunks that end at `cuts`."""
    c, b, n, p = values.shape
    dealt = [GroupMoments.empty(c, n, p) for _ in range(groups)]
    edges = [0, *sorted(set(cuts) - {0, b}), b]
    for k, (low, high) in enumerate(itertools.pairwise(edges)):
        dealt[k % groups].add(values[:, low:high])
    return dealt


@EXACT
@given(
    b=st.integers(2, 20),
    cuts=st.lists(st.integers(1, 19), max_size=6),
    groups=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_any_partition_into_chunks_and_groups_gives_the_two_pass_moments(
    b: int, cuts: list[int], groups: int, seed: int
) -> None:
    values = gradients(2, b, 3, 4, seed, mean=0.5)
    found = finish(streamed(values, [cut for cut in cuts if cut < b], groups))
    mean, covariance = two_pass(values)
    assert found.count == b
    np.testing.assert_allclose(found.mean, mean, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-11, atol=1e-12)


def u_statistic(values: torch.Tensor) -> np.ndarray:
    """Average of <x_r, y_s> over r != s for all pairs of credits, summed over agents: [C, C]."""
    x = values.numpy()
    r = x.shape[1]
    every = np.einsum("crnp,dsnp->cdrs", x, x)
    return np.asarray((every.sum((2, 3)) - np.einsum("cdrr->cd", every)) / (r * (r - 1)))


def test_leaving_a_group_out() -> None:
    """Each leave-one-out moment is that of the other groups' roll-outs alone, whatever the groups' sizes."""
    values = gradients(2, 23, 3, 4, mean=0.3)
    edges = [0, 2, 7, 8, 14, 23]
    groups = streamed(values, edges[1:-1], groups=5)
    whole = finish(groups)
    assert whole.count == 23 and len(whole.left_out) == 5
    for k, (low, high) in enumerate(itertools.pairwise(edges)):
        kept = torch.cat([values[:, :low], values[:, high:]], dim=1)
        left_out = whole.left_out[k]
        assert left_out.count == 23 - (high - low)
        np.testing.assert_allclose(left_out.covariance, two_pass(kept)[1].sum(-1), rtol=1e-11)
        np.testing.assert_allclose(left_out.signal, u_statistic(kept), rtol=1e-10)
        with pytest.raises(AssertionError):  # control: the moments of all roll-outs are not these
            np.testing.assert_allclose(left_out.covariance, whole.summed().covariance, rtol=1e-11)


def test_as_many_groups_as_numbers_of_an_agent() -> None:
    values = gradients(2, 16, 3, 4)
    found = finish(streamed(values, list(range(2, 16, 2)), groups=8))
    np.testing.assert_allclose(found.covariance, two_pass(values)[1], rtol=1e-11, atol=1e-12)


def test_nothing_is_left_out_of_one_group() -> None:
    assert finish(streamed(gradients(2, 6, 3, 4), [2, 3])).left_out == ()


def test_an_exact_mean_joins_as_a_credit_without_noise() -> None:
    values, truth = gradients(2, 20, 3, 4, mean=0.3), gradients(1, 1, 3, 4, seed=7)[0, 0]
    whole = finish(streamed(values, [5, 9, 14], groups=4), truth)
    mean, covariance = two_pass(values)
    np.testing.assert_allclose(whole.covariance[:2, :2], covariance, rtol=1e-11)
    assert not whole.covariance[2].any() and not whole.covariance[:, 2].any()
    np.testing.assert_allclose(whole.mean, np.concatenate([mean, truth[None].numpy()]), rtol=1e-12)
    np.testing.assert_allclose(whole.signal[2, :2], np.einsum("cnp,np->cn", mean, truth.numpy()), rtol=1e-11)
    kept = two_pass(values[:, 5:])[0]
    np.testing.assert_allclose(whole.left_out[0].signal[2, :2], np.einsum("cnp,np->c", kept, truth.numpy()), rtol=1e-11)
    assert all(abs(part.covariance[2]).max() < 1e-15 for part in whole.left_out)


def test_blocks_of_agents_add_up_to_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk handed over agent by agent, and moments finished one agent at a time, change nothing but rounding."""
    values = gradients(2, 12, 5, 4, mean=0.3)
    expected = finish(streamed(values, [5], groups=2))
    dealt = [GroupMoments.empty(2, 5, 4) for _ in range(2)]
    deal(dealt, ((slice(low, low + 2), values[:, :, low : low + 2]) for low in range(0, 5, 2)), [5, 7])
    monkeypatch.setattr(jackknife, "BLOCK_VALUES", 1)
    found = finish(dealt)
    np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-12)
    np.testing.assert_allclose(found.covariance, expected.covariance, rtol=1e-11)
    np.testing.assert_allclose(found.left_out[1].covariance, expected.left_out[1].covariance, rtol=1e-11)
    assert found.count == 12 and [group.count for group in dealt] == [5, 7]


def test_signal_is_the_u_statistic() -> None:
    """<mean, mean> - covariance / R = average of <x_r, y_s> over r != s: no square of a mean, no bias."""
    values = gradients(2, 6, 2, 3, mean=0.3)
    found = finish(streamed(values, [2, 3])).signal
    x = values.numpy()
    for c, d, i in itertools.product(range(2), range(2), range(2)):
        pairs = [x[c, r, i] @ x[d, s, i] for r in range(6) for s in range(6) if r != s]
        assert found[c, d, i] == pytest.approx(np.mean(pairs), rel=1e-11)


def cancelling() -> torch.Tensor:
    """Mean 1e8, variance 1: x^2 needs 53 bits for 1e16 alone."""
    return gradients(1, 4_000, 1, 1, mean=1e8)


def test_large_mean_small_variance() -> None:
    """Relative error below 1e-6 where the sum of squares carries nothing of the variance."""
    values = cancelling()
    found = finish(streamed(values, list(range(100, 4_000, 100)), groups=8))
    exact = np.var((values.numpy() - 1e8).ravel(), ddof=1)
    assert float(found.covariance[0, 0, 0]) == pytest.approx(exact, rel=1e-6)


def test_control_mean_of_squares_minus_square_of_mean_fails() -> None:
    """E[x^2] - E[x]^2 on the same numbers misses the variance by more than half of it."""
    x = cancelling().numpy().ravel()
    naive = np.mean(x**2) - np.mean(x) ** 2
    assert abs(naive - np.var(x - 1e8)) > 0.5


def test_float32_gradients_are_accumulated_in_float64() -> None:
    values = (gradients(1, 4_096, 1, 1) + 1e4).float()
    found = finish(streamed(values, list(range(64, 4_096, 64))))
    assert found.covariance.dtype == np.float64
    exact = np.var(values.double().numpy().ravel(), ddof=1)
    assert float(found.covariance[0, 0, 0]) == pytest.approx(exact, rel=1e-9)


def test_accumulators_do_not_grow() -> None:
    group = GroupMoments.empty(3, 4, 5)
    sizes = []
    for k in range(6):
        group.add(gradients(3, 10, 4, 5, seed=k))
        sizes.append((group.mean.numel(), group.products.numel()))
    assert set(sizes) == {(3 * 4 * 5, 3 * 3 * 4)} and group.count == 60


def test_fewer_groups_for_very_large_gradients() -> None:
    assert group_count(3, 10, 10) == GROUPS
    assert group_count(1, 1, MAX_GROUP_VALUES) == 2 and group_count(1, 4, MAX_GROUP_VALUES // 12) == 3

"""Moments of estimates by hand, mixing against two explicit random vectors, pointing against its definition."""

import math

import numpy as np
import pytest

from dgpg_verify.core import InputError
from dgpg_verify.core.moments import (
    POINTING_COSINE,
    SETTINGS,
    EstimateMoments,
    bounded,
    mixed_variance,
    mixture_scales,
    optimal_alpha,
    setting_scales,
)
from dgpg_verify.oracles.moments import ExactCreditMoments

RNG_SEED = 11
SCALES = ((1.0, 1.0), (0.2, 0.2), (0.2, 1.0), (3.7, 1.0))


def two_vectors():
    """Two correlated finite random vectors: outcomes g_b, g_g [Q, 3] with probabilities [Q]."""
    rng = np.random.default_rng(RNG_SEED)
    return rng.normal(size=(7, 3)), rng.normal(size=(7, 3)) * 0.4, rng.dirichlet(np.ones(7))


def trace_cov(a, b, q):
    return float(q @ ((a - q @ a) * (b - q @ b)).sum(1))


@pytest.mark.parametrize("scales", SCALES)
def test_mixed_variance_is_the_variance_of_the_mixture(scales):
    base, guidance, q = two_vectors()
    parts = trace_cov(base, base, q), trace_cov(guidance, guidance, q), trace_cov(base, guidance, q)
    for alpha in np.linspace(0.0, 1.0, 11):
        mixture = (1 - alpha) * scales[0] * base + alpha * scales[1] * guidance
        expected = trace_cov(mixture, mixture, q)
        assert float(mixed_variance(alpha, *parts, scales)) == pytest.approx(expected, rel=1e-13)
        # control: without the covariance the identity is visibly false (except at the ends)
        if 0.0 < alpha < 1.0:
            wrong = float(mixed_variance(alpha, parts[0], parts[1], 0.0, scales))
            assert abs(wrong - expected) > 1e-6 * expected


@pytest.mark.parametrize("scales", SCALES)
def test_the_minimum_beats_a_fine_grid(scales):
    rng = np.random.default_rng(RNG_SEED)
    factors = rng.normal(size=(200, 2, 3))
    factors[:, 0] *= np.exp(rng.uniform(-4.0, 4.0, (200, 1)))  # either part may be the larger one
    v_b, v_g = (factors[:, 0] ** 2).sum(1), (factors[:, 1] ** 2).sum(1)
    c = (factors[:, 0] * factors[:, 1]).sum(1)
    grid = mixed_variance(np.linspace(0, 1, 2001)[:, None], v_b, v_g, c, scales)
    best = mixed_variance(optimal_alpha(v_b, v_g, c, scales), v_b, v_g, c, scales)
    assert (best <= grid.min(0) * (1 + 1e-12) + 1e-15).all()
    assert np.allclose(best, grid.min(0), rtol=0, atol=1e-5 * grid.max(0))
    alpha = optimal_alpha(v_b, v_g, c, scales)
    assert ((alpha >= 0) & (alpha <= 1)).all()
    assert (alpha == 0).any() and (alpha == 1).any()  # the clip is exercised at both ends
    inside = (alpha > 0) & (alpha < 1)
    v_b, v_g, c = v_b * scales[0] ** 2, v_g * scales[1] ** 2, c * scales[0] * scales[1]
    closed = (v_b * v_g - c**2) / (v_b + v_g - 2 * c)
    assert np.allclose(best[inside], closed[inside], rtol=1e-9)


def test_hand_values():
    assert float(optimal_alpha(3.0, 1.0, 0.0)) == pytest.approx(0.75)
    assert float(optimal_alpha(2.0, 2.0, 2.0)) == 0.0  # identical parts: V is constant
    assert setting_scales("sum", 5) == (1.0, 1.0) and setting_scales("mean", 5) == (0.2, 0.2)
    assert setting_scales("mixed", 5) == (0.2, 1.0) and setting_scales("parts", 5, 4.0) == (0.25, 1.0)
    assert setting_scales("both", 5, 4.0, 2.0) == (0.25, 0.5)


def test_joint_scales_by_hand():
    """Means (5, 2), variances (100, 4), covariance 5: at alpha 1/2 and N = 5 the mixture is A / 10 + W / 2."""
    means, covariances = [5.0, 2.0], [[100.0, 5.0], [5.0, 4.0]]
    sd = (0.01 * 100 + 0.25 * 4 + 2 * 0.1 * 0.5 * 5) ** 0.5
    assert mixture_scales("joint", 0.5, 5, means, covariances) == pytest.approx((0.2 / sd, 1 / sd, -1.5 / sd))
    assert mixture_scales("joint", 0.0, 5, means, covariances) == pytest.approx((0.1, 0.5, -0.5))
    assert mixture_scales("joint", 1.0, 5, means, covariances) == pytest.approx((0.1, 0.5, -1.0))
    for setting in SETTINGS:
        expected = (*setting_scales(setting, 5, 10.0, 2.0), 0.0)
        assert mixture_scales(setting, 0.5, 5, means, covariances) == pytest.approx(expected)


def test_bad_input_is_named():
    with pytest.raises(InputError, match="deviation"):
        mixture_scales("joint", 0.5, 3, [1.0, 1.0], [[0.0, 0.0], [0.0, 0.0]])
    with pytest.raises(InputError, match="setting"):
        setting_scales("joint", 3)
    with pytest.raises(InputError, match="alpha"):
        mixed_variance(1.2, 1.0, 1.0, 0.0)
    with pytest.raises(InputError, match="alpha"):
        mixed_variance(float("nan"), 1.0, 1.0, 0.0)
    with pytest.raises(InputError, match="setting"):
        setting_scales("total", 3)
    with pytest.raises(InputError, match="standard deviation"):
        setting_scales("parts", 3)
    with pytest.raises(InputError, match="deviation of the guidance"):
        setting_scales("both", 3, 1.0)


def unbiased(variance: float, signal: float = 4.0) -> EstimateMoments:
    return EstimateMoments(variance, signal, signal, signal)


def test_efficiency_by_hand() -> None:
    """max(0, <E g, grad J>)^2 / (|grad J|^2 E|g|^2): 1 for the gradient itself, 1 / (1 + nsr) if unbiased, 0 uphill."""
    assert unbiased(0.0).efficiency == 1.0
    assert unbiased(12.0).efficiency == pytest.approx(0.25)
    assert EstimateMoments(5.0, 4.0, 3.0, 9.0).efficiency == pytest.approx(9.0 / 81.0)
    assert EstimateMoments(500.0, 400.0, 30.0, 9.0).efficiency == pytest.approx(9.0 / 81.0)  # free of the scale
    assert EstimateMoments(5.0, 4.0, -3.0, 9.0).efficiency == 0.0
    assert math.isnan(EstimateMoments(5.0, 4.0, 3.0, -0.1).efficiency)  # no signal: not measurable


def test_alignment_by_hand() -> None:
    assert EstimateMoments(7.0, 4.0, 3.0, 9.0).alignment == pytest.approx(0.5)
    assert EstimateMoments(7.0, 4.0, -6.0, 9.0).alignment == pytest.approx(-1.0)  # signed
    assert math.isnan(EstimateMoments(7.0, -1e-3, 3.0, 9.0).alignment)


def test_noise_to_signal_is_not_measurable_without_signal() -> None:
    assert unbiased(6.0, 2.0).noise_to_signal == 3.0
    assert math.isnan(unbiased(6.0, 0.0).noise_to_signal) and math.isnan(unbiased(6.0, -1.0).noise_to_signal)


def test_a_combination_has_the_moments_of_the_combined_vectors() -> None:
    base, guidance, q = two_vectors()
    gradient, weights = np.array([0.3, -1.0, 0.5]), np.array([0.7, -0.2])
    parts = (base, guidance)
    covariance = np.array([[trace_cov(a, b, q) for b in parts] for a in parts])
    means = np.stack([q @ part for part in parts])
    mixed = EstimateMoments.combine(weights, covariance, means @ means.T, means @ gradient, gradient @ gradient)
    together, mean = 0.7 * base - 0.2 * guidance, weights @ means
    expected = (trace_cov(together, together, q), mean @ mean, mean @ gradient, gradient @ gradient)
    assert (mixed.variance, mixed.signal, mixed.inner, mixed.objective) == pytest.approx(expected)


def squared_cosine(moments: EstimateMoments, n: float) -> float:
    return moments.inner**2 / (moments.objective * (moments.signal + moments.variance / n))


def test_pointing_is_the_smallest_number_of_rollouts() -> None:
    rng = np.random.default_rng(RNG_SEED)
    for _ in range(50):
        mean, gradient = rng.normal(size=4), rng.normal(size=4)
        moments = EstimateMoments(float(rng.uniform(0.1, 50.0)), mean @ mean, mean @ gradient, gradient @ gradient)
        n = moments.rollouts_to_point
        if n is None:  # the wrong way, or too far from it for any number of roll-outs
            assert moments.inner <= 0 or squared_cosine(moments, math.inf) <= POINTING_COSINE**2
        else:
            assert squared_cosine(moments, n) >= POINTING_COSINE**2 * (1 - 1e-12)
            assert n == 1.0 or squared_cosine(moments, n) == pytest.approx(POINTING_COSINE**2)


def test_pointing_by_hand() -> None:
    assert unbiased(0.0, 1.0).rollouts_to_point == 1.0
    assert unbiased(49.0, 1.0).rollouts_to_point == pytest.approx(49.0 / (1.0 / 0.49 - 1.0))
    assert EstimateMoments(1.0, 1.0, 0.0, 1.0).rollouts_to_point is None  # orthogonal
    assert EstimateMoments(1.0, 1.0, -1.0, 1.0).rollouts_to_point is None  # wrong way
    assert EstimateMoments(0.0, 5.0, 1.0, 1.0).rollouts_to_point is None  # exact, but cosine 0.447
    assert EstimateMoments(1.0, 1.0, 0.0, 0.0).rollouts_to_point is None  # no gradient


def test_exact_moments_of_one_credit_by_hand() -> None:
    """Two agents: means (1, 0), (0, 0), variances 2 and 1, grad J = (1, 1), (1, 1)."""
    mean, gradient = np.array([[1.0, 0.0], [0.0, 0.0]]), np.ones((2, 2))
    credit = ExactCreditMoments("hand", mean, np.array([2.0, 1.0]), np.array([0.5, 0.25]), gradient)
    assert credit.pooled == EstimateMoments(3.0, 1.0, 1.0, 4.0)
    assert credit.cross_agent_share == pytest.approx(0.25)
    assert credit.signal_squared.tolist() == [1.0, 0.0]
    assert ExactCreditMoments("hand", mean, credit.variance, None, gradient).cross_agent_share is None
    nothing = ExactCreditMoments("hand", 1e-17 * mean, credit.variance, None, gradient).pooled
    assert math.isnan(nothing.alignment) and math.isnan(nothing.noise_to_signal)


@pytest.mark.parametrize("objective, signal", [(-1.0, -2.0), (-1.0, 2.0), (1.0, -2.0), (0.0, 2.0), (1.0, 0.0)])
def test_a_cosine_needs_both_lengths(objective, signal):
    """Two squared lengths that noise has made negative have a positive product."""
    assert math.isnan(EstimateMoments(1.0, signal, 0.5, objective).alignment)


def test_shares_are_moved_into_their_bounds_or_are_no_shares():
    expected = [0.0, 0.0, 0.3, 1.0, 1.0, math.nan, math.nan]
    np.testing.assert_array_equal(bounded([-0.5, 0.0, 0.3, 1.0, 1.9, 5.87, -1.5], 0.0, 1.0), expected)

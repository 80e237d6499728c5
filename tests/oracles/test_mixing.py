"""The closed form of mixing against two explicit random vectors, and the pointing rule against its definition."""

import math

import numpy as np
import pytest

from dgpg_verify.core import InputError
from dgpg_verify.oracles.mixing import mixed_variance, optimal_alpha, return_share, setting_scales
from dgpg_verify.oracles.moments import ExactCreditMoments
from dgpg_verify.oracles.pointing import rollouts_to_point

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
    assert float(return_share(0.5, 3.0, 1.0)) == pytest.approx(0.75)
    assert float(return_share(0.5, 3.0, 1.0, (1 / 3, 1.0))) == pytest.approx(0.5)
    assert setting_scales("sum", 5) == (1.0, 1.0) and setting_scales("mean", 5) == (0.2, 0.2)
    assert setting_scales("mixed", 5) == (0.2, 1.0) and setting_scales("parts", 5, 4.0) == (0.25, 1.0)


def test_bad_input_is_named():
    with pytest.raises(InputError, match="alpha"):
        mixed_variance(1.2, 1.0, 1.0, 0.0)
    with pytest.raises(InputError, match="alpha"):
        mixed_variance(float("nan"), 1.0, 1.0, 0.0)
    with pytest.raises(InputError, match="setting"):
        setting_scales("total", 3)
    with pytest.raises(InputError, match="standard deviation"):
        setting_scales("parts", 3)


def squared_cosine(mean, variance, gradient, n):
    return (mean @ gradient) ** 2 / ((gradient @ gradient) * (mean @ mean + variance / n))


@pytest.mark.parametrize("cosine", (0.3, 0.7, 0.95))
def test_pointing_is_the_smallest_n(cosine):
    rng = np.random.default_rng(RNG_SEED)
    for _ in range(50):
        gradient = rng.normal(size=4)
        variance = float(rng.uniform(0.1, 50.0))
        n = rollouts_to_point(gradient, variance, gradient, cosine)
        assert n is not None
        assert squared_cosine(gradient, variance, gradient, n) >= cosine**2 * (1 - 1e-12)
        assert n == 1 or squared_cosine(gradient, variance, gradient, n - 1) < cosine**2
        biased = rollouts_to_point(gradient + rng.normal(size=4), variance, gradient, cosine)
        assert biased is None or biased >= 1


def test_pointing_that_never_happens():
    east, north = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    assert rollouts_to_point(north, 1.0, east) is None  # orthogonal
    assert rollouts_to_point(-east, 1.0, east) is None  # wrong way
    assert rollouts_to_point(east + 2 * north, 0.0, east) is None  # exact, but cosine 0.447
    assert rollouts_to_point(east, 0.0, east) == 1
    assert rollouts_to_point(east, 1.0, 0 * east) is None
    # ||g||^2 = 1, V = 49: V/n <= 1/0.49 - 1 = 1.0408 -> n = 48
    assert rollouts_to_point(east, 49.0, east) == 48
    with pytest.raises(InputError, match="cosine"):
        rollouts_to_point(east, 1.0, east, 1.5)
    with pytest.raises(InputError, match="shape"):
        rollouts_to_point(east, 1.0, np.ones(3))


def test_quality_of_one_credit_by_hand():
    """Two agents: means (1, 0), (0, 0), variances 2 and 1, grad J = (1, 1), (1, 1)."""
    mean, gradient = np.array([[1.0, 0.0], [0.0, 0.0]]), np.ones((2, 2))
    credit = ExactCreditMoments("hand", mean, np.array([2.0, 1.0]), np.array([0.5, 0.25]), gradient)
    assert credit.noise_to_signal == pytest.approx(3.0)
    assert credit.alignment == pytest.approx(0.5)  # 1 / (1 * 2)
    assert credit.efficiency == pytest.approx(1.0 / (4.0 * 4.0))  # 1^2 / (||grad J||^2 (1 + 3))
    assert credit.cross_agent_share == pytest.approx(0.25)
    assert credit.signal_squared.tolist() == [1.0, 0.0]
    assert credit.rollouts_to_point(0.4) == math.ceil(3.0 / (1.0 / (0.16 * 4.0) - 1.0))
    stronger = ExactCreditMoments("hand", 3 * mean, 9 * credit.variance, 9 * credit.cross_agent, gradient)
    assert stronger.efficiency == pytest.approx(credit.efficiency)  # free of scale
    backwards = ExactCreditMoments("hand", -mean, credit.variance, None, gradient)
    assert backwards.efficiency == 0.0 and backwards.alignment == pytest.approx(-0.5)
    assert backwards.cross_agent_share is None
    nothing = ExactCreditMoments("hand", 1e-17 * mean, credit.variance, None, gradient)
    assert nothing.alignment is None and nothing.noise_to_signal is None

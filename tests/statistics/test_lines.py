"""Weighted lines: against statsmodels, scipy and hand cases."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.oneway import anova_oneway

from dgpg_verify.statistics.lines import _coefficients, _smooth_weights, _welch_james, fit_lines, t_interval

X = np.log([32.0, 64.0, 128.0, 256.0])


def sample(seed: int = 0, replicates: int = 7, spread: tuple[float, ...] = (0.4, 0.3, 0.2, 0.1)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 1.0 + 0.5 * X[:, None] + np.array(spread)[:, None] * rng.standard_normal((len(X), replicates))


def test_the_line_is_statsmodels_weighted_least_squares_with_the_same_weights() -> None:
    y = sample()
    weights = _smooth_weights(X, y.var(-1, ddof=1), np.full(4, y.shape[-1]))
    wls = sm.WLS(y.mean(-1), sm.add_constant(X), weights=weights).fit()
    lines = fit_lines(X, y)
    assert np.allclose([lines.intercept, lines.slope], wls.params, rtol=1e-12)


def test_the_variance_function_is_the_regression_of_log_variances() -> None:
    spread = sample().var(-1, ddof=1)
    power = stats.linregress(X, np.log(spread)).slope
    weights = _smooth_weights(X, spread, np.full(4, 7))
    assert np.allclose(np.diff(np.log(weights)), -power * np.diff(X))


def test_few_replicates_do_not_pass_for_quiet_ones(seed: int) -> None:
    # one variance at every x: over many draws the fitted function is flat, though the log of a variance of three
    # replicates lies 0.58 below that of many on average
    rng, counts = np.random.default_rng([8, seed]), np.array([10, 3, 3, 3])
    draws = rng.standard_normal((4000, 4, 10))
    spread = np.stack([draws[:, k, :count].var(-1, ddof=1) for k, count in enumerate(counts)], axis=-1)
    weights = np.log(_smooth_weights(X, spread, counts))
    slopes = (weights[:, -1] - weights[:, 0]) / (X[-1] - X[0])
    assert abs(slopes.mean()) < 5 * slopes.std() / np.sqrt(len(slopes))  # a false alarm in two million


def test_the_sandwich_error_on_a_hand_case() -> None:
    # Two points: slope = difference of means over the distance, whatever the weights; two variances fit the
    # variance function exactly, so Welch's two-sample t interval is the answer.
    rng = np.random.default_rng(3)
    a, b = 2.0 * rng.standard_normal(9), 5.0 + rng.standard_normal(9)
    lines = fit_lines(np.array([0.0, 1.0]), np.stack([a, b]))
    welch = stats.ttest_ind(b, a, equal_var=False)
    interval = welch.confidence_interval(0.9)
    low, high = t_interval(lines.slope, lines.slope_error, lines.slope_df, 0.9)
    assert lines.slope_df == pytest.approx(welch.df, rel=1e-12)
    assert np.allclose([low, high], [interval.low, interval.high])


def test_unequal_numbers_of_replicates_are_welchs_two_samples_or_wider() -> None:
    # Welch's where no variance is raised: with the larger sample's far above, only that of the smaller one is.
    rng = np.random.default_rng(5)
    a, b = 2.0 * rng.standard_normal(9), 5.0 + rng.standard_normal(4)
    y = np.stack([a, np.concatenate([b, np.full(5, np.nan)])])
    lines = fit_lines(np.array([0.0, 1.0]), y, counts=np.array([9, 4]))
    welch = stats.ttest_ind(b, a, equal_var=False)
    assert lines.slope == pytest.approx(b.mean() - a.mean(), rel=1e-12)
    assert 0.8 * welch.statistic < lines.slope / lines.slope_error <= welch.statistic
    spread, counts = np.array([a.var(ddof=1), b.var(ddof=1)]), np.array([9, 4])
    precision = _smooth_weights(np.array([0.0, 1.0]), spread, counts)
    level = sum(s * p * (c - 1) for s, p, c in zip(spread, precision, counts)) / (counts - 1).sum()
    parts = [max(s, level / p) / c for s, p, c in zip(spread, precision, counts)]
    assert lines.slope_error == pytest.approx(sum(parts) ** 0.5, rel=1e-12)
    df = sum(parts) ** 2 / sum(part**2 / (c - 1) for part, c in zip(parts, counts))
    assert lines.slope_df == pytest.approx(df, rel=1e-12)


def test_weights_count_the_replicates() -> None:
    y, counts = sample(7, replicates=10), np.array([10, 3, 3, 3])
    spread = np.array([row[:count].var(ddof=1) for row, count in zip(y, counts)])
    means = [row[:count].mean() for row, count in zip(y, counts)]
    wls = sm.WLS(means, sm.add_constant(X), weights=_smooth_weights(X, spread, counts) * counts).fit()
    lines = fit_lines(X, y, counts=counts)
    assert np.allclose([lines.intercept, lines.slope], wls.params, rtol=1e-12)


def test_lack_of_fit_with_unequal_numbers_is_welchs_anova() -> None:
    # three groups at x = -1, 0, 1 whose line is removed by construction: one contrast, a Welch t statistic squared
    rng = np.random.default_rng(6)
    groups = [0.5 * rng.standard_normal(n) + shift for n, shift in ((8, 1.0), (4, 1.5), (5, 2.2))]
    y = np.stack([np.concatenate([g, np.zeros(8 - len(g))]) for g in groups])
    contrast = np.array([1.0, -2.0, 1.0])
    parts = contrast**2 * [g.var(ddof=1) / len(g) for g in groups]
    statistic = (contrast @ [g.mean() for g in groups]) ** 2 / parts.sum()
    df = parts.sum() ** 2 / (parts**2 / [len(g) - 1 for g in groups]).sum()
    found = fit_lines(np.array([-1.0, 0.0, 1.0]), y, counts=np.array([8, 4, 5])).lack_of_fit
    assert found == pytest.approx(stats.f.sf(statistic, 1, df), rel=1e-6)


def test_a_variance_below_the_fitted_function_is_raised_to_it_and_none_is_lowered() -> None:
    y = sample(1)
    y[1] = y[1].mean() + 1e-3 * (y[1] - y[1].mean())
    lines, spread = fit_lines(X, y), y.var(-1, ddof=1)
    slope_c = _coefficients(X, _smooth_weights(X, spread, np.full(4, y.shape[-1])))[0]
    assert lines.slope_error > np.sqrt((slope_c**2 * spread).sum() / y.shape[-1])


def test_lack_of_fit_reduces_to_welch_anova_for_equal_means() -> None:
    # With x orthogonal to nothing but the constant the line is a constant: drop the slope by testing the same
    # contrasts in statsmodels, after removing one group's freedom. Three groups, one contrast: a t statistic.
    y = sample(4)[:3]
    x = np.array([-1.0, 0.0, 1.0])
    means, spread, r = y.mean(-1), y.var(-1, ddof=1), y.shape[-1]
    contrast = means[0] - 2 * means[1] + means[2]
    parts = np.array([1.0, 4.0, 1.0]) * spread / r
    df = parts.sum() ** 2 / (parts**2 / (r - 1)).sum()
    by_hand = 2 * stats.t.sf(abs(contrast) / np.sqrt(parts.sum()), df)
    # Johansen's scale factor 1 + 2A - 2A and second df 3 / (3A) make one contrast exactly Welch's t.
    assert _welch_james(x, means, spread, r) == pytest.approx(by_hand, rel=1e-10)


@pytest.mark.parametrize("number", range(3))
def test_lack_of_fit_equals_johansens_matrix_form(number: int) -> None:
    y = sample(number)
    means, r = y.mean(-1), y.shape[-1]
    assert fit_lines(X, y).lack_of_fit == pytest.approx(
        johansen(null_contrasts(X), means, y.var(-1, ddof=1) / r, r - 1)
    )


def test_the_matrix_form_itself_is_welch_anova_for_equal_means() -> None:
    y = sample(5)
    equal = np.array([[1.0, -1.0, 0, 0], [0, 1.0, -1.0, 0], [0, 0, 1.0, -1.0]])
    mine = johansen(equal, y.mean(-1), y.var(-1, ddof=1) / y.shape[-1], y.shape[-1] - 1)
    assert mine == pytest.approx(anova_oneway(list(y), use_var="unequal", welch_correction=True).pvalue)


def null_contrasts(x: np.ndarray) -> np.ndarray:
    design = np.stack([np.ones_like(x), x], axis=1)
    return np.linalg.svd(design.T)[2][2:]


def johansen(c: np.ndarray, means: np.ndarray, variances: np.ndarray, df: int) -> float:
    """Johansen (1980), matrices as printed: the independent derivation."""
    s, free = np.diag(variances), len(c)
    inner = np.linalg.inv(c @ s @ c.T)
    statistic = (c @ means) @ inner @ (c @ means)
    m = s @ c.T @ inner @ c
    blocks = [m @ np.diag(np.eye(len(means))[j]) for j in range(len(means))]
    a = 0.5 * sum(np.trace(b @ b) + np.trace(b) ** 2 for b in blocks) / df
    scale = free + 2 * a - 6 * a / (free + 2)
    return float(stats.f.sf(statistic / scale, free, free * (free + 2) / (3 * a)))


def test_lack_of_fit_is_uniform_on_lines_and_small_on_curves(seed: int) -> None:
    # 4 000 lines: P(p < 0.01) = 0.01 -+ 4.5 standard errors (false-alarm rate 1e-5).
    rng = np.random.default_rng([6, seed])
    noise = np.array([0.4, 0.3, 0.2, 0.1])[:, None] * rng.standard_normal((4000, 4, 20))
    p = fit_lines(X, X[:, None] + noise).lack_of_fit
    assert abs((p < 0.01).mean() - 0.01) < 4.5 * np.sqrt(0.01 * 0.99 / 4000)
    bent = np.array([0.0, 0.0, 0.0, 1.0])[:, None]
    assert (fit_lines(X, X[:, None] + bent + noise).lack_of_fit < 0.01).mean() > 0.99


def test_one_replicate_gives_ordinary_least_squares() -> None:
    y = sample(10, replicates=1)
    lines, ols = fit_lines(X, y), stats.linregress(X, y[:, 0])
    assert np.allclose([lines.slope, lines.slope_error], [ols.slope, ols.stderr])
    assert lines.slope_df == 2 and np.isnan(lines.lack_of_fit)


def test_repeated_values_give_a_sharp_interval_and_see_curvature() -> None:
    line = np.repeat((2.0 + 0.5 * X)[:, None], 5, axis=1)
    lines = fit_lines(X, line)
    assert lines.slope == pytest.approx(0.5) and 0.0 < lines.slope_error < 1e-8 and lines.lack_of_fit > 0.5
    assert fit_lines(X, line + np.array([0.0, 0.0, 0.0, 1e-3])[:, None]).lack_of_fit < 1e-6
    assert fit_lines(X, np.zeros((4, 5))).slope == 0.0


def test_batches_equal_single_fits() -> None:
    batch = np.stack([sample(seed) for seed in range(5)])
    together = fit_lines(X, batch)
    for k in range(5):
        alone = fit_lines(X, batch[k])
        assert alone.slope == together.slope[k] and alone.slope_df == together.slope_df[k]
        assert alone.lack_of_fit == together.lack_of_fit[k]


def test_batches_of_one_replicate_too() -> None:
    batch = np.stack([sample(seed, replicates=1) for seed in range(5)])
    together = fit_lines(X, batch)
    for k in range(5):
        alone = fit_lines(X, batch[k])
        assert (alone.slope, alone.slope_error) == (together.slope[k], together.slope_error[k])


def test_a_step_is_the_line_through_two_neighbours_or_wider() -> None:
    """Alone, two neighbours make a line of the same slope; its error is the step's where no variance is raised."""
    y = sample(3, replicates=9, spread=(0.3, 0.3, 0.3, 0.3))
    lines = fit_lines(X, y)
    for k in range(3):
        welch = stats.ttest_ind(y[k + 1], y[k], equal_var=False)
        assert lines.step[k] == pytest.approx((y[k + 1].mean() - y[k].mean()) / (X[k + 1] - X[k]), rel=1e-12)
        assert lines.step_error[k] >= lines.step[k] / welch.statistic * (1.0 - 1e-9)


def test_the_range_of_steps_holds_all_of_them_at_its_level() -> None:
    """400 curves that bend: the range misses one of their slopes no more often than it says."""
    bend, level, seeds = np.array([0.0, 0.1, 0.5, 1.5]), 0.95, 400
    wanted = 0.5 + np.diff(bend) / np.diff(X)
    fits = fit_lines(X, np.stack([sample(seed, replicates=12) + bend[:, None] for seed in range(seeds)]))
    low, high = fits.step_ends(level)
    missed = int(((low > wanted.min()) | (high < wanted.max())).sum())
    assert missed <= stats.binom.ppf(0.9999, seeds, 1.0 - level)
    assert (high - low < 6.0).all()  # wide enough to hold them, not any
    assert np.isnan(fit_lines(X, sample(1, replicates=1)).step_ends(level)).all()

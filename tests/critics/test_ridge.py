"""Ridge regression against its definition, by hat matrices, for more rows than columns and for fewer."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dgpg_verify.critics.ridge import PENALTIES, fit_ridge


def plain_fit(rows: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Fitted values at the penalty of least generalised cross-validation, every hat matrix written out."""
    x, y = rows - rows.mean(0), targets - targets.mean()
    powers = np.linalg.svd(x, compute_uv=False) ** 2
    mean_power = powers[powers > 1e-12 * powers.max()].mean()
    best, least = np.zeros(len(y)), np.inf
    for penalty in PENALTIES.numpy() * mean_power:
        hat = x @ np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T)
        score = float(((y - hat @ y) ** 2).sum()) / (len(y) - 1 - np.trace(hat)) ** 2
        if score < least:
            best, least = targets.mean() + hat @ y, score
    return best


@pytest.mark.parametrize(("count", "width", "noise"), [(40, 6, 1.0), (40, 6, 0.0), (12, 30, 1.0), (40, 6, 30.0)])
def test_fitted_values(count: int, width: int, noise: float) -> None:
    rng = np.random.default_rng(count + width)
    rows = rng.normal(size=(count, width)) * np.arange(1, width + 1) + 3.0
    targets = rows @ rng.normal(size=width) + noise * rng.normal(size=count) + 7.0
    found = fit_ridge(torch.as_tensor(rows), torch.as_tensor(targets))(torch.as_tensor(rows))
    np.testing.assert_allclose(found.numpy(), plain_fit(rows, targets), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_rounding_is_not_taken_for_what_rows_cannot_reach(seed: int) -> None:
    """More columns than rows reach every target; on some processors rounding was left over and chose the penalty."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(12, 30)) * np.arange(1, 31) + 3.0
    targets = rows @ rng.normal(size=30) + rng.normal(size=12) + 7.0
    left, scale, _ = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    along, powers = (left.T @ (targets - targets.mean()))[:11], scale[:11] ** 2
    kept = PENALTIES.numpy()[:, None] * powers.mean() / (powers + PENALTIES.numpy()[:, None] * powers.mean())
    best = ((kept * along) ** 2).sum(1) / kept.sum(1) ** 2
    expected = targets - left[:, :11] @ (kept[best.argmin()] * along)
    found = fit_ridge(torch.as_tensor(rows), torch.as_tensor(targets))(torch.as_tensor(rows))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9, atol=1e-7)


def test_columns_that_do_not_vary_and_columns_twice_do_no_harm() -> None:
    rows = torch.linspace(0.0, 1.0, 9, dtype=torch.float64)[:, None].repeat(1, 3)
    rows[:, 2] = 5.0
    fit = fit_ridge(rows, 2.0 * rows[:, 0] - 1.0)
    torch.testing.assert_close(fit(rows), 2.0 * rows[:, 0] - 1.0, atol=1e-6, rtol=0)
    flat = fit_ridge(torch.ones(4, 2, dtype=torch.float64), torch.arange(4.0, dtype=torch.float64))
    assert float(flat(torch.ones(1, 2, dtype=torch.float64))) == pytest.approx(1.5)

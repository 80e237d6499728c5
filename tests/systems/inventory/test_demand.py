"""Demand tables, quantiles and draws against scipy's own laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from dgpg_verify.systems.inventory.demand import LAWS, cumulative, drawn, quantiles

MEANS = np.array([0.01, 0.5, 1.0, 2.7, 12.0, 1000.0])
SMALLEST = 2.0**-53


def law(name: str, mean: np.ndarray) -> object:
    return stats.poisson(mean) if name == "poisson" else stats.nbinom(mean, 0.5)


@pytest.mark.parametrize("name", LAWS)
def test_tables_are_the_distribution_functions(name: str) -> None:
    table = cumulative(name, MEANS)
    units = np.arange(table.shape[1])
    expected = law(name, MEANS[:, None]).cdf(units)  # type: ignore[attr-defined]
    np.testing.assert_allclose(table, expected, rtol=0.0, atol=1e-12)
    assert (table[:, -2] >= 1.0 - SMALLEST).all() and (table[:, -1] == 1.0).all()


@pytest.mark.parametrize("name, ratio", [("poisson", 1.0), ("negative_binomial", 2.0)])
def test_variances_are_as_declared(name: str, ratio: float) -> None:
    table = cumulative(name, MEANS)
    chance, units = np.diff(table, prepend=0.0), np.arange(table.shape[1])
    mean = chance @ units
    np.testing.assert_allclose(mean, MEANS, rtol=1e-9)
    np.testing.assert_allclose(chance @ units**2 - mean**2, ratio * MEANS, rtol=1e-6)


@pytest.mark.parametrize("name", LAWS)
def test_quantiles_are_the_least_that_suffice(name: str) -> None:
    chances = np.array([0.1, 0.5, 0.8, 0.95, 0.999, 1.0 - 1e-9])
    assert (quantiles(name, MEANS, chances) == law(name, MEANS).ppf(chances)).all()  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", LAWS)
def test_draws_are_the_quantiles_of_the_uniforms(name: str) -> None:
    uniforms = torch.rand(4, 3, len(MEANS), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    uniforms[0, 0], uniforms[0, 1] = SMALLEST, 1.0 - SMALLEST
    table = torch.as_tensor(cumulative(name, MEANS))
    expected = law(name, MEANS).ppf(uniforms.numpy())  # type: ignore[attr-defined]
    found = drawn(table, uniforms).numpy()
    assert found.shape == uniforms.shape
    assert (found[1:] == expected[1:]).all() and (found[0, 2] == expected[0, 2]).all()
    assert np.isfinite(found).all() and (found[0, 0] == 0).sum() == (MEANS < 30).sum()

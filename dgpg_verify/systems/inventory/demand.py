"""Demand laws of whole units: distribution functions as tables, and draws and quantiles read off them.

Poisson, or negative binomial with twice the variance (success probability 1/2). Both are closed under sums: demand
over several steps has the same law with the sum of the means.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy import special
from torch import Tensor

Array = NDArray[np.float64]
LAWS = ("poisson", "negative_binomial")
VARIANCE = {"poisson": 1.0, "negative_binomial": 2.0}  # over the mean
LARGEST_MEAN = 1000.0


def cumulative(law: str, means: ArrayLike) -> Array:
    """P(demand <= k), [N, M], of demands with these means [N].

    The last column is 1. M is so large that less than 2^-53, the smallest uniform, lies beyond it.
    """
    mean = np.asarray(means, dtype=np.float64)[:, None]
    most = mean.max()
    units = np.arange(np.ceil(most + 10.0 * np.sqrt(VARIANCE[law] * most) + 60.0))
    below = special.pdtr(units, mean) if law == "poisson" else special.betainc(mean, units + 1.0, 0.5)
    below[:, -1] = 1.0
    return np.asarray(below)


def quantiles(law: str, means: ArrayLike, chances: ArrayLike) -> Array:
    """The least k with P(demand <= k) >= chance, for each mean and chance in (0, 1): [N]."""
    return np.asarray((cumulative(law, means) < np.asarray(chances)[..., None]).sum(1), dtype=np.float64)


def drawn(table: Tensor, uniforms: Tensor) -> Tensor:
    """Demands [..., N] float64 by inverse transform: table [N, M] of `cumulative`, uniforms [..., N] in (0, 1)."""
    by_retailer = uniforms.flatten(0, -2).T.contiguous()
    return torch.searchsorted(table, by_retailer).T.double().view(uniforms.shape)

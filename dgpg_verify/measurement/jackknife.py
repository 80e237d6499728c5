"""From running groups to moments: of all groups together, and of all but one, for the jackknife.

With m the mean of all R roll-outs, n_k, M_k and m + d_k the count, products and mean of group k, f = n_k / (R - n_k):
the others' mean is m - f d_k and their products are sum_{g != k} (M_g + n_g d_g d_g^T) - n_k f d_k d_k^T. So one
outer product per group serves all leave-one-out moments, and nothing of the size of the gradients is kept for them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dgpg_verify.core import check_finite
from dgpg_verify.measurement.accumulate import BLOCK_VALUES, GroupMoments

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Summed:
    """Moments summed over agents: covariance and signal [C, C], and the roll-outs behind them."""

    covariance: Array
    signal: Array
    count: int

    def of(self, weights: Array) -> Summed:
        """Moments of combinations of the credits, weights [rows, C]."""
        return Summed(weights @ self.covariance @ weights.T, weights @ self.signal @ weights.T, self.count)


@dataclass(frozen=True)
class Moments:
    """Covariance and signal matrices of C credits from R roll-outs, per agent.

    covariance[c, d, i] = tr Cov(g_c,i, g_d,i), ddof 1; signal[c, d, i] = unbiased <E g_c,i, E g_d,i> (a U-statistic:
    <mean, mean> - covariance / R, which may be negative); mean [C, N, P]; left_out: those without group k, for each k
    (none for a single group).
    """

    mean: Array
    covariance: Array
    signal: Array
    count: int
    left_out: tuple[Summed, ...]

    def summed(self) -> Summed:
        return Summed(self.covariance.sum(-1), self.signal.sum(-1), self.count)


def finish(groups: list[GroupMoments], exact: Tensor | None = None) -> Moments:
    """Moments of all groups.

    exact [N, P]: a mean known without error, appended as a last credit with zero covariance.
    Raises NonFiniteError with the place of a moment that is too large for a number.
    Cost: 2 G + 1 products [C, P] x [P, C] per agent; agents go in blocks.
    """
    groups = [group for group in groups if group.count]
    like = groups[0].mean
    credits, agents, size = like.shape
    credits += exact is not None
    counts = like.new_tensor([group.count for group in groups])
    mean = like.new_empty(credits, agents, size)
    covariance, signal = (like.new_empty(credits, credits, agents) for _ in range(2))
    left_out = like.new_zeros(2, len(groups), credits, credits)
    step = max(1, BLOCK_VALUES // (len(groups) * credits * size))
    for low in range(0, agents, step):
        part = slice(low, low + step)
        means, products = _stacked(groups, exact, part)
        centre = _mean(means, counts)
        of_all, without = _moments(means, products, centre, counts)
        mean[:, part] = centre.transpose(0, 1)
        covariance[:, :, part], signal[:, :, part] = (values.permute(1, 2, 0) for values in of_all)
        left_out += torch.stack([values.sum(0) for values in without])
    for name, values in (("mean", mean), ("covariance", covariance), ("product of means", signal)):
        place = "[credit, agent, parameter]" if values is mean else "[credit, credit, agent]"
        check_finite(f"{name} of gradients {place} = ", values)
    total = int(counts.sum())
    spread, lengths = left_out.cpu().numpy()
    parts = [Summed(spread[k], lengths[k], total - group.count) for k, group in enumerate(groups)]
    left = tuple(parts) if len(parts) > 1 else ()
    return Moments(mean.cpu().numpy(), covariance.cpu().numpy(), signal.cpu().numpy(), total, left)


def _stacked(groups: list[GroupMoments], exact: Tensor | None, part: slice) -> tuple[Tensor, Tensor]:
    """Means [n, G, C, P] and products [n, G, C, C] of some agents, the exact mean joined to them."""
    means = torch.stack([group.mean[:, part].transpose(0, 1) for group in groups], dim=1)
    products = torch.stack([group.products[:, :, part].permute(2, 0, 1) for group in groups], dim=1)
    if exact is not None:
        truth = exact[part].to(means)[:, None, None].expand(-1, len(groups), 1, -1)
        means, products = torch.cat([means, truth], dim=2), torch.nn.functional.pad(products, (0, 1, 0, 1))
    return means, products


def _mean(means: Tensor, counts: Tensor) -> Tensor:
    """Weighted mean over groups, taken about the first: exact where all agree. [n, G, C, P] -> [n, C, P]"""
    first = means[:, 0]
    return first + torch.einsum("g,ngcp->ncp", counts / counts.sum(), means - first[:, None])


def _moments(
    means: Tensor, products: Tensor, centre: Tensor, counts: Tensor
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """(covariance, signal) of all groups [n, C, C], and of all but one [n, G, C, C]."""
    total, n_k = counts.sum(), counts[:, None, None]
    deviation = means - centre[:, None]
    outer = deviation @ deviation.transpose(-1, -2)
    cross = deviation @ centre[:, None].transpose(-1, -2)
    square = centre @ centre.transpose(-1, -2)
    within = products + n_k * outer
    covariance = within.sum(1) / (total - 1.0).clamp(min=1.0)
    rest, f = total - n_k, n_k / (total - n_k)
    others = torch.einsum(
        "kg,ngcd->nkcd", 1.0 - torch.eye(len(counts), dtype=within.dtype, device=within.device), within
    )
    without = (others - n_k * f * outer) / (rest - 1.0).clamp(min=1.0)
    moved = square[:, None] - f * (cross + cross.transpose(-1, -2)) + f**2 * outer
    return (covariance, square - covariance / total), (without, moved - without / rest)

"""Streaming moments of stacked gradients: memory does not grow with the number of roll-outs.

Each chunk's mean and centred cross-products are merged with Chan's update (float64), never E[x^2] - E[x]^2.
Chunks are dealt to a few groups; leaving a group out gives the jackknife behind every interval.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

GROUPS = 8
MAX_GROUP_VALUES = 30_000_000  # group means kept in memory, C N P numbers each; fewer groups beyond this

BLOCK_VALUES = 250_000  # numbers converted to float64 and centred at a time: 2 MB


@dataclass
class GroupMoments:
    """Running moments of C credits: count, mean [C, N, P] and centred cross-products [C, C, N] (float64)."""

    count: int
    mean: Tensor
    products: Tensor

    @classmethod
    def empty(cls, credits: int, agents: int, size: int, device: str = "cpu") -> GroupMoments:
        return cls(
            0,
            torch.zeros(credits, agents, size, dtype=torch.float64, device=device),
            torch.zeros(credits, credits, agents, dtype=torch.float64, device=device),
        )

    def add(self, gradients: Tensor) -> None:
        """Merge a chunk of gradients [C, B, N, P]."""
        c, size, n, p = gradients.shape
        chunk = GroupMoments.empty(c, n, p, str(gradients.device))
        chunk.count = size
        block = max(1, BLOCK_VALUES // (c * size * p))
        for low in range(0, n, block):  # a block stays in cache between conversion, centring and products
            part = slice(low, low + block)
            values = gradients[:, :, part].permute(2, 1, 0, 3).double()  # [n, B, C, P]
            mean = values.mean(1, keepdim=True)
            chunk.mean[:, part] = mean[:, 0].transpose(0, 1)
            values = values.sub_(mean) if gradients.dtype != torch.float64 else values - mean
            chunk.products[:, :, part] = (values @ values.transpose(-1, -2)).sum(1).permute(1, 2, 0)
        self.merge(chunk)

    def merge(self, other: GroupMoments) -> None:
        """Chan et al. (1983): combine two sets of moments."""
        total = self.count + other.count
        if total == 0:
            return
        shift = other.mean - self.mean
        self.products += other.products + _outer(shift) * (self.count * other.count / total)
        self.mean += shift * (other.count / total)
        self.count = total


def _outer(values: Tensor) -> Tensor:
    """sum over p of x_c x_d: [C, N, P] -> [C, C, N]."""
    by_agent = values.transpose(0, 1)
    return (by_agent @ by_agent.transpose(1, 2)).permute(1, 2, 0)


@dataclass(frozen=True)
class Moments:
    """Covariance and signal matrices of C credits from R roll-outs, per agent.

    covariance[c, d, i] = tr Cov(g_c,i, g_d,i), ddof 1; signal[c, d, i] = unbiased <E g_c,i, E g_d,i> (a U-statistic:
    <mean, mean> - covariance / R, which may be negative); mean [C, N, P].
    """

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    signal: NDArray[np.float64]
    count: int


def finish(groups: list[GroupMoments], without: int | None = None) -> Moments:
    """Moments of all groups together, or of all but one."""
    credits, agents, size = groups[0].mean.shape
    total = GroupMoments.empty(credits, agents, size, str(groups[0].mean.device))
    for number, group in enumerate(groups):
        if number != without and group.count:
            total.merge(group)
    covariance = total.products / max(total.count - 1, 1)
    signal = _outer(total.mean) - covariance / max(total.count, 1)
    return Moments(total.mean.cpu().numpy(), covariance.cpu().numpy(), signal.cpu().numpy(), total.count)


def group_count(credits: int, agents: int, size: int) -> int:
    """Jackknife groups that fit in memory: 8, or fewer (at least 2) for very large gradients."""
    return int(np.clip(MAX_GROUP_VALUES // max(credits * agents * size, 1), 2, GROUPS))

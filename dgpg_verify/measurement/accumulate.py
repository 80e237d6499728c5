"""Streaming moments of stacked gradients: memory does not grow with the number of roll-outs.

Each chunk's mean and centred cross-products are merged with Chan's update (float64), never E[x^2] - E[x]^2.
Chunks are dealt to a few groups; leaving a group out gives the jackknife behind every interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
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
        deal([self], [(slice(0, gradients.shape[2]), gradients)], [gradients.shape[1]])

    def merge(self, agents: slice, gradients: Tensor) -> None:
        """Chan's update for some agents, in place; the count stays."""
        c, size, n, p = gradients.shape
        step = max(1, BLOCK_VALUES // (c * size * p))
        for low in range(0, n, step):  # few enough to stay in cache between conversion, centring and products
            high = min(low + step, n)
            self._merge_few(slice(agents.start + low, agents.start + high), gradients[:, :, low:high])

    def _merge_few(self, agents: slice, gradients: Tensor) -> None:
        size = gradients.shape[1]
        values = gradients.permute(2, 1, 0, 3).to(torch.float64)  # [n, B, C, P]
        mean = values.mean(1, keepdim=True)
        values = values.sub_(mean) if gradients.dtype != torch.float64 else values - mean
        products = (values @ values.transpose(-1, -2)).sum(1)
        shift = mean[:, 0]
        if self.count:
            shift = shift - self.mean[:, agents].transpose(0, 1)
            products += shift @ shift.transpose(1, 2) * (self.count * size / (self.count + size))
            shift *= size / (self.count + size)
        self.products[:, :, agents] += products.permute(1, 2, 0)
        self.mean[:, agents] += shift.transpose(0, 1)


def deal(groups: Sequence[GroupMoments], blocks: Iterable[tuple[slice, Tensor]], sizes: Sequence[int]) -> None:
    """Merge roll-outs that come in blocks of agents, (agents, [C, B, n, P]), which together are all agents: the first
    sizes[0] of them into the first group, the next sizes[1] into the second, and so on. No group may stand twice."""
    for agents, gradients in blocks:
        for group, part in zip(groups, gradients.split(list(sizes), dim=1), strict=True):
            group.merge(agents, part)
    for group, size in zip(groups, sizes, strict=True):
        group.count += size


def group_count(credits: int, agents: int, size: int) -> int:
    """Jackknife groups that fit in memory: 8, or fewer (at least 2) for very large gradients."""
    return int(np.clip(MAX_GROUP_VALUES // max(credits * agents * size, 1), 2, GROUPS))

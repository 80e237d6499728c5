"""Constants of fleet and graph that every step reads: one fleet, or several stacked along the roll-outs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dgpg_verify.systems.cloud.fleet import Fleet
from dgpg_verify.systems.cloud.workload.fit import Candidates


@dataclass(frozen=True)
class Layout:
    """Constants of a step. An axis B of 1 serves all roll-outs alike; S fleets have one row for each roll-out.

    server_columns [B, 3 M]: log cores, log memory and speed, see `observation`. index int64 [B, N, K]: candidates;
    capacities [2, B, N, K]: their cores and memory. The same in a row for each of S fleets: rooms [3, S N K], cores,
    memory and speed of every candidate; servers int64 [S N K], its number; first int64 [B, N], where a dispatcher's
    candidates begin in both. clock [T, 2]: t / T and day rate.
    """

    server_columns: Tensor
    index: Tensor
    capacities: Tensor
    rooms: Tensor
    servers: Tensor
    first: Tensor
    clock: Tensor

    @classmethod
    def of(cls, fleet: Fleet, candidates: Candidates, day: Tensor) -> Layout:
        """The layout of one fleet. day [T]: arrival rate over its mean. Cost O(M + N K + T)."""
        index, device = candidates.index, fleet.cores.device
        relative = [(column / column.mean()).log() for column in (fleet.cores, fleet.memory)]
        time = torch.arange(len(day), dtype=torch.float64, device=device) / len(day)
        return cls(
            server_columns=torch.cat([*relative, fleet.speed])[None],
            index=index[None],
            capacities=torch.stack([candidates.cores, candidates.memory])[:, None],
            rooms=torch.stack([candidates.cores, candidates.memory, fleet.speed[index]]).flatten(1),
            servers=index.flatten(),
            first=torch.arange(0, index.numel(), index.shape[1], device=device)[None],
            clock=torch.stack([time, day], dim=1),
        )

    @classmethod
    def stacked(cls, layouts: Sequence[Layout], rollouts: int) -> Layout:
        """The layout of fleets of one size with one clock; the first `rollouts` roll-outs belong to the first fleet."""
        if len(layouts) == 1:
            return layouts[0]

        def rows(name: str, dim: int = 0) -> Tensor:
            return torch.cat([getattr(layout, name) for layout in layouts], dim).repeat_interleave(rollouts, dim)

        size = len(layouts[0].servers)
        shift = torch.arange(0, len(layouts) * size, size, device=layouts[0].servers.device)
        return cls(
            server_columns=rows("server_columns"),
            index=rows("index"),
            capacities=rows("capacities", 1),
            rooms=torch.cat([layout.rooms for layout in layouts], dim=1),
            servers=torch.cat([layout.servers for layout in layouts]),
            first=rows("first") + shift.repeat_interleave(rollouts)[:, None],
            clock=layouts[0].clock,
        )

    @property
    def speed(self) -> Tensor:
        """Speed of every server, [B, M]."""
        return self.server_columns.chunk(3, dim=1)[2]

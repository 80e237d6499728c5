"""Decisions packed: the steps at which an agent acted, one row of them for each (agent, roll-out).

Agents are often idle, and an idle step has no score. Rows are sorted by their number of decisions and cut into blocks
that are padded to their longest row, so that almost nothing idle is computed and a block stays in cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Block:
    """I rows of L steps. row int64 [I]: place among the rows of the agents asked for, agent-major; agent int64 [I];
    at int64 [I, L]: place of each step in [B, T, N] flattened. Padding points at idle steps, whose score is 0."""

    row: Tensor
    agent: Tensor
    at: Tensor


@dataclass(frozen=True)
class Decisions:
    """All rows of a roll-out, agent-major (agent * B + roll-out). counts int64 [N B]; at int64 [N B, T], decisions
    first, in order of time."""

    counts: Tensor
    at: Tensor
    batch: int

    @classmethod
    def of(cls, active: Tensor) -> Decisions:
        """From bool [B, T, N]: which agents decide at which step. Cost: one sort of B T N flags."""
        batch, horizon, n = active.shape
        acted = active.permute(2, 0, 1).reshape(n * batch, horizon)
        step = (~acted).to(torch.uint8).argsort(dim=1, stable=True)
        row = torch.arange(n * batch, device=active.device)
        start = (row % batch) * horizon * n + row // batch
        return cls(acted.sum(1), start[:, None] + step * n, batch)

    def blocks(self, agents: slice, decisions: int) -> Iterator[Block]:
        """The rows of `agents` in blocks of about so many decisions, longest rows first."""
        first = agents.start * self.batch
        order = self.counts[first : agents.stop * self.batch].argsort(descending=True, stable=True)
        lengths = self.counts[first + order].clamp(min=1).tolist()
        for some in cuts(lengths, decisions):
            place = first + order[some]
            yield Block(order[some], place // self.batch, self.at[place, : lengths[some.start]])


def cuts(lengths: Sequence[int], size: int) -> Iterator[slice]:
    """Consecutive rows, the first the longest, that make up `size` when padded to it; one row at least."""
    low = 0
    while low < len(lengths):
        some = slice(low, low + max(1, size // max(lengths[low], 1)))
        yield some
        low = some.stop

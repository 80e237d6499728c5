"""What every job costs the others: the return of an episode with and without each of its jobs, by replay.

Once all actions are fixed the servers do not interact: a job taken away changes what happens on its own server alone.
So one replayed copy takes one job away on every server at once, and the copies needed are as many as the most jobs
that any server gets, whatever N. Copies are replayed from the first step at which they differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dgpg_verify.core.trees import repeat_rollouts
from dgpg_verify.systems.cloud.queues import Queues, empty_queues, line_up, serve

QUEUES_AT_ONCE = 2**17  # servers of all copies replayed side by side, which bounds the memory
BLOCKS = 8  # at least so many blocks of copies, since a block is replayed from its earliest removal on


@dataclass(frozen=True)
class Placements:
    """All jobs of B episodes, as they were placed.

    server int64 [B, T, N], -1 where no job joins; arrival [B, T, N] within its step; columns [4, B, T, N]: cores,
    memory, cost and remaining, as in `Queues.table`.
    """

    server: Tensor
    arrival: Tensor
    columns: Tensor
    n_servers: int

    def joined(self, queues: Queues, step: int, server: Tensor) -> tuple[Queues, Tensor]:
        """The queues after `step`, in which the jobs of `server` [B', N] join, and what each server's jobs cost in it.

        B' is a multiple of B: copies of a roll-out lie next to each other. Returns queues and cost [B', M].
        """
        copies = len(server) // len(self.server)
        arrival = self.arrival[:, step].repeat_interleave(copies, 0)
        joiners = line_up(server, self.n_servers, arrival, self.columns[:, :, step].repeat_interleave(copies, 1))
        cost = torch.zeros(queues.count.shape, dtype=torch.float64, device=server.device)
        cost.scatter_add_(1, queues.server, queues.cost)
        cost.view(-1).index_add_(0, joiners.row, joiners.table[3])
        return serve(queues, joiners), cost


def removal_gains(placed: Placements, discount: float) -> Tensor:
    """Discounted return with every job minus that without this one, all actions as they were: [B, T, N] float64.

    0 where no job joins. Cost: as many episodes of the servers alone as the largest number of jobs on any server, half
    of them from their middle on; memory does not grow with that number.
    """
    batch, horizon, n = placed.server.shape
    number = _numbers(placed.server, placed.n_servers)
    states, costs = _replay_all(placed, discount)
    gains = torch.zeros(batch, horizon, n, dtype=torch.float64, device=number.device)
    for low, high in _blocks(placed, int(number.max()) + 1):
        inside = (number >= low) & (number < high)
        first = int(inside.any(0).any(-1).nonzero()[0])
        without = _replay_without(placed, number, range(low, high), states[first], first, discount)
        with_all = costs[:, first:].sum(1)
        b, t, agent = inside.nonzero(as_tuple=True)
        server = placed.server[b, t, agent]
        gains[b, t, agent] = without[b, number[b, t, agent] - low, server] - with_all[b, server]
    return gains


def _numbers(server: Tensor, n_servers: int) -> Tensor:
    """Each job's number among those of its server, by step; -1 where no job joins. [B, T, N]"""
    batch = len(server)
    row = torch.where(server >= 0, server + n_servers * torch.arange(batch, device=server.device)[:, None, None], -1)
    row = row.flatten()
    ordered, order = row.sort(stable=True)
    first = torch.searchsorted(ordered, ordered)
    number = torch.empty_like(row)
    number[order] = torch.arange(len(row), device=server.device) - first
    return torch.where(row >= 0, number, -1).view_as(server)


def _blocks(placed: Placements, copies: int) -> Iterator[tuple[int, int]]:
    """Ranges of copies replayed together."""
    batch, _, n = placed.server.shape
    most = max(QUEUES_AT_ONCE // (batch * max(placed.n_servers, n)), 1)
    size = max(min(most, -(-copies // BLOCKS)), 1)
    for low in range(0, copies, size):
        yield low, min(low + size, copies)


def _replay_all(placed: Placements, discount: float) -> tuple[Sequence[Queues], Tensor]:
    """The queues before every step with all jobs, and each server's discounted costs in it, [B, T, M]."""
    batch, horizon, _ = placed.server.shape
    queues = empty_queues(batch, placed.n_servers, placed.server.device)
    states, costs = [], []
    for t in range(horizon):
        states.append(queues)
        queues, cost = placed.joined(queues, t, placed.server[:, t])
        costs.append(discount**t * cost)
    return states, torch.stack(costs, dim=1)


def _replay_without(
    placed: Placements, number: Tensor, copies: range, queues: Queues, first: int, discount: float
) -> Tensor:
    """Discounted costs of every server from step `first` to the end in copies without one job each, [B, C, M]."""
    batch, horizon, n = placed.server.shape
    removed = torch.arange(copies.start, copies.stop, device=number.device)[:, None]
    queues = repeat_rollouts(queues, len(copies))
    total = torch.zeros(batch * len(copies), placed.n_servers, dtype=torch.float64, device=number.device)
    for t in range(first, horizon):
        left = torch.where(number[:, None, t] == removed, -1, placed.server[:, None, t])
        queues, cost = placed.joined(queues, t, left.view(-1, n))
        total.add_(cost, alpha=discount**t)
    return total.view(batch, len(copies), -1)

"""The cost of every job to the others: the return of an episode with and without each of its jobs, by replay.

Once all actions are fixed the servers do not interact: a job taken away changes what happens on its own server alone,
from its own step on. So each job needs a replay of one server, and thousands of them run side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from dgpg_verify.systems.cloud.queues import Joiners, Queues, empty_queues, line_up, serve, settled

AT_ONCE = 4096  # replayed servers in one list: few enough that its sums stay exact to far below SLACK
BLOCKS = 8  # so many where there are enough jobs, since a block is replayed from its earliest removal on
LEAST = 512  # replayed servers in a list: below that, time goes into the number of tensor operations


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


@dataclass(frozen=True)
class _Jobs:
    """All J jobs in order of step, server and arrival; R = B M servers, those of all episodes side by side.

    place [J]: where it stands in [B, T, N]; step, row [J]; table [5, J], as in `Joiners`; size, first [T, R]: jobs that
    join a server in a step, and the number of the first of them.
    """

    place: Tensor
    step: Tensor
    row: Tensor
    table: Tensor
    size: Tensor
    first: Tensor

    def joining(self, step: int, rows: Tensor, without: Tensor | None = None) -> Joiners:
        """The jobs of `step` that join copies of the servers `rows` [V], each but the job `without` [V]."""
        size = self.size[step, rows]
        copy = torch.arange(len(rows), device=rows.device).repeat_interleave(size)
        job = self.first[step, rows][copy] + _counted(size, copy)
        if without is not None:
            kept = job != without[copy]
            copy, job = copy[kept], job[kept]
        table = torch.cat([copy[None].double(), self.table[1:, job]])
        cells = torch.stack([copy, copy + len(rows)])
        return Joiners(copy, torch.zeros_like(copy), cells, torch.bincount(copy, minlength=len(rows)), table)


def removal_gains(placed: Placements, discount: float) -> Tensor:
    """Discounted return with every job minus that without this one, all actions as they were: [B, T, N] float64.

    0 where no job joins. Cost: a replay of one server for each job, from its step to the end of the episode.
    """
    jobs = _lined_up(placed)
    gains = torch.zeros(placed.server.numel(), dtype=torch.float64, device=placed.server.device)
    states, costs = _replay_all(jobs, discount)
    for block in _blocks(len(jobs.row)):
        first, rows = int(jobs.step[block.start]), jobs.row[block]
        number = torch.arange(block.start, block.stop, device=rows.device)
        saved = -costs[first:, rows].sum(0)
        queues = _copied(states[first], rows)
        for step in range(first, len(jobs.size)):
            queues, cost = _joined(queues, jobs.joining(step, rows, number))
            saved.add_(cost, alpha=discount**step)
        gains[jobs.place[block]] = saved
    return gains.view_as(placed.server)


def _counted(size: Tensor, group: Tensor) -> Tensor:
    """0, 1, 2, ... within each of consecutive groups of these sizes; group: the number of each item's group."""
    return torch.arange(len(group), device=group.device) - (size.cumsum(0) - size)[group]


def _blocks(jobs: int) -> Iterator[slice]:
    size = min(AT_ONCE, max(LEAST, -(-jobs // BLOCKS)))
    for start in range(0, jobs, size):
        yield slice(start, min(start + size, jobs))


def _lined_up(placed: Placements) -> _Jobs:
    batch, horizon, n = placed.server.shape
    first_row = placed.n_servers * torch.arange(batch, device=placed.server.device)[:, None, None]
    rows = torch.where(placed.server >= 0, placed.server + first_row, -1)
    place = torch.arange(rows.numel(), device=rows.device).view(1, batch, horizon, n)
    columns = torch.cat([placed.columns, place.double()])
    steps = [
        line_up(rows[:, t].reshape(1, -1), batch * placed.n_servers, placed.arrival[:, t].reshape(1, -1),
                columns[:, :, t].reshape(5, 1, -1))
        for t in range(horizon)
    ]  # fmt: skip
    table, size = torch.cat([joiners.table for joiners in steps], 1), torch.stack([joiners.size for joiners in steps])
    return _Jobs(
        place=table[5].long(),
        step=torch.arange(horizon, device=rows.device).repeat_interleave(size.sum(1)),
        row=torch.cat([joiners.row for joiners in steps]),
        table=table[:5],
        size=size,
        first=(size.flatten().cumsum(0) - size.flatten()).view_as(size),
    )


def _replay_all(jobs: _Jobs, discount: float) -> tuple[Sequence[Queues], Tensor]:
    """The queues before every step with all jobs, and each server's discounted cost in it, [T, R]."""
    rows = torch.arange(jobs.size.shape[1], device=jobs.row.device)
    queues, states, costs = empty_queues(1, len(rows), rows.device), [], []
    for step in range(len(jobs.size)):
        states.append(queues)
        queues, cost = _joined(queues, jobs.joining(step, rows))
        costs.append(discount**step * cost)
    return states, torch.stack(costs)


def _joined(queues: Queues, joiners: Joiners) -> tuple[Queues, Tensor]:
    """The queues one step later, and what the jobs of each server cost in this step, [V]."""
    cost = torch.zeros(queues.count.shape[1], dtype=torch.float64, device=queues.count.device)
    cost.scatter_add_(0, queues.server[0], queues.cost[0]).scatter_add_(0, joiners.row, joiners.table[3])
    return serve(queues, joiners), cost


def _copied(queues: Queues, rows: Tensor) -> Queues:
    """Copies of the queues of some servers as one list, a server as often as it is named."""
    size = queues.count[0, rows]
    copy = torch.arange(len(rows), device=rows.device).repeat_interleave(size)
    place = queues.cuts[0, rows][copy] + 1 + _counted(size, copy)
    table = torch.cat([copy[None].double(), queues.table[0, 1:, place]])
    return settled(pad(table, (1, 0))[None], size[None], pad(size.cumsum(0), (1, 0))[None])

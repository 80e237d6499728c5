"""Strict FIFO servers: jobs in compact buffers [B, M, Q], the running ones are the longest prefix that fits."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SLACK = 1e-9  # relative: a job that fills a server exactly must fit whatever the rounding
WORK_LEFT = 1e-9  # steps at speed 1: less remaining work than this counts as done
STEP = 1.0  # dt


@dataclass(frozen=True)
class Queues:
    """Jobs present on each server in order of joining; slots from `count` on are zero.

    cores, memory (GiB), remaining (work steps at speed 1) and cost (reward lost per step present,
    dt / max(duration, dt)) float64 [B, M, Q]; count and running (the first ones run) int64 [B, M];
    used and committed, cores then memory of running and of all jobs, float64 [B, 2M].
    """

    cores: Tensor
    memory: Tensor
    remaining: Tensor
    cost: Tensor
    count: Tensor
    running: Tensor
    used: Tensor
    committed: Tensor

    @property
    def waiting(self) -> Tensor:
        """Jobs present that do not run, int64 [B, M]."""
        return self.count - self.running

    @property
    def work(self) -> Tensor:
        """Remaining core-work, core-steps at speed 1, [B, M]."""
        return torch.einsum("bmq,bmq->bm", self.cores, self.remaining)


@dataclass(frozen=True)
class Joiners:
    """Jobs that join in this step, sorted by queue and then by arrival time; J in all.

    row: b M + server, int64 [J]; first: place in the list of the first job of each queue, int64 [B M];
    cores, memory, duration, cost float64 [J].
    """

    row: Tensor
    first: Tensor
    cores: Tensor
    memory: Tensor
    duration: Tensor
    cost: Tensor


def empty_queues(batch: int, n_servers: int, device: torch.device) -> Queues:
    slot = torch.zeros(batch, n_servers, 1, dtype=torch.float64, device=device)
    none = torch.zeros(batch, n_servers, dtype=torch.int64, device=device)
    load = torch.zeros(batch, 2 * n_servers, dtype=torch.float64, device=device)
    return Queues(slot, slot, slot, slot, none, none, load, load)


def line_up(server: Tensor, n_servers: int, arrival: Tensor, columns: tuple[Tensor, Tensor, Tensor, Tensor]) -> Joiners:
    """Jobs in the order in which they join.

    Args:
        server: int64 [B, N], -1 where no job joins. n_servers: M. arrival: [B, N], times within the step.
        columns: cores, memory, duration, cost, each [B, N].
    """
    place = (server >= 0).flatten().nonzero().squeeze(-1)
    row = server.flatten()[place] + place // server.shape[1] * n_servers
    early = arrival.flatten()[place].argsort()
    order = early[row[early].argsort(stable=True)]
    place, row = place[order], row[order]
    cores, memory, duration, cost = (column.flatten()[place] for column in columns)
    return Joiners(row, _first(row, server.shape[0] * n_servers), cores, memory, duration, cost)


def committed_after(queues: Queues, joiners: Joiners) -> Tensor:
    """Cores then memory of all jobs present once the joiners are in, [B, 2M]."""
    halves = queues.committed.chunk(2, 1)
    added = [
        half.flatten().index_add(0, joiners.row, size) for half, size in zip(halves, (joiners.cores, joiners.memory))
    ]
    return torch.cat([total.view_as(half) for total, half in zip(added, halves)], dim=1)


def starts(queues: Queues, joiners: Joiners, capacity: Tensor) -> Tensor:
    """bool [J]: the joiner runs at once, nobody waiting before it and cores and memory being free."""
    fits = (queues.waiting == 0).flatten()[joiners.row]
    server = joiners.row % queues.count.shape[1]
    for used, size, limit in zip(queues.used.chunk(2, 1), (joiners.cores, joiners.memory), capacity.chunk(2)):
        total = size.cumsum(0)
        mine = total - (total - size)[joiners.first[joiners.row]]
        fits &= used.flatten()[joiners.row] + mine <= limit[server] * (1.0 + SLACK)
    return fits


def serve(queues: Queues, joiners: Joiners, capacity: Tensor, speed: Tensor) -> Queues:
    """Joiners get in line, running jobs lose speed * dt of work, finished ones leave.

    Args:
        capacity: [2M]; speed: [M].

    Returns:
        queues with a buffer as long as the longest queue (it grows and shrinks, nothing is lost).

    Cost: O(B M Q), a handful of passes.
    """
    server = joiners.row % len(speed)
    left = joiners.duration - starts(queues, joiners, capacity) * speed[server] * STEP
    new = (left > WORK_LEFT).nonzero().squeeze(-1)
    slots = torch.arange(queues.cores.shape[2], device=speed.device)
    runs = slots < queues.running[..., None]
    remaining = queues.remaining - runs * (speed * STEP)[:, None]
    old = (remaining > WORK_LEFT).flatten().nonzero().squeeze(-1)  # empty slots hold no work

    rows = queues.count.numel()
    old_row, new_row = old // len(slots), joiners.row[new]
    stayed = torch.bincount(old_row, minlength=rows)
    count = stayed + torch.bincount(new_row, minlength=rows)
    length = max(int(count.max()), 1)
    target = old_row * length + _ranks(old_row, rows)
    target = torch.cat([target, new_row * length + stayed[new_row] + _ranks(new_row, rows)])

    def pack(present: Tensor, joined: Tensor) -> Tensor:
        values = torch.cat([present.flatten().index_select(0, old), joined.index_select(0, new)])
        return speed.new_zeros(rows * length).index_copy_(0, target, values).view(*queues.count.shape, length)

    return _settled(
        pack(queues.cores, joiners.cores),
        pack(queues.memory, joiners.memory),
        pack(remaining, left),
        pack(queues.cost, joiners.cost),
        count.view_as(queues.count),
        capacity,
    )


def _settled(cores: Tensor, memory: Tensor, remaining: Tensor, cost: Tensor, count: Tensor, capacity: Tensor) -> Queues:
    """Find who runs. Sizes are positive, so cumulative sums rise: a blocked head blocks the rest.

    Where all jobs fit, the empty slots behind them do too, hence the minimum with `count`.
    """
    totals = cores.cumsum(-1), memory.cumsum(-1)
    limits = [(limit * (1.0 + SLACK))[:, None] for limit in capacity.chunk(2)]
    fitting = ((totals[0] <= limits[0]) & (totals[1] <= limits[1])).sum(-1)
    running = torch.minimum(fitting, count)
    last = (running - 1).clamp(min=0)[..., None]
    used = torch.cat([total.gather(-1, last)[..., 0] * (running > 0) for total in totals], dim=-1)
    return Queues(cores, memory, remaining, cost, count, running, used, torch.cat([t[..., -1] for t in totals], -1))


def _first(row: Tensor, rows: int) -> Tensor:
    """Place of the first entry of each of `rows` queues in the sorted list `row`."""
    size = torch.bincount(row, minlength=rows)
    return size.cumsum(0) - size


def _ranks(row: Tensor, rows: int) -> Tensor:
    """0, 1, 2 ... within each queue of the sorted list `row`."""
    return torch.arange(len(row), device=row.device) - _first(row, rows)[row]

"""Strict FIFO servers: one compact list of the jobs present, of which the longest prefix that fits is running.

Sizes are shares of the server's capacity and durations are steps on that server: a server then has room 1, a running
job loses one step per step, and neither capacity nor speed is looked up again. The list holds the jobs of server 0 in
order of joining, then those of server 1 and so on, so that its length is the number of jobs present and not servers
times the longest queue (five times as many under a random policy).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SLACK = 1e-9  # of the capacity: a job that fills a server exactly must fit whatever the rounding
TIME_LEFT = 1e-9  # steps: a job with less left than this is done
STEP = 1.0  # dt
KEY_BITS = 62  # of a sorting key: queue in the high bits, arrival time in the low ones


@dataclass(frozen=True)
class Queues:
    """Jobs present, sorted by server and then by order of joining.

    server int64, cores and memory (shares of that server), remaining (steps until done once it runs) and cost (reward
    lost per step present, dt / max(duration, dt)) float64, runs bool, each [B, 1 + L], L the largest number of jobs
    present in a roll-out. Place 0 is empty, so that the sum of the first n jobs is the cumulative sum at n; it and the
    places behind the last job hold zeros (and any `runs`). count and running (the first ones run) int64 [B, M]; used
    and committed, shares of cores then memory of running and of all jobs, float64 [B, 2M]; backlog, steps of full use
    left, float64 [B, M].
    """

    server: Tensor
    cores: Tensor
    memory: Tensor
    remaining: Tensor
    cost: Tensor
    runs: Tensor
    count: Tensor
    running: Tensor
    used: Tensor
    committed: Tensor
    backlog: Tensor

    @property
    def waiting(self) -> Tensor:
        """Jobs present that do not run, int64 [B, M]."""
        return self.count - self.running


@dataclass(frozen=True)
class Joiners:
    """Jobs that join in this step, sorted by queue and then by arrival time; J in all.

    row: b M + server, int64 [J]; size: joiners of each queue, int64 [B M]; server int64 and cores, memory, remaining,
    cost (as in `Queues`) float64, each [J].
    """

    row: Tensor
    size: Tensor
    server: Tensor
    cores: Tensor
    memory: Tensor
    remaining: Tensor
    cost: Tensor


def empty_queues(batch: int, n_servers: int, device: torch.device) -> Queues:
    slot = torch.zeros(batch, 1, dtype=torch.float64, device=device)
    none = torch.zeros(batch, n_servers, dtype=torch.int64, device=device)
    load = torch.zeros(batch, 2 * n_servers, dtype=torch.float64, device=device)
    return Queues(slot.long(), slot, slot, slot, slot, slot.bool(), none, none, load, load, load[:, :n_servers])


def line_up(server: Tensor, n_servers: int, arrival: Tensor, columns: tuple[Tensor, Tensor, Tensor, Tensor]) -> Joiners:
    """Jobs in the order in which they join.

    Args:
        server: int64 [B, N], -1 where no job joins. n_servers: M. arrival: [B, N], times within the step in [0, 1).
        columns: cores, memory, remaining, cost (as in `Queues`), each [B, N].

    One sort of integers that hold queue and arrival time: times are told apart down to 2^-(62 - bits of B M) of a
    step, with a million queues to 2^-42.
    """
    rows = server.shape[0] * n_servers
    bits = min(KEY_BITS - rows.bit_length(), 53)
    place = (server >= 0).flatten().nonzero().squeeze(-1)
    row = server.flatten().index_select(0, place) + place // server.shape[1] * n_servers
    moment = (arrival.flatten().index_select(0, place) * 2.0**bits).long().clamp(max=2**bits - 1)
    key, order = ((row << bits) | moment).sort()
    row, place = key >> bits, place.index_select(0, order)
    picked = [column.flatten().index_select(0, place) for column in (server, *columns)]
    return Joiners(row, torch.bincount(row, minlength=rows), *picked)


def committed_after(queues: Queues, joiners: Joiners) -> Tensor:
    """Shares of cores, then of memory, of all jobs present once the joiners are in, [B, 2M]."""
    n_servers = queues.count.shape[1]
    cell = joiners.row * 2 - joiners.server  # b 2M + server
    cells, sizes = torch.cat([cell, cell + n_servers]), torch.cat([joiners.cores, joiners.memory])
    return queues.committed.flatten().scatter_add(0, cells, sizes).view_as(queues.committed)


def starts(queues: Queues, joiners: Joiners) -> Tensor:
    """bool [J]: the joiner runs at once, nobody waiting before it and cores and memory being free."""
    fits = (queues.count == queues.running).flatten().index_select(0, joiners.row)
    before = joiners.size.cumsum(0) - joiners.size
    for used, share in zip(queues.used.chunk(2, 1), (joiners.cores, joiners.memory)):
        total = torch.cat([share.new_zeros(1), share]).cumsum(0)
        room = (1.0 + SLACK) - used.flatten() + total.index_select(0, before)
        fits &= total[1:] <= room.index_select(0, joiners.row)
    return fits


def serve(queues: Queues, joiners: Joiners) -> Queues:
    """Joiners get in line, running jobs lose a step, finished ones leave.

    Cost: O(B (M + L)), about twenty passes over the list; nothing is sorted.
    """
    left = queues.remaining - queues.runs.to(torch.float64)
    left_new = joiners.remaining - starts(queues, joiners).to(torch.float64)
    stays, stays_new = left > TIME_LEFT, left_new > TIME_LEFT  # empty places have nothing left
    count, width, target, target_new = _targets(queues, joiners, stays, stays_new)
    nowhere = len(count) * width

    def merged(present: Tensor, joined: Tensor) -> Tensor:
        cells = present.new_zeros(nowhere + 1).scatter_(0, target, present.flatten()).scatter_(0, target_new, joined)
        return cells[:-1].view(-1, width)

    return _settled(
        merged(queues.server, joiners.server),
        merged(queues.cores, joiners.cores),
        merged(queues.memory, joiners.memory),
        merged(left, left_new),
        merged(queues.cost, joiners.cost),
        count,
    )


def _targets(queues: Queues, joiners: Joiners, stays: Tensor, stays_new: Tensor) -> tuple[Tensor, int, Tensor, Tensor]:
    """Jobs of each queue [B, M] and width 1 + L of the new lists; places there, laid end to end, of old and new jobs.

    Those who leave get the place behind the last one.
    """
    batch, n_servers = queues.count.shape
    nth, nth_new = stays.cumsum(1), stays_new.cumsum(0)  # of those that stay, counted from 1
    until = nth.gather(1, queues.count.cumsum(1))
    old = until.diff(dim=1, prepend=until.new_zeros(batch, 1))
    new = torch.zeros_like(joiners.size).scatter_add_(0, joiners.row, stays_new.long())
    count = old + new.view_as(old)
    end = count.cumsum(1)
    width = 1 + int(end[:, -1].max())

    end += _offset(batch, width, end.device)
    shift = (end - count - until + old).flatten()  # of all jobs of a queue, from `nth` to the new place
    shift_new = end.flatten() - new.cumsum(0)
    row = queues.server + _offset(batch, n_servers, end.device)
    nowhere = batch * width
    target = torch.where(stays, nth + shift.index_select(0, row.flatten()).view_as(nth), nowhere)
    target_new = torch.where(stays_new, nth_new + shift_new.index_select(0, joiners.row), nowhere)
    return count, width, target.flatten(), target_new


def _settled(server: Tensor, cores: Tensor, memory: Tensor, remaining: Tensor, cost: Tensor, count: Tensor) -> Queues:
    """Find who runs. Shares are positive, so cumulative sums rise: a blocked head blocks the rest.

    Who runs, used and backlog come from differences of sums over the whole list: their rounding, about the number of
    servers times 1e-16, stays far below SLACK. Committed shares are summed queue by queue.
    """
    end = count.cumsum(1)
    start = end - count
    row = (server + _offset(count.shape[0], count.shape[1], count.device)).flatten()
    totals = cores.cumsum(1), memory.cumsum(1)
    before = [total.gather(1, start) for total in totals]
    fits = [
        total <= (least + (1.0 + SLACK)).flatten().index_select(0, row).view_as(total)
        for total, least in zip(totals, before)
    ]
    runs = fits[0] & fits[1]
    fitting, work = runs.cumsum(1), (cores * remaining).cumsum(1)
    running = fitting.gather(1, end) - fitting.gather(1, start)
    last = start + running
    committed = [
        least.new_zeros(count.numel()).scatter_add_(0, row, size.flatten()).view_as(count)
        for size, least in zip((cores, memory), before)
    ]
    return Queues(
        server,
        cores,
        memory,
        remaining,
        cost,
        runs,
        count,
        running,
        used=torch.cat([total.gather(1, last) - least for total, least in zip(totals, before)], dim=1),
        committed=torch.cat(committed, dim=1),
        backlog=work.gather(1, end) - work.gather(1, start),
    )


def _offset(batch: int, width: int, device: torch.device) -> Tensor:
    """0, width, 2 width ... as a column [B, 1]: where each roll-out begins when they are laid end to end."""
    return torch.arange(0, batch * width, width, device=device)[:, None]

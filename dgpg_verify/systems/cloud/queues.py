"""Strict FIFO servers: one compact list of the jobs present, of which the longest prefix that fits is running.

Sizes are shares of the server's capacity and durations are steps on that server: a server then has room 1, a running
job loses one step per step, and neither capacity nor speed is looked up again. The list holds the jobs of server 0 in
order of joining, then those of server 1 and so on, so that its length is the number of jobs present and not servers
times the longest queue (five times as many under a random policy). All columns of a list are one tensor: with few
roll-outs and servers, time goes into the number of tensor operations and not into their size.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

SLACK = 1e-9  # of the capacity: a job that fills a server exactly must fit whatever the rounding
TIME_LEFT = 1e-9  # steps: a job with less left than this is done
STEP = 1.0  # dt
KEY_BITS = 62  # of a sorting key: queue in the high bits, arrival time in the low ones
COLUMNS = 5  # of a list of jobs: server, cores, memory, cost, remaining


@dataclass(frozen=True)
class Queues:
    """Jobs present, sorted by server and then by order of joining.

    table float64 [B, 5, 1 + L], L the largest number of jobs present in a roll-out, has a row for each of server
    (a whole number), cores and memory (shares of that server), cost (reward lost per step present,
    dt / max(duration, dt)) and remaining (steps until done once it runs). Place 0 is empty, so that the sum of the
    first n jobs is the cumulative sum at n; it and the places behind the last job hold zeros. server int64 and runs
    bool (any in empty places), both [B, 1 + L]. cuts int64 [B, M + 1]: the jobs of server m lie behind place cuts[m],
    up to and with place cuts[m + 1]. count and waiting int64 [B, M]: jobs present, and those of them that do not run,
    the last ones. used and committed, shares of cores then memory of running and of all jobs, float64 [B, 2M];
    backlog, steps of full use left, float64 [B, M].
    """

    table: Tensor
    server: Tensor
    runs: Tensor
    cuts: Tensor
    count: Tensor
    waiting: Tensor
    used: Tensor
    committed: Tensor
    backlog: Tensor

    @property
    def cost(self) -> Tensor:
        return self.table[:, 3]

    @property
    def remaining(self) -> Tensor:
        return self.table[:, 4]


@dataclass(frozen=True)
class Joiners:
    """Jobs that join in this step, sorted by queue and then by arrival time; J in all.

    row: b M + server, int64 [J]; rollout: b, int64 [J]; cells int64 [2, J]: where the server's cores and memory stand
    in a flat [B, 2M]; size: joiners of each queue, int64 [B M]; table float64 [5, J]: the columns of `Queues.table`.
    """

    row: Tensor
    rollout: Tensor
    cells: Tensor
    size: Tensor
    table: Tensor

    @property
    def shares(self) -> Tensor:
        """Shares of cores and memory, [2, J]."""
        return self.table[1:3]


def empty_queues(batch: int, n_servers: int, device: torch.device) -> Queues:
    table = torch.zeros(batch, COLUMNS, 1, dtype=torch.float64, device=device)
    cuts = torch.zeros(batch, n_servers + 1, dtype=torch.int64, device=device)
    load = torch.zeros(batch, 2 * n_servers, dtype=torch.float64, device=device)
    place, none = cuts[:, :1], cuts[:, 1:]
    return Queues(table, place, place.bool(), cuts, none, none, load, load, load[:, :n_servers])


def line_up(server: Tensor, n_servers: int, arrival: Tensor, columns: Tensor) -> Joiners:
    """Jobs in the order in which they join.

    Parameters
    ----------
    server
        int64 [B, N], -1 where no job joins.
    n_servers
        M.
    arrival
        [B, N], times within the step in [0, 1).
    columns
        Cores, memory, cost and remaining (as in `Queues`), [4, B, N].

    Notes
    -----
    One sort of integers that hold queue and arrival time: times are told apart down to 2^-(62 - bits of B M) of a
    step, with a million queues to 2^-42.
    """
    rows = server.shape[0] * n_servers
    bits = min(KEY_BITS - rows.bit_length(), 53)
    place = (server >= 0).flatten().nonzero().squeeze(-1)
    row = server.take(place) + place.floor_divide(server.shape[1]) * n_servers
    moment = (arrival.take(place) * 2.0**bits).long().clamp_(max=2**bits - 1)
    key, order = ((row << bits) | moment).sort()
    row = key >> bits
    rollout = row.floor_divide(n_servers)
    before = rollout * n_servers
    cores = row + before
    picked = columns.flatten(1).index_select(1, place.take(order))
    table = torch.cat([(row - before)[None], picked])
    return Joiners(row, rollout, torch.stack([cores, cores + n_servers]), torch.bincount(row, minlength=rows), table)


def committed_after(queues: Queues, joiners: Joiners) -> Tensor:
    """Shares of cores, then of memory, of all jobs present once the joiners are in, [B, 2M]."""
    flat = queues.committed.flatten()
    return flat.scatter_add(0, joiners.cells.flatten(), joiners.shares.flatten()).view_as(queues.committed)


def starts(queues: Queues, joiners: Joiners) -> Tensor:
    """bool [J]: the joiner runs at once, nobody waiting before it and cores and memory being free."""
    total = pad(joiners.shares, (1, 0)).cumsum(1)
    before = (joiners.size.cumsum(0) - joiners.size).take(joiners.row)  # joiners of the queues before this one
    room = torch.rsub(queues.used.take(joiners.cells), 1.0 + SLACK) + total.index_select(1, before)
    fits = total[:, 1:] <= room
    return fits[0] & fits[1] & (queues.waiting == 0).take(joiners.row)  # `all` is several times slower


def serve(queues: Queues, joiners: Joiners) -> Queues:
    """Joiners get in line, running jobs lose a step, finished ones leave.

    Cost: O(B (M + L)), about twenty passes over the list; nothing is sorted.
    """
    left = queues.remaining.add(queues.runs, alpha=-STEP)
    left_new = joiners.table[-1].add(starts(queues, joiners), alpha=-STEP)
    count, cuts, width, target, target_new = _targets(queues, joiners, left > TIME_LEFT, left_new > TIME_LEFT)
    table = left.new_zeros(len(left), COLUMNS, width + 1)
    present = torch.cat([queues.table[:, :-1], left[:, None]], dim=1)
    table.scatter_(2, target[:, None].expand(-1, COLUMNS, -1), present)
    lines = torch.arange(0, COLUMNS * (width + 1), width + 1, device=left.device)[:, None]
    cells = joiners.rollout * (COLUMNS * (width + 1)) + target_new + lines
    table.put_(cells, torch.cat([joiners.table[:-1], left_new[None]]))
    return settled(table[..., :width], count, cuts)


def _targets(
    queues: Queues, joiners: Joiners, stays: Tensor, stays_new: Tensor
) -> tuple[Tensor, Tensor, int, Tensor, Tensor]:
    """Jobs of each queue [B, M], cuts and width 1 + L of the new lists; places there of jobs present and of joiners.

    Those who leave get the place behind the last one.
    """
    nth, nth_new = stays.cumsum(1), stays_new.cumsum(0)  # of those that stay, counted from 1
    until = nth.gather(1, queues.cuts)
    new = torch.zeros_like(joiners.size).scatter_add_(0, joiners.row, stays_new.long())
    count = until.diff(dim=1) + new.view_as(queues.count)
    cuts = pad(count.cumsum(1), (1, 0))
    width = 1 + int(cuts[:, -1].max())
    shift = (cuts - until).gather(1, queues.server)  # of all jobs of a queue, from `nth` to the new place
    shift_new = (cuts[:, 1:].flatten() - new.cumsum(0)).take(joiners.row)
    target, target_new = torch.where(stays, nth + shift, width), torch.where(stays_new, nth_new + shift_new, width)
    return count, cuts, width, target, target_new


def settled(table: Tensor, count: Tensor, cuts: Tensor) -> Queues:
    """Find the running jobs. Shares are positive, so cumulative sums rise: a blocked head blocks the rest.

    Running jobs, used and backlog are differences of sums over the whole list: their rounding, about the number of
    servers times 1e-16, stays far below SLACK. Committed shares are summed queue by queue.
    """
    number, cores, _, _, remaining = table.unbind(1)
    server, shares = number.long(), table[:, 1:3]
    servers = server[:, None].expand(-1, 2, -1)
    totals = torch.cat([shares, (cores * remaining)[:, None]], dim=1).cumsum(2)
    at_cuts = totals.gather(2, cuts[:, None].expand(-1, 3, -1))
    totals, least = totals[:, :2], at_cuts[:, :2, :-1]
    fits = totals <= (least + (1.0 + SLACK)).gather(2, servers)
    runs = fits[:, 0] & fits[:, 1]
    running = runs.cumsum(1).gather(1, cuts).diff(dim=1)
    last = cuts[:, :-1] + running
    used = totals.gather(2, last[:, None].expand(-1, 2, -1)) - least
    committed = torch.zeros_like(used).scatter_add_(2, servers, shares)
    return Queues(
        table,
        server,
        runs,
        cuts,
        count,
        waiting=count - running,
        used=used.flatten(1),
        committed=committed.flatten(1),
        backlog=at_cuts[:, 2].diff(dim=1),
    )

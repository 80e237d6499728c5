"""Replay of recorded jobs: a window of the record for each roll-out, its jobs dealt to dispatchers at random."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dgpg_verify.core import InputError
from dgpg_verify.systems.cloud.fleet import Fleet
from dgpg_verify.systems.cloud.tables import NOT_NEGATIVE, Column, read_table
from dgpg_verify.systems.cloud.workload.generator import LONGEST, MEAN_DURATION, Jobs, spread, step_length
from dgpg_verify.systems.cloud.workload.published import LICENCES, SOURCES
from dgpg_verify.systems.cloud.workload.records import Record, rows_named, usable
from dgpg_verify.systems.inputs import file_digest, within_range

SHORTEST = 1e-3  # steps: the shortest job must still be served
MAX_RATE = 0.9  # jobs per dispatcher and step; above it most jobs would wait for a free dispatcher
OFFSETS = 256  # starting points on the ring at which the load that is reached is looked at
LOAD_REACHED = (0.5, 1.5)  # of the load asked for: what the mean roll-out must reach
ANY_SIZE = (math.inf, math.inf)  # cores, GiB
OWN = "trace"  # a user's own table
TRACE_COLUMNS = (
    Column("arrival_s", NOT_NEGATIVE),
    Column("cores"),
    Column("memory_gib"),
    Column("duration_s", NOT_NEGATIVE),
)


def read_record(spec: str, largest: tuple[float, float] = ANY_SIZE) -> tuple[Record, dict[str, Any]]:
    """Recorded jobs by arrival and where they came from.

    "trace:PATH" is a user's own CSV (arrival_s, cores, memory_gib, duration_s), of which every row must be usable but
    those of 0 s, which are left out and counted; the others are files as published (see `published`), of which all
    unusable rows are left out and counted; jobs larger than any server are counted there, and `fit_jobs` scales them.

    Parameters
    ----------
    largest
        Most cores and most memory (GiB) of a server.

    Raises
    ------
    InputError
        For a missing file, bad rows, jobs of a user's own that are larger than any server (all named), or fewer than
        two arrival times.
    """
    kind, _, place = spec.partition(":")
    with within_range(f"workload = {spec!r}"):
        if kind == OWN:
            table = read_table(Path(place), TRACE_COLUMNS)
            arrival, cores, memory, duration = (table[column.name] for column in TRACE_COLUMNS)
            own = Record(arrival, cores, memory, duration)
            _check_sizes(own, largest)
            record, facts = usable(own, {}, spec, drop_strays=False)
            return record, {"trace": "csv", "sha256": file_digest(Path(place)), **facts}
        found, reasons, paths = SOURCES[kind](Path(place))
        record, facts = usable(found, reasons, spec)
        if unfit := int(record.beyond(largest).sum()):
            facts["larger_than_any_server"] = unfit
        return record, {"trace": kind, "sha256": file_digest(*paths), "licence": LICENCES[kind], **facts}


def _check_sizes(own: Record, largest: tuple[float, float]) -> None:
    """InputError where a job is larger than any server: it would set the scale of all loads, and be scaled down."""
    if (unfit := own.beyond(largest)).any():
        named = rows_named(unfit, cores=own.cores, memory_gib=own.memory)
        raise InputError(
            f"{unfit.sum()} of {len(own)} jobs are larger than any server of the fleet's list, which have at most "
            f"{largest[0]:g} cores and {largest[1]:g} GiB ({named}): take them out or use larger servers"
        )


class Replay:
    """A recorded trace in the workload's units.

    Sizes stay as recorded. One step is the time that makes the mean of min(duration, 100 steps) 10 steps. Arrivals are
    compressed so that offered core-work is `load` times what the fleet can do. The record is closed to a ring, a
    roll-out starts at a uniform offset on it and goes round again where it is longer. The jobs of a step go to
    distinct dispatchers in random order; beyond one per dispatcher they move to the next step, in order.
    Uniforms of a step: one per dispatcher (deal and arrival time within the step) and one for the offset.
    """

    def __init__(self, record: Record, n_agents: int, horizon: int, load: float, fleet: Fleet):
        self.n_agents, self.horizon = n_agents, horizon
        arrival, duration = record.arrival, record.duration
        cores, memory = record.on(fleet)
        longest = float(duration.max())
        unit = step_length(lambda cut: np.minimum(duration, cut).mean(), 1e-9, longest / MEAN_DURATION + 1e-9)
        steps = (duration / unit).clip(SHORTEST, LONGEST)
        per_step = load * fleet.core_throughput / float((cores * steps).mean())
        if per_step > MAX_RATE * n_agents:
            raise InputError(
                f"this trace needs {per_step / n_agents:.3g} jobs per dispatcher and step for load = {load:g} on this "
                f"fleet; at most {MAX_RATE} is allowed: use smaller servers, more dispatchers or a lower load"
            )
        gap = (arrival[-1] - arrival[0]) / (len(arrival) - 1)
        self.ring = len(arrival) / per_step  # steps for one lap: the record's span and one mean gap
        within = (arrival - arrival[0]) / (gap * per_step)
        laps = np.arange(math.ceil(horizon / self.ring) + 1)
        self.times = torch.as_tensor((laps[:, None] * self.ring + within[None]).reshape(-1))
        self.columns = tuple(torch.as_tensor(np.ascontiguousarray(column)) for column in (cores, memory, steps))
        self.step_seconds = unit
        self.load_reached = self._check_load(load, fleet, cores * steps)

    def _check_load(self, load: float, fleet: Fleet, work: np.ndarray) -> float:
        """The load that the roll-outs reach. InputError where it is not the one asked for, as where most of the record
        is empty: then too many jobs come at once elsewhere, and are left out."""
        noise = torch.zeros(OFFSETS, self.horizon, self.noise_size, dtype=torch.float64)
        noise[:, 0, self.n_agents] = (torch.arange(OFFSETS, dtype=torch.float64) + 0.5) / OFFSETS
        arrived, served = self._served(noise)
        laps = -(-int(served.max()) // len(work))
        total = np.concatenate([[0.0], np.tile(work, laps).cumsum()])
        done = total[served[:, -1].numpy()] - total[arrived[:, 0].numpy()]
        reached = float(done.mean()) / (self.horizon * fleet.core_throughput)
        low, high = (share * load for share in LOAD_REACHED)
        if not low <= reached <= high:
            empty = float((done == 0.0).mean())
            raise InputError(
                f"this trace reaches a load of {reached:.3g} where load = {load:g} is asked for, and {empty:.0%} of "
                f"its roll-outs hold no job: it must be in [{low:g}, {high:g}]; use more dispatchers, a longer horizon "
                f"or a lower load, or take out rows whose time is not known"
            )
        return reached

    @property
    def noise_size(self) -> int:
        return self.n_agents + 1

    def jobs(self, noise: Tensor) -> Jobs:
        """Uniforms [B, T, N + 1] -> jobs [B, T, N]."""
        arrived, served = self._served(noise)
        deal = noise[..., : self.n_agents]
        rank = deal.argsort(-1).argsort(-1)
        before = torch.cat([arrived[:, :1], served[:, :-1]], dim=1)
        active = rank < (served - before)[..., None]
        place = active.flatten().nonzero().squeeze(-1)
        row = (before[..., None] + rank).flatten().index_select(0, place) % len(self.columns[0])
        cores, memory, duration = (spread(active, place, column.to(noise.device)[row]) for column in self.columns)
        return Jobs(active, cores, memory, duration, torch.where(active, deal, 0.0))

    def _served(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Jobs of the ring that arrived [B, T + 1] and were dealt [B, T] by the end of each step (ring indices)."""
        offset = noise[:, 0, self.n_agents, None] * self.ring
        edges = offset + torch.arange(self.horizon + 1, dtype=torch.float64, device=noise.device)
        arrived = torch.searchsorted(self.times.to(noise.device), edges.contiguous())
        served, last = [], arrived[:, 0]
        for step in range(self.horizon):
            last = torch.minimum(arrived[:, step + 1], last + self.n_agents)
            served.append(last)
        return arrived, torch.stack(served, dim=1)

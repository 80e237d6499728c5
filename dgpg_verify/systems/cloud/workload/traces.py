"""Replay of recorded jobs: a window of the record for each roll-out, its jobs dealt to dispatchers at random."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dgpg_verify.core import InputError
from dgpg_verify.systems.cloud.fleet import Fleet, file_digest
from dgpg_verify.systems.cloud.tables import Column, read_table
from dgpg_verify.systems.cloud.workload.generator import LONGEST, MEAN_DURATION, Jobs, spread

SHORTEST = 1e-3  # steps: a recorded 0 s must still be served
MAX_RATE = 0.9  # jobs per dispatcher and step; above it most jobs would wait for a free dispatcher
TRACE_COLUMNS = (
    Column("arrival_s", any_sign=True),
    Column("cores"),
    Column("memory_gib"),
    Column("duration_s", zero=True),
)
OPENB_COLUMNS = (
    Column("arrival_s", any_sign=True),
    Column("duration_s", blank=True, zero=True),
    Column("cpu"),
    Column("mem_gib", zero=True),
    Column("censored", zero=True),
    Column("before_window", zero=True),
)


@dataclass(frozen=True)
class RecordedJobs:
    """Recorded jobs by arrival: arrival (s), cores, memory (GiB), duration (s), float64 [n]; and what was dropped."""

    arrival: np.ndarray
    cores: np.ndarray
    memory: np.ndarray
    duration: np.ndarray
    origin: dict[str, Any]

    def __len__(self) -> int:
        return len(self.arrival)


def read_record(spec: str) -> RecordedJobs:
    """Jobs of "trace:PATH" (arrival_s, cores, memory_gib, duration_s) or "openb:FOLDER" (jobs_openb.csv.gz).

    Raises:
        InputError: missing file, bad rows (all named), or fewer than two arrival times.
    """
    kind, _, place = spec.partition(":")
    record = _own(Path(place)) if kind == "trace" else _openb(Path(place) / "jobs_openb.csv.gz")
    order = np.argsort(record.arrival, kind="stable")
    columns = (record.arrival[order], record.cores[order], record.memory[order], record.duration[order])
    if len(record) < 2 or columns[0][0] == columns[0][-1] or columns[3].sum() == 0:
        raise InputError(
            f"workload = {spec!r} is not allowed: a trace must hold at least two jobs, two different arrival_s "
            f"and one duration_s > 0"
        )
    return RecordedJobs(*columns, record.origin)


def _own(path: Path) -> RecordedJobs:
    table = read_table(path, TRACE_COLUMNS).numbers
    origin = {"trace": "csv", "sha256": file_digest(path)}
    return RecordedJobs(table["arrival_s"], table["cores"], table["memory_gib"], table["duration_s"], origin)


def _openb(path: Path) -> RecordedJobs:
    """Jobs that arrived inside the window, ran to a recorded end and asked for memory."""
    table = read_table(path, OPENB_COLUMNS).numbers
    reasons = {
        "before_window": table["before_window"] == 1,
        "censored": table["censored"] == 1,
        "never_ran": np.isnan(table["duration_s"]),
        "zero_memory": table["mem_gib"] == 0,
    }
    kept = ~np.any(list(reasons.values()), axis=0)
    origin = {
        "trace": "openb",
        "sha256": file_digest(path),
        "dropped": {name: int(rows.sum()) for name, rows in reasons.items()},
        "kept": int(kept.sum()),
    }
    arrival, cores, memory, duration = (table[k][kept] for k in ("arrival_s", "cpu", "mem_gib", "duration_s"))
    return RecordedJobs(arrival, cores, memory, duration, origin)


class Replay:
    """A recorded trace in the workload's units.

    Sizes stay as recorded. One step is the time that makes the mean of min(duration, 100 steps) 10 steps. Arrivals are
    compressed so that offered core-work is `load` times what the fleet can do. The record is closed to a ring, a
    roll-out starts at a uniform offset on it and goes round again where it is longer. The jobs of a step go to
    distinct dispatchers in random order; beyond one per dispatcher they move to the next step, in order.
    Uniforms of a step: one per dispatcher (deal and arrival time within the step) and one for the offset.
    """

    def __init__(self, record: RecordedJobs, n_agents: int, horizon: int, load: float, fleet: Fleet):
        self.n_agents, self.horizon = n_agents, horizon
        unit = _unit(record.duration)
        steps = (record.duration / unit).clip(SHORTEST, LONGEST)
        per_step = load * fleet.core_throughput / float((record.cores * steps).mean())
        if per_step > MAX_RATE * n_agents:
            raise InputError(
                f"this trace needs {per_step / n_agents:.3g} jobs per dispatcher and step for load = {load:g} on this "
                f"fleet; at most {MAX_RATE} is allowed: use smaller servers, more dispatchers or a lower load"
            )
        gap = (record.arrival[-1] - record.arrival[0]) / (len(record) - 1)
        self.ring = len(record) / per_step  # steps for one lap: the record's span and one mean gap
        within = (record.arrival - record.arrival[0]) / (gap * per_step)
        laps = np.arange(math.ceil(horizon / self.ring) + 1)
        self.times = torch.as_tensor((laps[:, None] * self.ring + within[None]).reshape(-1))
        columns = (record.cores, record.memory, steps)
        self.columns = tuple(torch.as_tensor(np.ascontiguousarray(column)) for column in columns)
        self.scale = {
            "step_seconds": unit,
            "arrival_compression": float(gap * per_step / unit),
            "jobs_per_step": per_step,
        }

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

    def report(self, noise: Tensor) -> dict[str, float]:
        """Jobs moved to a later step for want of a dispatcher, and the time scales."""
        arrived, served = self._served(noise)
        new = arrived[:, 1:] - arrived[:, :-1]
        moved = torch.minimum(new, arrived[:, 1:] - served).sum()
        left = (arrived[:, -1] - served[:, -1]).sum()
        return {**self.scale, "jobs_moved_on": int(moved), "jobs_left_out": int(left)}


def _unit(seconds: np.ndarray) -> float:
    """The step length u (s) with mean(min(duration, 100 u)) = 10 u, by bisection (the mean over u falls in u)."""
    low, high = 1e-9, float(seconds.max()) / MEAN_DURATION + 1e-9
    for _ in range(200):
        unit = math.sqrt(low * high)
        if np.minimum(seconds, LONGEST * unit).mean() > MEAN_DURATION * unit:
            low = unit
        else:
            high = unit
    return unit

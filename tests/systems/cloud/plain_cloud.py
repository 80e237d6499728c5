"""The rules of CloudScheduling once more, as plain per-agent Python loops: slow, obviously right, for tests only.

It shares with the package the fleet, the graph and the drawn jobs (before they are fitted), nothing else: fitting,
queues, service, reward, state, reference, influence and observation are written again, one job at a time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Job:
    cores: float
    memory: float
    duration: float
    arrival: float
    remaining: float = 0.0
    server: int = -1
    finished: int | None = None


@dataclass
class Server:
    cores: float
    memory: float
    speed: float
    queue: list[Job] = field(default_factory=list)

    def running(self) -> list[Job]:
        """The longest prefix that fits."""
        prefix: list[Job] = []
        cores = memory = 0.0
        for job in self.queue:
            cores += job.cores
            memory += job.memory
            if cores > self.cores * (1 + 1e-9) or memory > self.memory * (1 + 1e-9):
                break
            prefix.append(job)
        return prefix


class PlainCloud:
    """One roll-out. jobs[t][i] is a Job or None; candidates[i] lists servers."""

    def __init__(self, servers: list[Server], candidates: list[list[int]], jobs: list[list[Job | None]]):
        self.servers, self.candidates, self.jobs, self.t = servers, candidates, jobs, 0
        self.known: dict[int, tuple[float, float]] = {}
        for row in jobs:
            for i, job in enumerate(row):
                if job is not None:
                    self._fit(job, candidates[i])
        self.all = [job for row in jobs for job in row if job is not None]

    def _fit(self, job: Job, candidates: list[int]) -> None:
        ratios = sorted(
            (min(self.servers[m].cores / job.cores, self.servers[m].memory / job.memory) for m in candidates),
            reverse=True,
        )
        factor = ratios[min(2, len(ratios)) - 1]
        if factor < 1.0:
            job.cores *= factor
            job.memory *= factor

    def fits(self, job: Job, m: int) -> bool:
        server = self.servers[m]
        return job.cores <= server.cores * (1 + 1e-9) and job.memory <= server.memory * (1 + 1e-9)

    def utilisation(self) -> list[float]:
        cores = [sum(job.cores for job in server.queue) / server.cores for server in self.servers]
        return cores + [sum(job.memory for job in server.queue) / server.memory for server in self.servers]

    def reference(self, t: int) -> tuple[float, float]:
        """Cores and memory of the jobs that would be present had each started on arrival, over total capacity."""
        if t in self.known:
            return self.known[t]
        total = sum(server.cores for server in self.servers)
        speed = sum(server.cores * server.speed for server in self.servers) / total
        cores = memory = 0.0
        for s in range(t + 1):
            for job in self.jobs[s]:
                if job is not None and (s == t or job.duration - (t - s) * speed > 1e-9):
                    cores += job.cores
                    memory += job.memory
        self.known[t] = cores / total, memory / sum(server.memory for server in self.servers)
        return self.known[t]

    def observe(self) -> list[list[dict[str, float]]]:
        mean_cores = sum(server.cores for server in self.servers) / len(self.servers)
        mean_memory = sum(server.memory for server in self.servers) / len(self.servers)
        reference = self.reference(self.t)
        seen = []
        for i, candidates in enumerate(self.candidates):
            job = self.jobs[self.t][i]
            rows = []
            for m in candidates:
                server = self.servers[m]
                running = server.running()
                rows.append({
                    "log_cores": math.log(server.cores / mean_cores),
                    "log_memory": math.log(server.memory / mean_memory),
                    "speed": server.speed,
                    "x_cores": sum(j.cores for j in server.queue) / server.cores,
                    "x_memory": sum(j.memory for j in server.queue) / server.memory,
                    "reference_cores": reference[0],
                    "reference_memory": reference[1],
                    "free_cores": max(0.0, 1 - sum(j.cores for j in running) / server.cores),
                    "free_memory": max(0.0, 1 - sum(j.memory for j in running) / server.memory),
                    "log_present": math.log1p(len(server.queue)),
                    "log_waiting": math.log1p(len(server.queue) - len(running)),
                    "log_backlog": math.log1p(
                        sum(j.remaining * j.cores for j in server.queue) / (server.cores * server.speed)
                    ),
                    "share_cores": job.cores / server.cores if job else 0.0,
                    "share_memory": job.memory / server.memory if job else 0.0,
                    "log_duration": math.log(job.duration / 10) if job else 0.0,
                    "time": self.t / len(self.jobs),
                })  # fmt: skip
            seen.append(rows)
        return seen

    def step(self, actions: list[int]) -> dict[str, Any]:
        observed = self.utilisation()
        joining = []
        influence = [(0, 0.0, 0, 0.0)] * len(actions)
        for i, action in enumerate(actions):
            job = self.jobs[self.t][i]
            if job is not None and action >= 0:
                job.server = self.candidates[i][action]
                job.remaining = job.duration
                joining.append(job)
                server = self.servers[job.server]
                other = job.server + len(self.servers)
                influence[i] = (job.server, job.cores / server.cores, other, job.memory / server.memory)
        for job in sorted(joining, key=lambda one: one.arrival):
            self.servers[job.server].queue.append(job)
        x = self.utilisation()
        reward = -sum(1.0 / max(job.duration, 1.0) for server in self.servers for job in server.queue)
        for server in self.servers:
            for job in server.running():
                job.remaining -= server.speed
                if job.remaining <= 1e-9:
                    job.finished = self.t
            server.queue = [job for job in server.queue if job.finished is None]
        reference = self.reference(self.t)
        self.t += 1
        return {"x_observed": observed, "x": x, "reward": reward, "influence": influence, "reference": reference}


def plain_rollouts(system: Any, noise: Any) -> list[PlainCloud]:
    """One PlainCloud for each roll-out of `noise`, with the fleet, graph and drawn jobs of `system`."""
    fleet = [column.tolist() for column in (system.fleet.cores, system.fleet.memory, system.fleet.speed)]
    drawn = system.parts.workload.jobs(noise)
    columns = [getattr(drawn, name).tolist() for name in ("active", "cores", "memory", "duration", "arrival")]
    clouds = []
    for active, *numbers in zip(*columns):
        jobs: list[list[Job | None]] = []
        for t, row in enumerate(active):
            jobs.append([Job(*(column[t][i] for column in numbers)) if on else None for i, on in enumerate(row)])
        clouds.append(PlainCloud([Server(*one) for one in zip(*fleet)], system.candidates.tolist(), jobs))
    return clouds

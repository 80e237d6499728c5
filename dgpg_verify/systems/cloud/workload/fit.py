"""Which candidates can ever run a job, and how jobs are scaled down so that at least two can."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dgpg_verify.systems.cloud.workload.generator import Jobs


@dataclass(frozen=True)
class Candidates:
    """Servers a dispatcher may choose: index int64 [N, K], their cores and memory float64 [N, K]."""

    index: Tensor
    cores: Tensor
    memory: Tensor


def fit_jobs(jobs: Jobs, candidates: Candidates) -> Jobs:
    """Scale cores and memory of a job by the second largest over candidates of min(C / c, M / m), where that is < 1.

    With one candidate, by the largest. The job then fits min(2, K) of its dispatcher's candidates.
    Cost: K numbers for each job that does not fit a dispatcher's two roomiest candidates.
    """
    needed = min(2, candidates.index.shape[1])
    roomiest = _relative_room(candidates).topk(needed, dim=1).indices
    sure = [capacity.gather(1, roomiest).amin(1) for capacity in (candidates.cores, candidates.memory)]
    place = ((jobs.cores > sure[0]) | (jobs.memory > sure[1])).flatten().nonzero().squeeze(-1)
    agent = place % len(candidates.index)
    cores, memory = (size.flatten().index_select(0, place) for size in (jobs.cores, jobs.memory))
    room = torch.minimum(candidates.cores[agent] / cores[:, None], candidates.memory[agent] / memory[:, None])
    factor = room.topk(needed, dim=1).values[:, -1].clamp(max=1.0) if len(place) else cores
    return replace(
        jobs,
        cores=jobs.cores.flatten().scatter(0, place, cores * factor).view_as(jobs.cores),
        memory=jobs.memory.flatten().scatter(0, place, memory * factor).view_as(jobs.memory),
    )


def _relative_room(candidates: Candidates) -> Tensor:
    """The smaller of cores and memory, each over its mean, [N, K]; any two candidates would do, these spare most."""
    return torch.minimum(candidates.cores / candidates.cores.mean(), candidates.memory / candidates.memory.mean())

"""Which candidates can ever run a job, and how jobs are scaled down so that at least two can."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dgpg_verify.systems.cloud.queues import SLACK
from dgpg_verify.systems.cloud.workload import Jobs


@dataclass(frozen=True)
class Candidates:
    """Servers a dispatcher may choose: index int64 [N, K], their cores and memory float64 [N, K]."""

    index: Tensor
    cores: Tensor
    memory: Tensor

    def fits(self, cores: Tensor, memory: Tensor) -> Tensor:
        """bool [..., N, K]: the job of each dispatcher (sizes [..., N]) can run on the candidate when it is empty."""
        roomy = cores[..., None] <= self.cores * (1.0 + SLACK)
        return roomy & (memory[..., None] <= self.memory * (1.0 + SLACK))


def fit_jobs(jobs: Jobs, candidates: Candidates) -> Jobs:
    """Scale cores and memory of a job by the second largest over candidates of min(C / c, M / m), where that is < 1.

    With one candidate, by the largest. The job then fits min(2, K) of its dispatcher's candidates.
    Cost: K numbers for each job that does not fit everywhere.
    """
    smallest = (candidates.cores.amin(1), candidates.memory.amin(1))
    doubtful = (jobs.cores > smallest[0]) | (jobs.memory > smallest[1])
    agent = doubtful.nonzero(as_tuple=True)[2]
    cores, memory = jobs.cores[doubtful], jobs.memory[doubtful]
    room = torch.minimum(candidates.cores[agent] / cores[:, None], candidates.memory[agent] / memory[:, None])
    wanted = min(2, room.shape[1])
    factor = room.topk(wanted, dim=1).values[:, -1].clamp(max=1.0) if len(agent) else cores
    fitted = {"cores": jobs.cores.clone(), "memory": jobs.memory.clone()}
    fitted["cores"][doubtful] = cores * factor
    fitted["memory"][doubtful] = memory * factor
    return replace(jobs, **fitted)

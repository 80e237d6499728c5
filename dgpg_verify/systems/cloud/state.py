"""CloudState: everything of B roll-outs between two steps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from dgpg_verify.systems.cloud.queues import Queues
from dgpg_verify.systems.cloud.workload.generator import Jobs


@dataclass(frozen=True)
class CloudState:
    """Everything of B roll-outs at one step; every tensor has a leading B axis, so rows can be selected.

    jobs: the exogenous workload of the whole roll-out [B, T, N]. reference [B, T, 2M]: as far as it is fixed at the
    start. queues: the jobs on each server before acting.
    """

    step: int
    jobs: Jobs
    reference: Tensor
    queues: Queues

    @cached_property
    def here(self) -> Jobs:
        """The jobs of this step, [B, N]."""
        return self.jobs.at(self.step)

    @cached_property
    def work(self) -> Tensor:
        """Cores, memory and duration of this step's jobs, [3, B, N]."""
        return torch.stack([self.here.cores, self.here.memory, self.here.duration])

    @property
    def committed(self) -> Tensor:
        """Cores, then memory, of all jobs present over capacity, [B, 2M]."""
        return self.queues.committed

    @property
    def free(self) -> Tensor:
        """Share of cores, then of memory, that no running job uses, [B, 2M]."""
        return torch.rsub(self.queues.used, 1.0).clamp(min=0.0)

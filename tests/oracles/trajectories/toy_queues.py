"""A small multi-step system for the trajectory oracle: N dispatchers, two fluid queues with a kinked service."""

from dataclasses import dataclass

import torch

from dgpg_verify.core import Influence, Observation, Transition


@dataclass(frozen=True)
class QueueState:
    backlog: torch.Tensor  # [B, 2]
    sizes: torch.Tensor  # [B, T, N], 0 = no job
    t: torch.Tensor  # [B]


@dataclass(frozen=True)
class TwoQueues:
    """Jobs of random size join one of two queues; reward -sum of squared backlogs; each queue serves its rate.

    `blocked` masks queue 1 of agent 0 at odd steps; a uniform below `idle` means no job.
    """

    n_agents: int = 2
    horizon: int = 3
    discount: float = 1.0
    idle: float = 0.0
    blocked: bool = False

    n_actions = 2
    state_size = 2

    @property
    def noise_size(self):
        return self.n_agents

    def start(self, noise):
        sizes = torch.where(noise < self.idle, torch.zeros_like(noise), 0.5 + noise)
        return QueueState(
            torch.tensor([[0.3, 0.0]], dtype=torch.float64).repeat(len(noise), 1),
            sizes,
            torch.zeros(len(noise), dtype=torch.int64),
        )

    def _now(self, state):
        return state.sizes[torch.arange(len(state.t)), state.t]

    def observe(self, state):
        size, n = len(state.t), self.n_agents
        backlog = state.backlog[:, None, :, None].expand(size, n, 2, 1)
        job = self._now(state)[:, :, None, None].expand(size, n, 2, 1)
        mask = torch.ones(size, n, 2, dtype=torch.bool)
        if self.blocked:
            mask[:, 0, 1] = state.t % 2 == 0
        return Observation(torch.cat([backlog, job * backlog], -1), mask, self._now(state) > 0)

    def step(self, state, actions):
        job = torch.where(actions >= 0, self._now(state), torch.zeros((), dtype=torch.float64))
        index = actions.clamp(min=0)[..., None]
        arrived = torch.zeros_like(state.backlog).scatter_add(1, index[..., 0], job)
        x = state.backlog + arrived
        rate = torch.tensor([1.0, 0.6], dtype=torch.float64)
        after = QueueState((x - rate).clamp(min=0.0), state.sizes, (state.t + 1).clamp(max=self.horizon - 1))
        return Transition(
            next_state=after,
            reward=-(x**2).sum(-1),
            x_observed=state.backlog,
            x=x,
            reference=x.new_tensor([0.9, 0.5]).expand_as(x),
            influence=Influence(index, job[..., None]),
            done=state.t == self.horizon - 1,
        )

    def config(self):
        return {"system": "two_queues"}

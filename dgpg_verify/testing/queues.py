"""A small multi-step system for tests: leaky servers, random arrivals, masks, agents that sometimes have no job.

It has everything that a one-shot game lacks (time, environment noise, discount, inactive agents, masked
candidates, an observation that depends on what others did) and no closed form, so every brute-force path is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from dgpg_verify.core import Influence, Observation, Transition
from dgpg_verify.testing.graphs import candidate_graphs
from dgpg_verify.testing.numbers import grid

ACTIVE_SHARE = 0.75  # of (step, agent) pairs with a job
HEAVY = 0.8  # jobs above this size may not use an agent's last candidate


@dataclass(frozen=True)
class QueueState:
    """load [B, M] before acting; size, active [B, T, N] of the jobs to come; reference [B, T, M]; the step."""

    load: Tensor
    size: Tensor
    active: Tensor
    reference: Tensor
    step: int


@dataclass(frozen=True, eq=False)
class SmallQueues:
    """N agents, M servers, T steps. candidates int64 [N, K]; a share `keep` of each server's load stays for a step.

    x = load + jobs placed, reward = -1/2 sum_m x_m^2, reference = the load if jobs were spread evenly.
    Environment noise: two uniforms for each agent and step (has a job?, its size).
    """

    candidates: Tensor
    n_servers: int
    horizon: int = 3
    discount: float = 0.9
    keep: float = 0.5

    @property
    def n_agents(self) -> int:
        return self.candidates.shape[0]

    @property
    def n_actions(self) -> int:
        return self.candidates.shape[1]

    @property
    def state_size(self) -> int:
        return self.n_servers

    @property
    def noise_size(self) -> int:
        return 2 * self.n_agents

    def start(self, noise: Tensor) -> QueueState:
        has_job, size = noise.view(*noise.shape[:2], self.n_agents, 2).unbind(-1)
        active = has_job < ACTIVE_SHARE
        arriving = torch.where(active, size, 0.0).sum(-1) / self.n_servers
        level, levels = torch.zeros_like(arriving[:, 0]), []
        for t in range(noise.shape[1]):
            level = level + arriving[:, t]
            levels.append(level)
            level = self.keep * level
        reference = torch.stack(levels, 1)[..., None].expand(-1, -1, self.n_servers)
        empty = torch.zeros(len(noise), self.n_servers, dtype=torch.float64, device=noise.device)
        return QueueState(empty, size, active, reference, 0)

    def observe(self, state: QueueState) -> Observation:
        shape = (len(state.load), self.n_agents, self.n_actions)
        load = state.load[:, self.candidates]
        size = state.size[:, state.step, :, None].expand(shape)
        level = state.reference[:, state.step, 0][:, None, None].expand(shape)
        mask = torch.ones(shape, dtype=torch.bool, device=load.device)
        if self.n_actions > 1:
            mask[..., -1] = state.size[:, state.step] <= HEAVY
        return Observation(torch.stack([load, size, level], -1), mask, state.active[:, state.step])

    def step(self, state: QueueState, actions: Tensor) -> Transition:
        influence = self.influence(state, actions)
        x = state.load.scatter_add(1, influence.index[..., 0], influence.value[..., 0])
        following = QueueState(self.keep * x, state.size, state.active, state.reference, state.step + 1)
        last = state.step + 1 == self.horizon
        return Transition(
            next_state=following,
            reward=-0.5 * (x**2).sum(-1),
            x_observed=state.load,
            x=x,
            reference=state.reference[:, state.step],
            influence=influence,
            done=torch.full((len(x),), last, dtype=torch.bool, device=x.device),
        )

    def influence(self, state: QueueState, actions: Tensor) -> Influence:
        server = self.candidates.expand(*actions.shape, -1).gather(-1, actions.clamp(min=0)[..., None])
        size = torch.where(actions >= 0, state.size[:, state.step], 0.0)
        return Influence(server, size[..., None])

    def residence_steps(self, state: QueueState) -> Tensor:
        """Steps a job is felt, [B, N, K]: two on the first candidate, one elsewhere."""
        steps = torch.ones(len(state.load), self.n_agents, self.n_actions, dtype=torch.float64)
        steps[..., 0] = 2.0
        return steps

    def config(self) -> dict[str, Any]:
        return {"system": "small_queues", "candidates": self.candidates.tolist(), "horizon": self.horizon}


@st.composite
def small_queues(draw: st.DrawFn, min_agents: int = 1, max_agents: int = 3, max_horizon: int = 4) -> SmallQueues:
    """Queues with N <= max_agents, K <= M <= 3 and T <= max_horizon."""
    n, m = draw(st.integers(min_agents, max_agents)), draw(st.integers(1, 3))
    graph = draw(candidate_graphs(n, m, draw(st.integers(1, m))))
    horizon, discount = draw(st.integers(1, max_horizon)), draw(grid(0.5, 1.0))
    return SmallQueues(graph, m, horizon, discount, draw(grid(0.0, 1.0, step=0.25)))

"""A one-shot game given by its pay-offs, in which agents see nothing but which action is which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dgpg_verify.core import Influence, Observation, Transition


@dataclass(frozen=True, eq=False)
class MatrixGame:
    """payoff float64 [K] * N: the reward of every profile. Its state is a constant."""

    payoff: Tensor

    horizon, discount, state_size, noise_size = 1, 1.0, 1, 0

    @property
    def n_agents(self) -> int:
        return self.payoff.ndim

    @property
    def n_actions(self) -> int:
        return len(self.payoff)

    def start(self, noise: Tensor) -> Tensor:
        return torch.zeros(len(noise), 1, dtype=torch.float64)

    def observe(self, state: Tensor) -> Observation:
        n, k = self.n_agents, self.n_actions
        yes = torch.ones(len(state), n, k, dtype=torch.bool)
        return Observation(torch.eye(k, dtype=torch.float64).expand(len(state), n, k, k), yes, yes[..., 0])

    def step(self, state: Tensor, actions: Tensor) -> Transition:
        size, n = actions.shape
        nothing = Influence(torch.zeros(size, n, 1, dtype=torch.long), torch.zeros(size, n, 1, dtype=torch.float64))
        reward = self.payoff[tuple(actions.T)]
        return Transition(state, reward, state, state, state, nothing, torch.ones(size, dtype=torch.bool))

    def config(self) -> dict[str, Any]:
        return {"payoff": self.payoff.tolist()}

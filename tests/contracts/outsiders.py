"""A small system and a small credit of an outsider, both correct; tests break one thing at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dgpg_verify.core import Influence, Observation, Rollout, Transition

STEPS = 2


@dataclass(frozen=True)
class Hall:
    """What is lit so far, and the step."""

    lit: Tensor
    step: Tensor


class Lights:
    """n agents switch lights on or off in each of 2 steps, the last agent in the second one alone; x counts lights."""

    n_actions, horizon, discount, state_size, noise_size = 2, STEPS, 1.0, 2, 1

    def __init__(self, n_agents: int = 4, seed: int = 0) -> None:
        self.n_agents = n_agents

    def start(self, noise: Tensor) -> Any:
        return Hall(noise[:, 0], torch.zeros(len(noise), dtype=torch.int64))

    def observe(self, state: Any) -> Any:
        shape = (len(state.lit), self.n_agents, 2)
        active = torch.ones(shape[:2], dtype=torch.bool)
        active[:, -1] = state.step > 0
        return Observation(torch.zeros(*shape, 3), torch.ones(shape, dtype=torch.bool), active)

    def step(self, state: Any, actions: Tensor) -> Any:
        on = actions.clamp(min=0).double()
        place = torch.arange(self.n_agents) % 2
        observed = state.lit.expand(-1, 2)
        x = observed.scatter_add(1, place.expand(on.shape), on)
        index = place[None, :, None].expand(len(on), -1, 1)
        done = state.step + 1 >= STEPS
        after = Hall(x.mean(1, keepdim=True), state.step + 1)
        goal = torch.full_like(x, self.n_agents / 4)
        return Transition(after, -((x - goal) ** 2).sum(-1), observed, x, goal, Influence(index, on[..., None]), done)

    def config(self) -> Any:
        return {"system": "lights", "n_agents": self.n_agents}


@dataclass(frozen=True)
class Share:
    """The return, shared by all who act."""

    name: str = "share"
    keeps_states: bool = False

    def fit(self, pilot: Sequence[Rollout]) -> Any:
        return self

    def __call__(self, rollout: Rollout) -> Tensor:
        return rollout.reward.sum(1)[:, None, None] * rollout.active

"""A system as a `pettingzoo.ParallelEnv`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box, Dict, Discrete
from pettingzoo import ParallelEnv
from torch import Tensor

from dgpg_verify.core import InputError, Observation, System, Transition, check_int, generator, open_uniforms

STREAM = 13  # of the episodes' noise


class SystemEnv(ParallelEnv):  # type: ignore[misc, unused-ignore]
    """What `to_parallel_env` returns; its docstring says what agents see and do."""

    render_mode = None

    def __init__(self, system: System, seed: int = 0) -> None:
        self.system = system
        self.transition: Transition | None = None
        self.metadata = {"name": str(system.config().get("system", type(system).__name__)), "render_modes": []}
        self.possible_agents = [f"agent_{i}" for i in range(system.n_agents)]
        self.agents: list[str] = []
        self._rng = generator(check_int("seed", seed, 0), STREAM)
        half = torch.full((1, system.horizon, system.noise_size), 0.5, dtype=torch.float64)
        shape = tuple(system.observe(system.start(half)).features.shape[2:])
        self.state_space = Box(-np.inf, np.inf, (system.n_agents * shape[0] * shape[1],), np.float32)
        self._spaces = {agent: self._space(shape) for agent in self.possible_agents}
        self._actions = {agent: self._action_space() for agent in self.possible_agents}

    def observation_space(self, agent: str) -> Any:
        return self._spaces[agent]

    def action_space(self, agent: str) -> Any:
        return self._actions[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, Any]:
        if seed is not None:
            self._rng = generator(check_int("seed", seed, 0), STREAM)
        noise = open_uniforms((1, self.system.horizon, self.system.noise_size), self._rng)
        self.agents, self.transition = self.possible_agents[:], None
        self._state = self.system.start(noise)
        return self._see(), {agent: {} for agent in self.agents}

    def step(self, actions: dict[str, Any]) -> tuple[Any, ...]:
        with torch.no_grad():
            step: Transition = self.system.step(self._state, self._joint(actions))
        acted, over, reward = self.agents, bool(step.done[0]), float(step.reward[0])
        self._state, self.transition = step.next_state, step
        if over:
            self.agents = []
        else:
            self._see()
        return (
            self._shown(acted),
            dict.fromkeys(acted, reward),
            dict.fromkeys(acted, over),
            dict.fromkeys(acted, False),
            {agent: {} for agent in acted},
        )

    def state(self) -> np.ndarray:
        """What all agents see, [N K F] float32."""
        return self._seen.features[0].flatten().float().numpy()

    def _space(self, shape: tuple[int, ...]) -> Any:
        seen = Box(-np.inf, np.inf, shape, np.float32)
        if not self.system.n_actions:
            return seen
        return Dict({"observation": seen, "action_mask": Box(0, 1, shape[:1], np.int8)})

    def _action_space(self) -> Any:
        k = self.system.n_actions
        return Discrete(k) if k else Box(-np.inf, np.inf, (1,), np.float32)

    def _see(self) -> dict[str, Any]:
        """Look at the state; what agents see after the last step is what they saw before it."""
        self._seen: Observation = self.system.observe(self._state)
        return self._shown(self.agents)

    def _shown(self, agents: list[str]) -> dict[str, Any]:
        features = self._seen.features[0].float().numpy()
        if not self.system.n_actions:
            return {agent: features[i].copy() for i, agent in enumerate(agents)}
        mask = self._seen.mask[0].clone()
        idle = ~self._seen.active[0]
        mask[idle], mask[idle, 0] = False, True
        allowed = mask.numpy().astype(np.int8)
        return {agent: {"observation": features[i].copy(), "action_mask": allowed[i]} for i, agent in enumerate(agents)}

    def _joint(self, actions: dict[str, Any]) -> Tensor:
        """Actions by agent as one row, [1, N]; -1 where there is nothing to decide."""
        if not self.agents:
            raise InputError("the episode is over: reset() must be called before another step")
        if missing := set(self.agents) - set(actions):
            raise InputError(f"actions lacks {', '.join(sorted(missing))}: every agent must act")
        given = np.array([np.asarray(actions[agent]).reshape(()) for agent in self.agents])
        active = self._seen.active[0]
        if not self.system.n_actions:
            return torch.as_tensor(given, dtype=torch.float64)[None]
        chosen = torch.as_tensor(given, dtype=torch.int64)
        known = (chosen >= 0) & (chosen < self.system.n_actions)
        good = known & self._seen.mask[0].gather(1, torch.where(known, chosen, 0)[:, None])[:, 0]
        if bool((wrong := active & ~good).any()):
            i = int(wrong.nonzero()[0])
            allowed = self._seen.mask[0, i].nonzero().flatten().tolist()
            raise InputError(f"action {int(chosen[i])} of agent_{i} is not allowed: it must be one of {allowed}")
        return torch.where(active, chosen, -1)[None]

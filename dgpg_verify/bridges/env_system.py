"""A `ParallelEnv` of another package as a system: a roll-out is an episode, a state is all that was played in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from dgpg_verify.bridges.episodes import EnvLayout, Episodes, Sight
from dgpg_verify.core import Influence, InputError, Observation, Transition, check_choice, check_int, check_real

OfEnv = Callable[[Any], ArrayLike]
OfActions = Callable[[Any, Mapping[Any, int]], ArrayLike]
SEEDS = 2**31


@dataclass(frozen=True)
class EnvModel:
    """state(env) -> x [D], None = what the environment or its agents show; reference(env) -> x~ [D] and
    influence(env, actions) -> z [N, D], None = no guidance."""

    state: OfEnv | None = None
    reference: OfEnv | None = None
    influence: OfActions | None = None


@dataclass(frozen=True)
class EnvState:
    """A moment of B episodes. seed int64 [B]; past int64 [B, T, N], the actions so far, -1 from `step` on; the rest is
    what can be seen now: features, mask, active as in an observation, x [B, D]."""

    step: int
    seed: Tensor
    past: Tensor
    features: Tensor
    mask: Tensor
    active: Tensor
    x: Tensor


class EnvSystem:
    """What `from_parallel_env` returns; its docstring says what is played and seen."""

    noise_size = 1  # an episode's seed
    agents_leave = True  # and never come back: see `training/ends.py`

    def __init__(
        self, make_env: Callable[[], Any], model: EnvModel, idle: int | None, horizon: int | None, discount: float,
        team_reward: str,
    ) -> None:  # fmt: skip
        self.layout = EnvLayout.of(make_env())
        self.model, self.n_agents, self.n_actions = model, len(self.layout.agents), self.layout.n_actions
        self.idle = None if idle is None else check_int("idle", idle, 0, self.n_actions - 1)
        self.discount = check_real("discount", discount, 0.0, 1.0)
        self.team_reward = check_choice("team_reward", team_reward, ("mean", "sum"))
        self.episodes = Episodes(make_env, self.layout)
        self.horizon = self.episodes.survey(None if horizon is None else check_int("horizon", horizon, 1))
        env, look = self.episodes.begin(0)
        self.state_size = len(self._x(env, look))
        self.episodes.keep(env, 0, ())

    def start(self, noise: Tensor) -> EnvState:
        seeds = (noise[:, 0, 0] * SEEDS).long()
        self.episodes.forget()
        looks, x = [], []
        for seed in seeds.tolist():
            env, look = self.episodes.begin(seed)
            looks.append(look)
            x.append(self._x(env, look))
            self.episodes.keep(env, seed, ())
        past = torch.full((len(seeds), self.horizon, self.n_agents), -1)
        return EnvState(0, seeds, past, **_stacked(looks), x=torch.stack(x))

    def observe(self, state: EnvState) -> Observation:
        return Observation(state.features, state.mask, state.active)

    def step(self, state: EnvState, actions: Tensor) -> Transition:
        played = self._played(state, actions)
        size, t = len(actions), state.step
        parts = [self._episode_step(state, b, played[b].tolist()) for b in range(size)]
        looks, reward, x, reference, z = zip(*parts)
        seen = _stacked(looks)
        past = state.past.clone()
        past[:, t] = played
        after = replace(state, step=t + 1, past=past, **seen, x=torch.stack(x))
        last = t + 1 == self.horizon
        taken = ((actions >= 0) & state.active)[..., None]
        value = torch.where(taken, torch.stack(z), 0.0)
        return Transition(
            next_state=after,
            reward=torch.tensor(reward, dtype=torch.float64),
            x_observed=state.x,
            x=after.x,
            reference=torch.stack(reference),
            influence=Influence(torch.arange(value.shape[-1]).expand(value.shape), value),
            done=~after.active.any(-1) | last,
        )

    def refusal(self, credit: str) -> str | None:
        """Why a credit cannot be measured; None where it can."""
        kind = credit.partition(":")[0]
        if kind == "guidance" and self.model.influence is None:
            return "guidance needs a model: from_parallel_env(..., reference=..., influence=...)"
        if kind == "difference" and self.idle is None:
            return "an environment has no step without an agent: from_parallel_env(..., idle=...) names an idle action"
        return None

    def config(self) -> dict[str, Any]:
        return {"system": "parallel_env", "env": self.layout.name, "n_agents": self.n_agents, "idle": self.idle,
                "horizon": self.horizon, "discount": self.discount, "team_reward": self.team_reward}  # fmt: skip

    def _played(self, state: EnvState, actions: Tensor) -> Tensor:
        """What the environments are given, [B, N]: -1 where an agent has left."""
        absent = state.active & (actions < 0)
        if bool(absent.any()):
            if self.idle is None:
                raise InputError(f"agent {int(absent.nonzero()[0, 1])} has no action: {self.refusal('difference')}")
            actions = torch.where(absent, self.idle, actions)
        return torch.where(state.active, actions, -1)

    def _episode_step(self, state: EnvState, b: int, actions: list[int]) -> tuple[Sight, float, Tensor, Tensor, Tensor]:
        """One step of episode b: what is seen, team reward, x, x~ and z."""
        seed, past = int(state.seed[b]), tuple(map(tuple, state.past[b, : state.step].tolist()))
        if max(actions) < 0:  # everybody has left
            look = Sight(state.features[b], state.mask[b], state.active[b])
            return look, 0.0, state.x[b], self._reference(None, state.x[b]), self._nothing
        env = self.episodes.at(seed, past)
        given = self.layout.actions(actions)
        z = self._nothing if self.model.influence is None else self._z(self.model.influence(env, given))
        look, rewards = self.episodes.step(env, given)
        x = state.x[b] if self.model.state is None and not bool(look.active.any()) else self._x(env, look)
        reward = sum(rewards) if self.team_reward == "sum" else sum(rewards) / max(len(rewards), 1)
        reference = self._reference(env, x)
        self.episodes.keep(env, seed, (*past, tuple(actions)))
        return look, reward, x, reference, z

    @property
    def _nothing(self) -> Tensor:
        """z of agents that add nothing, [N, D], or [N, 1] without a model."""
        return torch.zeros(self.n_agents, 1 if self.model.influence is None else self.state_size, dtype=torch.float64)

    def _reference(self, env: Any, x: Tensor) -> Tensor:
        """x~ [D]; env None: when everybody has left, x itself."""
        if self.model.reference is None:
            return torch.zeros_like(x)
        reference = x if env is None else _vector(self.model.reference(env))
        if reference.shape != x.shape:
            raise InputError(f"reference has shape {list(reference.shape)}: it must be that of x, {list(x.shape)}")
        return reference

    def _z(self, value: ArrayLike) -> Tensor:
        z, wanted = _numbers(value), (self.n_agents, self.state_size)
        if z.shape != wanted:
            raise InputError(f"influence has shape {list(z.shape)}: it must be z [N, D] = {list(wanted)}")
        return z

    def _x(self, env: Any, look: Sight) -> Tensor:
        """x [D] of the function that was given, or else of the environment, or else what agents see."""
        if self.model.state is not None:
            return _vector(self.model.state(env))
        if self.layout.has_state:
            return _vector(env.state())
        return look.features[:, 0, : self.layout.width].double().flatten()


def _numbers(value: ArrayLike) -> Tensor:
    """A copy: the environment may go on to write into its own."""
    return torch.tensor(np.asarray(value), dtype=torch.float64)


def _vector(value: ArrayLike) -> Tensor:
    return _numbers(value).flatten()


def _stacked(looks: Any) -> dict[str, Tensor]:
    return {name: torch.stack([getattr(look, name) for look in looks]) for name in ("features", "mask", "active")}

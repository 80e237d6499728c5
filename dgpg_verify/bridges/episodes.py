"""Episodes of a `ParallelEnv`: what its agents see and may do as tensors, and the environment at any earlier moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Dict, Discrete, flatdim, flatten
from torch import Tensor

from dgpg_verify.core import InputError

MOST_ENVS = 256  # kept in the middle of an episode
MOST_STEPS = 1000  # of an episode that is played to find its limit
NEEDED = ("possible_agents", "reset", "step", "action_space", "observation_space")
Past = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Sight:
    """What agents see at one moment: features float32 [N, K, F], mask bool [N, K], active bool [N]."""

    features: Tensor
    mask: Tensor
    active: Tensor


@dataclass(frozen=True)
class EnvLayout:
    """agents: their names in order; spaces: of their observations without the mask; first, counts: the numbers of their
    actions; width: of the longest observation; has_state: whether `state()` gives the same number of values always."""

    name: str
    agents: tuple[Any, ...]
    spaces: tuple[Any, ...]
    first: tuple[int, ...]
    counts: tuple[int, ...]
    width: int
    has_state: bool

    @property
    def n_actions(self) -> int:
        return max(self.counts)

    @classmethod
    def of(cls, env: Any) -> EnvLayout:
        """Raises InputError for what is no `ParallelEnv`, or has actions that are not discrete."""
        if missing := [name for name in NEEDED if not hasattr(env, name)]:
            raise InputError(f"{type(env).__name__} lacks {', '.join(missing)}: it must be a pettingzoo ParallelEnv")
        if hasattr(env, "agent_iter"):
            raise InputError(f"{type(env).__name__} lets agents act in turn: it must be a pettingzoo ParallelEnv")
        agents = tuple(env.possible_agents)
        actions = [env.action_space(agent) for agent in agents]
        for agent, space in zip(agents, actions):
            if not isinstance(space, Discrete):
                raise InputError(f"action_space({agent!r}) is {space}: it must be Discrete")
        spaces = tuple(_without_mask(env.observation_space(agent)) for agent in agents)
        env.reset(seed=0)
        return cls(
            name=str(env), agents=agents, spaces=spaces, width=max(map(flatdim, spaces)), has_state=_has_state(env),
            first=tuple(int(space.start) for space in actions), counts=tuple(int(space.n) for space in actions),
        )  # fmt: skip

    def actions(self, numbers: Sequence[int]) -> dict[Any, int]:
        """Actions from 0, -1 = has left, as the environment numbers them."""
        return {agent: first + k for agent, first, k in zip(self.agents, self.first, numbers, strict=True) if k >= 0}

    def look(self, env: Any, observations: Mapping[Any, Any], infos: Mapping[Any, Any]) -> Sight:
        """Padded with zeros; each candidate's features end in which one it is."""
        n, k = len(self.agents), self.n_actions
        seen, mask = np.zeros((n, self.width), dtype=np.float32), np.arange(k) < np.array(self.counts)[:, None]
        active = np.array([agent in env.agents for agent in self.agents])
        for i in np.flatnonzero(active):
            agent = self.agents[i]
            observation, allowed = _split(observations[agent], infos.get(agent, {}))
            flat = np.asarray(flatten(self.spaces[i], observation), dtype=np.float32)
            seen[i, : len(flat)] = flat
            if allowed is not None:
                mask[i, : self.counts[i]] = np.asarray(allowed, dtype=bool)
        which = torch.eye(k).expand(n, k, k)
        features = torch.cat([torch.as_tensor(seen)[:, None].expand(n, k, -1), which], dim=-1)
        return Sight(features, torch.as_tensor(mask), torch.as_tensor(active))


class Episodes:
    """Environments in the middle of their episodes, by seed and actions so far."""

    def __init__(self, make_env: Callable[[], Any], layout: EnvLayout) -> None:
        self.make_env, self.layout = make_env, layout
        self._running: dict[tuple[int, Past], Any] = {}
        self._free: list[Any] = []

    def forget(self) -> None:
        """Nobody comes back to the episodes that are running."""
        self._free += self._running.values()
        self._running.clear()

    def begin(self, seed: int) -> tuple[Any, Sight]:
        """An environment at the start of an episode."""
        env = self._free.pop() if self._free else self.make_env()
        return env, self.layout.look(env, *env.reset(seed=seed))

    def keep(self, env: Any, seed: int, past: Past) -> None:
        """Put an environment away until the episode goes on."""
        if len(self._running) >= MOST_ENVS:
            self._free.append(self._running.pop(next(iter(self._running))))  # the one that has waited longest
        if (seed, past) in self._running:
            self._free.append(env)
        else:
            self._running[seed, past] = env

    def at(self, seed: int, past: Past) -> Any:
        """An environment after these actions: the one that was put away there, or another that plays them again."""
        if (seed, past) in self._running:
            return self._running.pop((seed, past))
        env, _ = self.begin(seed)
        for actions in past:
            self.step(env, self.layout.actions(actions))
        return env

    def step(self, env: Any, actions: Mapping[Any, int]) -> tuple[Sight, list[float]]:
        """What agents see after a step, and the rewards that it gave."""
        observations, rewards, _, _, infos = env.step(dict(actions))
        return self.layout.look(env, observations, infos), [float(value) for value in rewards.values()]

    def survey(self, horizon: int | None) -> int:
        """T: what is given, or the limit at which the environment itself ends an episode. One is played twice.

        Raises InputError where there is no such limit, and where the seed does not fix the episode.
        """
        shown, limited = self._random_episode(horizon or MOST_STEPS)
        again, _ = self._random_episode(len(shown))
        name = self.layout.name
        if not all(map(torch.equal, shown, again)):
            raise InputError(f"{name} gives another episode for the same seed: it must draw from reset(seed=...) alone")
        if horizon is None and not limited:
            raise InputError(f"{name} ends at no limit of its own: say horizon=, the step at which to cut it")
        return horizon or len(shown)

    def _random_episode(self, steps: int) -> tuple[list[Tensor], bool]:
        """What is seen and paid in each step of an episode under allowed actions at random, and whether a limit ended
        it."""
        shown: list[Tensor] = []
        rng, cut = np.random.default_rng(0), dict[Any, bool]()
        env, look = self.begin(0)
        while len(shown) < steps and env.agents:
            allowed = [np.flatnonzero(row) for row in look.mask.numpy()]
            numbers = [int(rng.choice(row)) if there else -1 for row, there in zip(allowed, look.active.tolist())]
            observations, rewards, _, cut, infos = env.step(self.layout.actions(numbers))
            look = self.layout.look(env, observations, infos)
            shown.append(torch.cat([look.features.flatten(), torch.tensor([float(r) for r in rewards.values()])]))
        over = not env.agents
        self._free.append(env)
        return shown, over and any(cut.values())


def _without_mask(space: Any) -> Any:
    """The space of the observation itself, where it comes with a mask."""
    return space["observation"] if _masked(space) else space


def _masked(space: Any) -> bool:
    return isinstance(space, Dict) and set(space.keys()) == {"observation", "action_mask"}


def _split(observation: Any, info: Mapping[str, Any]) -> tuple[Any, Any]:
    """An observation and its mask, None where there is none."""
    if isinstance(observation, Mapping) and set(observation) == {"observation", "action_mask"}:
        return observation["observation"], observation["action_mask"]
    return observation, info.get("action_mask")


def _has_state(env: Any) -> bool:
    try:
        return bool(np.asarray(env.state(), dtype=np.float64).size)
    except Exception:  # not implemented, or no numbers
        return False

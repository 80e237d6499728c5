"""What one-shot systems share: one step from a fixed state, everything visible, and checks of given parameters."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from dgpg_verify.core import Influence, InputError, Observation, Transition


@dataclass(frozen=True)
class GameState:
    """Nothing happens before the only decision: the state just carries the number of roll-outs. size [B]."""

    size: Tensor


class OneShot(ABC):
    """Base of frozen dataclasses of tensors. `recipe`: what draws the system again; None for one given by its parts.
    `inputs`: the options of the recipe that name files, with the digest of what was read."""

    kind: str
    reference_state: Tensor
    recipe: dict[str, Any] | None
    inputs: dict[str, dict[str, str]] | None = None

    horizon = 1
    discount = 1.0
    noise_size = 0

    @property
    @abstractmethod
    def idle_state(self) -> Tensor:
        """x [M] before anyone acts."""

    @property
    def state_size(self) -> int:
        return len(self.reference_state)

    @property
    @abstractmethod
    def features(self) -> Tensor:
        """What every agent sees of each candidate, [N, K, F]."""

    @abstractmethod
    def influence(self, actions: Tensor, /) -> Influence:
        """z of actions [B, N]: the entries of x that each agent touches, and by how much."""

    @abstractmethod
    def cost_of(self, x: Tensor) -> Tensor:
        """Cost of states x [..., M] -> [...]."""

    def start(self, noise: Tensor) -> GameState:
        return GameState(torch.ones(noise.shape[0], device=self.reference_state.device))

    def observe(self, state: GameState) -> Observation:
        features = self.features.expand(len(state.size), -1, -1, -1)
        yes = torch.ones((), dtype=torch.bool, device=features.device)
        return Observation(features, mask=yes.expand(features.shape[:3]), active=yes.expand(features.shape[:2]))

    def step(self, state: GameState, actions: Tensor) -> Transition:
        size = len(actions)
        influence = self.influence(actions)
        x_observed = self.idle_state.expand(size, -1)
        x = x_observed.scatter_add(1, influence.index.flatten(1), influence.value.flatten(1))
        return Transition(
            next_state=state,
            reward=-self.cost_of(x),
            x_observed=x_observed,
            x=x,
            reference=self.reference_state.expand(size, -1),
            influence=influence,
            done=torch.ones(size, dtype=torch.bool, device=x.device),
        )

    def config(self) -> dict[str, Any]:
        inputs = {} if self.inputs is None else {"inputs": self.inputs}
        if self.recipe is not None:
            return {"system": self.kind, **self.recipe, **inputs}
        names = [f.name for f in fields(self) if f.name not in ("recipe", "inputs")]  # type: ignore[arg-type]
        parts = {name: getattr(self, name) for name in names}
        listed = {name: part.tolist() if isinstance(part, Tensor) else part for name, part in parts.items()}
        return {"system": self.kind, **listed, **inputs}


def check_graph(name: str, graph: Tensor, size: int, places: str) -> None:
    """Refuse a graph [N, S] that names a place outside [0, size - 1], or one twice for an agent."""
    low, high = graph.aminmax() if graph.numel() else (-1, -1)
    if int(low) < 0 or int(high) >= size:
        raise InputError(f"{name} must name {places} in [0, {size - 1}], at least one for each agent")
    if graph.shape[1] == 1:
        return
    ranked = graph.sort(dim=1).values
    twice = (ranked[:, 1:] == ranked[:, :-1]).any(1)
    if bool(twice.any()):
        agent = int(twice.nonzero()[0, 0])
        raise InputError(f"{name} of agent {agent} = {graph[agent].tolist()}: {places} may not appear twice")


def check_vectors(system: object, names: Iterable[str], size: int) -> None:
    """Refuse parameters that are not [M]."""
    for name in names:
        shape = tuple(getattr(system, name).shape)
        if shape != (size,):
            raise InputError(f"{name} has shape {shape}: it must be [M] = ({size},)")


def check_entries(system: object, allowed: Mapping[str, str]) -> None:
    """Refuse entries that are not as `allowed` says: "finite", "finite and >= 0" or "finite and > 0"."""
    for name, rule in allowed.items():
        values = getattr(system, name)
        if _keeps(values, rule):
            continue
        good = values.isfinite() & {"finite and > 0": values > 0, "finite and >= 0": values >= 0}.get(rule, True)
        if not bool(good.all()):
            place = (~good).nonzero()[0].tolist()
            raise InputError(f"{name}{place} = {float(values[tuple(place)])!r} is not allowed: it must be {rule}")


def _keeps(values: Tensor, rule: str) -> bool:
    """Whether all entries keep the rule, told from the least and the largest (NaN where there is one): in one pass and
    without masks, which took as long as drawing a small game."""
    if not values.numel():
        return True
    low, high = (float(end) for end in values.aminmax())
    enough = {"finite and > 0": low > 0.0, "finite and >= 0": low >= 0.0}.get(rule, True)
    return enough and math.isfinite(low) and math.isfinite(high)

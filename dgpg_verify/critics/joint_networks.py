"""Joint critics as networks: the value of what was played, and of each action that each agent could have played.

`value(inputs)` -> [R], `table(inputs)` -> [R, N, K] and `loss(inputs, targets [R])`, on inputs that are standardised.
Every network has O(N K) parameters: the actions of all agents enter by one row for each (agent, action), which is the
first layer of a network that reads them one-hot.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dgpg_verify.critics.joint_inputs import JointInputs
from dgpg_verify.critics.mixers import HIDDEN, MIXERS, JointActions, taken, two_layers


class AgentUtilities(nn.Module):
    """Q_i(o_i, k) [R, N, K]: a table for each agent and, where candidates change, one network of their features."""

    def __init__(self, inputs: JointInputs) -> None:
        super().__init__()
        n, k, _ = inputs.sizes
        self.tables = nn.Parameter(torch.empty(n, k))
        self.features = None if inputs.fixed else two_layers(inputs.features.shape[-1], 1)

    def draw_own(self, rng: torch.Generator) -> None:
        """Tables whose sum is a tenth of the target's spread."""
        self.tables.normal_(std=0.1 * len(self.tables) ** -0.5, generator=rng)

    def forward(self, inputs: JointInputs) -> Tensor:
        tables = self.tables.expand(len(inputs), -1, -1)
        return tables if self.features is None else tables + self.features(inputs.features)[..., 0]


class MixedNetwork(nn.Module):
    """Utilities and a mixer, see `mixers`."""

    def __init__(self, mixer: str, inputs: JointInputs) -> None:
        super().__init__()
        self.utilities, self.mixer = AgentUtilities(inputs), MIXERS[mixer](*inputs.sizes)

    def value(self, inputs: JointInputs) -> Tensor:
        utilities, best, _ = self._utilities(inputs)
        return self.mixer(taken(utilities, inputs.actions), inputs.state, best, inputs.actions)

    def table(self, inputs: JointInputs) -> Tensor:
        utilities, best, _ = self._utilities(inputs)
        return self.mixer.table(utilities, inputs.state, best, inputs.actions)

    def loss(self, inputs: JointInputs, targets: Tensor) -> Tensor:
        utilities, best, best_actions = self._utilities(inputs)
        chosen = taken(utilities, inputs.actions)
        error = F.mse_loss(self.mixer(chosen, inputs.state, best, inputs.actions), targets)
        return error + self.mixer.constraints(chosen, inputs.state, best, inputs.actions, best_actions)

    def _utilities(self, inputs: JointInputs) -> tuple[Tensor, Tensor, Tensor]:
        """All [R, N, K]; the best that is allowed and its place [R, N], 0 and -1 for an idle agent."""
        utilities, active = self.utilities(inputs), inputs.actions >= 0
        best, place = utilities.masked_fill(~inputs.allowed, -torch.inf).max(-1)
        return utilities, torch.where(active, best, 0.0), torch.where(active, place, -1)


class OwnTables(nn.Module, ABC):
    """Base of critics with a table for each agent, each fitted to the same target."""

    @abstractmethod
    def table(self, inputs: JointInputs) -> Tensor:
        """Q of each agent's actions, the others' as they were: [R, N, K]."""

    def played(self, inputs: JointInputs) -> Tensor:
        """Each agent's Q of the action taken, 0 without one: [R, N]."""
        return taken(self.table(inputs), inputs.actions)

    def value(self, inputs: JointInputs) -> Tensor:
        """The mean over the agents that decide of their Q of the action taken."""
        return self.played(inputs).sum(-1) / (inputs.actions >= 0).sum(-1).clamp(min=1)

    def loss(self, inputs: JointInputs, targets: Tensor) -> Tensor:
        active = inputs.actions >= 0
        errors = self.played(inputs) - targets[:, None]
        return (errors**2)[active].sum() / active.sum().clamp(min=1)


class COMANetwork(OwnTables):
    """COMA (Foerster et al. 2018): K values from the state, what the agent sees, which agent it is and the one-hot
    actions of all others, the own slot left out. One network for all agents, two hidden layers."""

    def __init__(self, inputs: JointInputs) -> None:
        super().__init__()
        n, k, state_size = inputs.sizes
        self.state, self.agents = nn.Linear(state_size, HIDDEN), nn.Embedding(n, HIDDEN)
        self.joint = JointActions(n, k, HIDDEN)
        self.seen = None if inputs.fixed else nn.Linear(k * inputs.features.shape[-1], HIDDEN)
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, k))

    def table(self, inputs: JointInputs) -> Tensor:
        first = self.state(inputs.state)[:, None] + self.joint.others(inputs.actions) + self.agents.weight
        return self.head(first if self.seen is None else first + self.seen(inputs.features.flatten(2)))


class MeanFieldNetwork(OwnTables):
    """Mean-field Q (Yang et al. 2018): each candidate's features and slot, and the means over all other agents of the
    slots and features that they chose. It knows neither which agent it is nor who else did what."""

    def __init__(self, inputs: JointInputs) -> None:
        super().__init__()
        _, k, state_size = inputs.sizes
        width = inputs.features.shape[-1]
        self.state, self.own = nn.Linear(state_size, HIDDEN), nn.Linear(width + k, HIDDEN)
        self.mean = nn.Linear(width + k, HIDDEN)
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))

    def table(self, inputs: JointInputs) -> Tensor:
        every, chosen = self._choices(inputs)
        return self.head(self._shared(inputs, chosen)[:, :, None] + self.own(every))[..., 0]

    def played(self, inputs: JointInputs) -> Tensor:
        _, chosen = self._choices(inputs)
        values = self.head(self._shared(inputs, chosen) + self.own(chosen))[..., 0]
        return torch.where(inputs.actions >= 0, values, 0.0)

    def _choices(self, inputs: JointInputs) -> tuple[Tensor, Tensor]:
        """Features and slot of all candidates [R, N, K, F + K], and of those chosen [R, N, F + K], 0 without one."""
        every = with_slots(inputs.features)
        place = inputs.actions.clamp(min=0)[..., None, None].expand(-1, -1, 1, every.shape[-1])
        return every, torch.where((inputs.actions >= 0)[..., None], every.gather(2, place)[:, :, 0], 0.0)

    def _shared(self, inputs: JointInputs, chosen: Tensor) -> Tensor:
        return self.state(inputs.state)[:, None] + self.mean(mean_of_others(chosen, inputs.actions >= 0))


def with_slots(features: Tensor) -> Tensor:
    """Candidates' features and which of the K they are, one-hot: [..., K, F] -> [..., K, F + K]."""
    slots = torch.eye(features.shape[-2], device=features.device)
    return torch.cat([features, slots.expand(*features.shape[:-1], -1)], -1)


def mean_of_others(chosen: Tensor, active: Tensor) -> Tensor:
    """The mean over all other agents that decide, 0 without any: chosen [..., N, D], 0 for idle agents, active bool
    [..., N] -> [..., N, D]. Everybody is everybody's neighbour (Yang et al. 2018, with N(j) all others)."""
    deciding = active.int()[..., None]
    others = (deciding.sum(-2, keepdim=True) - deciding).clamp(min=1)
    return (chosen.sum(-2, keepdim=True) - chosen) / others


NETWORKS: dict[str, Callable[[JointInputs], MixedNetwork | OwnTables]] = {
    **{name: lambda inputs, name=name: MixedNetwork(name, inputs) for name in MIXERS},  # type: ignore[misc]
    "coma": COMANetwork,
    "mean_field": MeanFieldNetwork,
}

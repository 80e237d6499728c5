"""One-shot games in which every action adds a sparse vector to a shared state, and what follows for all of them.

Action k of agent i adds z_ik, at most S non-zeros, to the state x [M]: x = x0 + sum_i z_i,a_i. On the sum scale
J = -sum_m phi_m(x_m) - sum_i kappa_i,a_i and G = 1/2 sum_m W_m (x_m - x~_m)^2. An instance says what z, phi, x0 and x~
are, and kappa and W where they are not 0 and 1; the reward, the local influence, the exact difference reward, what the
agents see and simple rules to compare with are the same for all.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from dgpg_verify.core import Influence, InputError, Observation, Transition, check_choice
from dgpg_verify.systems.best_response import iterated_best_response, team_price
from dgpg_verify.systems.one_shot import GameState, OneShot

FEATURES = ("cost alone", "cost at the reference", "pull of the reference", "size")
HEURISTICS: tuple[str, ...] = ("random", "proportional", "greedy", "best_response")
JOINT_RULES: tuple[str, ...] = ("iterated_best_response",)


class ResourceGame(OneShot):
    """Base of frozen dataclasses of tensors; an instance is one file such as `rate_control.py`.

    A transition gives x, x before acting, x~ and z in the norm of G, multiplied by sqrt(W): credits, which know the
    Euclidean distance alone, then descend G. `idle_state`, `reference_state` and `influence` are in plain units.
    Cost of a step: O(B N S + B M).
    """

    heuristic_names: Sequence[str] = HEURISTICS
    joint_rules: Sequence[str] = ()

    @property
    @abstractmethod
    def additions(self) -> Influence:
        """z: index int64 and value float64 [N, K, S]. An action names a coordinate once; unused slots hold 0."""

    @abstractmethod
    def coordinate_costs(self, x: Tensor, at: Tensor | None = None) -> Tensor:
        """phi of each entry of x; int64 `at`, of its shape, names the coordinates where they are not the last axis."""

    @property
    def idle_state(self) -> Tensor:
        return torch.zeros_like(self.reference_state)

    @property
    def action_costs(self) -> Tensor | None:
        """kappa [N, K]; None = 0."""
        return None

    @property
    def distance_weights(self) -> Tensor | None:
        """W [M] >= 0; None = 1."""
        return None

    @property
    def allowed(self) -> Tensor | None:
        """Which actions there are, bool [N, K]; None = all."""
        return None

    @property
    def n_agents(self) -> int:
        return self.additions.index.shape[0]

    @property
    def n_actions(self) -> int:
        return self.additions.index.shape[1]

    @cached_property
    def features(self) -> Tensor:
        """`FEATURES` of every action, [N, K, 4]: what J costs more by it when nobody else acts, and on top of x~; and
        (x~ - x0).W z and |z|_W^2 / 2, whose difference is what it takes off G when nobody else acts. Each column is
        divided by its root mean square."""
        z, x0, reference = self.additions, self.idle_state, self.reference_state
        weights = 1.0 if self.distance_weights is None else self.distance_weights[z.index]
        pull = (weights * z.value * (reference - x0)[z.index]).sum(-1)
        size = 0.5 * (weights * z.value**2).sum(-1)
        columns = torch.stack([self._increase(x0), self._increase(reference), pull, size], dim=-1)
        if self.allowed is not None:
            columns = torch.where(self.allowed[..., None], columns, 0.0)
        return columns / (columns**2).mean((0, 1)).sqrt().clamp(min=1e-300)

    def _increase(self, x: Tensor) -> Tensor:
        """By how much each action raises the cost of J at a state x [M]: [N, K]."""
        z = self.additions
        before = x[z.index]
        rise = (self.coordinate_costs(before + z.value, z.index) - self.coordinate_costs(before, z.index)).sum(-1)
        return rise if self.action_costs is None else rise + self.action_costs

    def observe(self, state: GameState) -> Observation:
        seen = super().observe(state)
        return seen if self.allowed is None else replace(seen, mask=self.allowed.expand(seen.mask.shape))

    def influence(self, actions: Tensor) -> Influence:
        """z of actions int64 [B, N], in plain units: [B, N, S]; an absent agent (-1) touches nothing."""
        z, agents = self.additions, torch.arange(self.n_agents, device=actions.device)
        chosen = actions.clamp(min=0)
        value = z.value[agents, chosen]
        present = (actions >= 0)[..., None]
        return Influence(index=z.index[agents, chosen], value=torch.where(present, value, torch.zeros_like(value)))

    def mean_state(self, chances: Tensor) -> Tensor:
        """E x [M], in plain units, when agents draw their actions with chances [N, K]."""
        z = self.additions
        added = (chances[..., None] * z.value).flatten()
        return self.idle_state.scatter_add(0, z.index.flatten(), added)

    def cost_of(self, x: Tensor) -> Tensor:
        """sum_m phi_m of states x [..., M] -> [...]."""
        return self.coordinate_costs(x).sum(-1)

    def charges(self, actions: Tensor) -> Tensor | None:
        """kappa of actions [B, N], 0 for an absent agent; None where there is none."""
        if self.action_costs is None:
            return None
        agents = torch.arange(self.n_agents, device=actions.device)
        return torch.where(actions >= 0, self.action_costs[agents, actions.clamp(min=0)], 0.0)

    def step(self, state: GameState, actions: Tensor) -> Transition:
        step = self._plain_step(state, actions)
        if self.distance_weights is None:
            return step
        root, z = self.distance_weights.sqrt(), step.influence
        return replace(
            step,
            x=root * step.x,
            x_observed=root * step.x_observed,
            reference=root * step.reference,
            influence=Influence(z.index, root[z.index] * z.value),
        )

    def _plain_step(self, state: GameState, actions: Tensor) -> Transition:
        """A step in the units of x itself."""
        step, charges = super().step(state, actions), self.charges(actions)
        return step if charges is None else replace(step, reward=step.reward - charges.sum(1))

    def removal_rewards(self, state: GameState, actions: Tensor) -> Tensor:
        """Reward had agent i not acted, for each i: [B, N]. Cost O(B N S), against O(B N^2 S) by re-runs: only the
        coordinates that z touches change."""
        step = self._plain_step(state, actions)
        at, z = step.influence.index, step.influence.value
        x = torch.gather(step.x, 1, at.flatten(1)).view_as(z)
        saved = (self.coordinate_costs(x, at) - self.coordinate_costs(x - z, at)).sum(-1)
        charges = self.charges(actions)
        return step.reward[:, None] + (saved if charges is None else saved + charges)

    def replaced_rewards(self, state: GameState, actions: Tensor, replacements: Tensor) -> Tensor:
        """Reward had agent i alone played replacements[:, i], for each i: [B, N]. Cost O(B N S^2)."""
        x, at, z = self._others_at(state, actions, replacements)
        added = (self.coordinate_costs(x + z, at) - self.coordinate_costs(x, at)).sum(-1)
        charges = self.charges(replacements)
        return self.removal_rewards(state, actions) - (added if charges is None else added + charges)

    def _others_at(self, state: GameState, actions: Tensor, replacements: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Where agent i's replacement would act and what it would add there, [B, N, S], and x there without agent i."""
        step, other = self._plain_step(state, actions), self.influence(replacements)
        own, at = step.influence, other.index
        x = torch.gather(step.x, 1, at.flatten(1)).view_as(other.value)
        for s in range(own.index.shape[-1]):
            x = x - torch.where(own.index[..., s, None] == at, own.value[..., s, None], 0.0)
        return x, at, other.value

    def split_rewards(self, state: GameState, actions: Tensor) -> tuple[Tensor, Tensor]:
        """-phi of each coordinate [B, M] and -kappa of each agent's action [B, N]; their sum is the reward."""
        charges = self.charges(actions)
        rewards = -self.coordinate_costs(self._plain_step(state, actions).x)
        return rewards, torch.zeros_like(actions, dtype=rewards.dtype) if charges is None else -charges

    def heuristic_scores(self, name: str, seen: Observation) -> Tensor:
        """Preference of a simple rule for each action, [..., N, K], higher is better.

        greedy: the least cost when nobody else acts. best_response: the least cost on top of the reference.
        proportional: drawn with chances exp(-cost alone), in units of its root mean square. random: no preference.
        """
        check_choice("heuristic", name, self.heuristic_names)
        alone, at_reference = seen.features[..., 0], seen.features[..., 1]
        return {"random": torch.zeros_like(alone), "best_response": -at_reference}.get(name, -alone)

    def joint_actions(self, name: str, seen: Observation) -> Tensor:
        """Actions [..., N] of a rule that looks at all agents at once; `joint_rules` are those that an instance offers.

        iterated_best_response: from the best of the instance's other rules on, one agent after another takes the action
        with which J is greatest, until nobody can raise it. Cost: see `best_response`.
        """
        chosen = self.planned(check_choice("joint rule", name, self.joint_rules))
        return chosen.expand(*seen.active.shape)

    def planned(self, name: str) -> Tensor:
        """The actions [N] of a joint rule."""
        others = torch.stack([self.planned(other) for other in self.joint_rules if other != name])
        played = self.step(GameState(torch.ones(len(others), device=others.device)), others)
        return iterated_best_response(self, team_price(self), others[played.reward.argmax()], self.action_costs)

    def with_reference(self, reference: Tensor) -> Self:
        """The same game guided toward another reference state [M]."""
        return replace(self, reference_state=torch.as_tensor(reference, dtype=torch.float64), recipe=None)  # type: ignore[type-var]


def check_additions(game: ResourceGame) -> None:
    """Refuse z with an index outside the state, numbers that are not finite, or a coordinate twice in an action."""
    z = game.additions
    if z.index.ndim != 3 or z.index.shape != z.value.shape or z.index.numel() == 0:
        raise InputError(f"z has index {tuple(z.index.shape)} and value {tuple(z.value.shape)}: both must be [N, K, S]")
    if not bool(z.value.isfinite().all()):
        raise InputError("z is not allowed: every number must be finite")
    if int(z.index.min()) < 0 or int(z.index.max()) >= game.state_size:
        raise InputError(f"z names coordinate {int(z.index.max())}: it must lie in [0, {game.state_size - 1}]")
    used = torch.where(z.value != 0, z.index, -1 - torch.arange(z.index.shape[2], device=z.index.device))
    ranked = used.sort(dim=2).values
    twice = (ranked[..., 1:] == ranked[..., :-1]).any(2)
    if bool(twice.any()):
        agent, action = twice.nonzero()[0].tolist()
        raise InputError(f"action {action} of agent {agent} adds to one coordinate twice: it must name each once")

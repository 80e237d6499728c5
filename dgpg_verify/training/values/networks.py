"""Utilities of every agent and their mixer, and the error that one batch of episodes shows.

Q_i(o, k) = V_i(o) + A_i(o, k): a value network of what the agent sees plus the scores of the candidates, so that an
agent without a decision, whose only action is to wait, has a utility too: V_i. Without a mixer every agent learns from
the shared reward by itself (`iql`), also where its values depend on what others do (`mean_field`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from dgpg_verify.core import System
from dgpg_verify.critics import MIXERS, ValueNetwork, drawn
from dgpg_verify.policies.layers import normalise
from dgpg_verify.training.values.replay import Steps


class Alone(nn.Module):
    """No mixing: each agent's utility is a value of its own, [B, N]."""

    def forward(self, utilities: Tensor, state: Tensor, best: Tensor, actions: Tensor) -> Tensor:
        return utilities

    def constraints(
        self, utilities: Tensor, state: Tensor, best: Tensor, actions: Tensor, best_actions: Tensor
    ) -> Tensor:
        return utilities.new_zeros(())


@dataclass(frozen=True)
class UtilityTable:
    """every [R, N, K], -inf where not allowed; wait, best [R, N] and the actions that are best, -1 for idle agents."""

    every: Tensor
    wait: Tensor
    best: Tensor
    best_actions: Tensor

    def of(self, actions: Tensor) -> Tensor:
        """Of given actions [R, N], -1 = none."""
        chosen = self.every.gather(-1, actions.clamp(min=0)[..., None])[..., 0]
        return torch.where(actions >= 0, chosen, self.wait)


class ActionValues(nn.Module):
    """The networks of one fleet. policy, network: what scores and values are computed with, but for parameters."""

    def __init__(self, policy: Any, network: ValueNetwork, mixer: str, system: System, state_size: int, seed: int):
        super().__init__()
        self._policy, self._network = policy, network
        self.scores = nn.Parameter(policy.parameters.detach().float().clone())
        self.values = nn.Parameter(network.parameters.detach().float().clone())
        sizes = (system.n_agents, system.n_actions, state_size)
        self.mixer = drawn(lambda: MIXERS[mixer](*sizes), seed) if mixer in MIXERS else Alone()

    @property
    def scorer(self) -> Any:
        """The scores as a policy, a view of the parameters."""
        return replace(self._policy, parameters=self.scores.detach())

    def utilities(self, steps: Steps) -> UtilityTable:
        """Of R steps."""
        scores = replace(self._policy, parameters=self.scores).candidate_scores(steps.features)
        wait = replace(self._network, parameters=self.values).normalised(steps.own[:, None])[:, 0]
        every = torch.where(steps.mask, scores + wait[..., None], -torch.inf)
        best, actions = every.max(-1)
        able = steps.mask.any(-1)
        return UtilityTable(every, wait, torch.where(able, best, wait), torch.where(able, actions, -1))

    def joint(self, utilities: UtilityTable, actions: Tensor, state: Tensor) -> Tensor:
        """Value of joint actions [R, N] -> [R, 1], or [R, N] where nobody mixes."""
        mixed: Tensor = self.mixer(utilities.of(actions), state, utilities.best, actions)
        return mixed.view(len(actions), -1)

    def ahead(self, online: ActionValues, following: Steps) -> Tensor:
        """What is bootstrapped from the R steps that followed, these being the target networks: the value of a*, greedy
        in the learning networks (double Q-learning, van Hasselt et al. 2016); [R, 1], or [R, N] where nobody mixes."""
        greedy = online.utilities(following).best_actions
        return self.joint(self.utilities(following), greedy, normalise(following.state))


def td_loss(
    online: ActionValues, target: ActionValues, steps: Steps, following: Steps, reward: Tensor, keep: Tensor
) -> Tensor:
    """Mean squared error of Q(s_t, a_t) against r_t + gamma V'(s_t+1), V' as in `ahead`; plus the mixer's constraints.
    reward [R]: on the scale that is learned; keep [R]: the discount, 0 after the last step."""
    state, actions = normalise(steps.state), steps.actions
    now = online.utilities(steps)
    with torch.no_grad():
        goal = reward[:, None].float() + keep[:, None] * target.ahead(online, following)
    value = online.joint(now, actions, state)
    told = (now.of(actions), state, now.best, actions, now.best_actions)
    constraints: Tensor = online.mixer.constraints(*told)
    return (value - goal).square().mean() + constraints

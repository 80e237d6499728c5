"""Mean-field Q-learning, MF-Q (Yang et al. 2018): Q_i(o_i, a_i, m_i), m_i the mean action of the others that decide.

    loss      (r + gamma v_i(s') - Q_i(o_i, a_i, m_i))^2, m_i of the actions taken, the team's reward for every agent
    v_i(s')   sum_k pi_i(k | s', m_i) Q'_i(o_i, k, m_i), all of it under the target networks
    pi_i      proportional to exp(Q_i(o_i, k, m_i) / temperature) over what is allowed

The paper plays pi_i at the mean action of the step before, and has mean actions and policies improve each other in turn
until they settle. Its authors' code for many agents plays epsilon-greedily at the mean of the step before (0 at first)
and bootstraps by double Q-learning; XuanCe's default is greedy in both as well. Both name a temperature of 0.1, the
preset here. Here a policy is a function of what is seen, which holds no earlier action, and many systems have one step:
so m_i is where the turns lead from the present observation, ROUNDS of them from an even choice, alike in playing and in
bootstrapping. Played is epsilon-greedy on Q_i at that m_i, as by all learners of action values. To know m_i an agent
needs what the others see, in play too: one exchange of a mean a turn. Where agents should avoid each other such turns
can go round in a circle.

What a mean action is follows the critic `counterfactual@mean_field`: over all other agents that decide, the mean of the
slots and of the features of what they chose; without others 0. Slots alone would be the paper's. They mean the same for
all agents where all have the same choices: a game with all servers open, units to order, levels of output or of rates
(within each agent's own range). Where candidates differ (sparse graphs, the cloud, paths on roads) slot k is another
server for every agent, and how many took slot k says nothing of any server. There the mean tells of features alone:
what the chosen ones are like on average, not which one is crowded. And with few agents there are few mean actions:
between these Q_i is what its network makes of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from dgpg_verify.core import Observation, System
from dgpg_verify.critics import ValueNetwork
from dgpg_verify.critics.joint_networks import mean_of_others, with_slots
from dgpg_verify.policies.softmax import masked_softmax
from dgpg_verify.training.values.networks import ActionValues, UtilityTable
from dgpg_verify.training.values.replay import Steps

ROUNDS = 2  # answers to an even choice, and answers to these


def taken_chances(steps: Steps) -> Tensor:
    """1 for the action taken, 0 for all of an idle agent: [..., N, K]."""
    chances = torch.zeros(steps.mask.shape)
    chances.scatter_(-1, steps.actions.clamp(min=0)[..., None], 1.0)
    return torch.where((steps.actions >= 0)[..., None], chances, 0.0)


def scored_inputs(features: Tensor, mask: Tensor, chances: Tensor) -> tuple[Tensor, Tensor]:
    """What scores read where actions have such chances [..., N, K]: of every candidate its features and slot and the
    mean action, [..., N, K, 2 (F + K)]; and the mean actions [..., N, F + K]. Nothing of what `mask` leaves out."""
    every = with_slots(torch.where(mask[..., None], features.float(), 0.0))
    chosen = (chances.float()[..., None, :] @ every)[..., 0, :]
    mean = mean_of_others(chosen, mask.any(-1))
    return torch.cat([every, mean[..., None, :].expand_as(every)], -1), mean


def beside_mean(steps: Steps, chances: Tensor) -> Steps:
    """Steps whose features [..., N, K, 2 (F + K)] and own columns hold the mean action of the others besides."""
    features, mean = scored_inputs(steps.features, steps.mask, chances)
    return replace(steps, features=features, own=torch.cat([steps.own, mean], -1))


@dataclass(frozen=True, eq=False)
class MeanFieldScorer:
    """policy: scores candidates from `scored_inputs`. Cost of one look: ROUNDS + 1 passes through it."""

    policy: Any
    temperature: float

    @property
    def sharing(self) -> Literal["independent", "shared"]:
        sharing: Literal["independent", "shared"] = self.policy.sharing
        return sharing

    @property
    def parameters(self) -> Tensor:
        parameters: Tensor = self.policy.parameters
        return parameters

    def logits(self, seen: Observation) -> Tensor:
        """Scores at the mean actions that are settled on, [..., N, K], -inf where not allowed."""
        mask = seen.mask & seen.active[..., None]
        return self._scores(seen.features, mask, self.settled(seen.features, mask))

    def settled(self, features: Tensor, mask: Tensor) -> Tensor:
        """pi after ROUNDS turns from an even choice, [..., N, K] float64."""
        chances = mask.double() / mask.sum(-1, keepdim=True).clamp(min=1)
        for _ in range(ROUNDS):
            chances = masked_softmax(self._scores(features, mask, chances) / self.temperature)
        return chances

    def _scores(self, features: Tensor, mask: Tensor, chances: Tensor) -> Tensor:
        scores: Tensor = self.policy.candidate_scores(scored_inputs(features, mask, chances)[0])
        return scores.masked_fill(~mask, -torch.inf)


class MeanFieldValues(ActionValues):
    """Values of agents on their own that are given the mean action: networks as wide as `beside_mean` makes steps."""

    def __init__(
        self, policy: Any, network: ValueNetwork, mixer: str, system: System, state_size: int, seed: int,
        temperature: float,
    ):  # fmt: skip
        super().__init__(policy, network, mixer, system, state_size, seed)
        self._temperature = temperature

    @property
    def scorer(self) -> MeanFieldScorer:
        return MeanFieldScorer(super().scorer, self._temperature)

    def utilities(self, steps: Steps) -> UtilityTable:
        """At the mean of what the others did."""
        return super().utilities(beside_mean(steps, taken_chances(steps)))

    def ahead(self, online: ActionValues, following: Steps) -> Tensor:
        """v_i, [R, N]; of an agent without a decision the value of waiting."""
        mask = following.mask
        table = super().utilities(beside_mean(following, self.scorer.settled(following.features, mask)))
        chances = masked_softmax(table.every / self._temperature).float()
        expected = (chances * torch.where(mask, table.every, 0.0)).sum(-1)
        return torch.where(mask.any(-1), expected, table.wait)

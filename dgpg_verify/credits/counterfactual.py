"""Credits that compare the own action with those not taken, given what all agents can expect of each: Q(s, (a_-i, k)).

`counterfactual@Q` is COMA's (Foerster et al. 2018), Q of the action taken minus the policy's mean of Q.
`optimal_baseline@Q` subtracts instead the mean that weighs each action by the squared length of its score in the logits
(Kuba et al. 2021): of all baselines that do not depend on the own action, the one of least variance for a tabular
policy. `expected_counterfactual@Q` weighs the scores of all own actions by Q: the mean of either over the own action,
which no baseline changes. Q comes from any `TeamValue`; `exact` plays the alternatives, so that all have mean grad J;
the others are fitted on the pilot (`critics.LEARNED_VALUES`) and biased by what their form leaves out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import torch
from torch import Tensor

from dgpg_verify.core import Rollout
from dgpg_verify.credits.base import own_probabilities
from dgpg_verify.critics import LearnedValue
from dgpg_verify.rollouts import own_action_returns


class TeamValue(Protocol):
    """What the team can expect for each action of each agent, the others' actions as they were."""

    @property
    def name(self) -> str: ...
    @property
    def keeps_states(self) -> bool: ...

    def fit(self, pilot: Sequence[Rollout]) -> TeamValue:
        """Fitted on separate roll-outs."""
        ...

    def table(self, rollout: Rollout) -> Tensor:
        """Q(s_t, (a_-i, k)), discounted to time 0: [B, T, N, K] float64. What it is for an action that is not allowed
        does not matter."""
        ...

    def unbiased(self, rollout: Rollout) -> bool:
        """Whether the mean of the table at the action taken, given that action and what was before, is Q."""
        ...


class ExactValue:
    """Plays every alternative, see `own_action_returns`."""

    name = "exact"
    keeps_states = True

    def fit(self, pilot: Sequence[Rollout]) -> Self:
        return self

    def table(self, rollout: Rollout) -> Tensor:
        return own_action_returns(rollout)

    def unbiased(self, rollout: Rollout) -> bool:
        return True


@dataclass(frozen=True)
class CounterfactualCredit:
    """w_t,i = Q(s_t, a_t) - sum_k pi_t,ik Q(s_t, (a_t,-i, k))."""

    value: TeamValue

    @property
    def name(self) -> str:
        return f"counterfactual@{self.value.name}"

    @property
    def keeps_states(self) -> bool:
        return self.value.keeps_states

    def fit(self, pilot: Sequence[Rollout]) -> Self:
        return replace(self, value=self.value.fit(pilot))

    def further(self, pilot: Sequence[Rollout]) -> Self:
        return replace(self, value=self.value.further(pilot)) if isinstance(self.value, LearnedValue) else self

    def state(self) -> dict[str, Any]:
        return self.value.state() if isinstance(self.value, LearnedValue) else {}

    def with_state(self, stored: Mapping[str, Any]) -> Self:
        return replace(self, value=self.value.with_state(stored)) if isinstance(self.value, LearnedValue) else self

    def __call__(self, rollout: Rollout) -> Tensor:
        table, chances = self.value.table(rollout), own_probabilities(rollout)
        chosen = table.gather(-1, rollout.actions.clamp(min=0)[..., None])[..., 0]
        return torch.where(rollout.active, chosen - self._baseline(table, chances), 0.0)

    def _baseline(self, table: Tensor, chances: Tensor) -> Tensor:
        return (chances * table).sum(-1)

    def unbiased(self, rollout: Rollout) -> bool:
        return self.value.unbiased(rollout)

    @property
    def critic(self) -> LearnedValue | None:
        """The value, where it was learned and is fitted."""
        learned = isinstance(self.value, LearnedValue) and self.value.estimate is not None
        return self.value if learned else None  # type: ignore[return-value]


@dataclass(frozen=True)
class OptimalBaselineCredit(CounterfactualCredit):
    """w_t,i = Q(s_t, a_t) - b, b = sum_k u_k Q(s_t, (a_t,-i, k)) / sum_k u_k, u_k = pi_k |e_k - pi|^2."""

    @property
    def name(self) -> str:
        return f"optimal_baseline@{self.value.name}"

    def _baseline(self, table: Tensor, chances: Tensor) -> Tensor:
        squares = 1.0 - 2.0 * chances + (chances**2).sum(-1, keepdim=True)  # |e_k - pi|^2
        weights = chances * squares.clamp(min=0.0)
        total = weights.sum(-1)
        # a policy that is certain has no score to weigh: any baseline gives the same gradient
        best = (weights * table).sum(-1) / total.clamp(min=1e-300)
        return torch.where(total > 1e-30, best, (chances * table).sum(-1))


@dataclass(frozen=True)
class ExpectedCounterfactualCredit(CounterfactualCredit):
    """w_t,ik = Q(s_t, (a_t,-i, k)) - sum_k pi_t,ik Q(s_t, (a_t,-i, k))."""

    @property
    def name(self) -> str:
        return f"expected_counterfactual@{self.value.name}"

    def action_weights(self, rollout: Rollout) -> Tensor:
        table, chances = self.value.table(rollout), own_probabilities(rollout)
        return table - self._baseline(table, chances)[..., None]

"""Difference rewards: how much the reward changes when agent i's action is replaced.

`difference` is the one-step one, r_t(a) - r_t(a_-i, default) (Wolpert & Tumer 2001), exact and unbiased in
one-shot systems and biased over several steps. `difference:replay` counts what the action costs to the end of the
episode, all other actions replayed as they were: no agent reacts to the change. `difference:learned` asks a model of
the return given the state, fitted on the pilot. `branch` re-runs the episode to its end with one action replaced by an
independent draw, the others reacting: unbiased at any horizon, at a cost of N T re-runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from dgpg_verify.core import HasDefaultAction, Observation, Rollout, offers
from dgpg_verify.credits.base import FixedCredit, discounts, fitted
from dgpg_verify.credits.returns import discounted_to_go
from dgpg_verify.critics import LEARNED_VALUES, LearnedValue
from dgpg_verify.rollouts import branch_returns, one_step_rewards, replay_gains

SPLIT = 2.0**27  # a float64 uniform holds 53 random bits: 27 for the action, 26 for its replacement


class DifferenceCredit(FixedCredit):
    """w_t,i = gamma^t [r_t(a) - r_t(a with a_i replaced by its default)]. Default: no action; Gaussian: the mean."""

    name = "difference"
    keeps_states = True

    def __call__(self, rollout: Rollout) -> Tensor:
        policy = rollout.policy
        defaults = policy.default_action(rollout.seen) if offers(policy, HasDefaultAction) else None
        other = one_step_rewards(rollout, defaults)
        gain = discounts(rollout)[:, None] * (rollout.reward[..., None] - other).double()
        return torch.where(rollout.active, gain, 0.0)

    def unbiased(self, rollout: Rollout) -> bool:
        return rollout.system.horizon == 1


class ReplayCredit(FixedCredit):
    """w_t,i = R - R(a_t,i replaced by its default, every other action as it was). Defaults as in `DifferenceCredit`.

    The action's own cost and what it costs the others until the end of the episode, but not what they would have done
    about it. So its mean gradient is grad J where later actions do not depend on a_t,i: in one-shot systems, and under
    policies that do not read what a_t,i changes. Elsewhere it is biased by E[psi_t,i R(without a_t,i)].
    Cost: `rollouts.replay_gains`.
    """

    name = "difference:replay"
    keeps_states = True

    def __call__(self, rollout: Rollout) -> Tensor:
        policy = rollout.policy
        defaults = policy.default_action(rollout.seen) if offers(policy, HasDefaultAction) else None
        return torch.where(rollout.active, replay_gains(rollout, defaults), 0.0)

    def unbiased(self, rollout: Rollout) -> bool:
        return rollout.system.horizon == 1


@dataclass(frozen=True)
class LearnedDifferenceCredit:
    """w_t,i = gamma^t [Rhat(x_t) - Rhat(x_t - z_t,i)], Rhat a model fitted on the pilot: `StateModel`.

    Where nobody is ever absent in the pilot, absence lies outside of what the model was fitted on: a constant of each
    agent stays unknown, which moves no mean and adds noise.
    """

    value: LearnedValue = LEARNED_VALUES["regressed"]
    name: str = "difference:learned"
    keeps_states: bool = False

    def fit(self, pilot: Sequence[Rollout]) -> LearnedDifferenceCredit:
        return replace(self, value=self.value.fit(pilot))

    def __call__(self, rollout: Rollout) -> Tensor:
        model: Any = fitted(self.name, self.value.estimate)  # a `StateModel`
        gain = discounts(rollout)[:, None] * (model(rollout)[..., None] - model.without(rollout))
        return torch.where(rollout.active, gain, 0.0)

    @property
    def critic(self) -> LearnedValue | None:
        return self.value if self.value.estimate else None


class BranchCredit(FixedCredit):
    """w_t,i = R - R', R' from the same uniforms with a_t,i replaced by an independent draw from the policy.

    Cost: N T re-runs of T/2 steps on average; meant for small systems and as a reference.
    """

    name = "branch"
    keeps_states = True

    def __call__(self, rollout: Rollout) -> Tensor:
        size, horizon, n = rollout.actions.shape
        # R' is counted from step t: the past is shared, so R - R' is the difference of the rewards to go
        to_go = discounted_to_go(rollout)
        fresh = _independent_uniforms(rollout)
        agents = torch.arange(n, device=rollout.actions.device)
        gains = torch.empty(size, horizon, n, dtype=torch.float64, device=rollout.actions.device)
        for t in range(horizon):
            seen_t = Observation(rollout.seen.features[:, t], rollout.seen.mask[:, t], rollout.seen.active[:, t])
            replacement_t = rollout.policy.act(seen_t, fresh[:, t])
            gains[:, t] = to_go[:, t, None] - branch_returns(rollout, t, agents, replacement_t)
        return torch.where(rollout.active, gains, 0.0)

    def unbiased(self, rollout: Rollout) -> bool:
        return True


def _independent_uniforms(rollout: Rollout) -> Tensor:
    """A second uniform for each decision: the low 26 bits of its own, which the action taken all but ignores.

    So the replacement belongs to the agent's stream: freezing the agent freezes it, and neither the other agents
    nor the rest of the chunk can change it. Dependence on the action: at most K 2^-27 in total variation.
    """
    return (rollout.noise.agents * SPLIT).frac().clamp(2.0**-53, 1.0 - 2.0**-53)

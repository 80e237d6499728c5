"""What joint critics read of a roll-out, and what they are fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dgpg_verify.core import Rollout
from dgpg_verify.critics.network import critic_inputs
from dgpg_verify.critics.regression import Critic, fit_critic, gae, reward_to_go
from dgpg_verify.rollouts import split_rollout

LAMBDA = 0.8  # of the targets over several steps, as in COMA


@dataclass(frozen=True)
class JointInputs:
    """R = B T steps, float32. state [R, S]: the pooled state before acting and the share of time left; features
    [R, N, K, F] of the candidates, [1, N, K, F] where no step differs; allowed bool [R, N, K], all False for an agent
    that has nothing to decide; actions int64 [R, N], -1 then."""

    state: Tensor
    features: Tensor
    allowed: Tensor
    actions: Tensor

    @classmethod
    def of(cls, pilot: Sequence[Rollout]) -> JointInputs:
        """Of at least one roll-out, one after the other."""
        return cls(
            torch.cat([critic_inputs("central", rollout).flatten(0, 1) for rollout in pilot]),
            _features(pilot),
            torch.cat([(r.seen.mask & r.active[..., None]).flatten(0, 1) for r in pilot]),
            torch.cat([torch.where(r.active, r.actions, -1).flatten(0, 1) for r in pilot]),
        )

    def __len__(self) -> int:
        return len(self.actions)

    @property
    def fixed(self) -> bool:
        """Whether all steps show the same candidates: then their place is all there is to know of them."""
        return len(self.features) == 1

    @property
    def sizes(self) -> tuple[int, int, int]:
        """N, K, S."""
        return (*self.allowed.shape[1:], self.state.shape[-1])

    def rows(self, index: Tensor | slice) -> JointInputs:
        """Some of the steps, what cannot be chosen there zeroed."""
        allowed = self.allowed[index]
        features = self.features if self.fixed else self.features[index]
        seen = torch.where(allowed[..., None], features, 0.0)
        return JointInputs(self.state[index], seen, allowed, self.actions[index])


@dataclass(frozen=True)
class Scaling:
    """Mean and standard deviation of state [S] and of candidates' features [F], 1 for what does not vary."""

    state: tuple[Tensor, Tensor]
    features: tuple[Tensor, Tensor]

    @classmethod
    def of(cls, inputs: JointInputs) -> Scaling:
        known = inputs.features[inputs.allowed.any(0)[None] if inputs.fixed else inputs.allowed]
        return cls(_moments(inputs.state), _moments(known))

    def __call__(self, inputs: JointInputs) -> JointInputs:
        state, features = (
            (values - mean) / sd
            for values, (mean, sd) in ((inputs.state, self.state), (inputs.features, self.features))
        )
        return replace(inputs, state=state, features=features)


@dataclass(frozen=True)
class Targets:
    """What the team can expect: V(s_t) by ridge regression, and what is still to be explained by the actions.

    In one step the target is the reward. Over several it is the lambda-return with V, lambda = 0.8: it counts no reward
    after T, so nothing is bootstrapped there. V is subtracted, which no comparison of actions sees.
    """

    value: Critic

    @classmethod
    def of(cls, pilot: Sequence[Rollout]) -> Targets:
        return cls(fit_critic("central", pilot))

    def left(self, pilot: Sequence[Rollout]) -> Tensor:
        """lambda-return minus V(s_t), [R] float64."""
        return torch.cat([self._left(rollout).flatten() for rollout in pilot])

    def _left(self, rollout: Rollout) -> Tensor:
        values, discount = self.value(rollout)[..., None], rollout.system.discount
        return gae(rollout.reward.double()[..., None], values, discount, LAMBDA)[..., 0]

    def explained(self, pilot: Sequence[Rollout], found: Tensor) -> float:
        """Share of the variance of the rewards to go that V + `found` [R] explains; NaN where they do not vary."""
        to_go = torch.cat([reward_to_go(r.reward.double(), r.system.discount).flatten() for r in pilot])
        known = torch.cat([self.value(rollout).flatten() for rollout in pilot]) + found
        spread = float(to_go.var(correction=0)) if len(to_go) else 0.0
        return 1.0 - float((to_go - known).var(correction=0)) / spread if spread > 0.0 else float("nan")


def halves(pilot: Sequence[Rollout]) -> tuple[list[Rollout], list[Rollout]]:
    """The first half of the roll-outs and the second, which has the odd one; of one batch alone it is left out."""
    if len(pilot) > 1:
        middle = len(pilot) // 2
        return list(pilot[:middle]), list(pilot[middle:])
    parts = [split_rollout(rollout, [rollout.system] * 2, [rollout.policy] * 2) for rollout in pilot]
    return [first for first, _ in parts], [second for _, second in parts]


def _features(pilot: Sequence[Rollout]) -> Tensor:
    """[R, N, K, F], or [1, N, K, F] where the system shows every roll-out one table."""
    tables = [rollout.seen.features for rollout in pilot]
    shown_once = all(t.shape[1] == 1 and (len(t) == 1 or t.stride(0) == 0) for t in tables)
    if shown_once and all(torch.equal(t[:1], tables[0][:1]) for t in tables):
        return tables[0][0].float()
    return torch.cat([table.flatten(0, 1).float() for table in tables])


def _moments(values: Tensor) -> tuple[Tensor, Tensor]:
    mean, sd = values.mean(0), values.std(0, correction=0)
    return mean, torch.where(sd > 1e-6, sd, 1.0)

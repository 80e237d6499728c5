"""The return with the analytical model as a control variate: what the model explains is credited locally.

`residual_return` takes the model Rhat(x) = const - c d(x), d = 1/2 |x - x~|^2, off the return and adds what it says of
the agent's own action, Rhat(x) - Rhat(x - z_i), which has no noise of agents far away. x - z_i does not depend on a_i,
so the mean gradient is grad J whatever c is; c and const only decide how much noise is left: that of the residual. They
are fitted to the pilot by least squares. `residual_return:ALPHA` gives the residual the weight 1 - ALPHA: less noise
still, and the bias of the model.

`expected_residual[:ALPHA]` takes of what the model says the mean over the agent's own action, `expected_guidance:exact`
times c: the same mean gradient without the noise of the own draw in it. What the model does not explain is only known
for the action taken, and weighs its score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dgpg_verify.core import Credit, Rollout, check_real
from dgpg_verify.credits.base import FixedCredit, discounts, fitted, to_agents
from dgpg_verify.credits.expected import ExpectedGuidanceCredit
from dgpg_verify.credits.guidance import GuidanceCredit
from dgpg_verify.credits.returns import discounted_to_go


@dataclass(frozen=True)
class ResidualReturnCredit:
    """w_t,i = (1 - alpha) (sum_{s >= t} gamma^s r_s + gamma^t c d_t - b_t) - gamma^t c [d(x_t) - d(x_t - z_t,i)].

    c: slope of the reward of a step against -d, one number; b_t: pilot mean of what stands before it. Unbiased for
    alpha = 0 in one-shot systems, and over several steps where z is what the action adds to x_t.
    """

    alpha: float = 0.0
    slope: float | None = None
    baseline: tuple[float, ...] = ()
    keeps_states: bool = False

    def __post_init__(self) -> None:
        check_real("alpha", self.alpha, 0.0, 1.0)

    @property
    def name(self) -> str:
        return f"residual_return:{self.alpha:g}" if self.alpha else "residual_return"

    def fit(self, pilot: Sequence[Rollout]) -> ResidualReturnCredit:
        with_slope = replace(self, slope=_slope(pilot))
        mean = torch.cat([with_slope.residual(rollout) for rollout in pilot]).mean(0)
        return replace(with_slope, baseline=tuple(mean.tolist()))

    def __call__(self, rollout: Rollout) -> Tensor:
        slope = fitted(self.name, self.slope)
        return (1.0 - self.alpha) * self.unexplained(rollout) + slope * GuidanceCredit("exact")(rollout)

    def unexplained(self, rollout: Rollout) -> Tensor:
        """What the model does not explain of the return, minus its pilot mean, for every active agent: [B, T, N]."""
        residual = self.residual(rollout)
        return to_agents(residual - torch.tensor(self.baseline, dtype=residual.dtype, device=residual.device), rollout)

    def residual(self, rollout: Rollout) -> Tensor:
        """What the model does not explain of the return from each step on, up to a constant: [B, T]."""
        return discounted_to_go(rollout) + fitted(self.name, self.slope) * discounts(rollout) * _distance(rollout)

    def unbiased(self, rollout: Rollout) -> bool:
        return self.alpha == 0.0 and rollout.system.horizon == 1


@dataclass(frozen=True)
class UnexplainedCredit(FixedCredit):
    """The part of a fitted `residual_return` that is not the model's: the same for all agents."""

    of: ResidualReturnCredit
    name = "residual_return:unexplained"

    def __call__(self, rollout: Rollout) -> Tensor:
        return self.of.unexplained(rollout)


@dataclass(frozen=True)
class ExpectedResidualCredit(ResidualReturnCredit):
    """(1 - alpha) times the unexplained return on the score of the action taken, c times `expected_guidance:exact` on
    those of all own actions. Called as a scalar it is `residual_return`, which has the same mean gradient."""

    keeps_states: bool = True

    @property
    def name(self) -> str:
        return f"expected_residual:{self.alpha:g}" if self.alpha else "expected_residual"

    def combination(self) -> list[tuple[float, Credit]]:
        slope = fitted(self.name, self.slope)
        return [(1.0 - self.alpha, UnexplainedCredit(self)), (slope, ExpectedGuidanceCredit("exact"))]


def _slope(pilot: Sequence[Rollout]) -> float:
    """c of the least-squares fit reward = const - c d over all steps of the pilot; 0 where d does not vary."""
    reward = torch.cat([rollout.reward.double().flatten() for rollout in pilot])
    distance = torch.cat([_distance(rollout).flatten() for rollout in pilot])
    distance = distance - distance.mean()
    spread = float(distance @ distance)
    return -float(distance @ (reward - reward.mean())) / spread if spread > 0.0 else 0.0


def _distance(rollout: Rollout) -> Tensor:
    """d of every step, [B, T] float64."""
    return 0.5 * ((rollout.x - rollout.reference).double() ** 2).sum(-1)

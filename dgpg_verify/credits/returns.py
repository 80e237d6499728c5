"""The shared return as credit, as in REINFORCE.

`return` subtracts a constant baseline estimated on the pilot, `return:raw` subtracts nothing, `return:to_go`
counts only the reward still to come, minus its pilot mean at that step. All three have mean grad J.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dgpg_verify.core import Credit, Rollout
from dgpg_verify.credits.base import FixedCredit, discounts, fitted, to_agents


@dataclass(frozen=True)
class ReturnCredit:
    """w = R - b with R = sum_t gamma^t r_t, the same at every step. baseline None = not fitted yet."""

    baseline: float | None = None
    name: str = "return"
    keeps_states: bool = False

    def fit(self, pilot: Sequence[Rollout]) -> ReturnCredit:
        return replace(self, baseline=float(torch.cat([episode_returns(r) for r in pilot]).mean()))

    def __call__(self, rollout: Rollout) -> Tensor:
        return to_agents(episode_returns(rollout)[:, None] - fitted(self.name, self.baseline), rollout)

    def unbiased(self, rollout: Rollout) -> bool:
        return True


@dataclass(frozen=True)
class RawReturnCredit:
    """w = R, uncentred; a combination of the centred return and the bare score."""

    centred: ReturnCredit = ReturnCredit()
    name: str = "return:raw"
    keeps_states: bool = False

    def fit(self, pilot: Sequence[Rollout]) -> RawReturnCredit:
        return replace(self, centred=self.centred.fit(pilot))

    def __call__(self, rollout: Rollout) -> Tensor:
        return to_agents(episode_returns(rollout)[:, None], rollout)

    def combination(self) -> list[tuple[float, Credit]]:
        return [(1.0, self.centred), (fitted(self.name, self.centred.baseline), ScoreCredit())]

    def unbiased(self, rollout: Rollout) -> bool:
        return True


@dataclass(frozen=True)
class RewardToGoCredit:
    """w_t = sum_{s >= t} gamma^s r_s - b_t, with b_t its pilot mean."""

    baseline: tuple[float, ...] | None = None
    name: str = "return:to_go"
    keeps_states: bool = False

    def fit(self, pilot: Sequence[Rollout]) -> RewardToGoCredit:
        mean = torch.cat([discounted_to_go(r) for r in pilot]).mean(0)
        return replace(self, baseline=tuple(mean.tolist()))

    def __call__(self, rollout: Rollout) -> Tensor:
        to_go = discounted_to_go(rollout)
        return to_agents(to_go - torch.tensor(fitted(self.name, self.baseline)).to(to_go), rollout)

    def unbiased(self, rollout: Rollout) -> bool:
        return True


class ScoreCredit(FixedCredit):
    """w = 1: the bare score, whose mean is 0. Building block for constants added to another credit."""

    name = "score"

    def __call__(self, rollout: Rollout) -> Tensor:
        return rollout.active.double()


def episode_returns(rollout: Rollout) -> Tensor:
    """sum_t gamma^t r_t, [B] float64."""
    return (discounts(rollout) * rollout.reward.double()).sum(-1)


def discounted_to_go(rollout: Rollout) -> Tensor:
    """sum_{s >= t} gamma^s r_s, [B, T]; discounted to time 0, so that its credit has mean grad J."""
    discounted = discounts(rollout) * rollout.reward.double()
    return discounted.flip(-1).cumsum(-1).flip(-1)

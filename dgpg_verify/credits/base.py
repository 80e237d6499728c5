"""Helpers shared by the credits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self, TypeVar

import torch
from torch import Tensor

from dgpg_verify.core import Credit, HasCombination, HasProbabilities, InputError, Rollout, offers

Value = TypeVar("Value")


class FixedCredit:
    """A credit for which nothing is fitted."""

    keeps_states = False

    def fit(self, pilot: Sequence[Rollout]) -> Self:
        return self


def fitted(name: str, value: Value | None) -> Value:
    """`value`, or InputError when the credit was called before fit()."""
    if value is None:
        raise InputError(f"credit {name!r} was used before fit(pilot): baselines and critics come from pilot roll-outs")
    return value


def terms_of(credit: Credit) -> list[tuple[float, Credit]]:
    """A fitted credit as a sum of factors times credits that are no combinations themselves; none with factor 0."""
    if not offers(credit, HasCombination):
        return [(1.0, credit)]
    parts = [(factor, part) for factor, part in credit.combination() if factor != 0.0]
    return [(factor * inner, term) for factor, part in parts for inner, term in terms_of(part)]


def to_agents(weights: Tensor, rollout: Rollout) -> Tensor:
    """One weight per step [B, T], or one per roll-out [B, 1], for every active agent: [B, T, N] float64."""
    return torch.where(rollout.active, weights.double()[..., None], 0.0)


def discounts(rollout: Rollout) -> Tensor:
    """gamma^t, [T] float64."""
    steps = torch.arange(rollout.reward.shape[-1], dtype=torch.float64, device=rollout.reward.device)
    return torch.as_tensor(rollout.system.discount, dtype=torch.float64, device=steps.device) ** steps


def own_probabilities(rollout: Rollout) -> Tensor:
    """pi_t,ik of every own action, [B, T, N, K] float64; not differentiable."""
    if not offers(rollout.policy, HasProbabilities):
        raise InputError(
            f"{type(rollout.policy).__name__} has no probabilities(seen), which weights of all actions need"
        )
    with torch.no_grad():
        return rollout.policy.probabilities(rollout.seen).double()

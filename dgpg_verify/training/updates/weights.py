"""A credit as the updates take it: on the score of the action taken, and on the scores of all own actions.

Most credits weigh the score of the action taken. Those that weigh all own actions (`HasActionWeights`) have the
gradient sum_k grad pi_k w_k, in which the own draw plays no part. `expected_residual` is a sum of both.

Weights of all own actions are centred on each decision's own mean, sum_k pi_k w_k under the policy that was played: it
changes no gradient, since probabilities sum to 1, and makes them advantages, whose sign the clip goes by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dgpg_verify.core import Credit, HasActionWeights, Rollout, offers
from dgpg_verify.credits.base import own_probabilities, terms_of
from dgpg_verify.training.updates.losses import gap_and_scale, normalise_advantages


@dataclass(frozen=True)
class OwnActions:
    """weight: credit of every own action, of mean 0 under chances, the probabilities that were played; both
    [..., N, K], 0 where an action is not allowed."""

    weight: Tensor
    chances: Tensor


@dataclass(frozen=True)
class Weights:
    """taken [..., N]: on the score of the action taken. own: on those of all own actions; None = nothing."""

    taken: Tensor
    own: OwnActions | None = None

    def times(self, factor: float) -> Weights:
        own = None if self.own is None else replace(self.own, weight=factor * self.own.weight)
        return Weights(factor * self.taken, own)

    def plus(self, other: Weights) -> Weights:
        """The sum of two credits of the same decisions."""
        known = [own for own in (self.own, other.own) if own is not None]
        own = OwnActions(_total([o.weight for o in known]), known[0].chances) if known else None
        return Weights(self.taken + other.taken, own)

    def scalar(self, actions: Tensor) -> Tensor:
        """What the action taken is worth, [..., N]."""
        if self.own is None:
            return self.taken
        return self.taken + self.own.weight.gather(-1, actions.clamp(min=0)[..., None])[..., 0]


def weights_of(credit: Credit, rollout: Rollout) -> Weights:
    """The weights of a fitted credit, float64: terms of a sum that weigh all own actions apart from the others."""
    terms = terms_of(credit)
    every = [factor * term.action_weights(rollout) for factor, term in terms if offers(term, HasActionWeights)]
    if not every:
        return Weights(credit(rollout))
    rest = [factor * term(rollout) for factor, term in terms if not offers(term, HasActionWeights)]
    chances = own_probabilities(rollout)
    allowed = rollout.seen.mask & rollout.active[..., None]
    weight = torch.where(allowed, _total(every), 0.0)
    weight = torch.where(allowed, weight - (chances * weight).sum(-1, keepdim=True), 0.0)
    return Weights(_total([torch.zeros_like(weight[..., 0]), *rest]), OwnActions(weight, chances))


def normalise_weights(weights: Weights, live: Tensor, how: str) -> Weights:
    """Advantage normalisation, see `normalise_advantages`, where there may be weights of all own actions.

    Those have mean 0 at every decision already. Both parts are divided by one number, so that their proportion stays:
    sd + 1e-5 with sd^2 = mean over live decisions of (taken - mean)^2 + sum_k pi_k w_k^2, the variance that the credit
    of an action drawn from the policy would have if the parts were uncorrelated. "agent": each agent's own; one with
    fewer than two live decisions is normalised by the batch. "none" divides by nothing.
    """
    own = weights.own
    if own is None or how == "none":
        return replace(weights, taken=normalise_advantages(weights.taken, live, how))
    gap, scale = gap_and_scale(weights.taken, live, how, (own.chances * own.weight.square()).sum(-1))
    return Weights(torch.where(live, gap / scale, 0.0), replace(own, weight=own.weight / scale[..., None]))


def own_surrogate(probabilities: Tensor, own: OwnActions, clip: float) -> Tensor:
    """sum_k pi_old,k min(r_k A_k, clip(r_k, 1 - c, 1 + c) A_k) with r_k = pi_k / pi_old,k, [..., N]; at r = 1 its
    gradient is sum_k grad pi_k A_k. Written without the quotient, which a probability of 0 would spoil."""
    kept = probabilities.clamp((1.0 - clip) * own.chances, (1.0 + clip) * own.chances)
    return torch.minimum(probabilities * own.weight, kept * own.weight).sum(-1)


def _total(parts: Sequence[Tensor]) -> Tensor:
    return sum(parts[1:], start=parts[0])

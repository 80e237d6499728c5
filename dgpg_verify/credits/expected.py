"""Credits that weigh the scores of all own actions, so that the agent's own draw adds no noise.

`expected_guidance` is the mean of `guidance` over the agent's own action, `expected_guidance:exact` that of
`guidance:exact`: the same mean gradient, noise of the other agents alone. z of the actions not taken is known, so it
costs nothing but arithmetic.

`pathwise` takes the mean over everybody's actions inside the distance: the gradient of 1/2 |xbar - x~|^2 through the
fluid model xbar = x_observed + sum_j sum_k pi_jk z_jk. In one-shot systems nothing random is left. It is biased for
-grad G by what the spread of x adds to G, 1/2 sum_j tr Cov(z_j), whose gradient the fluid model does not see.

Both need candidates to choose from and an x that is what was there plus the z of all agents.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dgpg_verify.core import Rollout, check_choice
from dgpg_verify.credits.base import FixedCredit, discounts, own_probabilities
from dgpg_verify.credits.guidance import GuidanceCredit
from dgpg_verify.rollouts import others_at, own_action_influence

EXPECTED_FORMS = ("chain_rule", "exact")


@dataclass(frozen=True)
class ExpectedGuidanceCredit(FixedCredit):
    """w_t,ik = -gamma^t [(x_t - z_t,i - x~_t).z_t,ik + (1 - c) |z_t,ik|^2], c = 1/2 for `exact`, else 0.

    What the guidance credit would be had agent i alone played k. Cost: O(B T N K S^2) and K T steps.
    """

    form: str = "chain_rule"
    keeps_states = True

    def __post_init__(self) -> None:
        check_choice("expected guidance form", self.form, EXPECTED_FORMS)

    @property
    def name(self) -> str:
        return "expected_guidance" if self.form == "chain_rule" else f"expected_guidance:{self.form}"

    def __call__(self, rollout: Rollout) -> Tensor:
        return GuidanceCredit(self.form)(rollout)

    def action_weights(self, rollout: Rollout) -> Tensor:
        z = own_action_influence(rollout)
        gap = others_at(rollout, z.index) - _at(rollout.reference, z.index)
        rest = 0.5 if self.form == "exact" else 1.0
        return -discounts(rollout)[:, None, None] * ((gap + rest * z.value) * z.value).sum(-1)


class PathwiseCredit(FixedCredit):
    """w_t,ik = -gamma^t (xbar_t - x~_t).z_t,ik with xbar_t = x_observed,t + sum_j sum_k pi_t,jk z_t,jk."""

    name = "pathwise"
    keeps_states = True

    def __call__(self, rollout: Rollout) -> Tensor:
        chosen = rollout.actions.clamp(min=0)[..., None]
        return torch.where(rollout.active, self.action_weights(rollout).gather(-1, chosen)[..., 0], 0.0)

    def action_weights(self, rollout: Rollout) -> Tensor:
        z = own_action_influence(rollout)
        expected = own_probabilities(rollout)[..., None] * z.value
        fluid = rollout.x_observed.double().scatter_add(-1, z.index.flatten(2), expected.flatten(2))
        gap = _at(fluid - rollout.reference, z.index)
        return -discounts(rollout)[:, None, None] * (gap * z.value).sum(-1)


def _at(values: Tensor, index: Tensor) -> Tensor:
    """Entries of [B, T, D] at index [B, T, N, K, S]."""
    return torch.gather(values.double(), -1, index.flatten(2)).view(index.shape)

"""Tabular softmax: one logit for each (agent, candidate slot)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from dgpg_verify.core import Rollout
from dgpg_verify.policies.prior import Prior
from dgpg_verify.policies.softmax import SoftmaxPolicy


@dataclass(frozen=True, eq=False)
class TabularPolicy(SoftmaxPolicy):
    """parameters: logits [N, K] (independent) or [K] (shared); P = K. Score of action a: e_a - pi."""

    parameters: Tensor
    sharing: Literal["independent", "shared"] = "independent"
    prior: Prior | None = None

    def candidate_scores(self, features: Tensor) -> Tensor:
        return self.parameters.expand(features.shape[:-1])

    def score_products(self, rollout: Rollout, weights: Tensor) -> Tensor:
        scores = self.logit_scores(rollout)
        return torch.einsum("cbtn,btnk->cbnk", weights.to(scores), scores)

"""Candidate scoring without hidden layers: one logit for each (agent, candidate slot), or a weighted sum of features.

In the latter the number of parameters does not grow with the number of candidates, so the signal of a dense graph is
not diluted over K logits as it is for a tabular policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from dgpg_verify.core import Observation, Rollout
from dgpg_verify.policies.softmax import Prior, SoftmaxPolicy, drawn, logit_scores


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


@dataclass(frozen=True, eq=False)
class LinearPolicy(SoftmaxPolicy):
    """parameters: feature weights [N, F] (independent) or [F] (shared); P = F."""

    parameters: Tensor
    sharing: Literal["independent", "shared"] = "independent"
    prior: Prior | None = None

    def candidate_scores(self, features: Tensor) -> Tensor:
        # as a row times a matrix: with many candidates several times faster than a matrix times a column
        row = self.parameters.to(features.dtype)[..., None, :]
        return (row @ features.transpose(-1, -2))[..., 0, :]

    def score_products(self, rollout: Rollout, weights: Tensor, probabilities: Tensor | None = None) -> Tensor:
        """sum_t w_t psi_t, [C,B,T,N] -> [C,B,N,F]; `probabilities` [B,T,N,K] as `decide_fully` gave them, if known."""
        # contract over candidates first: [B,T,N,F] is small, and every credit re-uses it
        features = rollout.seen.features
        known = self.logit_scores(rollout) if probabilities is None else logit_scores(probabilities, rollout.actions)
        scores = (known.to(features.dtype)[..., None, :] @ features)[..., 0, :].double()
        return torch.einsum("cbtn,btnf->cbnf", weights.double(), scores)

    def decide_fully(self, seen: Observation, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """decide(), and the probabilities [..., N, K] behind it, from which `score_products` makes the scores."""
        probabilities = self.probabilities(seen).detach()
        return *drawn(probabilities, seen.active, noise), probabilities

"""The most valuable action, or with probability epsilon any that is allowed: how learners of action values play."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from dgpg_verify.core import InputError, Observation, Rollout
from dgpg_verify.policies.softmax import drawn, inverse_cdf


class Scorer(Protocol):
    """What ranks actions; every softmax policy does."""

    @property
    def sharing(self) -> Literal["independent", "shared"]: ...

    @property
    def parameters(self) -> Tensor: ...

    def logits(self, seen: Observation) -> Tensor:
        """[..., N, K], -inf where not allowed."""
        ...


@dataclass(frozen=True, eq=False)
class GreedyPolicy:
    """scorer: its logits rank an agent's actions; the first of equal ones is taken. It has probabilities but no score:
    they do not change with the parameters but in jumps."""

    scorer: Scorer
    epsilon: float = 0.0
    noise_size = 1

    @property
    def sharing(self) -> Literal["independent", "shared"]:
        return self.scorer.sharing

    @property
    def parameters(self) -> Tensor:
        return self.scorer.parameters

    @torch.no_grad()
    def probabilities(self, seen: Observation) -> Tensor:
        """[..., N, K] float64; zeros for an agent without any allowed candidate."""
        best = torch.zeros(seen.mask.shape, dtype=torch.float64, device=seen.mask.device)
        best.scatter_(-1, self.scorer.logits(seen).argmax(-1, keepdim=True), 1.0)
        even = seen.mask / seen.mask.sum(-1, keepdim=True).clamp(min=1)
        return torch.where(seen.mask, (1.0 - self.epsilon) * best + self.epsilon * even, 0.0)

    def act(self, seen: Observation, noise: Tensor) -> Tensor:
        return torch.where(seen.active, inverse_cdf(self.probabilities(seen), noise[..., 0]), -1)

    def decide(self, seen: Observation, noise: Tensor) -> tuple[Tensor, Tensor]:
        return drawn(self.probabilities(seen), seen.active, noise)

    def log_prob(self, seen: Observation, actions: Tensor) -> Tensor:
        values = self.probabilities(seen).gather(-1, actions.clamp(min=0)[..., None])[..., 0].log()
        return torch.where(actions >= 0, values, torch.zeros_like(values))

    def score_products(self, rollout: Rollout, weights: Tensor) -> Tensor:
        raise InputError("a greedy policy has no score: its gradients cannot be measured")

"""Gaussian policy for continuous actions: a_i = theta_i + sigma xi, one mean for each agent."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from dgpg_verify.core import Observation, Rollout, check_real


@dataclass(frozen=True, eq=False)
class GaussianPolicy:
    """means [N]; parameters [N, 1], P = 1; sigma > 0 is fixed. Score: (a - theta) / sigma^2."""

    means: Tensor
    sigma: float = 0.5

    sharing: Literal["independent", "shared"] = "independent"
    noise_size = 1

    def __post_init__(self) -> None:
        check_real("sigma", self.sigma, 0.0, open_low=True)

    @property
    def parameters(self) -> Tensor:
        return self.means[:, None]

    def act(self, seen: Observation, noise: Tensor) -> Tensor:
        return self.means.detach() + self.sigma * torch.special.ndtri(noise[..., 0])

    def default_action(self, seen: Observation) -> Tensor:
        """The action an agent is compared with: its mean, [..., N]."""
        return self.means.detach().expand(seen.active.shape)

    def log_prob(self, seen: Observation, actions: Tensor) -> Tensor:
        deviation = (actions - self.means) / self.sigma
        return -0.5 * deviation**2 - math.log(self.sigma * math.sqrt(2.0 * math.pi))

    def score_products(self, rollout: Rollout, weights: Tensor) -> Tensor:
        score = (rollout.actions - self.means.detach()) / self.sigma**2
        return torch.einsum("cbtn,btn->cbn", weights.to(score), score)[..., None]

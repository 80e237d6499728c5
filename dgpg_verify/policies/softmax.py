"""What all candidate-choosing policies share: masked softmax, inverse-CDF sampling, scores of logits, priors.

A prior is a temperature policy around the pre-step scores of any heuristic a system offers.

Heuristic scores are standardised over the allowed candidates of each decision, so that one temperature means the same
for every heuristic: 0 temperature would be the heuristic itself, an infinite one the uniform policy.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from dgpg_verify.core import InputError, Observation, Rollout, check_choice, check_real, heuristic_names

Prior = Callable[[Observation], Tensor]  # fixed logits added to a policy's own, [..., N, K]


class SoftmaxPolicy(ABC):
    """pi(k | o) = softmax over candidates of prior(o)_k + scores(o)_k, masked.

    A subclass says how scores depend on parameters (`candidate_scores`) and how weighted scores of the policy are
    summed over steps (`score_products`).
    """

    sharing: Literal["independent", "shared"]
    parameters: Tensor
    prior: Prior | None
    noise_size = 1

    @abstractmethod
    def candidate_scores(self, features: Tensor) -> Tensor:
        """[..., N, K, F] -> [..., N, K], differentiable in `parameters`."""

    def active_scores(self, seen: Observation) -> Tensor:
        """candidate_scores of the agents that decide, anything finite for idle ones; not differentiable."""
        return self.candidate_scores(seen.features).detach()

    @abstractmethod
    def score_products(self, rollout: Rollout, weights: Tensor) -> Tensor:
        """sum_t w_t psi_t, [C,B,T,N] -> [C,B,N,P]."""

    def logits(self, seen: Observation) -> Tensor:
        return self.finish(self.candidate_scores(seen.features), seen)

    def finish(self, scores: Tensor, seen: Observation) -> Tensor:
        """Scores to logits: the prior is added, candidates that are not allowed get -inf."""
        if self.prior is not None:
            scores = scores + self.prior(seen).to(scores)
        return scores.masked_fill(~seen.mask, -torch.inf)

    def probabilities(self, seen: Observation) -> Tensor:
        """[..., N, K] float64; an agent without any allowed candidate gets zeros."""
        return masked_softmax(self.logits(seen))

    def act(self, seen: Observation, noise: Tensor) -> Tensor:
        chosen = inverse_cdf(self._chances(seen), noise[..., 0])
        return torch.where(seen.active, chosen, -1)

    def decide(self, seen: Observation, noise: Tensor) -> tuple[Tensor, Tensor]:
        """act() and log_prob() of the action taken, from one pass through the network."""
        return drawn(self._chances(seen), seen.active, noise)

    def _chances(self, seen: Observation) -> Tensor:
        """Probabilities of active agents, [..., N, K] float64."""
        return masked_softmax(self.finish(self.active_scores(seen), seen))

    def log_prob(self, seen: Observation, actions: Tensor) -> Tensor:
        chosen = actions.clamp(min=0)[..., None]
        values = torch.log_softmax(self.logits(seen).double(), dim=-1).gather(-1, chosen)[..., 0]
        return torch.where(actions >= 0, values, torch.zeros_like(values))

    def logit_scores(self, rollout: Rollout) -> Tensor:
        """grad of log pi with respect to the logits at every step of a roll-out, [B,T,N,K] float64."""
        with torch.no_grad():
            return logit_scores(self.probabilities(rollout.seen), rollout.actions)


def masked_softmax(logits: Tensor) -> Tensor:
    """softmax in float64 where at least one logit is finite, else zeros."""
    values = logits.double()
    top = values.amax(-1, keepdim=True).clamp(min=torch.finfo(torch.float64).min)  # -inf - -inf would be NaN
    powers = (values - top).exp()
    return powers / powers.sum(-1, keepdim=True).clamp(min=1.0)  # at least 1 unless nothing is allowed


def inverse_cdf(probabilities: Tensor, uniform: Tensor) -> Tensor:
    """First candidate, in candidate order, whose cumulative probability reaches the uniform: [..., K], [...] -> [...].

    One uniform per decision, so that two runs on the same uniforms stay coupled."""
    cumulative = probabilities.cumsum(-1)
    reach = uniform[..., None] * cumulative[..., -1:]
    return (cumulative < reach).sum(-1).clamp(max=probabilities.shape[-1] - 1)


def drawn(probabilities: Tensor, active: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Actions of active agents and their log-probabilities, from the probabilities of all candidates [..., N, K]."""
    chosen = inverse_cdf(probabilities, noise[..., 0])
    log_prob = probabilities.gather(-1, chosen[..., None])[..., 0].log()
    return torch.where(active, chosen, -1), torch.where(active, log_prob, torch.zeros_like(log_prob))


def logit_scores(probabilities: Tensor, actions: Tensor) -> Tensor:
    """grad of log pi(a) with respect to the logits, e_a - pi; 0 where there was no action. [..., N, K]"""
    chosen = torch.zeros_like(probabilities).scatter_(-1, actions.clamp(min=0)[..., None], 1.0)
    return (chosen - probabilities) * (actions >= 0)[..., None]


@dataclass(frozen=True)
class HeuristicPrior:
    """Standardised scores of `system`'s heuristic `name`, divided by `temperature`: prefers what it prefers."""

    system: Any
    name: str
    temperature: float

    def __post_init__(self) -> None:
        check_real("temperature", self.temperature, 0.0, open_low=True)
        names = heuristic_names(self.system)
        if not names:
            raise InputError(f"{type(self.system).__name__} offers no heuristics to put a temperature around")
        check_choice("heuristic", self.name, names)

    def __call__(self, seen: Observation) -> Tensor:
        scores = self.system.heuristic_scores(self.name, seen).double()
        allowed = seen.mask & scores.isfinite()
        return standardise(scores, allowed) / self.temperature


def standardise(scores: Tensor, allowed: Tensor) -> Tensor:
    """(score - mean) / sd over the allowed candidates; 0 where they do not differ."""
    count = allowed.sum(-1, keepdim=True).clamp(min=1)
    masked = torch.where(allowed, scores, torch.zeros_like(scores))
    mean = masked.sum(-1, keepdim=True) / count
    centred = torch.where(allowed, scores - mean, torch.zeros_like(scores))
    sd = ((centred**2).sum(-1, keepdim=True) / count).sqrt()
    return torch.where(sd > 1e-12, centred / sd.clamp(min=1e-12), torch.zeros_like(centred))

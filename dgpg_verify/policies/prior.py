"""A temperature policy around the pre-step scores of any heuristic a system offers.

Scores are standardised over the allowed candidates of each decision, so that one temperature means the same for
every heuristic: 0 temperature would be the heuristic itself, an infinite one the uniform policy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dgpg_verify.core import InputError, Observation, check_choice, check_real, heuristic_names

Prior = Callable[[Observation], Tensor]  # fixed logits added to a policy's own, [..., N, K]


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
    kept = torch.where(allowed, scores, torch.zeros_like(scores))
    mean = kept.sum(-1, keepdim=True) / count
    centred = torch.where(allowed, scores - mean, torch.zeros_like(scores))
    sd = ((centred**2).sum(-1, keepdim=True) / count).sqrt()
    return torch.where(sd > 1e-12, centred / sd.clamp(min=1e-12), torch.zeros_like(centred))

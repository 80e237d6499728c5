"""The losses of one update, each a plain function of tensors with explicit masks.

All averages run over live decisions only, and per network: with own parameters every agent averages over its own
decisions, so that its step does not depend on N; with shared parameters all live decisions count alike.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dgpg_verify.core import NonFiniteError


class NonFiniteLoss(NonFiniteError):
    """A loss that is NaN or infinite. agent: column of the decisions of the first agent whose gain is."""

    def __init__(self, message: str, agent: int) -> None:
        super().__init__(message)
        self.agent = agent


def live_mean(values: Tensor, live: Tensor, per_agent: bool, total: int | None = None) -> Tensor:
    """Mean over live entries of [L, N]: of each agent, summed over agents, or over everything. An agent without
    live entries adds 0. total: live entries of everything, where `values` is a part of it."""
    masked = torch.where(live, values, torch.zeros_like(values))
    if per_agent:
        return (masked.sum(0) / live.sum(0).clamp(min=1)).sum()
    return masked.sum() / (live.sum() if total is None else torch.tensor(total)).clamp(min=1)


def log_probabilities(logits: Tensor, mask: Tensor) -> Tensor:
    """log softmax over allowed candidates [..., K]; 0 where a candidate, or every one, is not allowed."""
    some = mask.any(-1, keepdim=True)
    safe = torch.where(some, logits, torch.zeros_like(logits))
    return torch.where(mask, torch.log_softmax(safe, -1), torch.zeros_like(logits))


def entropy(log_probs: Tensor, mask: Tensor) -> Tensor:
    """-sum p log p over allowed candidates, [..., K] -> [...]."""
    return -torch.where(mask, log_probs.exp() * log_probs, torch.zeros_like(log_probs)).sum(-1)


def clipped_surrogate(ratio: Tensor, advantage: Tensor, clip: float) -> Tensor:
    """min(rho A, clip(rho, 1 - c, 1 + c) A), elementwise (Schulman et al. 2017, eq. 7); to be maximised."""
    return torch.minimum(ratio * advantage, ratio.clamp(1.0 - clip, 1.0 + clip) * advantage)


def value_loss(new: Tensor, old: Tensor, target: Tensor, clip: float | None, huber: float | None) -> Tensor:
    """Elementwise error of values on the normalised scale; with `clip` the larger of the plain error and that of
    the value kept within `clip` of the old one."""
    loss = _error(new - target, huber)
    if clip is None:
        return loss
    return torch.maximum(loss, _error(old + (new - old).clamp(-clip, clip) - target, huber))


def _error(gap: Tensor, huber: float | None) -> Tensor:
    if huber is None:
        return 0.5 * gap.square()
    size = gap.abs()
    return torch.where(size <= huber, 0.5 * gap.square(), huber * (size - 0.5 * huber))


def normalise_advantages(advantage: Tensor, live: Tensor, how: str) -> Tensor:
    """(A - mean) / (sd + 1e-5) as in `gap_and_scale`, or A with "none"; 0 where nothing was decided."""
    gap, scale = (advantage, torch.ones(())) if how == "none" else gap_and_scale(advantage, live, how)
    return torch.where(live, gap / scale, torch.zeros_like(advantage))


def gap_and_scale(advantage: Tensor, live: Tensor, how: str, beside: Tensor | float = 0.0) -> tuple[Tensor, Tensor]:
    """A - mean, and sd + 1e-5 with sd^2 the mean of (A - mean)^2 + beside; over live decisions of the batch or, with
    "agent", of each agent, where one with fewer than two is normalised by the batch: a lone decision is not erased."""
    axes = tuple(range(advantage.ndim if how == "batch" else advantage.ndim - 1))
    count = live.sum(axes, keepdim=True)

    def mean(values: Tensor) -> Tensor:
        return torch.where(live, values, torch.zeros_like(values)).sum(axes, keepdim=True) / count.clamp(min=1)

    gap = advantage - mean(advantage)
    found = gap, mean(gap.square() + beside).sqrt() + 1e-5
    if how == "batch":
        return found
    whole = gap_and_scale(advantage, live, "batch", beside)
    return torch.where(count >= 2, found[0], whole[0]), torch.where(count >= 2, found[1], whole[1])

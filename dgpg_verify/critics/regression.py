"""Value functions by ridge regression on pilot roll-outs at the frozen policy: deterministic, no step sizes.

The central critic V(s_t) is MAPPO's, the local one V(o_i,t) is IPPO's. Both predict the discounted reward still
to come, sum_{s >= t} gamma^(s - t) r_s.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dgpg_verify.core import InputError, Rollout
from dgpg_verify.critics.features import Kind, features_of, time_left

RIDGE = 1e-3  # of the mean squared feature, after standardising
MAX_LOCAL_ROWS = 100_000  # the local critic is fitted on at most so many (roll-out, step, agent) rows


@dataclass(frozen=True)
class Critic:
    """A fitted value function. `explained_variance` is measured on the second half of the pilot, fitted on the
    first; the coefficients kept use all of it."""

    kind: Kind
    mean: Tensor
    scale: Tensor
    coefficients: Tensor
    explained_variance: float

    def __call__(self, rollout: Rollout) -> Tensor:
        """Values [B, T] (central) or [B, T, N] (local); float64."""
        rows = _basis(features_of(self.kind, rollout))
        slope = self.coefficients[1:] / self.scale
        return (rows @ slope.to(rows)).double() + (self.coefficients[0] - self.mean @ slope)


def fit_critic(kind: Kind, pilot: Sequence[Rollout]) -> Critic:
    """Fit a central or local critic. Raises InputError on an empty pilot. Cost: one least-squares solve."""
    if not pilot:
        raise InputError("a critic needs at least one pilot roll-out to be fitted on, and none was given")
    rows, targets = _training_set(kind, pilot)
    half = len(rows) // 2
    checked = _solve(kind, rows[:half], targets[:half], 0.0) if half > rows.shape[1] else None
    explained = _explained(checked, rows[half:], targets[half:]) if checked else float("nan")
    return _solve(kind, rows, targets, explained)


def fit_baseline(pilot: Sequence[Rollout], weights: Sequence[Tensor]) -> Critic:
    """Fit b(o_i,t) to a credit [B, T, N] of each pilot roll-out, on its decisions. Raises InputError without any."""
    active = [rollout.active for rollout in pilot]
    if not any(bool(mask.any()) for mask in active):
        raise InputError("a baseline needs at least one pilot roll-out with a decision to be fitted on")
    rows = torch.cat([_basis(features_of("local", r))[mask].double() for r, mask in zip(pilot, active, strict=True)])
    targets = torch.cat([weight[mask] for weight, mask in zip(weights, active, strict=True)])
    return _solve("local", rows, targets, float("nan"))


def reward_to_go(reward: Tensor, discount: float) -> Tensor:
    """sum_{s >= t} gamma^(s - t) r_s along the last axis [..., T]."""
    to_go = torch.empty_like(reward)
    to_go_t = torch.zeros_like(reward[..., 0])
    for t in range(reward.shape[-1] - 1, -1, -1):
        to_go_t = reward[..., t] + discount * to_go_t
        to_go[..., t] = to_go_t
    return to_go


def gae(reward: Tensor, values: Tensor, discount: float, lam: float) -> Tensor:
    """Advantages along axis 1: reward [B, T, 1 or N], values [B, T, 1 or N]; V after the last step is 0."""
    next_values = torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], dim=1)
    delta = reward + discount * next_values - values
    advantages = torch.empty_like(delta)
    advantage_t = torch.zeros_like(delta[:, 0])
    for t in range(delta.shape[1] - 1, -1, -1):
        advantage_t = delta[:, t] + discount * lam * advantage_t
        advantages[:, t] = advantage_t
    return advantages


def _basis(features: Tensor) -> Tensor:
    """Features, the fraction of time left, its square, and their products: value is roughly rate x time left."""
    left = time_left(features)
    return torch.cat([features, left, left**2, features * left], dim=-1)


def _training_set(kind: Kind, pilot: Sequence[Rollout]) -> tuple[Tensor, Tensor]:
    rows, targets = [], []
    for rollout in pilot:
        features = _basis(features_of(kind, rollout))
        target = reward_to_go(rollout.reward.double(), rollout.system.discount)
        if kind == "local":
            target = target[..., None].expand(features.shape[:-1])
        stride = _stride(features[..., 0].numel() * len(pilot), features.shape[1:-1].numel())
        rows.append(features.reshape(-1, features.shape[-1])[::stride].double())
        targets.append(target.reshape(-1)[::stride])
    return torch.cat(rows), torch.cat(targets)


def _stride(rows: int, period: int) -> int:
    """Thinning step that keeps at most MAX_LOCAL_ROWS rows; coprime to the period (T N), so that no agent or step
    is left out systematically."""
    stride = -(-rows // MAX_LOCAL_ROWS)
    while math.gcd(stride, period) > 1:
        stride += 1
    return stride


def _solve(kind: Kind, rows: Tensor, targets: Tensor, explained: float) -> Critic:
    mean, scale = rows.mean(0), rows.std(0, correction=0)
    scale = torch.where(scale > 1e-9, scale, torch.ones_like(scale))
    design = (rows - mean) / scale
    gram = design.T @ design / len(rows)
    gram = gram + RIDGE * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    slope = torch.linalg.solve(gram, design.T @ (targets - targets.mean()) / len(rows))
    return Critic(kind, mean, scale, torch.cat([targets.mean()[None], slope]), explained)


def _explained(critic: Critic, rows: Tensor, targets: Tensor) -> float:
    values = ((rows - critic.mean) / critic.scale) @ critic.coefficients[1:] + critic.coefficients[0]
    spread = float(targets.var(correction=0))
    return 1.0 - float((targets - values).var(correction=0)) / spread if spread > 0 else 0.0

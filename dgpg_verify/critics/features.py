"""What a critic sees: permutation-invariant summaries, so that their number does not grow with N or M."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from dgpg_verify.core import Rollout

Kind = Literal["central", "local"]


def central_features(rollout: Rollout) -> Tensor:
    """The global state before acting, pooled over its coordinates: [B, T, 9].

    Mean, mean square, extremes and mean square gap to the reference, share of active agents; the critic adds
    time. A pooled summary stands in for the full 2M-vector, which would not fit at large N (declared choice).
    """
    x, gap = rollout.x_observed, rollout.x_observed - rollout.reference
    columns = [
        x.mean(-1),
        (x**2).mean(-1),
        x.amax(-1),
        (x - 1.0).clamp(min=0.0).mean(-1),
        gap.mean(-1),
        (gap**2).mean(-1),
        rollout.reference.mean(-1),
        rollout.active.double().mean(-1),
        (x**2).mean(-1).sqrt(),
    ]
    return torch.stack([column.double() for column in columns], dim=-1)


def local_features(rollout: Rollout) -> Tensor:
    """What agent i sees, averaged over its candidates: mean of every feature, its own activity: [B, T, N, F + 1]."""
    features = rollout.seen.features
    mask = rollout.seen.mask.to(features.dtype)[..., None, :]
    mean = (mask @ features)[..., 0, :] / mask.sum(-1).clamp(min=1.0)
    return torch.cat([mean, rollout.active.to(mean)[..., None]], dim=-1)


def features_of(kind: Kind, rollout: Rollout) -> Tensor:
    return central_features(rollout) if kind == "central" else local_features(rollout)


def time_left(features: Tensor) -> Tensor:
    """The share of the T steps still to come, [B, T, ..., 1] beside features [B, T, ..., F]."""
    horizon = features.shape[1]
    left = 1.0 - torch.arange(horizon, dtype=features.dtype, device=features.device) / horizon
    return left.view(1, horizon, *[1] * (features.ndim - 2)).expand(*features.shape[:-1], 1)

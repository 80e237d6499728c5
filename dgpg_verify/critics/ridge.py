"""Ridge regression with the penalty of least generalised cross-validation (Golub, Heath & Wahba 1979)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

PENALTIES = torch.logspace(-8, 4, 25, dtype=torch.float64)  # over the mean eigenvalue of the rows' Gram matrix
NEGLIGIBLE = 1e-12  # of the largest eigenvalue: no direction at all


@dataclass(frozen=True)
class Ridge:
    """Fitted value of rows [R, P]: offset + rows slope. slope [P] float64."""

    slope: Tensor
    offset: float

    def __call__(self, rows: Tensor) -> Tensor:
        return rows @ self.slope + self.offset


def fit_ridge(rows: Tensor, targets: Tensor) -> Ridge:
    """Fit rows [R, P] to targets [R], both float64. The offset carries no penalty.

    Cost: one eigendecomposition of min(R, P) rows, and O(R P min(R, P)).
    """
    mean, level = rows.mean(0), targets.mean()
    design, rest = rows - mean, targets - level
    wide = len(rows) < rows.shape[1]
    powers, vectors = torch.linalg.eigh(design @ design.T if wide else design.T @ design)
    kept = powers > NEGLIGIBLE * powers[-1].clamp(min=1e-300)
    powers, vectors = powers[kept], vectors[:, kept]
    # the targets along each direction of the rows, [Q], and the square of what no direction reaches
    along = vectors.T @ rest if wide else vectors.T @ (design.T @ rest) / powers.sqrt()
    reached = vectors @ along if wide else design @ (vectors @ (along / powers.sqrt()))
    penalty = _penalty(powers, along, float((rest - reached).square().sum()), len(rows))
    shares = along * powers.sqrt() / (powers + penalty)
    slope = design.T @ (vectors @ (shares / powers.sqrt())) if wide else vectors @ shares
    return Ridge(slope, float(level - mean @ slope))


def _penalty(powers: Tensor, along: Tensor, outside: float, count: int) -> float:
    """argmin of |residual|^2 / (R - 1 - degrees of freedom)^2 over PENALTIES."""
    if not len(powers):
        return 1.0
    penalties = PENALTIES.to(powers.device) * powers.mean()
    left = penalties[:, None] / (powers + penalties[:, None])
    residual = outside + (left**2 * along**2).sum(1)
    freedom = max(count - 1 - len(powers), 0) + left.sum(1)
    return float(penalties[(residual / freedom.clamp(min=1e-300) ** 2).argmin()])

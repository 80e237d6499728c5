"""An MLP that scores each candidate from its features; permutation-equivariant over candidates by construction.

Two hidden tanh layers of `hidden` units and a linear read-out without bias (a constant would not change the
softmax). With independent parameters all agents' networks run as one batched product.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from dgpg_verify.core import Rollout, check_int, check_real, generator, open_uniforms
from dgpg_verify.policies.prior import Prior
from dgpg_verify.policies.softmax import SoftmaxPolicy, logit_scores, masked_softmax

BLOCK_BYTES = 16 * 2**20  # scratch for weighted deltas


@dataclass(frozen=True, eq=False)
class MLPPolicy(SoftmaxPolicy):
    """parameters [N, P] (independent) or [P] (shared), laid out as W1 [F,H], b1, W2 [H,H], b2, w3 [H].

    Products run in float32 (relative error about 1e-6), moments of them are accumulated in float64.
    """

    parameters: Tensor
    n_features: int
    hidden: int = 64
    sharing: Literal["independent", "shared"] = "independent"
    prior: Prior | None = None

    @classmethod
    def random(
        cls,
        n_agents: int,
        n_features: int,
        seed: int = 0,
        hidden: int = 64,
        sharing: Literal["independent", "shared"] = "independent",
        prior: Prior | None = None,
        gain: float = 1.0,
    ) -> MLPPolicy:
        """Gaussian weights of variance 1 / fan-in, zero biases, read-out scaled by `gain`. Seeded, explicit."""
        check_int("hidden", hidden, 1)
        check_real("gain", gain, 0.0)
        copies = 1 if sharing == "shared" else n_agents
        shapes = _shapes(n_features, hidden)
        uniforms = open_uniforms((copies, sum(math.prod(s) for s in shapes)), generator(seed, 5))
        scale = torch.cat([torch.full((math.prod(s),), _scale(s, gain), dtype=torch.float64) for s in shapes])
        values = torch.special.ndtri(uniforms) * scale
        return cls(values[0] if sharing == "shared" else values, n_features, hidden, sharing, prior)

    def candidate_scores(self, features: Tensor) -> Tensor:
        return self._read_out(self._hidden(self._rows(features))[1], features.shape[:-1])

    def score_products(self, rollout: Rollout, weights: Tensor) -> Tensor:
        """As in the base class, but one forward pass serves both the probabilities and the gradients."""
        with torch.no_grad():
            seen = rollout.seen
            rows = self._rows(seen.features)
            first, second = self._hidden(rows)
            logits = self.finish(self._read_out(second, seen.features.shape[:-1]), seen)
            delta = logit_scores(masked_softmax(logits), rollout.actions)
            return self._outer_products(rows, first, second, delta, weights)

    def pull_back(self, features: Tensor, logit_scores: Tensor, weights: Tensor) -> Tensor:
        rows = self._rows(features)
        return self._outer_products(rows, *self._hidden(rows), logit_scores, weights)

    def _hidden(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        w1, b1, w2, b2, _ = self._layers()
        first = torch.tanh(torch.baddbmm(b1, rows, w1))
        return first, torch.tanh(torch.baddbmm(b2, first, w2))

    def _read_out(self, second: Tensor, shape: torch.Size) -> Tensor:
        return self._unrows((second @ self._layers()[4])[..., 0], shape)

    def _outer_products(self, rows: Tensor, first: Tensor, second: Tensor, delta: Tensor, weights: Tensor) -> Tensor:
        _, _, w2, _, w3 = self._layers()
        delta3 = self._rows(delta[..., None].float())
        delta2 = (delta3 @ w3.transpose(1, 2)).mul_(1.0 - second * second)
        delta1 = (delta2 @ w2.transpose(1, 2)).mul_(1.0 - first * first)
        shape = delta.shape
        steps = [self._steps(t, shape) for t in (rows, first, second, delta1, delta2, delta3)]
        return _weighted_outer_products(steps, weights.float())

    def _layers(self) -> list[Tensor]:
        flat = self.parameters.float()
        flat = flat[None] if self.sharing == "shared" else flat
        shapes = _shapes(self.n_features, self.hidden)
        parts = flat.split([math.prod(s) for s in shapes], dim=1)
        return [part.reshape(-1, *shape) for part, shape in zip(parts, shapes, strict=True)]

    def _rows(self, values: Tensor) -> Tensor:
        """[..., N, K, F] -> [N, rows, F] (independent) or [1, rows, F] (shared)."""
        values = values.float()
        if self.sharing == "shared":
            return values.reshape(1, -1, values.shape[-1])
        n, k, f = values.shape[-3:]
        return values.reshape(-1, n, k, f).transpose(0, 1).reshape(n, -1, f)

    def _unrows(self, values: Tensor, shape: torch.Size) -> Tensor:
        if self.sharing == "shared":
            return values.reshape(shape)
        n, k = shape[-2:]
        return values.reshape(n, -1, k).transpose(0, 1).reshape(shape)

    def _steps(self, rows: Tensor, shape: torch.Size) -> Tensor:
        """Rows back to [N, B, T, K, H], agent-major so that blocks of agents are contiguous."""
        b, t, n, k = shape
        if self.sharing == "shared":
            return rows.reshape(b, t, n, k, -1).permute(2, 0, 1, 3, 4)
        return rows.reshape(n, b, t, k, -1)


def _shapes(n_features: int, hidden: int) -> list[tuple[int, ...]]:
    return [(n_features, hidden), (1, hidden), (hidden, hidden), (1, hidden), (hidden, 1)]


def _scale(shape: tuple[int, ...], gain: float) -> float:
    """1 / sqrt(fan-in); biases (first axis 1) start at 0; the read-out is scaled by the gain."""
    if shape[0] == 1:
        return 0.0
    return (gain if shape[1] == 1 else 1.0) / math.sqrt(shape[0])


def _weighted_outer_products(steps: list[Tensor], weights: Tensor) -> Tensor:
    """sum_t w_t sum_k delta_tk (x) a_tk per layer, [C,B,N,P].

    The deltas are weighted for all credits at once, so that each layer is one product of (in x T K) with
    (T K x C out) for each agent and roll-out: large enough to run near the processor's peak, which the many rank-K
    products of one step are not. Agents go in blocks, so that scratch memory is bounded. The result is stored
    agent by agent (a view of [N,B,C,P]), the order in which moments read it.
    """
    rows, first, second, delta1, delta2, delta3 = (part.flatten(2, 3) for part in steps)  # [N, B, T K, .]
    n, b, length, hidden = first.shape
    k, f, c = steps[0].shape[3], rows.shape[-1], len(weights)
    out = torch.empty(n, b, c, f * hidden + hidden * (hidden + 3), dtype=torch.float32, device=rows.device)
    credit = weights.permute(3, 1, 2, 0)  # [N, B, T, C]
    block = max(1, BLOCK_BYTES // (4 * b * length * hidden * c))
    for low in range(0, n, block):
        part = slice(low, low + block)
        w = credit[part].repeat_interleave(k, dim=2)  # [n, B, T K, C]
        by_credit = w.transpose(-1, -2)
        parts = [
            _outer(rows[part], delta1[part], w),
            by_credit @ delta1[part],
            _outer(first[part], delta2[part], w),
            by_credit @ delta2[part],
            (w * delta3[part]).transpose(-1, -2) @ second[part],
        ]
        torch.cat(parts, dim=-1, out=out[part])
    return out.permute(2, 1, 0, 3)


def _outer(inputs: Tensor, delta: Tensor, weights: Tensor) -> Tensor:
    """sum over rows of w_c a (x) delta: [n,B,R,I], [n,B,R,H], [n,B,R,C] -> [n,B,C,I*H]."""
    weighted = (weights[..., None] * delta[..., None, :]).flatten(-2)  # [n, B, R, C H]
    products = inputs.transpose(-1, -2) @ weighted
    return products.unflatten(-1, (weights.shape[-1], -1)).transpose(-3, -2).flatten(-2)

"""Moments of 12 credits of an MLP policy, against the plain ways to get them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import grad, vmap

from dgpg_verify.core import Rollout, draw_noise
from dgpg_verify.credits import make_credit
from dgpg_verify.measurement.accumulate import GroupMoments, deal
from dgpg_verify.measurement.combine import Basis, fit_credits, make_basis
from dgpg_verify.policies import MLPPolicy, make_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import CloudScheduling
from tests.speed.speed_tools import SLACK, paired_ratio

CREDITS = (
    "return:raw", "return", "return:to_go", "gae:central", "gae:local", "guidance", "guidance:exact", "difference",
    "guided:0.2", "guided:0.5", "guided:0.8", "guided:0.5@gae:central",
)  # fmt: skip
N, T, K, ROLLOUTS, SHOWN = 200, 50, 8, 4, 40  # SHOWN: agents on which the plain way is timed, then scaled up


@dataclass(frozen=True)
class Setup:
    policy: MLPPolicy
    basis: Basis
    rollout: Rollout
    weights: Tensor


@pytest.fixture(scope="module")
def setup() -> Setup:
    system = CloudScheduling(N, seed=0, n_candidates=K, horizon=T)
    policy = make_policy("mlp", system)
    assert isinstance(policy, MLPPolicy)
    pilot = [collect(system, policy, draw_noise(9, 0, system, policy, 4), keep_states=True)]
    basis = make_basis(fit_credits([make_credit(name) for name in CREDITS], pilot))
    rollout = collect(system, policy, draw_noise(1, 0, system, policy, ROLLOUTS), keep_states=True)
    return Setup(policy, basis, rollout, torch.stack([credit(rollout) for credit in basis.credits]))


def ours(s: Setup) -> Tensor:
    """Weights of all credits, their gradients and their moments."""
    weights = torch.stack([credit(s.rollout) for credit in s.basis.credits])
    moments = GroupMoments.empty(len(s.basis.credits), N, s.policy.parameters.shape[-1])
    deal([moments], s.policy.score_blocks(s.rollout, weights), [weights.shape[1]])
    return moments.products


def plain_log_prob(policy: MLPPolicy, theta: Tensor, features: Tensor, mask: Tensor, action: Tensor) -> Tensor:
    """log pi of one agent's actions from its parameters [P]; features [..., K, F]."""
    f, h = policy.n_features, policy.hidden
    w1, b1, w2, b2, w3 = theta.split([f * h, h, h * h, h, h])
    hidden = torch.tanh(torch.tanh(features @ w1.view(f, h) + b1) @ w2.view(h, h) + b2)
    logits = torch.log_softmax((hidden @ w3).masked_fill(~mask, -1e30), -1)
    return logits.gather(-1, action[..., None])[..., 0]


def by_agent(s: Setup) -> tuple[Tensor, ...]:
    seen = s.rollout.seen
    return (
        seen.features.float().permute(2, 0, 1, 3, 4).contiguous(),
        seen.mask.permute(2, 0, 1, 3).contiguous(),
        s.rollout.actions.clamp(min=0).permute(2, 0, 1).contiguous(),
        (s.weights * s.rollout.active).float().permute(0, 3, 1, 2).contiguous(),
    )


def vmap_gradients(s: Setup, agents: int, credit: int) -> Tensor:
    """Per-agent, per-roll-out gradients of one credit by torch.func: [agents, B, P]."""
    features, mask, action, weights = by_agent(s)

    def surrogate(theta: Tensor, f: Tensor, m: Tensor, a: Tensor, w: Tensor) -> Tensor:
        return (w * plain_log_prob(s.policy, theta, f, m, a)).sum()

    per_rollout = vmap(grad(surrogate), in_dims=(None, 0, 0, 0, 0))
    part = slice(0, agents)
    theta = s.policy.parameters.float()[part]
    return vmap(per_rollout)(theta, features[part], mask[part], action[part], weights[credit, part])


def plain_pass(s: Setup) -> Tensor:
    """One forward and backward of the summed log-probability of the same batch."""
    features, mask, action, _ = by_agent(s)
    theta = s.policy.parameters.float().requires_grad_(True)
    total = vmap(lambda *rows: plain_log_prob(s.policy, *rows).sum())(theta, features, mask, action).sum()
    total.backward()  # type: ignore[no-untyped-call]
    assert theta.grad is not None
    return theta.grad


def test_both_ways_agree(setup: Setup) -> None:
    fast = setup.policy.score_products(setup.rollout, setup.weights[:1])[0].permute(1, 0, 2)[:SHOWN]
    slow = vmap_gradients(setup, SHOWN, 0)
    assert float((fast - slow).abs().max()) <= 1e-4 * float(slow.abs().max())


def test_twelve_credits_against_vmap(benchmark: Any, setup: Setup, speed_row: Callable[..., None]) -> None:
    def reference() -> Tensor:
        gradients = vmap_gradients(setup, SHOWN, 0).double()
        return ((gradients - gradients.mean(1, keepdim=True)) ** 2).sum()

    ratio, low, high = paired_ratio(reference, lambda: ours(setup))
    scale = len(CREDITS) * N / SHOWN
    benchmark.extra_info["ratio"] = ratio * scale
    benchmark.pedantic(lambda: ours(setup), rounds=2)
    speed_row(
        f"moments of {len(CREDITS)} credits, N = {N}, T = {T}, K = {K}, MLP 2 x 64 per agent, against one "
        f"vmap(grad) pass a credit",
        ">= 8 x faster", f"{ratio * scale:.1f} x ({low * scale:.1f} to {high * scale:.1f})", ratio * scale >= 8,
        f"vmap timed on {SHOWN} of {N} agents and scaled; collecting the roll-out counted on neither side",
        best=high * scale * SLACK >= 8,
    )  # fmt: skip


def test_twelve_credits_against_one_plain_pass(benchmark: Any, setup: Setup, speed_row: Callable[..., None]) -> None:
    ratio, low, high = paired_ratio(lambda: ours(setup), lambda: plain_pass(setup))
    benchmark.extra_info["ratio"] = ratio
    benchmark.pedantic(lambda: plain_pass(setup), rounds=2)
    speed_row(
        "the same, against one plain forward and backward",
        "<= 2.5 x its time",
        f"{ratio:.1f} x ({low:.1f} to {high:.1f})",
        ratio <= 2.5,
        "credit weights, gradients and moments",
        best=low <= 2.5 * SLACK,
    )

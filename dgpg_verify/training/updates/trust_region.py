"""HATRPO's step (Kuba et al. 2022): along the natural gradient, as far as the KL allows and the surrogate rises.

The surrogate is the mean of M_t A_t pi / pi_old, unclipped, with M_t as in `sequential`. The direction solves
(F + DAMPING) x = g by conjugate gradients, F the Fisher matrix at the old policy: the curvature of the exact
KL(old, new), a sum over all own actions, averaged over live decisions. The longest step has
x.(F + DAMPING) x / 2 = kl_limit; it is shortened until KL <= kl_limit and the surrogate has risen by ACCEPTED of what
its slope promises, else not taken. Constants are those of the authors' repository, HARL.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from dgpg_verify.training.networks import Actor
from dgpg_verify.training.settings import Settings
from dgpg_verify.training.updates.losses import NonFiniteLoss, live_mean, log_probabilities
from dgpg_verify.training.updates.packing import PackedDecisions
from dgpg_verify.training.updates.rules import Now

SOLVER_STEPS, RESIDUAL, DAMPING = 10, 1e-10, 0.1
SEARCHED, SHORTENED, ACCEPTED = 10, 0.8, 0.5

Product = Callable[[Tensor], Tensor]


def natural_step(actor: Actor, decisions: PackedDecisions, settings: Settings, seed: int) -> Tensor:
    """One step of one agent's network, decisions [L, 1]; the norm of its plain gradient [1, 1]. Nothing is random.

    Raises NonFiniteLoss. Cost: about 2 SOLVER_STEPS + SEARCHED passes over the decisions.
    """
    leaf, mask, live = actor.leaf, decisions.seen.mask, decisions.live
    with torch.no_grad():
        old = log_probabilities(actor.policy.logits(decisions.seen), mask)

    def surrogate() -> Tensor:
        now = Now.of(actor, decisions)
        gains = now.ratio * decisions.weight
        if decisions.own is not None:
            gains = gains + (now.probabilities(mask) * decisions.own.weight).sum(-1)
        return live_mean(gains, live, actor.per_agent)

    def divergence() -> Tensor:
        now = log_probabilities(actor.policy.logits(decisions.seen), mask)
        gaps = torch.where(mask, old.exp() * (old - now), torch.zeros_like(now)).sum(-1)
        return live_mean(gaps, live, actor.per_agent)

    before = surrogate()
    if not bool(before.isfinite()):
        raise NonFiniteLoss(f"actor loss is {-float(before.detach())}", 0)
    (gradient,) = torch.autograd.grad(before, leaf)
    slope = torch.autograd.grad(divergence(), leaf, create_graph=True)[0]

    def fisher(vector: Tensor) -> Tensor:
        (product,) = torch.autograd.grad((slope * vector).sum(), leaf, retain_graph=True)
        return product + DAMPING * vector

    step = _longest(conjugate_gradient(fisher, gradient), fisher, settings.kl_limit)
    _search(leaf, step, float((gradient * step).sum()), surrogate, divergence, settings.kl_limit)
    return gradient.norm()[None, None]


def conjugate_gradient(product: Product, goal: Tensor) -> Tensor:
    """x with product(x) = goal, for a symmetric positive definite `product`."""
    x, residual = torch.zeros_like(goal), goal.clone()
    direction, size = residual, residual.square().sum()
    for _ in range(SOLVER_STEPS):
        if float(size) < RESIDUAL:
            break
        image = product(direction)
        length = size / (direction * image).sum()
        x, residual = x + length * direction, residual - length * image
        now = residual.square().sum()
        direction, size = residual + now / size * direction, now
    return x


def _longest(direction: Tensor, product: Product, limit: float) -> Tensor:
    """The direction at the length at which the quadratic model of the KL is at its limit; 0 stays 0."""
    size = 0.5 * (direction * product(direction)).sum()
    return direction * (limit / size).sqrt() if float(size) > 0.0 else direction


@torch.no_grad()
def _search(
    leaf: Tensor, step: Tensor, promised: float, surrogate: Callable[[], Tensor], divergence: Callable[[], Tensor],
    limit: float,
) -> None:  # fmt: skip
    """Take the longest of the steps that keeps the rules, or none."""
    start, before = leaf.clone(), float(surrogate())
    for shorter in (SHORTENED**k for k in range(SEARCHED)):
        leaf.copy_(start + shorter * step)
        risen = float(surrogate()) - before
        if float(divergence()) <= limit and risen > 0.0 and risen >= ACCEPTED * shorter * promised:
            return
    leaf.copy_(start)

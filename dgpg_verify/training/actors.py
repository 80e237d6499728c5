"""Policies with their optimisers: one leaf tensor for the networks of all fleets, stepped by Adam in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from dgpg_verify.core import InputError, System
from dgpg_verify.policies import HeuristicPrior, MLPPolicy, PolicyStack, n_features
from dgpg_verify.training.methods import Recipe
from dgpg_verify.training.settings import Settings


@dataclass
class Actor:
    """A policy whose flat parameters are one leaf tensor: [N, P], or [P] or [1, P] where agents share them.

    order: which row of the leaf plays the k-th agent of the decisions at hand; None = the k-th.
    """

    policy: Any
    optimiser: torch.optim.Adam
    order: Tensor | None = None

    @property
    def per_agent(self) -> bool:
        return bool(self.policy.sharing == "independent")

    @property
    def leaf(self) -> Tensor:
        parameters: Tensor = self.policy.parameters
        return parameters

    @property
    def optimisers(self) -> list[torch.optim.Adam]:
        return [self.optimiser]

    def agents(self, some: slice) -> Actor:
        """The same actor for some of the decisions' agents; after `clear`, their gradients are added to the leaf's."""
        if not self.per_agent:
            return self
        index = torch.arange(len(self.leaf), device=self.leaf.device)[some] if self.order is None else self.order[some]
        rows, whole = self.leaf.detach()[index], self.leaf.grad
        if whole is not None:

            def add(part: Tensor) -> None:
                assert part.grad is not None
                whole.index_add_(0, index, part.grad)

            rows.requires_grad_(True).register_post_accumulate_grad_hook(add)
        return replace(self, policy=replace(self.policy, parameters=rows), order=None)

    def clear(self) -> None:
        """Set the leaf's gradient to 0."""
        self.leaf.grad = torch.zeros_like(self.leaf)

    def step(self, grad_clip: float) -> Tensor:
        """One clipped Adam step along the leaf's gradient; returns each network's gradient norm before clipping."""
        norms = clip_rows(self.leaf, grad_clip)
        self.optimiser.step()
        return norms


def fresh_policy(recipe: Recipe, system: System, seed: int) -> MLPPolicy:
    """A candidate-scoring policy with initial parameters; `residual` puts it on top of the heuristic's logits.

    Raises InputError for continuous actions: a plain Gaussian has its own closed-form learners.
    """
    if system.n_actions == 0:
        raise InputError("system has n_actions = 0: train needs discrete actions (n_actions >= 1)")
    settings, prior = recipe.settings, None
    if recipe.method.start == "residual":
        prior = HeuristicPrior(system, settings.heuristic, settings.temperature)
    options = {"sharing": recipe.sharing, "prior": prior, "gain": settings.gain, **settings.network_options()}
    return MLPPolicy.random(system.n_agents, n_features(system), seed, settings.hidden, **options)


def actor_of(policy: Any, settings: Settings) -> Actor:
    """Wrap any softmax policy: its parameters become a float32 leaf."""
    leaf = policy.parameters.detach().float().clone().requires_grad_(True)
    return Actor(replace(policy, parameters=leaf), adam(leaf, settings.actor_lr, settings))


def joint_actor(policies: Sequence[Any], settings: Settings, stacked: bool) -> tuple[Actor, list[Any]]:
    """One actor for the networks of all fleets, and each fleet's policy as a view of it.

    Adam steps every number by itself, so one for all is each fleet's own. stacked: see `Learner.stack`; a single
    policy that is not stacked stays as it is, and so do its agents' shared parameters.
    """
    actor = actor_of(PolicyStack.of(policies).policy if stacked else policies[0], settings)
    parts = zip(policies, actor.leaf.detach().chunk(len(policies)), strict=True)
    return actor, [replace(policy, parameters=rows.view_as(policy.parameters)) for policy, rows in parts]


def adam(leaf: Tensor, step_size: float, settings: Settings) -> torch.optim.Adam:
    """Adam for one leaf; fused, which is one pass over its moments in place of a dozen."""
    return torch.optim.Adam([leaf], lr=step_size, eps=settings.adam_eps, fused=True)


def clip_rows(leaf: Tensor, largest: float) -> Tensor:
    """Scale each network's gradient (a row; the whole of a 1-d leaf) down to norm `largest`; returns the norms before,
    [networks]."""
    assert leaf.grad is not None
    rows = leaf.grad if leaf.grad.ndim == 2 else leaf.grad[None]
    norms = rows.norm(dim=1, keepdim=True)
    rows.mul_((largest / (norms + 1e-6)).clamp(max=1.0))
    return norms[:, 0]

"""Actor and critic with their optimisers: the only mutable state of a run, and all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from dgpg_verify.core import InputError, Rollout, System
from dgpg_verify.critics import ValueNetwork, critic_inputs
from dgpg_verify.critics.value_norm import ValueNorm
from dgpg_verify.policies import MLPPolicy, heuristic_prior, n_features
from dgpg_verify.training.methods import Method
from dgpg_verify.training.settings import Settings
from dgpg_verify.training.updates.losses import value_loss

Sharing = Literal["independent", "shared"]


@dataclass
class Actor:
    """A policy whose flat parameters [N, P] or [1, P] are one leaf tensor, stepped by Adam in place.

    order: which row of the leaf plays the k-th agent of the decisions at hand; None = its own.
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
        """One clipped Adam step along the gradient in the leaf; returns the norm of each network's before."""
        norms = clip_rows(self.leaf, grad_clip)
        self.optimiser.step()
        return norms


@dataclass
class CriticLearner:
    """A value network, its optimiser and its normaliser."""

    network: ValueNetwork
    optimiser: torch.optim.Adam

    def values(self, rollout: Rollout) -> Tensor:
        return self.network(rollout)

    def fit(self, rollout: Rollout, targets: Tensor, settings: Settings) -> float:
        """`epochs` passes towards raw value targets [B,T] or [B,T,N]; returns the last loss per value."""
        return fit_values([self], self, [rollout], [targets], settings)[0]


def fit_values(
    critics: Sequence[CriticLearner],
    whole: CriticLearner,
    rollouts: Sequence[Rollout],
    targets: Sequence[Tensor],
    settings: Settings,
) -> list[float]:
    """`epochs` passes of several critics towards their raw value targets; the last loss per value of each.

    whole: the networks of all of them in order, which each critic's own are views of. Every critic's normaliser takes
    its targets in first. All steps count, also those at which a local critic's agent had nothing to decide: rewards
    go on, and the advantages of the decisions before bootstrap from those values.
    """
    if settings.value_norm:
        for critic, target in zip(critics, targets, strict=True):
            critic.network = replace(critic.network, norm=critic.network.norm.updated(target))
    inputs = [critic_inputs(one.network.kind, rollout) for one, rollout in zip(critics, rollouts, strict=True)]
    goals = [one.network.norm.normalise(target).float() for one, target in zip(critics, targets, strict=True)]
    copies = len(critics[0].network.parameters)
    seen = torch.cat([one.reshape(-1, copies, one.shape[-1]) for one in inputs], dim=1)[None]  # [1, rows, S C, F]
    goal = torch.cat([one.reshape(-1, copies) for one in goals], dim=1)[None]
    clip = settings.clip if settings.value_clip else None
    with torch.no_grad():
        old = whole.network.normalised(seen)
    losses = goal.new_zeros(goal.shape[2])
    for _ in range(settings.epochs):
        losses = value_loss(whole.network.normalised(seen), old, goal, clip, settings.huber).mean((0, 1))
        whole.optimiser.zero_grad(set_to_none=True)
        losses.sum().backward()  # no critic's loss reads another's network
        clip_rows(whole.network.parameters, settings.grad_clip)
        whole.optimiser.step()
    return [float(value) for value in losses.detach().view(len(critics), copies).mean(1)]


def clip_rows(leaf: Tensor, largest: float) -> Tensor:
    """Scale each network's gradient (a row; the whole of a 1-d leaf) down to norm `largest`; the norms before."""
    assert leaf.grad is not None
    rows = leaf.grad if leaf.grad.ndim == 2 else leaf.grad[None]
    norms = rows.norm(dim=1, keepdim=True)
    rows.mul_((largest / (norms + 1e-6)).clamp(max=1.0))
    return norms[:, 0]


def make_actor(system: System, method: Method, settings: Settings, sharing: Sharing, seed: int) -> Actor:
    """A fresh candidate-scoring policy; `residual` puts it on top of the heuristic's logits.

    Raises InputError for continuous actions: a plain Gaussian has its own closed-form learners.
    """
    if system.n_actions == 0:
        raise InputError("system has n_actions = 0: train needs discrete actions (n_actions >= 1)")
    prior = heuristic_prior(system, settings.heuristic, settings.temperature) if method.start == "residual" else None
    policy = MLPPolicy.random(
        system.n_agents,
        n_features(system),
        seed,
        settings.hidden,
        sharing=sharing,
        prior=prior,
        gain=settings.gain,
        initialisation=settings.initialisation,
        layer_norm=settings.layer_norm,
        feature_norm=settings.feature_norm,
    )
    return actor_of(policy, settings)


def actor_of(policy: Any, settings: Settings) -> Actor:
    """Wrap any softmax policy: its parameters become a float32 leaf."""
    leaf = policy.parameters.detach().float().clone().requires_grad_(True)
    return Actor(replace(policy, parameters=leaf), adam(leaf, settings.actor_lr, settings))


def adam(leaf: Tensor, step_size: float, settings: Settings) -> torch.optim.Adam:
    """Adam for one leaf; fused, which is one pass over its moments in place of a dozen."""
    return torch.optim.Adam([leaf], lr=step_size, eps=settings.adam_eps, fused=True)


def make_critic(system: System, method: Method, settings: Settings, sharing: Sharing, width: int, seed: int) -> Any:
    """The critic the method's base credit needs, or None. Local critics follow the actors' sharing."""
    if method.critic is None:
        return None
    copies = system.n_agents if method.critic == "local" and sharing == "independent" else 1
    network = ValueNetwork.random(
        method.critic,
        width,
        copies,
        settings.hidden,
        seed,
        initialisation=settings.initialisation,
        layer_norm=settings.layer_norm,
        feature_norm=settings.feature_norm,
    )
    leaf = network.parameters.float().clone().requires_grad_(True)
    norm = ValueNorm.empty()
    return CriticLearner(replace(network, parameters=leaf, norm=norm), adam(leaf, settings.critic_lr, settings))

"""Policies and value networks with their optimisers, one leaf tensor for the networks of all fleets, stepped by Adam in
place."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from dgpg_verify.core import InputError, Rollout, System
from dgpg_verify.critics import ValueNetwork, ValueNorm, critic_inputs
from dgpg_verify.policies import HeuristicPrior, MLPPolicy, PolicyStack, n_features
from dgpg_verify.runs.files import in_short
from dgpg_verify.training.ends import going_on, of_episodes
from dgpg_verify.training.methods import Recipe
from dgpg_verify.training.settings import Settings
from dgpg_verify.training.updates.losses import value_loss


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


def fresh_policy(recipe: Recipe, system: System, seed: int, width: int | None = None) -> MLPPolicy:
    """A candidate-scoring policy with initial parameters; `residual` puts it on top of the heuristic's logits. width:
    numbers that it reads of a candidate, None = the system's features.

    Raises InputError for continuous actions: a plain Gaussian has its own closed-form learners.
    """
    if system.n_actions == 0:
        raise InputError("system has n_actions = 0: train needs discrete actions (n_actions >= 1)")
    settings, prior = recipe.settings, None
    if recipe.method.start == "residual":
        prior = HeuristicPrior(system, settings.heuristic, settings.temperature)
    options = {"sharing": recipe.sharing, "prior": prior, "gain": settings.gain, **settings.network_options()}
    width = n_features(system) if width is None else width
    return MLPPolicy.random(system.n_agents, width, seed, settings.hidden, **options)


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


@dataclass
class Critics:
    """Value networks of S fleets, C copies each, stepped by one Adam.

    Attributes
    ----------
    whole : the networks of all fleets in order; their parameters [S C, P] are the leaf.
    networks : each fleet's own, views of the leaf with a normaliser of their own.
    """

    whole: ValueNetwork
    networks: list[ValueNetwork]
    optimiser: torch.optim.Adam

    @classmethod
    def of(cls, networks: Sequence[ValueNetwork], settings: Settings) -> Critics:
        """Fresh networks, one per fleet, put under one optimiser; normalisers have seen nothing yet."""
        leaf = torch.cat([network.parameters.detach().float() for network in networks]).requires_grad_(True)
        parts = leaf.detach().chunk(len(networks))  # same storage: a step of the leaf shows in each
        views = [
            replace(network, parameters=rows, norm=ValueNorm.empty())
            for network, rows in zip(networks, parts, strict=True)
        ]
        return cls(replace(networks[0], parameters=leaf), views, adam(leaf, settings.critic_lr, settings))

    def fit(self, rollouts: Sequence[Rollout], targets: Sequence[Tensor], settings: Settings) -> list[float]:
        """`epochs` passes of every fleet's critic towards its raw value targets.

        Each normaliser takes its targets in first. All steps of an episode count, also those at which a local critic's
        agent had nothing to decide: rewards go on, and the advantages of the decisions before bootstrap from those
        values. What comes after its end does not, see `going_on`.

        Parameters
        ----------
        rollouts : one per fleet.
        targets : one per fleet, [B, T] (central) or [B, T, N] (local), on the reward's scale.

        Returns
        -------
        The last loss per value of each fleet.
        """
        goings = [going_on(rollout) for rollout in rollouts]
        if settings.value_norm:
            for k, target in enumerate(targets):
                norm = self.networks[k].norm.updated(of_episodes(target, goings[k]))
                self.networks[k] = replace(self.networks[k], norm=norm)
        inputs = [critic_inputs(network.kind, r) for network, r in zip(self.networks, rollouts, strict=True)]
        scaled = [network.norm.normalise(t).float() for network, t in zip(self.networks, targets, strict=True)]
        copies = len(self.networks[0].parameters)
        x = torch.cat([rows.reshape(-1, copies, rows.shape[-1]) for rows in inputs], dim=1)[None]  # [1, B T, S C, F]
        goal = torch.cat([rows.reshape(-1, copies) for rows in scaled], dim=1)[None]
        losses = self._descend(x, goal, _weights_of_steps(goings, targets, copies), settings)
        return [float(loss) for loss in losses.view(len(self.networks), copies).mean(1)]

    def _descend(self, seen: Tensor, goal: Tensor, weight: Tensor | None, settings: Settings) -> Tensor:
        """The last loss of every network, [S C]. weight: of each step, None = all alike."""
        clip = settings.clip if settings.value_clip else None
        with torch.no_grad():
            old = self.whole.normalised(seen)
        losses = goal.new_zeros(goal.shape[2])
        for _ in range(settings.epochs):
            errors = value_loss(self.whole.normalised(seen), old, goal, clip, settings.huber)
            losses = errors.mean((0, 1)) if weight is None else (errors * weight).sum((0, 1))
            self.optimiser.zero_grad(set_to_none=True)
            losses.sum().backward()  # no critic's loss reads another's network
            clip_rows(self.whole.parameters, settings.grad_clip)
            self.optimiser.step()
        return losses.detach()


def _weights_of_steps(goings: Sequence[Tensor | None], targets: Sequence[Tensor], copies: int) -> Tensor | None:
    """[1, B T, S C], 1 / their number for steps that count and 0 for others, or None where all do."""
    if all(going is None for going in goings):
        return None
    shapes = [target.shape if target.ndim == 3 else (*target.shape, 1) for target in targets]
    counted = [
        torch.ones(shape) if going is None else going[..., None].float().expand(shape)
        for going, shape in zip(goings, shapes, strict=True)
    ]
    rows = torch.cat([part.reshape(-1, copies) for part in counted], dim=1)[None]
    return rows / rows.sum(1, keepdim=True).clamp(min=1.0)


def fresh_network(recipe: Recipe, system: System, width: int, seed: int) -> ValueNetwork:
    """The network of a method with a critic, `width` input features. Local critics follow the actors' sharing."""
    kind, settings = recipe.method.critic, recipe.settings
    assert kind is not None
    copies = system.n_agents if kind == "local" and recipe.sharing == "independent" else 1
    return ValueNetwork.random(kind, width, copies, settings.hidden, seed, **settings.network_options())


@contextmanager
def checkpoint_errors() -> Iterator[None]:
    """Whatever goes wrong in taking over what a checkpoint holds is an InputError."""
    try:
        yield
    except (LookupError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        reason = in_short(error)
        raise InputError(f"checkpoint is not one of this learner ({reason}): delete it and train again") from None


def copy_into(leaf: Tensor, stored: Tensor) -> None:
    _check_shape(stored, leaf)
    with torch.no_grad():
        leaf.copy_(stored)


def _check_shape(stored: Tensor, leaf: Tensor) -> None:
    """Raise ValueError for another shape than the leaf's: copying would stretch a smaller tensor in silence."""
    if stored.shape != leaf.shape:
        raise ValueError(f"shape {tuple(stored.shape)} is not {tuple(leaf.shape)}")


def adam_state(optimiser: torch.optim.Adam) -> dict[Any, Any]:
    """Its moments and step counts, copied: the optimiser goes on in place."""
    return copy.deepcopy(optimiser.state_dict()["state"])


def load_adam(optimiser: torch.optim.Adam, state: dict[Any, Any]) -> None:
    leaves = [leaf for group in optimiser.param_groups for leaf in group["params"]]
    for index, moments in state.items():
        for name in ("exp_avg", "exp_avg_sq"):
            _check_shape(moments[name], leaves[index])
    optimiser.load_state_dict({"state": copy.deepcopy(state), "param_groups": optimiser.state_dict()["param_groups"]})

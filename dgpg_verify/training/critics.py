"""Value networks with their optimiser and normalisers, of all fleets at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dgpg_verify.core import Rollout, System
from dgpg_verify.critics import ValueNetwork, critic_inputs
from dgpg_verify.critics.value_norm import ValueNorm
from dgpg_verify.training.actors import adam, clip_rows
from dgpg_verify.training.methods import Recipe
from dgpg_verify.training.settings import Settings
from dgpg_verify.training.updates.losses import value_loss


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

        Each normaliser takes its targets in first. All steps count, also those at which a local critic's agent had
        nothing to decide: rewards go on, and the advantages of the decisions before bootstrap from those values.

        Parameters
        ----------
        rollouts : one per fleet.
        targets : one per fleet, [B, T] (central) or [B, T, N] (local), on the reward's scale.

        Returns
        -------
        The last loss per value of each fleet.
        """
        if settings.value_norm:
            for k, target in enumerate(targets):
                self.networks[k] = replace(self.networks[k], norm=self.networks[k].norm.updated(target))
        inputs = [critic_inputs(network.kind, r) for network, r in zip(self.networks, rollouts, strict=True)]
        scaled = [network.norm.normalise(t).float() for network, t in zip(self.networks, targets, strict=True)]
        copies = len(self.networks[0].parameters)
        seen = torch.cat([rows.reshape(-1, copies, rows.shape[-1]) for rows in inputs], dim=1)[None]  # [1, B T, S C, F]
        goal = torch.cat([rows.reshape(-1, copies) for rows in scaled], dim=1)[None]
        losses = self._descend(seen, goal, settings)
        return [float(loss) for loss in losses.view(len(self.networks), copies).mean(1)]

    def _descend(self, seen: Tensor, goal: Tensor, settings: Settings) -> Tensor:
        """The last loss of every network, [S C]."""
        clip = settings.clip if settings.value_clip else None
        with torch.no_grad():
            old = self.whole.normalised(seen)
        losses = goal.new_zeros(goal.shape[2])
        for _ in range(settings.epochs):
            losses = value_loss(self.whole.normalised(seen), old, goal, clip, settings.huber).mean((0, 1))
            self.optimiser.zero_grad(set_to_none=True)
            losses.sum().backward()  # no critic's loss reads another's network
            clip_rows(self.whole.parameters, settings.grad_clip)
            self.optimiser.step()
        return losses.detach()


def fresh_network(recipe: Recipe, system: System, width: int, seed: int) -> ValueNetwork:
    """The network of a method with a critic, `width` input features. Local critics follow the actors' sharing."""
    kind, settings = recipe.method.critic, recipe.settings
    assert kind is not None
    copies = system.n_agents if kind == "local" and recipe.sharing == "independent" else 1
    return ValueNetwork.random(kind, width, copies, settings.hidden, seed, **settings.network_options())

"""HAPPO (Kuba et al. 2022): agents update one after the other, each knowing how those before it have changed.

In random order, agent i maximises the clipped surrogate of M_t A_t, with M_t the product of new / old probabilities of
the agents that were updated before it at the same step. The advantage is shared; parameters are per agent. HATRPO goes
the same way with another step of each agent, `trust_region`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from dgpg_verify.core import InputError, generator
from dgpg_verify.training.networks import Actor, adam
from dgpg_verify.training.settings import Settings
from dgpg_verify.training.updates.packing import PackedDecisions
from dgpg_verify.training.updates.rules import AgentFacts, Now, ppo_norms, sums
from dgpg_verify.training.updates.trust_region import natural_step

# changes one agent's actor; the norms of its gradient [steps, 1]
AgentStep = Callable[[Actor, PackedDecisions, Settings, int], Tensor]


@dataclass
class SequentialActors:
    """One actor per agent. Their leaves are views of `leaf` [N, P], which the whole team's policy reads."""

    policy: Any
    leaf: Tensor
    actors: Sequence[Actor]

    @property
    def optimisers(self) -> list[torch.optim.Adam]:
        return [actor.optimiser for actor in self.actors]


def split_actor(policy: Any, settings: Settings) -> SequentialActors:
    """Own optimisers for every agent, so that stepping one leaves the others' parameters and momenta alone.

    Raises InputError for shared parameters: there is nothing to update one after the other.
    """
    if policy.sharing != "independent":
        raise InputError("sharing = 'shared' is not allowed with a sequential update: it must be 'independent'")
    table = policy.parameters.detach().float().clone()
    actors = []
    for i in range(len(table)):
        leaf = table[i : i + 1].detach().requires_grad_(True)  # same storage: an in-place step shows in the table
        actors.append(Actor(replace(policy, parameters=leaf), adam(leaf, settings.actor_lr, settings)))
    return SequentialActors(replace(policy, parameters=table), table, actors)


def sequential(team: SequentialActors, decisions: PackedDecisions, settings: Settings, seed: int) -> AgentFacts:
    """HAPPO: one round over all agents. Cost: N times one agent's PPO; nothing is batched over agents."""
    return _round(team, decisions, settings, seed, ppo_norms)


def trust_region(team: SequentialActors, decisions: PackedDecisions, settings: Settings, seed: int) -> AgentFacts:
    """HATRPO: the same with one step of each agent within its trust region."""
    return _round(team, decisions, settings, seed, natural_step)


def _round(
    team: SequentialActors, decisions: PackedDecisions, settings: Settings, seed: int, step: AgentStep
) -> AgentFacts:
    n = decisions.live.shape[1]
    product = torch.ones(int(decisions.step.max()) + 1, dtype=torch.float32, device=decisions.step.device)
    norms = {}
    for i in torch.randperm(n, generator=generator(seed, 8)).tolist():
        alone = decisions.agents(torch.tensor([i], device=product.device))
        change, norms[i] = _ratio_after(team.actors[i], alone, settings, seed, product, step)
        product = product * change
    with torch.no_grad():
        whole = Actor(team.policy, team.actors[0].optimiser)
        ended = sums(decisions.live, Now.of(whole, decisions), settings.clip)
    return AgentFacts(ended, torch.cat([norms[i] for i in range(n)], dim=1), in_turn=True)


def _ratio_after(
    actor: Actor, alone: PackedDecisions, settings: Settings, seed: int, product: Tensor, step: AgentStep
) -> tuple[Tensor, Tensor]:
    """Update one agent; its new / old probability at every step of the roll-outs, 1 where it did not decide, and the
    norms of its gradient [steps, 1]."""
    norms = step(actor, alone.scaled(product[alone.step]), settings, seed)
    with torch.no_grad():
        ratio = Now.of(actor, alone).ratio
        change = torch.ones_like(product)
        change[alone.step[alone.live]] = ratio[alone.live]
        return change, norms

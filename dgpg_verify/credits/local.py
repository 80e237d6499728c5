"""The part of the reward near an agent, as in networked systems (Qu, Wierman & Li 2020).

`local:HOPS` counts what is paid on the coordinates that the agent, or an agent within HOPS hops, can touch, and for
those agents' own actions. Two agents are one hop apart when they can touch a common coordinate. With HOPS = 0 nothing
is left out that the agent's action can change: in a one-shot system every HOPS has mean grad J, and more hops only add
noise. Needs a one-shot system whose reward splits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from dgpg_verify.core import HasSplitRewards, InputError, Rollout, check_int, offers
from dgpg_verify.credits.base import fitted
from dgpg_verify.rollouts import own_action_influence


@dataclass(frozen=True, eq=False)
class LocalReturnCredit:
    """w_i = sum of the rewards of coordinates and agents near i, minus its pilot mean.

    near_coordinates, near_agents int64 [2, pairs]: each agent with what is near it, as seen in the first roll-out of
    the pilot; baseline [N]. Cost: O(B pairs).
    """

    hops: int = 0
    near_coordinates: Tensor | None = None
    near_agents: Tensor | None = None
    baseline: Tensor | None = None
    keeps_states: bool = True

    def __post_init__(self) -> None:
        check_int("hops", self.hops, 0)

    @property
    def name(self) -> str:
        return f"local:{self.hops}"

    def fit(self, pilot: Sequence[Rollout]) -> LocalReturnCredit:
        coordinates, agents = _near(pilot[0], self.hops)
        found = replace(self, near_coordinates=coordinates, near_agents=agents)
        return replace(found, baseline=torch.cat([found.plain(rollout) for rollout in pilot]).mean(0))

    def __call__(self, rollout: Rollout) -> Tensor:
        weights = (self.plain(rollout) - fitted(self.name, self.baseline))[:, None]
        return torch.where(rollout.active, weights, 0.0)

    def plain(self, rollout: Rollout) -> Tensor:
        """The rewards near each agent, [B, N] float64."""
        system = rollout.system
        if system.horizon != 1 or not offers(system, HasSplitRewards) or rollout.states is None:
            raise InputError(f"{self.name} needs a one-shot system with split_rewards(state, actions) and kept states")
        of_coordinates, of_agents = system.split_rewards(rollout.states[0], rollout.actions[:, 0])
        nearby = _summed(of_coordinates, fitted(self.name, self.near_coordinates), of_agents.shape[1])
        return nearby + _summed(of_agents, fitted(self.name, self.near_agents), of_agents.shape[1])

    def unbiased(self, rollout: Rollout) -> bool:
        return True


def _summed(rewards: Tensor, near: Tensor, n_agents: int) -> Tensor:
    """Sums of rewards [B, .] over what is near each agent, [B, N]."""
    ones, shape = rewards.new_ones(near.shape[1]), (n_agents, rewards.shape[1])
    return torch.sparse.mm(torch.sparse_coo_tensor(near, ones, shape, check_invariants=False), rewards.T).T.double()


def _near(rollout: Rollout, hops: int) -> tuple[Tensor, Tensor]:
    """Pairs of an agent and a coordinate, and of two agents, that are near, from what actions touch at the start."""
    z = own_action_influence(rollout)
    index, touched = (part[0, 0].flatten(1).cpu().numpy() for part in (z.index, z.value != 0.0))
    agent, slot = touched.nonzero()
    n, ones = len(index), np.ones(len(agent))
    reach = _met(sparse.csr_array((ones, (agent, index[agent, slot])), shape=(n, rollout.x.shape[-1])))
    agents = sparse.csr_array(sparse.eye_array(n))
    for _ in range(hops):
        agents = _met(agents @ (reach @ reach.T) + agents)  # an agent that touches nothing still is near itself
    pairs = (near.tocoo().coords for near in (_met(agents @ reach), agents))
    coordinates, others = (torch.as_tensor(np.stack(places).astype(np.int64)).to(z.index.device) for places in pairs)
    return coordinates, others


def _met(counts: sparse.csr_array) -> sparse.csr_array:
    """1 where there is anything."""
    return (counts != 0.0).astype(np.float64)

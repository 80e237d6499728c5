"""Cross-agent share by pick and freeze: how much of an agent's gradient variance the others' randomness causes.

share_i = 1/2 E |g_i(U_0, U_i, U_-i) - g_i(U_0, U_i, U'_-i)|^2 / V_i: the total effect of the others' streams,
with the environment's stream U_0 and the agent's own U_i frozen. Frozen are uniforms, not actions: an agent may
act differently when what it sees has changed. Up to max(1, N/50) agents are frozen at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from dgpg_verify.measurement.combine import Basis
from dgpg_verify.measurement.gradients_of import chunk_size, gradients_of
from dgpg_verify.measurement.request import Setup

MAX_SETS = 4  # agents are sampled in at most so many frozen sets
FREEZE_STREAM = 2  # spawn key of the noise used here, apart from the main and the pilot roll-outs


@dataclass(frozen=True)
class FrozenPairs:
    """agents [A]: those sampled; products [C, C, A]: 1/2 E (g - g')(g - g')^T traced."""

    agents: NDArray[np.int64]
    products: NDArray[np.float64]


def pick_and_freeze(setup: Setup, basis: Basis, pairs: int) -> FrozenPairs:
    """Measure the cross-agent products of the basis credits. Cost: 2 x pairs x sets roll-outs."""
    sets = frozen_sets(setup.system.n_agents, setup.seeds["freeze"])
    products = [_one_set(setup, basis, agents, pairs, number) for number, agents in enumerate(sets)]
    return FrozenPairs(np.concatenate(sets), np.concatenate(products, axis=-1))


def frozen_sets(n_agents: int, seed: int) -> list[NDArray[np.int64]]:
    """Disjoint random sets of max(1, N // 50) agents, at most MAX_SETS of them."""
    size = max(1, n_agents // 50)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(FREEZE_STREAM,)))
    order = rng.permutation(n_agents)
    count = min(MAX_SETS, n_agents // size)
    return [order[k * size : (k + 1) * size].astype(np.int64) for k in range(count)]


def _one_set(setup: Setup, basis: Basis, agents: NDArray[np.int64], pairs: int, number: int) -> NDArray[np.float64]:
    system, policy = setup.system, setup.policy
    stream = np.random.SeedSequence(setup.seeds["freeze"], spawn_key=(FREEZE_STREAM, number))
    picked = torch.as_tensor(agents, device=setup.device)
    mask = torch.zeros(system.n_agents, dtype=torch.bool, device=setup.device)
    mask[picked] = True
    total: NDArray[np.float64] = np.zeros((len(basis.credits), len(basis.credits), len(agents)))
    first, second = (setup.noises(int(seed), pairs, chunk_size(system)) for seed in stream.generate_state(2))
    for noise, fresh in zip(first, second, strict=True):
        change = (
            gradients_of(system, policy, basis.credits, noise)[:, :, picked]
            - gradients_of(system, policy, basis.credits, noise.freeze(fresh, mask))[:, :, picked]
        ).double()
        by_agent = change.permute(2, 0, 1, 3).flatten(2)
        total += 0.5 * (by_agent @ by_agent.transpose(1, 2)).permute(1, 2, 0).cpu().numpy()
    return total / pairs

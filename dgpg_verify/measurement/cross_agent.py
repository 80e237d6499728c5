"""Cross-agent share by pick and freeze: how much of an agent's gradient variance the others' randomness causes.

share_i = 1/2 E |g_i(U_0, U_i, U_-i) - g_i(U_0, U_i, U'_-i)|^2 / V_i: the total effect of the others' streams,
with the environment's stream U_0 and the agent's own U_i frozen. Frozen are uniforms, not actions: an agent may
act differently when what it sees has changed. Up to max(1, N/50) agents are frozen at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dgpg_verify.core import Noise
from dgpg_verify.measurement.combine import Basis
from dgpg_verify.measurement.gradients_of import batches, chunk_size, gradient_blocks
from dgpg_verify.measurement.request import Setup

MAX_SETS = 4  # agents are sampled in at most so many frozen sets
FREEZE_STREAM = 2  # spawn key of the noise used here, apart from the main and the pilot roll-outs


@dataclass(frozen=True)
class FrozenPairs:
    """agents [A]: those sampled; products [C, C, A]: 1/2 E (g - g')(g - g')^T traced."""

    agents: NDArray[np.int64]
    products: NDArray[np.float64]


def pick_and_freeze(setup: Setup, basis: Basis, pairs: int) -> FrozenPairs:
    """Measure the cross-agent products of the basis credits. Cost: 2 x pairs x sets roll-outs, as many sets side by
    side as a chunk holds; one at least, which may be two chunks."""
    sets, c = frozen_sets(setup.system.n_agents, setup.seeds["freeze"]), len(basis.credits)
    places = np.split(np.arange(sum(map(len, sets))), np.cumsum([len(agents) for agents in sets])[:-1])
    products = [np.zeros((c, c, len(agents))) for agents in sets]
    together = max(1, chunk_size(setup.system) // (2 * min(pairs, chunk_size(setup.system))))
    for twins in batches(_twins(setup, sets, pairs), together):
        noise = Noise.joined([part for _, *both in twins for part in both])
        gradients = _gradients_at(setup, basis, noise, np.concatenate(sets))
        sizes = [2 * len(first) for _, first, _ in twins]
        for (number, *_), part in zip(twins, gradients.split(sizes, dim=1), strict=True):
            first, second = part.chunk(2, dim=1)
            change = (first - second)[:, :, places[number]]
            by_agent = change.double().permute(2, 0, 1, 3).flatten(2)
            products[number] += 0.5 * (by_agent @ by_agent.transpose(1, 2)).permute(1, 2, 0).cpu().numpy()
    return FrozenPairs(np.concatenate(sets), np.concatenate(products, axis=-1) / pairs)


def _twins(setup: Setup, sets: Sequence[NDArray[np.int64]], pairs: int) -> Iterator[tuple[int, Noise, Noise]]:
    """Number of the set, some roll-outs' noise, and the same with other noise for all agents outside the set."""
    for number, agents in enumerate(sets):
        stream = np.random.SeedSequence(setup.seeds["freeze"], spawn_key=(FREEZE_STREAM, number))
        mask = torch.zeros(setup.system.n_agents, dtype=torch.bool, device=setup.device)
        mask[torch.as_tensor(agents, device=setup.device)] = True
        chunk = chunk_size(setup.system)
        first, second = (setup.noises(int(seed), pairs, chunk) for seed in stream.generate_state(2))
        for noise, fresh in zip(first, second, strict=True):
            yield number, noise, noise.freeze(fresh, mask)


def _gradients_at(setup: Setup, basis: Basis, noise: Noise, agents: NDArray[np.int64]) -> Tensor:
    """Gradients of some agents alone, [C, B, A, P], in their order."""
    order = np.argsort(agents)
    found = []
    for block, gradients in gradient_blocks(setup.system, setup.policy, basis.credits, noise):
        inside = agents[order][(agents[order] >= block.start) & (agents[order] < block.stop)]
        found.append(gradients[:, :, torch.as_tensor(inside - block.start, device=setup.device)])
    return torch.cat(found, dim=2)[:, :, torch.as_tensor(np.argsort(order), device=setup.device)]


def frozen_sets(n_agents: int, seed: int) -> list[NDArray[np.int64]]:
    """Disjoint random sets of max(1, N // 50) agents, at most MAX_SETS of them."""
    size = max(1, n_agents // 50)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(FREEZE_STREAM,)))
    order = rng.permutation(n_agents)
    count = min(MAX_SETS, n_agents // size)
    return [order[k * size : (k + 1) * size].astype(np.int64) for k in range(count)]

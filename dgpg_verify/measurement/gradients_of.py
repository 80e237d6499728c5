"""The gradients of one chunk: one roll-out, one score, many credits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from dgpg_verify.core import (
    Credit,
    HasDecideFully,
    HasScoreBlocks,
    Noise,
    Policy,
    System,
    check_finite,
    offers,
)
from dgpg_verify.rollouts.collect import collect_fully

CHUNK_WORK = 1_000_000  # N T K B numbers in one chunk; depends on nothing else, so results do not either
MAX_CHUNK = 256


def chunk_size(system: System) -> int:
    """Roll-outs in a chunk, from (N, T, K) alone."""
    work = system.n_agents * system.horizon * max(system.n_actions, 1)
    return max(1, min(MAX_CHUNK, CHUNK_WORK // work))


def gradients_of(system: System, policy: Policy, credits: Sequence[Credit], noise: Noise) -> Tensor:
    """g[c, b, i] = sum_t w_t,i psi_t,i for every credit on the same roll-outs: [C, B, N, P].

    Raises NonFiniteError naming [credit, roll-out, step, agent] when a credit is not finite.
    """
    return torch.cat([gradients for _, gradients in gradient_blocks(system, policy, credits, noise)], dim=2)


def gradient_blocks(
    system: System, policy: Policy, credits: Sequence[Credit], noise: Noise
) -> Iterator[tuple[slice, Tensor]]:
    """The same in blocks of agents, (agents, [C, B, n, P]), so that large gradients never exist all at once.

    A policy that offers `HasScoreBlocks` decides on the blocks; any other gives one.
    """
    keep = any(credit.keeps_states for credit in credits)
    rollout, probabilities = collect_fully(system, policy, noise, keep_states=keep)
    weights = torch.stack([credit(rollout) for credit in credits])
    check_finite("credit weight [credit, roll-out, step, agent] = ", weights)
    everyone = slice(0, system.n_agents)
    if offers(policy, HasScoreBlocks):
        yield from policy.score_blocks(rollout, weights)
    elif probabilities is not None and offers(policy, HasDecideFully):
        yield everyone, policy.score_products(rollout, weights, probabilities)
    else:
        yield everyone, policy.score_products(rollout, weights)

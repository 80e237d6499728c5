"""The gradients of one chunk: one roll-out, one score, many credits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TypeVar

import torch
from torch import Tensor

from dgpg_verify.core import (
    Credit,
    HasActionBlocks,
    HasActionWeights,
    HasDecideFully,
    HasScoreBlocks,
    Noise,
    Policy,
    Rollout,
    System,
    check_finite,
    offers,
)
from dgpg_verify.credits.base import own_probabilities
from dgpg_verify.measurement.accumulate import GROUPS
from dgpg_verify.rollouts.collect import collect_fully

T = TypeVar("T")
CHUNK_WORK = 1_000_000  # N T K B numbers in one chunk; depends on nothing else, so results do not either
MAX_CHUNK = 256


def chunk_size(system: System) -> int:
    """Roll-outs in a chunk, from (N, T, K) alone."""
    work = system.n_agents * system.horizon * max(system.n_actions, 1)
    return max(1, min(MAX_CHUNK, CHUNK_WORK // work))


def chunks_at_once(system: System, rollouts: int, groups: int) -> tuple[int, int]:
    """Roll-outs of a chunk, and how many chunks are played side by side: each group gets some of a few roll-outs, which
    together are no more than a chunk of many."""
    largest = chunk_size(system)
    chunk = min(largest, max(1, rollouts // GROUPS))  # more credits, same noise
    return chunk, min(groups, largest // chunk)


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """`size` items at a time; fewer in the last batch."""
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch


def gradients_of(system: System, policy: Policy, credits: Sequence[Credit], noise: Noise) -> Tensor:
    """g[c, b, i] = sum_t w_t,i psi_t,i for every credit on the same roll-outs: [C, B, N, P].

    Raises NonFiniteError naming [credit, roll-out, step, agent] when a credit is not finite.
    """
    return torch.cat([gradients for _, gradients in gradient_blocks(system, policy, credits, noise)], dim=2)


def gradient_blocks(
    system: System, policy: Policy, credits: Sequence[Credit], noise: Noise
) -> Iterator[tuple[slice, Tensor]]:
    """`gradients_of` in blocks of agents, (agents, [C, B, n, P]), so that large gradients never exist all at once.

    A policy that offers `HasScoreBlocks` decides on the blocks; any other gives one.
    """
    keep = any(credit.keeps_states for credit in credits)
    rollout, probabilities = collect_fully(system, policy, noise, keep_states=keep)
    if any(offers(credit, HasActionWeights) for credit in credits):
        yield from _with_action_weights(rollout, credits)
        return
    weights = _weights(rollout, credits)
    everyone = slice(0, system.n_agents)
    if offers(policy, HasScoreBlocks):
        yield from policy.score_blocks(rollout, weights)
    elif probabilities is not None and offers(policy, HasDecideFully):
        yield everyone, policy.score_products(rollout, weights, probabilities)
    else:
        yield everyone, policy.score_products(rollout, weights)


def _weights(rollout: Rollout, credits: Sequence[Credit]) -> Tensor:
    """Weights of the actions taken, [C, B, T, N]; there may be no credit."""
    none = rollout.active.new_zeros(0, *rollout.active.shape, dtype=torch.float64)
    weights = torch.stack([credit(rollout) for credit in credits]) if credits else none
    check_finite("credit weight [credit, roll-out, step, agent] = ", weights)
    return weights


def _with_action_weights(rollout: Rollout, credits: Sequence[Credit]) -> Iterator[tuple[slice, Tensor]]:
    """Blocks of credits of which some weigh all actions. Cost beside that of the others: one score pass for each of
    those where the policy offers `HasActionBlocks`, else one for each action."""
    places = sorted(range(len(credits)), key=lambda c: offers(credits[c], HasActionWeights))  # scalar ones first
    every = [credit.action_weights(rollout) for credit in credits if offers(credit, HasActionWeights)]
    weights = _weights(rollout, [credits[c] for c in places[: len(credits) - len(every)]])
    action_weights = torch.where(rollout.active[..., None], torch.stack(every), 0.0)
    check_finite("action weight [credit, roll-out, step, agent, action] = ", action_weights)
    order = torch.tensor(places, device=weights.device).argsort()
    for agents, products in _action_blocks(rollout, weights, action_weights):
        yield agents, products if places == sorted(places) else products.index_select(0, order)


def _action_blocks(rollout: Rollout, weights: Tensor, action_weights: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """See `HasActionBlocks`; for any policy that gives probabilities, by playing each action in turn."""
    policy = rollout.policy
    if offers(policy, HasActionBlocks):
        yield from policy.action_blocks(rollout, weights, action_weights)
        return
    shares = action_weights * own_probabilities(rollout)
    by_action = []
    for k in range(shares.shape[-1]):
        taken = rollout.seen.mask[..., k] & rollout.active
        played = replace(rollout, actions=torch.where(taken, k, -1))
        by_action.append(policy.score_products(played, torch.where(taken, shares[..., k], 0.0)))
    products = torch.cat([policy.score_products(rollout, weights), torch.stack(by_action).sum(0)])
    yield slice(0, rollout.system.n_agents), products

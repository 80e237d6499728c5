"""The tree of everything that can happen in a small finite system on one fixed environment stream; slow and plain.

Nodes of level t are the histories of joint actions before step t; an edge is one joint action that the masks allow.
Every edge keeps what its step gave, and what it would have given without each agent's action.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dgpg_verify.core import HasProbabilities, InputError, Observation, Policy, System, Transition, offers
from dgpg_verify.core.trees import map_tensors

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Score = Callable[[Observation, Tensor], Array]  # of actions [C, N]: [C, N, P]
MAX_SEQUENCES = 1_000_000
BATCH = 256  # decisions differentiated at a time


@dataclass(frozen=True, eq=False)
class Level:
    """Step t of the tree: B nodes and C edges, edge e leading to node e of level t + 1.

    state, seen: of the nodes; policy [B, N, K]; active [B, N]; parent [C]; actions [C, N] (-1 = none); probability
    [C] of the history with this edge; score [C, N, P]; z [C, N, D] = x - x without the agent's action; difference
    [C, N] = reward - reward without it; transition: as the system gave it, reward [C], x, x_observed, reference [C, D].
    """

    state: Any
    seen: Observation
    policy: Array
    active: NDArray[np.bool_]
    parent: Indices
    actions: Indices
    probability: Array
    score: Array
    z: Array
    difference: Array
    transition: Transition

    def of_edges(self, name: str) -> Any:
        """A field of the edges or of their transition, [C, ...]."""
        return getattr(self, name) if hasattr(self, name) else _numpy(getattr(self.transition, name))


def grow_tree(system: System, policy: Policy, environment: Tensor, score: Score | None = None) -> list[Level]:
    """All levels of the tree. environment [T, E] uniforms; score: see `policy_scores`.

    Raises InputError for continuous actions, more than 10^6 action sequences K^(N T), or a wrong stream.
    Cost: one step of the system per edge and agent.
    """
    n, k, horizon = system.n_agents, system.n_actions, system.horizon
    if k < 1 or k ** (n * horizon) > MAX_SEQUENCES:
        raise InputError(
            f"n_actions^(n_agents * horizon) = {k}^{n * horizon} sequences is not allowed: it must be in "
            f"[1, {MAX_SEQUENCES}]"
        )
    shape = (horizon, system.noise_size)
    if tuple(environment.shape) != shape:
        raise InputError(f"environment has shape {tuple(environment.shape)}: it must be [T, E] = {shape}")
    probabilities = policy.probabilities if offers(policy, HasProbabilities) else None
    if probabilities is None:
        raise InputError("the policy has no probabilities(seen): trajectory enumeration needs them")
    state, weight, levels = system.start(environment.double()[None]), np.ones(1), list[Level]()
    find_scores = score or policy_scores(policy)
    for _ in range(horizon):
        levels.append(_expand(system, probabilities, find_scores, state, weight))
        state, weight = levels[-1].transition.next_state, levels[-1].probability
    total = float(weight.sum())
    if abs(total - 1.0) > 1e-9:
        raise InputError(f"the histories' probabilities sum to {total}: an active agent has no allowed action")
    return levels


def _expand(
    system: System, probabilities: Callable[[Observation], Tensor], score: Score, state: Any, weight: Array
) -> Level:
    """One more level: every joint action that the masks allow, from B states [B] of probability weight [B]."""
    seen = system.observe(state)
    policy = probabilities(seen).detach().double().numpy()
    active = seen.active.numpy().astype(bool)
    parent, actions, chance = _possible_actions(policy, active, seen.mask.numpy().astype(bool))
    before, played = take(state, parent), torch.as_tensor(actions)
    transition = system.step(before, played)
    z, difference = _without_each(system, before, played, transition)
    return Level(
        state=state,
        seen=seen,
        policy=policy,
        active=active,
        parent=parent,
        actions=actions,
        probability=weight[parent] * chance,
        score=score(take(seen, parent), played),
        z=z,
        difference=difference,
        transition=transition,
    )


def _possible_actions(
    policy: Array, active: NDArray[np.bool_], mask: NDArray[np.bool_]
) -> tuple[Indices, Indices, Array]:
    """Node [C], actions [C, N] and chance [C] of every edge."""
    _, n, k = policy.shape
    joint, agents = np.stack(np.unravel_index(np.arange(k**n), (k,) * n), axis=1), np.arange(n)
    chance = np.where(active[:, None], policy[:, agents, joint], joint[None] == 0)
    possible = np.where(active[:, None], mask[:, agents, joint], True).all(2) & (chance.prod(2) > 0.0)
    parent, which = np.nonzero(possible)
    actions = np.where(active[parent], joint[which], -1).astype(np.int64)
    return parent, actions, chance[parent, which].prod(1)


def _without_each(system: System, before: Any, played: Tensor, transition: Transition) -> tuple[Array, Array]:
    """x [C, N, D] and reward [C, N] less what they would be without each agent's action."""
    z, difference = [], []
    for i in range(played.shape[1]):
        less = played.clone()
        less[:, i] = -1
        without = system.step(before, less)
        z.append(_numpy(transition.x) - _numpy(without.x))
        difference.append(_numpy(transition.reward) - _numpy(without.reward))
    return np.stack(z, axis=1), np.stack(difference, axis=1)


def take(value: Any, rows: Indices) -> Any:
    """Rows of every tensor in a (nested) dataclass, tuple or list; other values are kept."""
    index = torch.as_tensor(rows)
    return map_tensors(lambda tensor: tensor[index] if tensor.ndim else tensor, value)


def policy_scores(policy: Policy) -> Score:
    """grad log pi(a_i | o_i) of every agent, [C, N, P], by back-propagation through `policy.log_prob`.

    The policy must be a dataclass with a field `parameters`, [N, P] (independent: agent i's block only enters its
    own probability) or [P] (shared). Cost: one backward pass per decision, and per agent if shared.
    """
    if not dataclasses.is_dataclass(policy) or "parameters" not in {f.name for f in dataclasses.fields(policy)}:
        raise InputError(f"{type(policy).__name__} has no field `parameters`: give a score formula instead")

    def score(seen: Observation, actions: Tensor) -> Array:
        parameters = policy.parameters.detach().clone().requires_grad_(True)
        live = dataclasses.replace(policy, parameters=parameters)
        log_prob = live.log_prob(seen, actions)
        size, n = log_prob.shape
        shared = policy.sharing == "shared"
        outputs = log_prob.flatten() if shared else log_prob.sum(1)
        rows = []
        for first in range(0, len(outputs), BATCH):
            picks = torch.zeros(min(BATCH, len(outputs) - first), len(outputs), dtype=outputs.dtype)
            picks[torch.arange(len(picks)), first + torch.arange(len(picks))] = 1.0
            (part,) = torch.autograd.grad(outputs, parameters, picks, retain_graph=True, is_grads_batched=True)
            rows.append(part.double().numpy())
        return np.concatenate(rows).reshape(size, n, -1)

    return score


def _numpy(values: Tensor) -> Array:
    return np.asarray(values.detach().double().numpy(), dtype=np.float64)

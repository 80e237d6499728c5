"""Counterfactual re-runs from kept states: the same uniforms, one action replaced."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from dgpg_verify.core import (
    HasRemovalGains,
    HasRemovalRewards,
    HasReplacedRewards,
    Influence,
    InputError,
    Rollout,
    offers,
)
from dgpg_verify.core.trees import repeat_rollouts

Found = TypeVar("Found")


def one_step_rewards(rollout: Rollout, defaults: Tensor | None = None) -> Tensor:
    """Reward of each step had agent i alone played its default: [B, T, N].

    `defaults` [B, T, N]; None = no action (-1). Uses the system's closed form `removal_rewards` (no action) or
    `replaced_rewards` (given defaults) when it has one, else N re-steps of every kept state.
    Cost: O(B T N) with the closed form, O(B T N) steps without.
    """
    system, states = rollout.system, _kept_states(rollout)
    rewards = []
    for t, state in enumerate(states):
        actions_t = rollout.actions[:, t]
        if defaults is None and offers(system, HasRemovalRewards):
            rewards.append(system.removal_rewards(state, actions_t))
        elif defaults is not None and offers(system, HasReplacedRewards):
            rewards.append(system.replaced_rewards(state, actions_t, defaults[:, t]))
        else:
            default_t = torch.full_like(actions_t, -1) if defaults is None else defaults[:, t]
            rewards.append(restep_rewards(rollout, t, default_t))
    return torch.stack(rewards, dim=1)


def restep_rewards(rollout: Rollout, t: int, default: Tensor) -> Tensor:
    """Rewards [B, N] of step t had agent i alone played default[:, i], by brute force: each is stepped separately."""
    state, actions = _kept_states(rollout)[t], rollout.actions[:, t]
    size, n = actions.shape
    replaced = actions.repeat_interleave(n, dim=0)
    agent = torch.arange(n, device=actions.device).repeat(size)
    rows = torch.arange(size * n, device=actions.device)
    replaced[rows, agent] = default.reshape(-1)
    return rollout.system.step(repeat_rollouts(state, n), replaced).reward.view(size, n)


def replay_gains(rollout: Rollout, defaults: Tensor | None = None) -> Tensor:
    """Discounted return minus that had agent i alone played its default at t, later actions as recorded: [B, T, N].

    No agent reacts: the environment's uniforms and all other actions, later ones too, are replayed. `defaults` as in
    `one_step_rewards`. Uses the system's `removal_gains` (no action) when it has one, else replays the rest of the
    episode for each decision. Cost: see there, else N T replays of T/2 steps on average.
    """
    states = _kept_states(rollout)
    if defaults is None and offers(rollout.system, HasRemovalGains):
        return rollout.system.removal_gains(states[0], rollout.actions)
    return replay_each(rollout, torch.full_like(rollout.actions, -1) if defaults is None else defaults)


def replay_each(rollout: Rollout, defaults: Tensor) -> Tensor:
    """What a decision adds to the discounted return over its default, [B, T, N], by brute force: the rest of the
    episode is stepped for every decision separately."""
    system, states = rollout.system, _kept_states(rollout)
    size, horizon, n = rollout.actions.shape
    agents = torch.arange(n, device=rollout.actions.device).repeat(size)
    gamma_r = system.discount ** torch.arange(horizon, dtype=torch.float64) * rollout.reward.double()
    to_go = gamma_r.flip(-1).cumsum(-1).flip(-1)
    gains = []
    for t in range(horizon):
        state, without = repeat_rollouts(states[t], n), to_go.new_zeros(size * n)
        for s in range(t, horizon):
            actions_s = rollout.actions[:, s].repeat_interleave(n, dim=0)
            if s == t:
                actions_s[torch.arange(size * n), agents] = defaults[:, t].reshape(-1)
            transition = system.step(state, actions_s)
            without += system.discount**s * transition.reward
            state = transition.next_state
        gains.append(to_go[:, t, None] - without.view(size, n))
    return torch.stack(gains, dim=1)


def branch_returns(rollout: Rollout, t: int, agents: Tensor, replacement: Tensor) -> Tensor:
    """Discounted reward from step t to the end had agent i played `replacement` at t, the others reacting.

    Every agent keeps its own uniforms after t (its action may change with what it sees). agents int64 [A];
    replacement [B, A] -> returns [B, A], discounted to time 0. Cost: A re-runs of T - t steps.
    """
    system, policy = rollout.system, rollout.policy
    size, count = replacement.shape
    state = repeat_rollouts(_kept_states(rollout)[t], count)
    actions_s = rollout.actions[:, t].repeat_interleave(count, dim=0)
    actions_s[torch.arange(size * count), agents.repeat(size)] = replacement.reshape(-1)
    to_go = torch.zeros(size * count, dtype=torch.float64, device=actions_s.device)
    with torch.no_grad():
        for s in range(t, system.horizon):
            if s > t:
                noise_s = rollout.noise.agents[:, s].repeat_interleave(count, dim=0)
                actions_s = policy.act(system.observe(state), noise_s)
            transition = system.step(state, actions_s)
            to_go += system.discount**s * transition.reward
            state = transition.next_state
    return to_go.view(size, count)


def _once(work: Callable[[Rollout], Found]) -> Callable[[Rollout], Found]:
    """Kept while the roll-out lives: several credits of a measurement ask for the same."""
    kept: WeakKeyDictionary[Rollout, Found] = WeakKeyDictionary()

    @wraps(work)
    def found(rollout: Rollout) -> Found:
        if rollout not in kept:
            kept[rollout] = work(rollout)
        return kept[rollout]

    return found


@_once
def own_action_returns(rollout: Rollout) -> Tensor:
    """Discounted reward from step t to the end had agent i alone played k at t, for every k: [B, T, N, K] float64.

    The uniforms are those of the roll-out, so that the entry of the action taken is what was received; agents react,
    as in `branch_returns`, by the policy as it is when first asked. Entries of actions that are not allowed repeat it.
    Cost: K `one_step_rewards` for one step, else N K T re-runs of T/2 steps on average.
    """
    system, agents = rollout.system, torch.arange(rollout.actions.shape[-1], device=rollout.actions.device)
    columns = []
    for k in range(_choices(rollout)):
        played = torch.where(rollout.seen.mask[..., k] & rollout.active, k, rollout.actions)
        if system.horizon == 1:
            columns.append(one_step_rewards(rollout, played).double())
        else:
            steps = [branch_returns(rollout, t, agents, played[:, t]) for t in range(system.horizon)]
            columns.append(torch.stack(steps, dim=1))
    return torch.stack(columns, dim=-1)


@_once
def own_action_influence(rollout: Rollout) -> Influence:
    """z of every action that each agent could have taken, index and value [B, T, N, K, S]; 0 where it is not allowed.

    Read off steps in which all agents play the same slot: what an action adds depends on no other action. Cost: K T
    steps.
    """
    steps = []
    for t, state in enumerate(_kept_states(rollout)):
        allowed = rollout.seen.mask[:, t] & rollout.active[:, t, :, None]
        played = (torch.where(allowed[..., k], k, -1) for k in range(_choices(rollout)))
        steps.append([rollout.system.step(state, actions).influence for actions in played])
    index, value = (
        torch.stack([torch.stack([getattr(z, name) for z in row], dim=2) for row in steps], dim=1)
        for name in ("index", "value")
    )
    return Influence(index, value)


def others_at(rollout: Rollout, index: Tensor) -> Tensor:
    """x without agent i's own z, at the coordinates index [B, T, N, ..., S]; float64, of that shape."""
    own, x = rollout.influence, rollout.x.double()
    found = x.gather(-1, index.flatten(2)).view(index.shape)
    between = (...,) + (None,) * (index.ndim - 3)
    for where, amount in zip(own.index.unbind(-1), own.value.double().unbind(-1), strict=True):
        found = found - torch.where(where[between] == index, amount[between], 0.0)
    return found


def _choices(rollout: Rollout) -> int:
    if not rollout.system.n_actions:
        raise InputError("actions are continuous: what every own action would give needs candidates")
    return rollout.system.n_actions


def _kept_states(rollout: Rollout) -> list[Any]:
    if rollout.states is None:
        raise InputError("this roll-out kept no states: collect(..., keep_states=True) is needed for re-runs")
    return list(rollout.states)

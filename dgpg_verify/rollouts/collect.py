"""Play a policy on a system with given noise, or several systems side by side, for measuring and for training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import fields
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor

from dgpg_verify.core import (
    HasActionInfluence,
    HasDecide,
    HasDecideFully,
    HasDefaultAction,
    Influence,
    InputError,
    Noise,
    NonFiniteError,
    Observation,
    Policy,
    Rollout,
    System,
    Transition,
    offers,
)
from dgpg_verify.core.trees import map_tensors


def collect(system: System, policy: Policy, noise: Noise, keep_states: bool = False, check: bool = True) -> Rollout:
    """Roll out B = len(noise) episodes of T steps; a pure function of its arguments.

    Parameters
    ----------
    noise : environment [B, T, E], agents [B, T, N, U].
    keep_states : keep the T pre-step states, for counterfactual re-runs (memory T x state).
    check : whether `check_rollout` is called at the end; False for a caller who does it part by part.

    Returns
    -------
    Rollout with leading axes [B, T].

    Raises
    ------
    NonFiniteError : a reward or state is NaN or infinite; names roll-out and step.

    Notes
    -----
    Cost: T x (observe + act + step), no loop over roll-outs, agents or servers.
    """
    rollout = _collect(system, policy, noise, keep_states, full=False)[0]
    if check:
        check_rollout(rollout)
    return rollout


def collect_fully(
    system: System, policy: Policy, noise: Noise, keep_states: bool = False
) -> tuple[Rollout, Tensor | None]:
    """The roll-out of `collect` and, where the policy gives them, probabilities of all candidates in it [B, T, N, K].

    A policy with `decide_fully(seen, noise)` has computed them to act; its scores then need no second pass over
    all candidates of the whole roll-out. None for any other. Raises as `collect`.
    """
    rollout, probabilities = _collect(system, policy, noise, keep_states, full=True)
    check_rollout(rollout)
    return rollout, probabilities


def _collect(
    system: System, policy: Policy, noise: Noise, keep_states: bool, full: bool
) -> tuple[Rollout, Tensor | None]:
    record, decide = _Record(system.horizon), _decider(policy, full)
    states: list[Any] = []
    with _without_autograd(system.horizon):
        state = system.start(noise.environment)
        for t in range(system.horizon):
            if keep_states:
                states.append(state)
            seen_t = system.observe(state)
            actions_t, log_prob_t, *probabilities_t = decide(seen_t, noise.agents[:, t])
            transition = system.step(state, actions_t)
            influence_t = _influence(system, policy, seen_t, actions_t, transition)
            values_t = _values(seen_t, actions_t, log_prob_t, transition, influence_t)
            if probabilities_t:
                values_t["probabilities"] = probabilities_t[0]
            record.write(t, seen_t.features, values_t)
            state = transition.next_state
    values = record.values()
    probabilities = values.pop("probabilities", None)
    seen = Observation(values.pop("features"), values.pop("mask"), values["active"])
    influence = Influence(values.pop("index"), values.pop("value"))
    kept_states = states if keep_states else None
    return Rollout(system, policy, noise, seen=seen, influence=influence, states=kept_states, **values), probabilities


class _Record:
    """Every step's values, each name in one tensor [B, T, ...] at the end.

    Features, most of a roll-out, are written in place as the steps come, since stacking a list would hold them twice;
    the other names are stacked, one after the other, which takes one operation per name instead of one per step.
    """

    def __init__(self, horizon: int) -> None:
        self.horizon = horizon
        self.features: Tensor | None = None
        self.steps: dict[str, list[Tensor]] = {}

    def write(self, t: int, features: Tensor, values: dict[str, Tensor]) -> None:
        if self.horizon == 1:
            self.features = features.unsqueeze(1)  # a view: what a system expands over roll-outs stays so
        else:
            if self.features is None:
                with torch.inference_mode(False):
                    self.features = features.new_empty(len(features), self.horizon, *features.shape[1:])
            self.features[:, t] = features
        for name, value in values.items():
            self.steps.setdefault(name, []).append(value)

    def values(self) -> dict[str, Tensor]:
        """All names, [B, T, ...]; the record is empty afterwards."""
        assert self.features is not None
        values = {"features": self.features}
        for name in list(self.steps):
            steps = self.steps.pop(name)
            values[name] = steps[0].unsqueeze(1) if self.horizon == 1 else torch.stack(steps, dim=1)
        return values


def _without_autograd(horizon: int) -> AbstractContextManager[None]:
    """Inference mode spares autograd's book-keeping, about a fifth of a small step. What it makes may not enter a
    later backward pass, so it suits only roll-outs whose record is copied step by step: not those of one step."""
    return torch.no_grad() if horizon == 1 else torch.inference_mode()


def _decider(policy: Policy, full: bool) -> Callable[[Observation, Tensor], tuple[Tensor, ...]]:
    """Observation, uniforms -> actions, their log-probabilities and, if `full` and the policy computes them anyway, the
    probabilities of all candidates; in one pass where the policy offers it."""
    if full and offers(policy, HasDecideFully):
        return policy.decide_fully
    if offers(policy, HasDecide):
        return policy.decide

    def decide(seen: Observation, noise: Tensor) -> tuple[Tensor, ...]:
        actions = policy.act(seen, noise)
        return actions, policy.log_prob(seen, actions)

    return decide


def _influence(system: System, policy: Policy, seen: Observation, actions: Tensor, transition: Transition) -> Influence:
    """Continuous systems measure an action against the policy's mean, discrete ones against no action."""
    if system.n_actions != 0 or not offers(policy, HasDefaultAction):
        return transition.influence
    if not offers(system, HasActionInfluence):
        raise InputError(f"{type(system).__name__} has continuous actions: it needs influence(delta) for this policy")
    return system.influence(actions - policy.default_action(seen))


def _values(
    seen: Observation, actions: Tensor, log_prob: Tensor, transition: Transition, influence: Influence
) -> dict[str, Tensor]:
    return {
        "mask": seen.mask, "active": seen.active,
        "actions": actions, "log_prob": log_prob, "reward": transition.reward,
        "x_observed": transition.x_observed, "x": transition.x, "reference": transition.reference,
        "index": influence.index, "value": influence.value,
    }  # fmt: skip


def split_rollout(rollout: Rollout, systems: Sequence[System], policies: Sequence[Policy]) -> list[Rollout]:
    """Equal parts of the roll-outs, in order, each with the system and the policy it was played with. Views."""
    size = len(rollout.noise) // len(systems)
    parts = []
    for k, (system, policy) in enumerate(zip(systems, policies, strict=True)):
        rows = itemgetter(slice(k * size, (k + 1) * size))
        values: dict[str, Any] = {"system": system, "policy": policy}
        for name in (field.name for field in fields(Rollout) if field.name not in values):
            values[name] = map_tensors(rows, getattr(rollout, name))
        parts.append(Rollout(**values))
    return parts


def check_rollout(rollout: Rollout) -> None:
    """Raise NonFiniteError naming roll-out and step where a reward or state is NaN or infinite."""
    for name in ("reward", "x", "reference"):
        values = getattr(rollout, name)
        if not bool(values.sum().isfinite()):
            bad = (~values.isfinite()).nonzero()
            if len(bad):
                where = bad[0].tolist()
                raise NonFiniteError(f"{name} is not finite at roll-out {where[0]}, step {where[1]}")

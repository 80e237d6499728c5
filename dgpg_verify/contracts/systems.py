"""Whether a system keeps its contract: a few whole roll-outs under the uniform policy, every value looked at."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from dgpg_verify.contracts.calls import called, check_tensor, pure
from dgpg_verify.core import (
    HasActionInfluence,
    InputError,
    Observation,
    System,
    Transition,
    check_int,
    check_real,
    draw_noise,
    lacking,
    offers,
    refusal,
    to_json,
)
from dgpg_verify.policies import make_policy

SIZES = {"n_agents": 1, "n_actions": 0, "horizon": 1, "state_size": 1, "noise_size": 0}  # the least allowed
PRIMES = (3, 5, 7, 11, 13, 17)  # numbers of roll-outs; one that is no other axis shows axes that are mixed up
F64, I64 = torch.float64, torch.int64


def check_system(system: Any) -> None:
    """Play a system for a few roll-outs and check every value against the contract (`core.System`).

    Checked: members and sizes; config() of JSON values; shapes and dtypes of observations and transitions; finite
    numbers; influence indices inside the state, zero influence without action, and influence that points where the
    state moves; `done` after the last step; the same result for the same noise, without any global generator and
    without a change of what is given.

    Raises
    ------
    InputError : the first value that is not as it must be, in one line that names it and what was expected.

    Notes
    -----
    Cost: about 10 roll-outs.
    """
    name = type(system).__name__
    if missing := lacking(system, System):
        raise InputError(f"system {name} lacks {', '.join(missing)}: it must have every member of core.System")
    for field, least in SIZES.items():
        check_int(f"{name}.{field}", getattr(system, field), least)
    check_real(f"{name}.discount", system.discount, 0.0, 1.0)
    _check_config(name, called(f"{name}.config()", system.config))
    _Play(name, system).to_the_end()


def rollouts_for(system: System) -> int:
    """A small number of roll-outs that is no other axis of this system's tensors."""
    taken = {system.n_agents, system.n_actions, system.horizon, system.state_size}
    return next(size for size in PRIMES if size not in taken)


def _check_config(name: str, config: Any) -> None:
    try:
        if not isinstance(config, dict):
            raise TypeError(f"it is a {type(config).__name__}")
        json.dumps(to_json(config))
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}.config() must return a dict of JSON values: {error}") from None


def _with_fields(what: str, value: Any, kind: type) -> Any:
    """`value`, or InputError unless it has the fields of the dataclass `kind`."""
    names = [field.name for field in fields(kind)]
    missing = [name for name in names if not hasattr(value, name)]
    if missing:
        lacks = "" if value is None else f" without {', '.join(missing)}"
        words = f"{kind.__name__}({', '.join(names)})"
        raise InputError(f"{what} returned {type(value).__name__}{lacks}: it must be {words}")
    return value


class _Play:
    """The roll-outs of one check. B roll-outs, N agents, K candidates (1 for continuous actions), D coordinates."""

    def __init__(self, name: str, system: System) -> None:
        self.name, self.system = name, system
        self.rollouts = rollouts_for(system)
        self.agents = (self.rollouts, system.n_agents)
        self.moved = self.claimed = self.agreed = 0.0  # squares of what removal changes and of z, and their product

    def to_the_end(self) -> None:
        system, name = self.system, self.name
        policy = make_policy("uniform", system)
        noise = draw_noise(0, 0, system, policy, self.rollouts)
        state = pure(f"{name}.start()", system.start, noise.environment)
        for t in range(system.horizon):
            seen = self._observation(pure(f"{name}.observe()", system.observe, state))
            actions = policy.act(seen, noise.agents[:, t])
            step = self._transition(pure(f"{name}.step()", system.step, state, actions))
            if system.n_actions and not (refusal(system, "difference") or refusal(system, "guidance")):
                self._removal(state, actions, step, t % system.n_agents)
            elif offers(system, HasActionInfluence):
                self._influence(f"{name}.influence()", called(f"{name}.influence()", system.influence, actions))
            state = step.next_state
        if not bool(step.done.all()):
            raise InputError(f"{name}.step().done is False after the last of {system.horizon} steps: it must be True")
        if max(self.moved, self.claimed) > 0.0 and self.agreed <= 0.0:
            raise InputError(
                f"{name}.step().influence does not point where x moves when an agent's action is taken away: it must "
                "hold what the action adds to x"
            )

    def _observation(self, seen: Any) -> Observation:
        what = f"{self.name}.observe()"
        _with_fields(what, seen, Observation)
        features = seen.features
        if getattr(features, "ndim", 0) != 4:
            found = list(getattr(features, "shape", ())) or type(features).__name__
            sizes = ", ".join(map(str, (*self.agents, self.system.n_actions or "K", "F")))
            raise InputError(f"{what}.features has shape {found}: it must be float [B, N, K, F] = [{sizes}]")
        candidates = self.system.n_actions or features.shape[2]
        shape = (*self.agents, candidates)
        check_tensor(f"{what}.features", features, "B, N, K, F", (*shape, features.shape[-1]), None)
        check_tensor(f"{what}.mask", seen.mask, "B, N, K", shape, torch.bool)
        check_tensor(f"{what}.active", seen.active, "B, N", self.agents, torch.bool)
        stuck = seen.active & ~seen.mask.any(-1)
        if bool(stuck.any()):
            raise InputError(
                f"{what}.mask allows agent {int(stuck.nonzero()[0, 1])} nothing: it must allow at least one "
                "candidate of an active agent"
            )
        return Observation(features, seen.mask, seen.active)

    def _transition(self, step: Any) -> Transition:
        what, size, state = f"{self.name}.step()", self.rollouts, self.system.state_size
        _with_fields(what, step, Transition)
        check_tensor(f"{what}.reward", step.reward, "B", (size,), F64)
        for name in ("x_observed", "x", "reference"):
            check_tensor(f"{what}.{name}", getattr(step, name), "B, D", (size, state), F64)
        check_tensor(f"{what}.done", step.done, "B", (size,), torch.bool)
        self._influence(f"{what}.influence", step.influence)
        found: Transition = step
        return found

    def _influence(self, what: str, influence: Any) -> None:
        for name in ("index", "value"):
            if not hasattr(influence, name):
                raise InputError(f"{what} is a {type(influence).__name__}: it must be Influence(index, value)")
        slots = influence.value.shape[-1] if getattr(influence.value, "ndim", 0) == 3 else 1
        check_tensor(f"{what}.index", influence.index, "B, N, S", (*self.agents, slots), I64)
        check_tensor(f"{what}.value", influence.value, "B, N, S", (*self.agents, slots), F64)
        last = self.system.state_size - 1
        wrong = influence.index[(influence.index < 0) | (influence.index > last)]
        if len(wrong):
            raise InputError(f"{what}.index holds {int(wrong[0])}: it must name coordinates of x in [0, {last}]")

    def _removal(self, state: Any, actions: Tensor, step: Transition, agent: int) -> None:
        """Take one agent's action away, and compare what that does to x with the agent's z."""
        idle = (actions < 0)[..., None]
        if bool((step.influence.value != 0)[idle.expand_as(step.influence.value)].any()):
            raise InputError(f"{self.name}.step().influence.value is not 0 for an agent with action -1: it must be 0")
        without = actions.clone()
        without[:, agent] = -1
        what = f"{self.name}.step() with action -1"
        moved = step.x - self._transition(called(what, self.system.step, state, without)).x
        z = torch.zeros_like(moved)
        z.scatter_add_(1, step.influence.index[:, agent], step.influence.value[:, agent])
        self.moved += float((moved**2).sum())
        self.claimed += float((z**2).sum())
        self.agreed += float((moved * z).sum())

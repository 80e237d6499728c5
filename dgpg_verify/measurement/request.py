"""What is to be measured and on what: the arguments of `measure_gradients`, checked before any work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dgpg_verify.contracts import check_own_system
from dgpg_verify.core import (
    Credit,
    HasCombination,
    InputError,
    Noise,
    Policy,
    System,
    check_int,
    check_unique,
    draw_noise,
    offers,
)
from dgpg_verify.core.trees import move
from dgpg_verify.credits import make_credit
from dgpg_verify.policies import make_policy
from dgpg_verify.systems import make_system

QUIET = ("branch", "difference", "return:to_go", "return")  # preferred targets, quietest first


def seeds_of(seed: int) -> dict[str, int]:
    """Independent seeds of the main, the pilot and the pick-freeze roll-outs."""
    state = np.random.SeedSequence(seed, spawn_key=(7,)).generate_state(3)
    return dict(zip(("main", "pilot", "freeze"), (int(value) for value in state), strict=True))


@dataclass(frozen=True)
class Setup:
    """System and policy on the device, number of roll-outs, and seeds."""

    system: System
    policy: Policy
    rollouts: int
    seeds: Mapping[str, int]
    device: str

    @property
    def shape(self) -> tuple[int, int]:
        """Agents and parameters of one agent, (N, P)."""
        return self.system.n_agents, self.policy.parameters.shape[-1]

    def noises(self, seed: int, total: int, chunk: int) -> Iterator[Noise]:
        """The uniforms of `total` roll-outs, `chunk` at a time."""
        for number, start in enumerate(range(0, total, chunk)):
            drawn = draw_noise(seed, number, self.system, self.policy, min(chunk, total - start))
            yield move(drawn, self.device)


@dataclass(frozen=True)
class Request:
    """The credits asked for. aliases: text given -> name of the credit; quiet: the credit that serves as target, where
    one was named; exact: grad J [N, P], where it was given."""

    credits: tuple[Credit, ...]
    aliases: Mapping[str, str]
    quiet: Credit | None
    exact: Tensor | None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(credit.name for credit in self.credits)

    @property
    def to_fit(self) -> tuple[Credit, ...]:
        """The requested credits and, last, a target that is not one of them."""
        if self.quiet is None or self.quiet.name in self.names:
            return self.credits
        return (*self.credits, self.quiet)


def make_setup(
    system: System | str, policy: Policy | str, agents: int | None, rollouts: int, seed: int, device: str
) -> Setup:
    """Raises InputError for a value outside its range, an unknown name, or a system of the caller's own that breaks
    the contract."""
    check_int("rollouts", rollouts, 2)
    check_int("seed", seed, 0)
    _check_device(device)
    system = _system(system, agents, seed)
    check_own_system(system)
    policy = make_policy(policy, system, seed) if isinstance(policy, str) else policy
    return Setup(move(system, device), move(policy, device), rollouts, seeds_of(seed), device)


def make_request(credits: Sequence[str | Credit], target: Any, setting: str, setup: Setup) -> Request:
    """Raises InputError for an unknown or repeated credit and for a target that cannot be one."""
    requested = tuple(make_credit(credit, setting) for credit in credits)
    names = check_unique("credits", [credit.name for credit in requested])
    aliases = {credit: name for credit, name in zip(credits, names, strict=True) if isinstance(credit, str)}
    if not isinstance(target, str):
        return Request(requested, aliases, None, None if target is None else _exact(target, setup.shape))
    quiet = make_credit(target, setting)
    if offers(quiet, HasCombination):
        raise InputError(f"target = {target!r} is not allowed: it must be measured directly, such as {QUIET[0]!r}")
    return Request(requested, aliases, quiet, None)


def _exact(target: Any, shape: tuple[int, int]) -> Tensor:
    values = torch.as_tensor(np.asarray(target, dtype=np.float64))
    if values.shape != shape:
        raise InputError(f"target has shape {tuple(values.shape)}: an exact gradient must be [N, P] = {shape}")
    if not bool(values.isfinite().all()):
        raise InputError("target holds a value that is not finite: an exact gradient must be finite")
    return values


def _system(system: System | str, agents: int | None, seed: int) -> System:
    if isinstance(system, str):
        return make_system(system, check_int("agents", 10 if agents is None else agents, 1), seed)
    if agents is not None and agents != system.n_agents:
        raise InputError(f"agents = {agents} is not allowed: this system has {system.n_agents} agents")
    return system


def _check_device(device: str) -> None:
    if device != "cpu" and not (device.startswith("cuda") and torch.cuda.is_available()):
        allowed = "cpu or cuda" if torch.cuda.is_available() else "cpu (no CUDA device is available)"
        raise InputError(f"device = {device!r} is not allowed: it must be {allowed}")

"""How much memory a measurement would take, from the shapes of a small copy of the system, before it is built.

Two copies with 32 and 64 agents show what one roll-out and the system itself hold and how that grows with N (a dense
graph grows like N^2). Counted are the system, the roll-outs that are played side by side, their gradients and the sums
of all chunks; what Python, torch and temporary arrays take on top is not, so that the real need is a few times as
large.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from dgpg_verify.claims.subjects import build_policy, build_system
from dgpg_verify.contracts.calls import tensors
from dgpg_verify.core import Cell, InputError, Policy, System
from dgpg_verify.measurement.accumulate import group_count
from dgpg_verify.measurement.gradients_of import chunks_at_once

PROBES = (32, 64)  # agents
WORKING = 4  # float64 arrays [B, T, N, K] that live at once beside the observations: logits, probabilities, scores
CGROUP = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
GIB = 2**30


@dataclass(frozen=True)
class _Sizes:
    """Of one small system: bytes of its own tensors, bytes of a step of one roll-out, actions K, parameters P."""

    own: float
    step: float
    actions: float
    parameters: float


def check_memory(
    build: Callable[[int], System], policy: Callable[[System], Policy], n: int, rollouts: int, credits: int
) -> None:
    """Refuse N agents that need more memory than there is; InputError with both numbers in GiB.

    Parameters
    ----------
    build : number of agents -> system.
    policy : system -> the policy whose gradients are taken.
    rollouts, credits : how many are asked for.
    """
    there = free_memory()
    if n <= PROBES[-1] or there is None:
        return
    needed = estimate(build, policy, n, rollouts, credits)
    if needed > there:
        raise InputError(
            f"n = {n} is not allowed: it needs at least {_gib(needed)} GiB of memory, and {_gib(there)} GiB are free; "
            "ask for fewer agents"
        )


def estimate(
    build: Callable[[int], System], policy: Callable[[System], Policy], n: int, rollouts: int, credits: int
) -> float:
    """Bytes that a measurement with n agents takes, in the least; 0 where a small copy cannot be built."""
    try:
        systems = [build(size) for size in PROBES]
        small, large = (_sizes(system, policy(system)) for system in systems)
    except Exception:  # the system itself says what is wrong with it when it is built
        return 0.0
    at = {name: _grown(getattr(small, name), getattr(large, name), n) for name in vars(large)}
    horizon, actions, width = systems[-1].horizon, round(at["actions"]), round(at["parameters"])
    shape: Any = SimpleNamespace(n_agents=n, horizon=horizon, n_actions=actions)
    groups = group_count(credits, n, width)
    batch = min(rollouts, math.prod(chunks_at_once(shape, rollouts, groups)))
    chunk = batch * horizon * (at["step"] + WORKING * 8.0 * n * max(actions, 1))
    gradients = 8.0 * n * width * credits * (batch + groups) + 8.0 * n * width
    return at["own"] + chunk + gradients


def cell_memory(cell: Cell) -> float | None:
    """Bytes that measuring a cell of roll-outs takes, in the least; None where its options do not say what is measured,
    or it is a closed form."""
    asked = cell.options
    try:
        rollouts, credits, name = int(asked["rollouts"]), len(asked["credits"]), asked["policy"]
    except KeyError:
        return None
    sharing = asked.get("sharing", "independent")
    return estimate(
        lambda n: build_system(replace(cell, n=n)),
        lambda system: build_policy(name, system, cell.seed, sharing),
        cell.n, rollouts, credits,
    ) or None if rollouts else None  # fmt: skip


def free_memory() -> float | None:
    """Bytes that this process may still take; None where the machine does not say."""
    known = []
    with suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        known += [1024.0 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    with suppress(OSError, ValueError):  # "max" is no limit
        most, used = (int(path.read_text()) for path in CGROUP)
        known.append(float(most - used))
    with suppress(OSError, ValueError, AttributeError):
        known.append(float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")))
    return min(known) if known else None


def _sizes(system: System, policy: Policy) -> _Sizes:
    noise = torch.full((1, system.horizon, system.noise_size), 0.5, dtype=torch.float64)
    state = system.start(noise)
    seen = system.observe(state)
    actions = policy.act(seen, torch.full((1, system.n_agents, policy.noise_size), 0.5, dtype=torch.float64))
    held = (seen, system.step(state, actions))
    return _Sizes(_bytes(system), _bytes(held), float(system.n_actions), float(policy.parameters.shape[-1]))


def _bytes(tree: Any) -> float:
    return float(sum(tensor.numel() * tensor.element_size() for tensor in tensors(tree)))


def _grown(small: float, large: float, n: int) -> float:
    """A size at n agents, from those at the two probes: a whole power of N."""
    power = round(math.log2(large / small)) if small > 0 and large > 0 else 0
    return large * float(n / PROBES[-1]) ** max(power, 0)


def _gib(count: float) -> str:
    return f"{count / GIB:.3g}"

"""The reference state of a roll-out: offered load as if every job started on arrival, and its faulty variants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dgpg_verify.core import InputError, check_int, check_real
from dgpg_verify.systems.cloud.fleet import Fleet
from dgpg_verify.systems.cloud.queues import TIME_LEFT
from dgpg_verify.systems.cloud.workload.generator import Jobs
from dgpg_verify.systems.references import alternating_signs, parse_reference, shuffled

VARIANTS = (
    "fluid",
    "speed_aware",
    "endogenous",
    "biased:DELTA",
    "biased_uniform:DELTA",
    "lagged:K",
    "shuffled",
    "rounded",
    "noise:SIGMA",
)
MAX_SPEEDS = 32  # speed_aware keeps this many speed classes at most


@dataclass(frozen=True)
class Reference:
    """How the reference is made from the exogenous workload alone (but for `endogenous`, the control of A1).

    fluid: load(t; s) / total capacity on every server, with load(t; s) the cores and memory of the jobs that would be
        present at t if each had started on arrival at speed s, this step's arrivals included; s the mean speed.
    speed_aware: x~_m = s_m load(t; s_m) / sum_l cap_l s_l: jobs split by service rate and stay as long as on m.
    endogenous: half fluid, half the mean utilisation the actions have led to.
    biased:D, biased_uniform:D, shuffled: fluid times 1 + D s_m (s_m = +-1 by rank of cores), 1 + D, or
        cap_sigma(m) / cap_m for a derangement sigma. lagged:K: fluid of K steps ago (0 before the start).
    rounded: fluid to one decimal. noise:S: fluid times exp(S Z), Z per server, resource and step.

    weight [2M] multiplies load(t; s) of the class `group` [2M] (index into `speeds` [V]).
    """

    speeds: Tensor
    group: Tensor
    weight: Tensor
    lag: int = 0
    sigma: float = 0.0
    endogenous: bool = False
    rounded: bool = False

    @property
    def noise_size(self) -> int:
        """Uniforms per step beyond the workload's."""
        return len(self.weight) if self.sigma > 0 else 0

    def _offered(self, jobs: Jobs) -> Tensor:
        """Cores and memory present under each speed class, float64 [B, T, 2, V]. Cost O(B T N V)."""
        horizon = jobs.active.shape[1]
        steps = torch.arange(horizon, dtype=torch.float64, device=jobs.active.device)[None, :, None]
        classes = []
        for speed in self.speeds.tolist():
            stay = (jobs.duration / speed).sub_(TIME_LEFT).ceil_().clamp_(min=1.0)
            end = stay.add_(steps).clamp_(max=horizon).flatten(1).long()
            classes.append(torch.stack([_present(size, end) for size in (jobs.cores, jobs.memory)], dim=-1))
        offered = torch.stack(classes, dim=-1)
        if self.lag:
            offered = torch.cat([torch.zeros_like(offered[:, : self.lag]), offered], dim=1)[:, :horizon]
        return offered

    def path(self, jobs: Jobs, noise: Tensor) -> Tensor:
        """x~ [B, T, 2M] of a whole roll-out; of `endogenous`, the part that actions do not change.

        noise: uniforms [B, T, 2M], read where the reference is disturbed.
        """
        offered, weight = self._offered(jobs), self.weight.unflatten(0, (2, -1))
        if len(self.speeds) > 1:
            offered = offered.gather(3, self.group.view_as(weight).expand(*offered.shape[:2], -1, -1))
        value = (offered * weight).flatten(2)
        if self.rounded:
            value = (value * 10.0).round() / 10.0
        return value * torch.exp(self.sigma * torch.special.ndtri(noise)) if self.sigma else value

    def at(self, step: int, path: Tensor, committed: Tensor) -> Tensor:
        """x~ [B, 2M] of one step; `committed` [B, 2M] is read by `endogenous` only."""
        value = path[:, step]
        if self.endogenous:
            average = committed.unflatten(1, (2, -1)).mean(-1, keepdim=True)
            value = 0.5 * (value.unflatten(1, (2, -1)) + average).flatten(1)
        return value


def _present(size: Tensor, end: Tensor) -> Tensor:
    """Total size present at each step [B, T]: joined in its own step, gone from step `end` on."""
    batch, horizon = size.shape[:2]
    gone = size.new_zeros(batch, horizon + 1).scatter_add_(1, end, size.flatten(1))
    return (size.sum(-1) - gone[:, :horizon]).cumsum(1).clamp(min=0.0)


def check_reference(name: str, n_servers: int, horizon: int) -> str:
    """`name` if it is one of VARIANTS with an allowed number, else InputError."""
    kind, number = parse_reference(name, VARIANTS)
    if kind in ("biased", "biased_uniform"):
        check_real(f"reference {kind}", number, -1.0, 10.0)
    elif kind == "lagged":
        check_int("reference lagged", number, 1, horizon)
    elif kind == "noise":
        check_real("reference noise", number, 0.0, 10.0, open_low=True)
    elif kind == "shuffled" and n_servers < 2:
        raise InputError("reference = 'shuffled' is not allowed with 1 server: a derangement needs at least 2")
    return str(name)


def make_reference(name: str, fleet: Fleet, seed: int) -> Reference:
    """The checked reference called `name` for this fleet; `seed` draws the derangement."""
    kind, number = parse_reference(name, VARIANTS)
    if kind == "speed_aware":
        return _speed_aware(fleet)
    capacity, factor = fleet.capacity, torch.ones(2 * len(fleet), dtype=torch.float64)
    if kind == "shuffled":
        level = torch.ones(len(fleet), dtype=torch.float64)
        factor = torch.cat([shuffled(level, part, seed) for part in capacity.chunk(2)])
    elif kind == "biased":
        factor = 1.0 + number * alternating_signs(fleet.cores).repeat(2)
    elif kind == "biased_uniform":
        factor = factor * (1.0 + number)
    total = capacity.unflatten(0, (2, -1)).sum(1).repeat_interleave(len(fleet))
    return Reference(
        speeds=torch.tensor([fleet.mean_speed], dtype=torch.float64),
        group=torch.zeros(len(capacity), dtype=torch.int64),
        weight=factor / total,
        lag=int(number) if kind == "lagged" else 0,
        sigma=number if kind == "noise" else 0.0,
        endogenous=kind == "endogenous",
        rounded=kind == "rounded",
    )


def _speed_aware(fleet: Fleet) -> Reference:
    """One class per distinct speed; more than MAX_SPEEDS are joined to classes of equal size with their mean speed."""
    distinct = np.unique(fleet.speed.numpy())
    classes = np.array_split(distinct, min(len(distinct), MAX_SPEEDS))
    speeds = torch.tensor([float(part.mean()) for part in classes], dtype=torch.float64)
    edges = torch.tensor([part[-1] for part in classes], dtype=torch.float64)
    group = torch.searchsorted(edges, fleet.speed)
    rate = torch.cat([(part * fleet.speed).sum().expand(len(fleet)) for part in (fleet.cores, fleet.memory)])
    return Reference(speeds, group.repeat(2), fleet.speed.repeat(2) / rate)

"""Exogenous jobs: what every dispatcher receives at every step, fixed before a roll-out starts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dgpg_verify.systems.cloud.fleet import Fleet
from dgpg_verify.systems.cloud.workload.laws import Law, LogNormal, MixedLaw, Pareto

MEAN_DURATION = 10.0  # steps at speed 1
LONGEST = 100.0  # steps at speed 1: every duration law is truncated here
MEMORY_LOAD = 0.8  # offered memory load over offered core load
BURST_SHARE = 0.25  # long-run share of steps in the high state
BURST_LENGTH = 10.0  # mean steps a high state lasts
DEFAULT_BURST_CV = 0.433  # standard deviation of the rate multiplier; high / low = 1.75 / 0.75
MEAN_RATE = 0.45  # jobs per dispatcher and step, lowered where a peak would pass probability 1


@dataclass(frozen=True)
class Jobs:
    """At most one job per dispatcher and step; leading axes [B, T, N] (or [B, N] for one step).

    active bool; cores, memory (GiB), duration (steps at speed 1) and arrival (time within the step, in (0, 1))
    float64, zero where not active.
    """

    active: Tensor
    cores: Tensor
    memory: Tensor
    duration: Tensor
    arrival: Tensor

    def at(self, step: int) -> Jobs:
        """The jobs of one step, [B, N]."""
        columns = (self.active, self.cores, self.memory, self.duration, self.arrival)
        return Jobs(*(column.select(1, step) for column in columns))


@dataclass(frozen=True)
class Shape:
    """What a generator draws from: durations in steps, core sizes up to a scale, memory ~ cores^slope exp(sd Z)."""

    duration: Law
    cores: Law
    memory_slope: float
    memory_sd: float
    profile: tuple[float, ...] | None  # mean-1 rate by part of the day; None: sine of amplitude 0.25
    burst_cv: float


def bimodal() -> Shape:
    """Short log-normal mode (mean 3 steps) and Pareto mode (index 1.2 on [10, 100] steps), mean exactly 10 steps.

    Core sizes are log-normal with log-sd 0.7 within two standard deviations (largest / median = 4), memory is
    proportional to cores times a log-normal with log-sd 0.4.
    """
    short = LogNormal(0.0, 0.6, high=3.0)
    short = short.scaled(3.0 / short.mean)
    long = Pareto(1.2, 10.0, LONGEST)
    share = (long.mean - MEAN_DURATION) / (long.mean - short.mean)
    return Shape(
        duration=MixedLaw((share, 1.0 - share), (short, long)),
        cores=LogNormal(0.0, 0.7, -2.0, 2.0),
        memory_slope=1.0,
        memory_sd=0.4,
        profile=None,
        burst_cv=DEFAULT_BURST_CV,
    )


def preset(facts: dict[str, Any]) -> Shape:
    """A generator fitted to a trace (see data/workload_presets.json); what a trace does not record is `bimodal`'s.

    One step is the time that makes the mean of the truncated duration law 10 steps. The burst multiplier carries
    the variance of the trace's hourly rate that counting noise and the hour of the day do not explain.
    """
    base = bimodal()
    sizes = facts["sizes"]
    spread = {} if sizes is None else _fitted_sizes(sizes)
    return Shape(
        duration=_fitted_durations(facts["duration"]),
        cores=spread.get("cores", base.cores),
        memory_slope=spread.get("memory_slope", base.memory_slope),
        memory_sd=spread.get("memory_sd", base.memory_sd),
        profile=None if facts["profile"] is None else tuple(facts["profile"]),
        burst_cv=_burst_cv(facts),
    )


def _fitted_sizes(sizes: dict[str, Any]) -> dict[str, Any]:
    parts = tuple(
        LogNormal(mean * math.log(10), sd * math.log(10), -2.0, 2.0)
        for mean, sd in zip(sizes["log10_means"], sizes["log10_sds"])
    )
    return {
        "cores": MixedLaw(tuple(sizes["weights"]), parts),
        "memory_slope": sizes["memory_slope"],
        "memory_sd": sizes["memory_log10_sd"] * math.log(10),
    }


def _fitted_durations(fit: dict[str, Any]) -> Law:
    """The fitted law in steps (the fit is in seconds)."""
    least = fit["quantile_95"] / LONGEST
    unit = step_length(lambda longest: _duration_law(fit, longest).mean, least, 1e3 * least)
    return _duration_law(fit, LONGEST * unit).scaled(1.0 / unit)


def step_length(capped_mean: Callable[[float], float], low: float, high: float) -> float:
    """The step length u between two others (s) at which the mean duration, cut at 100 u, is 10 u: by bisection.

    capped_mean: longest duration (s) -> mean of the durations cut there; over u it falls in u.
    """
    for _ in range(200):
        unit = math.sqrt(low * high)
        if capped_mean(LONGEST * unit) > MEAN_DURATION * unit:
            low = unit
        else:
            high = unit
    return unit


def _duration_law(fit: dict[str, Any], longest: float) -> MixedLaw:
    """Two log-normals below the 95 % quantile, a Pareto tail from there to `longest` (seconds)."""
    edge = fit["quantile_95"]
    body = []
    for mean, sd in zip(fit["log10_means"], fit["log10_sds"]):
        mu, sigma = mean * math.log(10), sd * math.log(10)
        body.append(LogNormal(mu, sigma, high=(math.log(edge) - mu) / sigma))
    shares = [weight * part.mass for weight, part in zip(fit["weights"], body)]
    weights = tuple(0.95 * share / sum(shares) for share in shares)
    return MixedLaw((*weights, 0.05), (*body, Pareto(fit["tail_index"], edge, longest)))


def _burst_cv(facts: dict[str, Any]) -> float:
    """sqrt of the hourly rate's relative variance, less counting noise and less the daily profile."""
    if facts["hourly_fano"] is None:
        return DEFAULT_BURST_CV
    total = (facts["hourly_fano"] - 1.0) / facts["jobs_per_hour"]
    profile = torch.tensor(facts["profile"], dtype=torch.float64)
    daily = float(profile.var(correction=0) / profile.mean() ** 2)
    return math.sqrt(max(total - daily, 0.0))


class Generator:
    """Jobs drawn from a `Shape`, scaled so that offered core-work is `load` times what the fleet can do.

    Rate of dispatcher i at step t: rate * profile(t) * burst(i, t); one roll-out is one day; the two-state bursts are
    independent between dispatchers, or one for all with `common_shock`. Uniforms of a step: five per dispatcher
    (arrival, burst, duration, cores, memory) and one for the common burst. Given that a job arrives (u < p), u / p is
    again uniform and serves as its arrival time within the step.
    """

    streams = 5

    def __init__(self, shape: Shape, n_agents: int, horizon: int, load: float, fleet: Fleet, common_shock: bool):
        self.shape, self.n_agents, self.common_shock = shape, n_agents, common_shock
        spread = shape.burst_cv / math.sqrt(BURST_SHARE * (1.0 - BURST_SHARE))
        self.burst = (1.0 - BURST_SHARE * spread, 1.0 + (1.0 - BURST_SHARE) * spread)
        profile = self._profile(horizon)
        self.rate = min(MEAN_RATE, 1.0 / (float(profile.max()) * self.burst[1]))
        self.day = self.rate * profile
        jobs = n_agents * self.rate
        self._noise = LogNormal(0.0, shape.memory_sd, -2.0, 2.0)
        memory_shape = shape.cores.power(shape.memory_slope).mean * self._noise.mean
        self.core_scale = load * fleet.core_throughput / (jobs * shape.duration.mean * shape.cores.mean)
        self.memory_scale = MEMORY_LOAD * load * fleet.memory_throughput / (jobs * shape.duration.mean * memory_shape)

    @property
    def noise_size(self) -> int:
        return self.streams * self.n_agents + 1

    def _profile(self, horizon: int) -> Tensor:
        """Rate over the day at the middle of each step, mean exactly 1, float64 [T]."""
        middle = (torch.arange(horizon, dtype=torch.float64) + 0.5) / horizon
        if self.shape.profile is None:
            rate = 1.0 + 0.25 * torch.sin(2.0 * math.pi * middle)
        else:
            hours = torch.tensor(self.shape.profile, dtype=torch.float64)
            rate = hours[(middle * len(hours)).long()]
        return rate / rate.mean()

    def jobs(self, noise: Tensor) -> Jobs:
        """Uniforms [B, T, 5 N + 1] -> jobs [B, T, N]. Cost O(B T N); a loop over T for the bursts only."""
        agent_noise = noise[..., : self.streams * self.n_agents].unflatten(-1, (self.streams, self.n_agents))
        arrival, burst, duration, cores, memory = agent_noise.unbind(-2)
        common = noise[..., self.streams * self.n_agents, None]
        high = self._bursts(common if self.common_shock else burst)
        rate = torch.where(high, self.burst[1], self.burst[0]) * self.day.to(noise.device)[:, None]
        active = arrival < rate
        place = active.flatten().nonzero().squeeze(-1)
        cores, memory, duration, arrival, rate = (
            stream.flatten().index_select(0, place)
            for stream in (cores, memory, duration, arrival, rate.expand_as(arrival))
        )
        size = self.shape.cores.quantile(cores)
        columns = {
            "cores": self.core_scale * size,
            "memory": self.memory_scale * size**self.shape.memory_slope * self._noise.quantile(memory),
            "duration": self.shape.duration.quantile(duration),
            "arrival": arrival / rate,
        }
        return Jobs(active, **{name: spread(active, place, column) for name, column in columns.items()})

    def _bursts(self, uniforms: Tensor) -> Tensor:
        """Two-state Markov chain over axis 1, started from its stationary law: True = high rate."""
        stay = 1.0 - 1.0 / BURST_LENGTH
        enter = BURST_SHARE / (1.0 - BURST_SHARE) / BURST_LENGTH
        stays, enters = uniforms < stay, uniforms < enter
        states = [uniforms[:, 0] < BURST_SHARE]
        for step in range(1, uniforms.shape[1]):
            states.append(enters[:, step] | (states[-1] & stays[:, step]))
        return torch.stack(states, dim=1)


def spread(active: Tensor, place: Tensor, values: Tensor) -> Tensor:
    """Values of the active places (`place`: where in the flattened `active`) on the full shape, zero elsewhere."""
    full = torch.zeros(active.numel(), dtype=torch.float64, device=active.device)
    return full.scatter_(0, place, values.to(torch.float64)).view(active.shape)

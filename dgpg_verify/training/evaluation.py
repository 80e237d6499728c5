"""Returns and scores of a policy on held-out workloads, and of the heuristics on the same workloads.

Scores have fixed ends: Random = 0, Best-Fit (seeing the same candidates) = 1. A score saturates: above 1 is better
than Best-Fit, and the gap to the best heuristic is printed beside it in percent of that heuristic's cost. Dividing by
a difference that may be 0 means nothing, so there is no score unless Best-Fit is above Random beyond noise; nor is
there one on a system without Best-Fit. Returns then stay on the system's own scale, each beside what the random policy
and the system's heuristics gain on the same workloads.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dgpg_verify.contracts.own import is_ours
from dgpg_verify.core import (
    Estimate,
    HasProbabilities,
    InputError,
    Noise,
    Observation,
    Policy,
    System,
    check_finite,
    check_int,
    draw_noise,
    heuristic_names,
    joint_rules,
    offers,
)
from dgpg_verify.policies import PolicyStack, uniform_policy
from dgpg_verify.policies.softmax import inverse_cdf
from dgpg_verify.rollouts.play import Act, play
from dgpg_verify.statistics import mean_of
from dgpg_verify.systems import CloudScheduling, CloudStack

HELD_OUT, WORK = 40, 4_000_000  # workloads; N K B numbers played at a time
EVALUATION_STREAM = 2
REMEMBERED = 100  # sets of workloads, a few kB each
_PLAYED: OrderedDict[str, Mapping[str, NDArray[np.float64]]] = OrderedDict()
LEVEL = 0.95  # of the intervals of returns and gains
WIDTH_LEVEL = 0.99  # with a true width of 0 there would be a score in 0.5 % of all sets of workloads


@dataclass(frozen=True, repr=False)
class Heldout:
    """A fixed set of workloads and the returns of reference policies on it. returns: name -> [B] (sum scale)."""

    system: System
    noise: Noise
    returns: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"{len(self.noise)} held-out workloads; {self.width_in_words()}"

    @property
    def scored(self) -> bool:
        """Whether there is a score: the interval of the width lies above 0."""
        low = self.width().low
        return low is not None and low > 0.0

    def width(self) -> Estimate:
        """Mean return of Best-Fit minus that of Random, what one unit of score is worth, with its paired t interval
        over the workloads; without an interval for one workload, without a value where either was not played."""
        if not {"random", "best_fit"} <= set(self.returns):
            return Estimate(None, None, None, WIDTH_LEVEL, 0)
        return mean_of(self.returns["best_fit"] - self.returns["random"], WIDTH_LEVEL)

    def width_in_words(self) -> str:
        """The width in words, and why there is no score where there is none."""
        width = self.width()
        if width.value is None:
            return "no score: Random and Best-Fit were not both played; returns are on the system's own scale"
        words = f"Best-Fit minus Random = {width.value:.4g}"
        if width.low is None:
            return f"no score: {words} on one workload, which says nothing of its noise"
        words += f" ({100 * width.level:g} % interval {width.low:.4g} to {width.high:.4g}, {width.n} workloads)"
        return f"score: {words}" if self.scored else f"no score: {words} is not above 0 beyond noise"

    def score(self, returns: NDArray[np.float64]) -> float | None:
        """(J - Random) / (Best-Fit - Random), means over the workloads; None where `scored` is false."""
        width = self.width().value
        if not self.scored or width is None:
            return None
        return float((returns.mean() - self.returns["random"].mean()) / width)

    @cached_property
    def random(self) -> NDArray[np.float64]:
        """Returns [B] of the random policy: the heuristic of that name, else the uniform policy, played when it is
        first asked for."""
        if "random" in self.returns:
            return self.returns["random"]
        return _returns(self.system, uniform_policy(self.system).act, self.noise)

    @property
    def references(self) -> dict[str, NDArray[np.float64]]:
        """Returns [B] of the random policy and of the system's heuristics."""
        return {"random": self.random, **self.returns}

    def gains(self, returns: NDArray[np.float64]) -> dict[str, Estimate]:
        """Mean return minus that of each of `references`, with 95 % t intervals, paired over the workloads."""
        return {name: mean_of(returns - played) for name, played in self.references.items()}

    def judged(self, returns: NDArray[np.float64]) -> Evaluation:
        """Returns [B] on these workloads as an Evaluation, whether just played or read from a checkpoint."""
        return Evaluation(float(returns.mean()), self.score(returns), self.gap(returns), returns)

    def gap(self, returns: NDArray[np.float64]) -> float | None:
        """Cost above the best heuristic's, in percent of its cost (negative = better); None without heuristics."""
        if not self.returns:
            return None
        best = max(float(values.mean()) for values in self.returns.values())
        return 100.0 * (best - float(returns.mean())) / abs(best) if best else None


@dataclass(frozen=True)
class Evaluation:
    """One evaluation on all held-out workloads. returns [B]; score None where Best-Fit is not above Random
    beyond noise, gap None where no heuristic exists."""

    mean: float
    score: float | None
    gap: float | None
    returns: NDArray[np.float64] = field(repr=False)


def heldout(system: System, seed: int, workloads: int = HELD_OUT, heuristics: bool = True) -> Heldout:
    """Draw held-out workloads (a stream of their own) and play the system's heuristics and joint rules on them.

    Raises InputError for workloads < 1. Cost: one evaluation for each of them, the first time: many methods play
    the same workloads, so the heuristics' returns are kept, by the system's configuration. Those of a user's own system
    are not, as its configuration may leave out what makes it differ from another.
    """
    check_int("workloads", workloads, 1)
    check_int("seed", seed, 0)
    noise = draw_noise(stream_seed(seed, EVALUATION_STREAM), 0, system, uniform_policy(system), workloads)
    names = (*heuristic_names(system), *joint_rules(system)) if heuristics else ()

    def played() -> dict[str, NDArray[np.float64]]:
        return {name: _returns(system, _rule_act(system, name), noise) for name in names}

    if not names or not is_ours(system):
        return Heldout(system, noise, played())
    kind = f"{type(system).__module__}.{type(system).__qualname__}"
    key = json.dumps([kind, system.config(), seed, workloads], sort_keys=True)
    if key not in _PLAYED:
        while len(_PLAYED) >= REMEMBERED:
            _PLAYED.popitem(last=False)
        _PLAYED[key] = played()
    return Heldout(system, noise, dict(_PLAYED[key]))


def evaluate(policy: Policy, on: Heldout, greedy: bool = False) -> Evaluation:
    """Play a policy on held-out workloads; `greedy` takes the most probable action instead of drawing one."""
    act = greedy_act(policy) if greedy else policy.act
    return on.judged(_returns(on.system, act, on.noise))


def evaluate_stacked(policy: PolicyStack, heldouts: Sequence[Heldout]) -> list[Evaluation]:
    """Play the policies of S cloud fleets on their held-out workloads side by side, as many workloads at a time as
    `evaluate` would take of one fleet with all the agents."""
    systems = [cast(CloudScheduling, held.system) for held in heldouts]
    at_a_time = workloads_at_a_time(len(systems) * systems[0].n_agents, systems[0].n_actions)
    parts = []
    for low in range(0, len(heldouts[0].noise), at_a_time):
        noises = [held.noise.part(low, low + at_a_time) for held in heldouts]
        stack = CloudStack(systems, len(noises[0]))
        parts.append(play(stack, policy.act, Noise.joined(noises)).view(len(systems), -1))
    returns = torch.cat(parts, dim=1).cpu().numpy()  # [S, B]
    return [held.judged(row) for held, row in zip(heldouts, returns, strict=True)]


def _rule_act(system: Any, name: str) -> Act:
    """A heuristic or joint rule as an actor."""
    if name not in joint_rules(system):
        return heuristic_act(system, name)
    return lambda seen, noise: system.joint_actions(name, seen)


def heuristic_act(system: Any, name: str) -> Act:
    """A heuristic as an actor: best score, ties drawn at random; one that ends in "proportional" samples."""

    def act(seen: Observation, noise: Tensor) -> Tensor:
        scores = system.heuristic_scores(name, seen)
        allowed = seen.mask & scores.isfinite()
        scores = scores.masked_fill(~allowed, -torch.inf)
        if name.endswith("proportional"):
            weights = torch.where(allowed, scores.exp(), 0.0)
        else:
            weights = (allowed & (scores >= scores.amax(-1, keepdim=True))).double()
        return torch.where(seen.active, inverse_cdf(weights, noise[..., 0]), -1)

    return act


def greedy_act(policy: Any) -> Act:
    """The most probable action of a candidate-choosing policy. Raises InputError for one without probabilities."""
    if not offers(policy, HasProbabilities):
        raise InputError(f"greedy = True is not allowed for {type(policy).__name__}: it has no probabilities")

    def act(seen: Observation, noise: Tensor) -> Tensor:
        return torch.where(seen.active, policy.probabilities(seen).argmax(-1), -1)

    return act


def workloads_at_a_time(n_agents: int, n_actions: int) -> int:
    """How many workloads are played at once, so that memory stays bounded whatever N and their number are."""
    return max(1, WORK // (n_agents * max(n_actions, 1)))


def stream_seed(seed: int, stream: int) -> int:
    """Seed of one of a run's streams: training, initialisation, evaluation, measuring."""
    state = np.random.SeedSequence(seed, spawn_key=(77, stream)).generate_state(1, np.uint64)[0]
    return int(state >> np.uint64(1))


def _returns(system: System, act: Act, noise: Noise) -> NDArray[np.float64]:
    returns = play(system, act, noise, workloads_at_a_time(system.n_agents, system.n_actions)).cpu().numpy()
    check_finite("return [workload] = ", returns)
    return returns

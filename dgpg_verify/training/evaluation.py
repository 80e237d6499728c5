"""How good a policy is, on workloads never trained on, and what the same workloads give the heuristics.

Scores have fixed ends: Random = 0, Best-Fit (seeing the same candidates) = 1. A score saturates: above 1 is better
than Best-Fit, and the gap to the best heuristic is printed beside it in percent of that heuristic's cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dgpg_verify.core import InputError, Noise, Observation, Policy, System, check_int, draw_noise
from dgpg_verify.policies import uniform_policy
from dgpg_verify.policies.softmax import inverse_cdf
from dgpg_verify.rollouts.play import Act, play

HELD_OUT, WORK = 40, 4_000_000  # workloads; N K B numbers played at a time
EVALUATION_STREAM = 2


@dataclass(frozen=True)
class Heldout:
    """A fixed set of workloads and what reference policies get on it. returns: name -> [B] (sum scale)."""

    system: System
    noise: Noise
    returns: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    @property
    def scored(self) -> bool:
        """Whether Random and Best-Fit were played and differ."""
        return {"random", "best_fit"} <= set(self.returns) and self.width() > 0

    def width(self) -> float:
        """Mean return of Best-Fit minus that of Random: what one unit of score is worth."""
        return float(self.returns["best_fit"].mean() - self.returns["random"].mean())

    def score(self, returns: NDArray[np.float64]) -> float | None:
        """(J - Random) / (Best-Fit - Random), means over the workloads; None without the heuristics."""
        if not self.scored:
            return None
        return float((returns.mean() - self.returns["random"].mean()) / self.width())

    def gap(self, returns: NDArray[np.float64]) -> float | None:
        """Cost above the best heuristic's, in percent of its cost (negative = better); None without heuristics."""
        if not self.returns:
            return None
        best = max(float(values.mean()) for values in self.returns.values())
        return 100.0 * (best - float(returns.mean())) / abs(best) if best else None


@dataclass(frozen=True)
class Evaluation:
    """One evaluation on all held-out workloads. returns [B]; score and gap None where no heuristic exists."""

    mean: float
    score: float | None
    gap: float | None
    returns: NDArray[np.float64]


def heldout(system: System, seed: int, workloads: int = HELD_OUT, heuristics: bool = True) -> Heldout:
    """Draw held-out workloads (a stream of their own) and play the system's heuristics on them.

    Raises InputError for workloads < 1. Cost: one evaluation for each heuristic.
    """
    check_int("workloads", workloads, 1)
    check_int("seed", seed, 0)
    noise = draw_noise(stream_seed(seed, EVALUATION_STREAM), 0, system, uniform_policy(system), workloads)
    names = getattr(system, "heuristic_names", ()) if heuristics else ()
    returns = {name: _returns(system, heuristic_act(system, name), noise) for name in names}
    return Heldout(system, noise, returns)


def evaluate(policy: Policy, on: Heldout, greedy: bool = False) -> Evaluation:
    """Play a policy on held-out workloads; `greedy` takes the most probable action instead of drawing one."""
    act = greedy_act(policy) if greedy else policy.act
    returns = _returns(on.system, act, on.noise)
    return Evaluation(float(returns.mean()), on.score(returns), on.gap(returns), returns)


def heuristic_act(system: Any, name: str) -> Act:
    """A heuristic as an actor: best score, ties drawn at random; capacity_proportional samples."""

    def act(seen: Observation, noise: Tensor) -> Tensor:
        scores = system.heuristic_scores(name, seen)
        allowed = seen.mask & scores.isfinite()
        scores = scores.masked_fill(~allowed, -torch.inf)
        if name == "capacity_proportional":
            weights = torch.where(allowed, scores.exp(), 0.0)
        else:
            weights = (allowed & (scores >= scores.amax(-1, keepdim=True))).double()
        return torch.where(seen.active, inverse_cdf(weights, noise[..., 0]), -1)

    return act


def greedy_act(policy: Any) -> Act:
    """The most probable action of a candidate-choosing policy. Raises InputError for one without probabilities."""
    if not hasattr(policy, "probabilities"):
        raise InputError(f"greedy = True is not allowed for {type(policy).__name__}: it has no probabilities")

    def act(seen: Observation, noise: Tensor) -> Tensor:
        return torch.where(seen.active, policy.probabilities(seen).argmax(-1), -1)

    return act


def stream_seed(seed: int, stream: int) -> int:
    """Seed of one of a run's streams: training, initialisation, evaluation, measuring."""
    state = np.random.SeedSequence(seed, spawn_key=(77, stream)).generate_state(1, np.uint64)[0]
    return int(state >> np.uint64(1))


def _returns(system: System, act: Act, noise: Noise) -> NDArray[np.float64]:
    chunk = max(1, WORK // (system.n_agents * max(system.n_actions, 1)))
    return play(system, act, noise, chunk).cpu().numpy()

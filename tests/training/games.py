"""Small enumerable games with certified arrival: exact costs, unilateral gains, and a fleet told the opposite."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dgpg_verify.core import Rollout
from dgpg_verify.oracles.games.profiles import EnumeratedGame
from dgpg_verify.systems import LoadBalancingGame
from dgpg_verify.training.fleets import FleetLearner
from dgpg_verify.training.updates.weights import Weights


def game(jobs: list[float], background: list[float]) -> LoadBalancingGame:
    """Quadratic cost, equal capacities and weights, all servers open to all agents: there -G = J, and what the
    guidance's chain rule leaves out, |z|^2 / 2, is the same for every choice."""
    n, m = len(jobs), len(background)
    level = (sum(jobs) + sum(background)) / m
    flat = torch.full((m,), level, dtype=torch.float64)
    return LoadBalancingGame(
        jobs=torch.tensor(jobs, dtype=torch.float64),
        capacity=torch.ones(m, dtype=torch.float64),
        background=torch.tensor(background, dtype=torch.float64),
        candidates=torch.arange(m).expand(n, m).contiguous(),
        weights=torch.ones(m, dtype=torch.float64),
        target=flat,
        reference_state=flat.clone(),
    )


def costs(system: LoadBalancingGame) -> NDArray[np.float64]:
    """Cost of every profile, [K] * N, from the enumeration oracle."""
    n, k = system.n_agents, system.n_actions
    oracle = EnumeratedGame(system, np.full((n, k), 1.0 / k))
    profiles = np.array(list(itertools.product(range(k), repeat=n)))
    return oracle.cost(profiles, oracle.state(profiles)).reshape([k] * n)


def largest_gain(table: NDArray[np.float64], profile: tuple[int, ...]) -> float:
    """What the best unilateral deviation saves: 0 at an equilibrium."""
    gains = []
    for i in range(len(profile)):
        for other in range(table.shape[i]):
            moved = (*profile[:i], other, *profile[i + 1 :])
            gains.append(float(table[profile] - table[moved]))
    return max(gains)


def equilibria(system: LoadBalancingGame) -> list[tuple[int, ...]]:
    table = costs(system)
    return [profile for profile in np.ndindex(*table.shape) if largest_gain(table, profile) <= 1e-12]


def smallest_gain(system: LoadBalancingGame) -> float:
    """Over profiles where somebody can gain: the least such gain, as a share of the range of costs."""
    table = costs(system)
    gains = [largest_gain(table, profile) for profile in np.ndindex(*table.shape)]
    return min(gain for gain in gains if gain > 1e-12) / float(np.ptp(table))


def arrived(system: LoadBalancingGame, chances: NDArray[np.float64]) -> bool:
    """Whether the most probable profile of choice probabilities [N, K] is an equilibrium, and has more than 1/2."""
    profile = tuple(int(k) for k in chances.argmax(1))
    return largest_gain(costs(system), profile) <= 1e-12 and float(chances.max(1).prod()) > 0.5


class Opposed(FleetLearner):
    """Told the opposite of its credit."""

    def _credit(self, rollout: Rollout, advantages: Tensor | None, progress: float) -> tuple[Weights, float | None]:
        weight, alpha = super()._credit(rollout, advantages, progress)
        return weight.times(-1.0), alpha

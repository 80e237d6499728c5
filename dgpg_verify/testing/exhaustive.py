"""Noise that visits every outcome of a one-shot system once, with its probability: expectations become sums.

The uniforms are chosen so that the policy's own inverse CDF picks each profile; nothing of the policy or the
system is bypassed. With continuous actions Gauss-Hermite nodes take the place of profiles: with q nodes the mean
of any polynomial of degree 2 q - 1 in each agent's noise is exact up to rounding.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dgpg_verify.core import InputError, Noise, System
from dgpg_verify.policies import GaussianPolicy, SoftmaxPolicy

MAX_OUTCOMES = 10_000
MIN_CHANCE = 1e-13  # an action rarer than this is left out: 53-bit uniforms could miss its interval


@dataclass(frozen=True)
class Exhaustive:
    """noise: one roll-out for each outcome; probability [B], summing to 1 (rounded); actions [B, N] it must produce."""

    noise: Noise
    probability: Tensor
    actions: Tensor

    def mean(self, values: Tensor, dim: int = 0) -> Tensor:
        """Expectation of per-outcome values along axis `dim`."""
        shape = [-1 if axis == dim % values.ndim else 1 for axis in range(values.ndim)]
        return (values.double() * self.probability.view(shape)).sum(dim)


def all_profiles(system: System, policy: SoftmaxPolicy) -> Exhaustive:
    """Every action profile of a one-shot system without environment noise. Cost: K^N roll-outs, at most 10 000.

    Each agent's uniform is the middle of its action's interval of the cumulative distribution; actions of
    probability below MIN_CHANCE are left out.
    """
    actions = _profiles(system, system.n_actions)
    empty = torch.empty(1, 1, 0, dtype=torch.float64)
    with torch.no_grad():
        probabilities = policy.probabilities(system.observe(system.start(empty)))[0]  # [N, K]
    middle = probabilities.cumsum(-1) - 0.5 * probabilities
    agents = torch.arange(system.n_agents)
    chances = probabilities[agents, actions]  # [B, N]
    possible = (chances > MIN_CHANCE).all(-1)
    actions = actions[possible]
    uniforms = middle[agents, actions].clamp(2.0**-53, 1.0 - 2.0**-53)
    return Exhaustive(_noise(uniforms), chances[possible].prod(-1), actions)


def gauss_hermite(system: System, policy: GaussianPolicy, nodes: int = 4) -> Exhaustive:
    """Product Gauss-Hermite rule over the agents' Gaussian noise. Cost: nodes^N roll-outs, at most 10 000."""
    places = _profiles(system, nodes)
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    deviations = torch.as_tensor(points)[places]
    probability = torch.as_tensor(weights / weights.sum())[places].prod(-1)
    uniforms = torch.special.ndtr(deviations)
    return Exhaustive(_noise(uniforms), probability, policy.means.detach() + policy.sigma * deviations)


def _profiles(system: System, choices: int) -> Tensor:
    """Every way in which the agents of a one-shot system can choose, int64 [choices^N, N]."""
    n = system.n_agents
    if system.horizon != 1 or system.noise_size != 0 or not 1 <= choices**n <= MAX_OUTCOMES:
        raise InputError(f"needed is a one-shot system without noise and choices^N in [1, {MAX_OUTCOMES}]")
    return torch.tensor(list(itertools.product(range(choices), repeat=n)), dtype=torch.int64)


def _noise(uniforms: Tensor) -> Noise:
    """[B, N] uniforms of a one-shot system as noise."""
    return Noise(torch.empty(len(uniforms), 1, 0, dtype=torch.float64), uniforms[:, None, :, None])

"""One-shot games of N agents with K actions each, given by the pay-off of every joint action."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dgpg_verify.core import Influence, Observation, Rollout, Transition, draw_noise
from dgpg_verify.critics import LEARNED_VALUES, LearnedValue
from dgpg_verify.critics.joint_inputs import Targets
from dgpg_verify.critics.joint_networks import NETWORKS
from dgpg_verify.critics.joint_training import fit_network
from dgpg_verify.policies import make_policy
from dgpg_verify.rollouts import collect


@dataclass(frozen=True, eq=False)
class PayoffGame:
    """payoff [K] * N, float64. x [N K] holds a 1 for each action taken."""

    payoff: Tensor
    horizon = 1
    discount = 1.0
    noise_size = 0

    @property
    def n_agents(self) -> int:
        return self.payoff.ndim

    @property
    def n_actions(self) -> int:
        return len(self.payoff)

    @property
    def state_size(self) -> int:
        return self.n_agents * self.n_actions

    def start(self, noise: Tensor) -> Tensor:
        return torch.zeros(len(noise))

    def observe(self, state: Tensor) -> Observation:
        n, k = self.n_agents, self.n_actions
        yes = torch.ones(len(state), n, k, dtype=torch.bool)
        return Observation(torch.eye(k).expand(len(state), n, k, k), yes, yes[..., 0])

    def step(self, state: Tensor, actions: Tensor) -> Transition:
        size, n, k = len(actions), self.n_agents, self.n_actions
        index = (torch.arange(n) * k + actions)[..., None]
        x0 = torch.zeros(size, n * k, dtype=torch.float64)
        z = Influence(index, torch.ones(size, n, 1, dtype=torch.float64))
        x = x0.scatter_add(1, index[..., 0], z.value[..., 0])
        done = torch.ones(size, dtype=torch.bool)
        return Transition(state, self.payoff[tuple(actions.unbind(-1))], x0, x, x0, z, done)

    def config(self) -> dict[str, Any]:
        return {"payoff": self.payoff.tolist()}


def random_payoffs(seed: int, n: int = 3, k: int = 3) -> PayoffGame:
    """Independent normal pay-offs: interactions of every order."""
    return PayoffGame(torch.as_tensor(np.random.default_rng(seed).normal(size=(k,) * n)))


def monotone_payoffs(seed: int, n: int = 3, k: int = 3, sign: float = 1.0) -> PayoffGame:
    """sign exp(sign sum of one number for each action): increasing in each and no sum; convex for 1, concave for -1."""
    own = torch.as_tensor(np.random.default_rng(seed).normal(size=(n, k)))
    total = sum(own[i].view([k if j == i else 1 for j in range(n)]) for i in range(n))
    return PayoffGame(sign * torch.exp(sign * torch.as_tensor(total)))


def counted_payoffs(seed: int, n: int = 3, k: int = 3) -> PayoffGame:
    """A random function of how many agents play each action: agents are exchangeable."""
    rng = np.random.default_rng(seed)
    known: dict[tuple[int, ...], float] = {}
    payoff = np.empty((k,) * n)
    for profile in np.ndindex(*payoff.shape):
        payoff[profile] = known.setdefault(tuple(sorted(profile)), float(rng.normal()))
    return PayoffGame(torch.as_tensor(payoff))


def played(game: Any, seed: int, size: int, logits: float = 0.5) -> Rollout:
    """Roll-outs of a policy with random logits, the same for one game."""
    policy: Any = make_policy("uniform", game)
    drawn = np.random.default_rng(99).normal(0.0, logits, tuple(policy.parameters.shape))
    policy = replace(policy, parameters=torch.as_tensor(drawn))
    return collect(game, policy, draw_noise(seed, 0, game, policy, size), keep_states=True)


def short(name: str, steps: int) -> LearnedValue:
    """A learned value whose network takes `steps` steps."""
    value = LEARNED_VALUES[name]
    if name == "regressed" or (name == "vdn" and steps == 0):
        return value
    return replace(value, fitter=partial(fit_network, NETWORKS[name], steps=steps))


def fitted_once(value: LearnedValue, pilot: Rollout) -> LearnedValue:
    """Fitted on all of the pilot, without the fit on its half that measures the explained variance."""
    targets = Targets.of([pilot])
    return replace(value, targets=targets, estimate=value.fitter([pilot], targets.left([pilot])))

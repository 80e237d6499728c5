"""The action profiles of a small one-shot game, what each costs, and the paper's credits of it by their definitions.

An agent's default is really taken out, the alternative actions are really played; slow and plain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from dgpg_verify.core import InputError
from dgpg_verify.oracles.games.conditional import Array, check_probabilities
from dgpg_verify.systems.resource_game import ResourceGame

MAX_PROFILES = 1_000_000
CHUNK = 1 << 12


@dataclass(frozen=True)
class Profiles:
    """Some profiles of a game: actions int64 [B, N], probability [B], x [B, M], cost [B]."""

    actions: NDArray[np.int64]
    probability: Array
    x: Array
    cost: Array


class EnumeratedGame:
    """A one-shot game with its choice probabilities, evaluated profile by profile."""

    def __init__(self, system: ResourceGame, probabilities: ArrayLike) -> None:
        n, k = int(system.n_agents), int(system.n_actions)
        if k < 1 or k**n > MAX_PROFILES:
            raise InputError(f"n_actions^n_agents = {k}^{n} profiles is not allowed: it must be in [1, {MAX_PROFILES}]")
        self.system, self.n, self.k = system, n, k
        self.p = check_probabilities(probabilities, (n, k))
        self.index, self.value = (table.cpu().numpy() for table in (system.additions.index, system.additions.value))
        self.idle, self.reference = (x.cpu().numpy() for x in (system.idle_state, system.reference_state))
        kappa, weights = system.action_costs, system.distance_weights
        self.kappa = np.zeros((n, k)) if kappa is None else kappa.cpu().numpy()
        self.weights = np.ones(len(self.reference)) if weights is None else weights.cpu().numpy()

    def cost(self, actions: NDArray[np.int64], x: Array) -> Array:
        """What profiles [B, N] with states x cost, [B]: the states' and the actions' own."""
        cost = np.asarray(self.system.cost_of(torch.as_tensor(x)).numpy(), dtype=np.float64)
        own = np.where(actions >= 0, self.kappa[np.arange(self.n), np.maximum(actions, 0)], 0.0)
        return np.asarray(cost + own.sum(1))

    def distance(self, x: Array) -> Array:
        """1/2 sum_m W_m (x_m - x~_m)^2, [B]."""
        return np.asarray(0.5 * (self.weights * (x - self.reference) ** 2).sum(1))

    def state(self, actions: NDArray[np.int64]) -> Array:
        """x [B, M] of profiles [B, N]; -1 = the agent does not act."""
        x = np.tile(self.idle.astype(np.float64), (len(actions), 1))
        rows = np.arange(len(actions))
        for i, s in np.ndindex(self.n, self.index.shape[2]):
            chosen = np.maximum(actions[:, i], 0)
            x[rows, self.index[i, chosen, s]] += np.where(actions[:, i] >= 0, self.value[i, chosen, s], 0.0)
        return x

    def chunks(self) -> Iterator[Profiles]:
        """All profiles, agent 0 slowest, in chunks."""
        shape, total = (self.k,) * self.n, self.k**self.n
        for first in range(0, total, CHUNK):
            numbers = np.arange(first, min(first + CHUNK, total))
            actions = np.stack(np.unravel_index(numbers, shape), axis=1).astype(np.int64)
            x = self.state(actions)
            yield Profiles(actions, self.p[np.arange(self.n), actions].prod(1), x, self.cost(actions, x))

    def scores(self, at: Profiles) -> Array:
        """psi_i(a_i) = e_{a_i} - p_i on each profile: [B, N, K]."""
        return np.asarray(np.eye(self.k)[at.actions] - self.p)

    def expected(self, values: Callable[[Profiles], Sequence[Array]]) -> list[Array]:
        """E of each of the values over all profiles; values returns arrays [B, ...]."""
        parts = ([np.tensordot(c.probability, value, axes=1) for value in values(c)] for c in self.chunks())
        return [np.asarray(sum(column)) for column in zip(*parts)]

    def replace(self, actions: NDArray[np.int64], agent: int, action: int) -> NDArray[np.int64]:
        other = actions.copy()
        other[:, agent] = action
        return other

    def played(self, at: Profiles, agent: int, action: int) -> Profiles:
        """The same profiles had `agent` played `action`, each with the probability that it had."""
        actions = self.replace(at.actions, agent, action)
        x = self.state(actions)
        return Profiles(actions, at.probability, x, self.cost(actions, x))

    def credit(self, name: str, at: Profiles, expected_reward: float) -> Array:
        """One credit by its definition on each profile, ascent sign: [B, N]."""
        if name in ("return", "return:raw"):
            baseline = expected_reward if name == "return" else 0.0
            return np.repeat((-at.cost - baseline)[:, None], self.n, axis=1)
        if name == "score":
            return np.ones((len(at.cost), self.n))
        columns = []
        for i in range(self.n):
            others = self.replace(at.actions, i, -1)
            without = self.state(others)
            if name == "difference":
                columns.append(self.cost(others, without) - at.cost)
            elif name == "coma":
                costs = [self.played(at, i, k).cost for k in range(self.k)]
                columns.append(np.stack(costs, 1) @ self.p[i] - at.cost)
            elif name == "guidance:exact":
                nearer = (without - self.reference) ** 2 - (at.x - self.reference) ** 2
                columns.append(0.5 * (self.weights * nearer).sum(1))
            else:
                x = self.idle if name == "guidance:observed" else at.x
                columns.append(-(self.weights * (x - self.reference) * (at.x - without)).sum(1))
        return np.stack(columns, axis=1)

"""Exact moments of every credit of a small one-shot game by visiting all action profiles; slow and plain.

Nothing is derived here: each credit is its definition applied to each profile (an agent's default is really taken
out, the alternative actions are really played), and each moment is a weighted sum over profiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from dgpg_verify.core import InputError
from dgpg_verify.oracles.games.conditional import Array, check_probabilities
from dgpg_verify.oracles.moments import OracleMoments, check_credits, check_moments
from dgpg_verify.systems.resource_game import ResourceGame

MAX_PROFILES = 1_000_000
CHUNK = 1 << 12
ENUMERATED_CREDITS = (
    "return",
    "return:raw",
    "guidance",
    "guidance:exact",
    "guidance:observed",
    "difference",
    "coma",
    "score",
)


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

    def credits(self, names: Sequence[str], at: Profiles, expected_reward: float) -> Array:
        """[B, C, N]."""
        return np.stack([self.credit(name, at, expected_reward) for name in names], axis=1)

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
                played = [self.replace(at.actions, i, k) for k in range(self.k)]
                columns.append(np.stack([self.cost(a, self.state(a)) for a in played], 1) @ self.p[i] - at.cost)
            elif name == "guidance:exact":
                nearer = (without - self.reference) ** 2 - (at.x - self.reference) ** 2
                columns.append(0.5 * (self.weights * nearer).sum(1))
            else:
                x = self.idle if name == "guidance:observed" else at.x
                columns.append(-(self.weights * (x - self.reference) * (at.x - without)).sum(1))
        return np.stack(columns, axis=1)


def enumerate_moments(
    system: ResourceGame, probabilities: ArrayLike, credits: Sequence[str] | None = None
) -> OracleMoments:
    """Exact moments of every credit over all K^N profiles, per agent and for shared parameters.

    Cost: O(K^N N (M + C^2 + K M for coma)), in chunks of 2^12 profiles.

    Parameters
    ----------
    probabilities : array [N, K]
        Independent tabular softmax policies; the logits are the parameters.
    credits : sequence of str, optional
        Some of return (b = E R), return:raw, guidance (chain rule), guidance:exact, guidance:observed (x before
        acting), difference (no job as default), coma, score (w = 1). All by default.

    Returns
    -------
    OracleMoments with P = K, on the sum scale; `shared` holds the moments of sum_i g_i (shared logits). InputError on
    more than 10^6 profiles, bad probabilities, or an unknown credit.
    """
    game = EnumeratedGame(system, probabilities)
    names = check_credits(credits, ENUMERATED_CREDITS)
    objective, slope, distance, distance_slope = _objectives(game)

    def of_credits(c: Profiles) -> list[Array]:
        """w, psi w, and w and w w' on the own action."""
        w, chosen = game.credits(names, c, objective), np.eye(game.k)[c.actions]
        products = np.einsum("bcn,bdn,bnk->bcdnk", w, w, chosen)
        return [w, w[..., None] * game.scores(c)[:, None], w[..., None] * chosen[:, None], products]

    plain, gradient, *own_action_moments = game.expected(of_credits)

    def about_means(c: Profiles) -> list[Array]:
        w = game.credits(names, c, objective)
        g = w[..., None] * game.scores(c)[:, None] - gradient
        w, pooled = w - value_means[:, None], g.sum(2)
        squares = [np.einsum("bcnk,bdnk->bcdn", g, g), np.einsum("bck,bdk->bcd", pooled, pooled)]
        return [*squares, np.einsum("bcn,bdn->bcd", w, w) / game.n]

    value_means = plain.mean(1)
    total, shared, values = game.expected(about_means)
    cross = _cross_agent(game.p, *own_action_moments)
    check_moments(gradient, total, cross)
    return OracleMoments(
        names, gradient, total, cross, value_means, values, objective, slope, distance, distance_slope, shared=shared
    )


def _objectives(game: EnumeratedGame) -> tuple[float, Array, float, Array]:
    """J, grad J [N, K], G, grad G: likelihood-ratio sums over all profiles need no centring, they are exact."""

    def values(c: Profiles) -> list[Array]:
        scores, distance = game.scores(c), game.distance(c.x)
        return [-c.cost, -c.cost[:, None, None] * scores, distance, distance[:, None, None] * scores]

    reward, reward_slope, distance, distance_slope = game.expected(values)
    return float(reward), reward_slope, float(distance), distance_slope


def _cross_agent(p: Array, first: Array, second: Array) -> Array:
    """E tr Cov(g_i, g_i' given a_i) [C, C, N]: only the others' choices vary.

    first [C, N, K] and second [C, C, N, K]: moments of w on the own action, not yet divided by its probability p.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        first, second = (np.where(p > 0.0, table / p, 0.0) for table in (first, second))
    inside = second - first[:, None] * first[None, :]
    norm = 1.0 - 2.0 * p + (p**2).sum(1, keepdims=True)  # ||e_k - p_i||^2
    return np.asarray((p * norm * inside).sum(-1))

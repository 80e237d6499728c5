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
from dgpg_verify.systems import LoadBalancingGame

MAX_PROFILES = 1_000_000
CHUNK = 1 << 14
ENUMERATED_CREDITS = (
    "return",
    "return:raw",
    "guidance",
    "guidance:exact",
    "guidance:observed",
    "difference",
    "coma",
)


@dataclass(frozen=True)
class Profiles:
    """Some profiles of a game: actions int64 [B, N], probability [B], x [B, M], cost [B], z [B, N] chosen shares."""

    actions: NDArray[np.int64]
    probability: Array
    x: Array
    cost: Array
    z: Array


class EnumeratedGame:
    """A one-shot game with its choice probabilities, evaluated profile by profile."""

    def __init__(self, system: LoadBalancingGame, probabilities: ArrayLike) -> None:
        n, k = int(system.n_agents), int(system.n_actions)
        if k < 1 or k**n > MAX_PROFILES:
            raise InputError(f"n_actions^n_agents = {k}^{n} profiles is not allowed: it must be in [1, {MAX_PROFILES}]")
        self.system, self.n, self.k = system, n, k
        self.p = check_probabilities(probabilities, (n, k))
        self.candidates = system.candidates.cpu().numpy()
        self.shares = system.shares.cpu().numpy()
        self.background = system.background.cpu().numpy()
        self.reference = system.reference_state.cpu().numpy()

    def cost(self, x: Array) -> Array:
        return np.asarray(self.system.cost_of(torch.as_tensor(x)).numpy(), dtype=np.float64)

    def distance(self, at: Profiles) -> Array:
        """1/2 ||x - x~||^2, [B]."""
        return np.asarray(0.5 * ((at.x - self.reference) ** 2).sum(1))

    def state(self, actions: NDArray[np.int64]) -> Array:
        """x [B, M] of profiles [B, N]; -1 = the agent's job is not there."""
        x = np.tile(self.background.astype(np.float64), (len(actions), 1))
        rows = np.arange(len(actions))
        for i in range(self.n):
            chosen = np.maximum(actions[:, i], 0)
            x[rows, self.candidates[i, chosen]] += np.where(actions[:, i] >= 0, self.shares[i, chosen], 0.0)
        return x

    def chunks(self) -> Iterator[Profiles]:
        """All profiles, agent 0 slowest, in chunks."""
        shape, total = (self.k,) * self.n, self.k**self.n
        for first in range(0, total, CHUNK):
            numbers = np.arange(first, min(first + CHUNK, total))
            actions = np.stack(np.unravel_index(numbers, shape), axis=1).astype(np.int64)
            agents = np.arange(self.n)
            x = self.state(actions)
            yield Profiles(actions, self.p[agents, actions].prod(1), x, self.cost(x), self.shares[agents, actions])

    def expected(self, value: Callable[[Profiles], Array]) -> Array:
        """E value over all profiles; value returns [B, ...]."""
        return np.asarray(sum(np.tensordot(c.probability, value(c), axes=1) for c in self.chunks()))

    def replace(self, actions: NDArray[np.int64], agent: int, action: int) -> NDArray[np.int64]:
        other = actions.copy()
        other[:, agent] = action
        return other

    def credit(self, name: str, at: Profiles, expected_reward: float) -> Array:
        """One credit by its definition on each profile, ascent sign: [B, N]."""
        if name in ("return", "return:raw"):
            baseline = expected_reward if name == "return" else 0.0
            return np.repeat((-at.cost - baseline)[:, None], self.n, axis=1)
        columns = []
        for i in range(self.n):
            without = self.state(self.replace(at.actions, i, -1))
            if name == "difference":
                columns.append(self.cost(without) - at.cost)
            elif name == "coma":
                played = [self.cost(self.state(self.replace(at.actions, i, k))) for k in range(self.k)]
                columns.append(np.stack(played, 1) @ self.p[i] - at.cost)
            elif name == "guidance:exact":
                columns.append(0.5 * ((without - self.reference) ** 2 - (at.x - self.reference) ** 2).sum(1))
            else:
                seen = self.background if name == "guidance:observed" else at.x
                columns.append(-((seen - self.reference) * (at.x - without)).sum(1))
        return np.stack(columns, axis=1)


def enumerate_moments(
    system: LoadBalancingGame, probabilities: ArrayLike, credits: Sequence[str] | None = None
) -> OracleMoments:
    """Exact moments of every credit over all K^N profiles, per agent and for shared parameters.

    Cost: O(K^N N (M + C^2 + K M for coma)), in chunks of 2^14 profiles.

    Parameters
    ----------
    probabilities : array [N, K]
        Independent tabular softmax policies; the logits are the parameters.
    credits : sequence of str, optional
        Some of return (b = E R), return:raw, guidance (chain rule), guidance:exact, guidance:observed (x before
        acting), difference (no job as default), coma. All by default.

    Returns
    -------
    OracleMoments with P = K, on the sum scale; `shared` holds the moments of sum_i g_i (shared logits). InputError on
    more than 10^6 profiles, bad probabilities, or an unknown credit.
    """
    game = EnumeratedGame(system, probabilities)
    names = check_credits(credits, ENUMERATED_CREDITS)
    objective = float(game.expected(lambda c: -c.cost))
    sums = _first_pass(game, names, objective)
    total, shared = _second_pass(game, names, objective, sums)
    cross = _cross_agent(game, sums)
    check_moments(sums.gradient, total, cross)

    return OracleMoments(
        names=names,
        means=sums.gradient,
        covariances=total,
        cross=cross,
        deviations=np.sqrt(np.maximum(sums.square.mean(1) - sums.plain.mean(1) ** 2, 0.0)),
        objective=objective,
        objective_gradient=_gradient(game, lambda c: -c.cost),
        guidance_objective=float(game.expected(game.distance)),
        guidance_gradient=_gradient(game, game.distance),
        shared=shared,
    )


def _scores(game: EnumeratedGame, actions: NDArray[np.int64]) -> Array:
    """psi_i(a_i) = e_{a_i} - p_i on each profile: [B, N, K]."""
    return np.asarray(np.eye(game.k)[actions] - game.p)


def _gradient(game: EnumeratedGame, value: Callable[[Profiles], Array]) -> Array:
    """grad E value in the logits as a likelihood-ratio sum over all profiles (no centring needed: exact)."""
    return game.expected(lambda c: _scores(game, c.actions) * value(c)[:, None, None])


@dataclass(frozen=True)
class _Sums:
    """gradient E psi w [C, N, K]; given own action: probability [N, K], first [C, N, K] and second [C, C, N, K]
    moments of w; square = E w^2 and plain = E w, [C, N]."""

    gradient: Array
    first: Array
    second: Array
    square: Array
    plain: Array


def _first_pass(game: EnumeratedGame, names: tuple[str, ...], objective: float) -> _Sums:
    count = len(names)
    gradient, first = np.zeros((2, count, game.n, game.k))
    second = np.zeros((count, count, game.n, game.k))
    square, plain = np.zeros((2, count, game.n))
    for c in game.chunks():
        w = np.stack([game.credit(name, c, objective) for name in names])
        gradient += np.einsum("b,cbn,bnk->cnk", c.probability, w, _scores(game, c.actions), optimize=True)
        chosen = np.eye(game.k)[c.actions] * c.probability[:, None, None]
        first += np.einsum("cbn,bnk->cnk", w, chosen, optimize=True)
        for a in range(count):
            second[a] += np.einsum("cbn,bnk->cnk", w * w[a], chosen, optimize=True)
        square += np.einsum("b,cbn->cn", c.probability, w**2)
        plain += np.einsum("b,cbn->cn", c.probability, w)
    with np.errstate(invalid="ignore", divide="ignore"):
        first, second = (np.where(game.p > 0.0, table / game.p, 0.0) for table in (first, second))
    return _Sums(gradient, first, second, square, plain)


def _second_pass(game: EnumeratedGame, names: tuple[str, ...], objective: float, sums: _Sums) -> tuple[Array, Array]:
    """tr Cov of the per-agent gradients [C, C, N] and of their sum over agents [C, C], about their means."""
    count = len(names)
    total, shared = np.zeros((count, count, game.n)), np.zeros((count, count))
    for c in game.chunks():
        scores = _scores(game, c.actions)
        g = [game.credit(name, c, objective)[:, :, None] * scores for name in names]
        deviation = [part - mean for part, mean in zip(g, sums.gradient)]
        for a in range(count):
            for b in range(a + 1):
                total[a, b] += np.einsum("b,bnk,bnk->n", c.probability, deviation[a], deviation[b], optimize=True)
                pooled = (deviation[a].sum(1) * deviation[b].sum(1)).sum(1)
                shared[a, b] += c.probability @ pooled
    for a in range(count):
        for b in range(a):
            total[b, a], shared[b, a] = total[a, b], shared[a, b]
    return total, shared


def _cross_agent(game: EnumeratedGame, sums: _Sums) -> Array:
    """E tr Cov(g_i, g_i' given a_i) [C, C, N]: only the others' choices vary."""
    inside = sums.second - sums.first[:, None] * sums.first[None, :]
    norm = np.stack([((np.eye(game.k)[k] - game.p) ** 2).sum(1) for k in range(game.k)], axis=1)
    return np.asarray((game.p * norm * inside).sum(-1))

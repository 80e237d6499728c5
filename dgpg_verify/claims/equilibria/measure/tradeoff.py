"""Cells of the trade-off: a rule alpha(N) that bounds the variance of the guided gradient moves the equilibrium.

One fleet at one N. Variances are the closed forms of the oracles; the equilibrium of a quadratic team is a closed form
too. In the load-balancing game the pure equilibrium is followed from that of J by best replies, agent by agent: with
quadratic cost each reply needs the own candidates only, so that N is free.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dgpg_verify.core import Cell
from dgpg_verify.core.moments import optimal_alpha
from dgpg_verify.equilibria.teams.stationary import TeamMatrices, team_matrices
from dgpg_verify.oracles.games.load_balancing import load_balancing_moments
from dgpg_verify.oracles.moments import OracleMoments
from dgpg_verify.oracles.teams.linear_quadratic import linear_quadratic_moments
from dgpg_verify.systems import LinearQuadraticTeam, LoadBalancingGame

Array = NDArray[np.float64]
# pooled variances, and alpha -> (share of the way from the optimum of J to that of G, J lost an agent)
Subject = tuple[dict[str, float], Callable[[float], tuple[float, float]]]
RULES = ("0.2", "0.55", "0.9", "n^-0.5", "alpha*")  # the published schedule ends at 0.2
SIGMA = 0.5
TEAM = (0.5, 0.3)  # alignment, bias of the reference
GAME_REFERENCE = "biased:0.3"
CANDIDATES = 3
SWEEPS = 200


def measure_tradeoff(cell: Cell) -> dict[str, Any]:
    """Pooled variances, and for each rule alpha, share of the way from the optimum of J to that of G, J lost an agent.

    base, guidance, covariance: tr Cov, summed over agents; alpha, shift, lost [rules].
    """
    subject = _team if cell.options["kind"] == "team" else _game
    moments, moved = subject(cell.n, cell.seed % 2**31)
    alphas = [alpha_of(rule, cell.n, moments) for rule in RULES]
    shift, lost = zip(*(moved(alpha) for alpha in alphas))
    return moments | {"alpha": np.array(alphas), "shift": np.array(shift), "lost": np.array(lost)}


def alpha_of(rule: str, n: int, moments: dict[str, float]) -> float:
    """alpha of a rule at N: fixed, 1 - N^-1/2, or the minimiser of the variance."""
    if rule == "n^-0.5":
        return 1.0 - n**-0.5
    if rule == "alpha*":
        return float(optimal_alpha(moments["base"], moments["guidance"], moments["covariance"]))
    return float(rule)


def _pooled(moments: OracleMoments) -> dict[str, float]:
    pairs = {"base": ("return",) * 2, "guidance": ("guidance",) * 2, "covariance": ("return", "guidance")}
    return {name: float(moments.covariance(*pair).sum()) for name, pair in pairs.items()}


def _team(n: int, seed: int) -> Subject:
    team = LinearQuadraticTeam.random(n, seed, *TEAM)
    matrices = team_matrices(team)
    start, end = followed_optimum(matrices, 0.0), followed_optimum(matrices, 1.0)
    way = float(np.linalg.norm(end - start))

    def moved(alpha: float) -> tuple[float, float]:
        move = followed_optimum(matrices, alpha) - start
        return float(np.linalg.norm(move)) / way, 0.5 * float(move @ matrices.a @ move) / n

    return _pooled(linear_quadratic_moments(team, 0.5 * start, SIGMA, ("return", "guidance"))), moved


def followed_optimum(m: TeamMatrices, alpha: float) -> Array:
    """theta_alpha [N] where the Hessian is well conditioned, as the law of teams makes it (closed form F5). O(N^3)."""
    weight, aims = (1.0 - alpha) * m.weights + alpha, (1.0 - alpha) * m.weights * m.optimum + alpha * m.reference
    return np.asarray(np.linalg.solve(m.z.T @ (weight[:, None] * m.z), m.z.T @ aims))


def _game(n: int, seed: int) -> Subject:
    game = LoadBalancingGame.random(n, seed, n_candidates=CANDIDATES, reference=GAME_REFERENCE)
    uniform = np.full((n, CANDIDATES), 1.0 / CANDIDATES)
    start = followed_equilibrium(game, 0.0, np.zeros(n, dtype=np.int64))
    way = max(int((followed_equilibrium(game, 1.0, start) != start).sum()), 1)
    worth = game_cost(game, start)

    def moved(alpha: float) -> tuple[float, float]:
        end = followed_equilibrium(game, alpha, start)
        return float((end != start).sum()) / way, (game_cost(game, end) - worth) / n

    return _pooled(load_balancing_moments(game, uniform, ("return", "guidance"))), moved


def followed_equilibrium(game: LoadBalancingGame, alpha: float, start: NDArray[np.int64]) -> NDArray[np.int64]:
    """A pure equilibrium of J_alpha (quadratic cost) by best replies in the order of agents from `start` [N].

    Each reply raises the common J_alpha, so it ends; ties keep the present action. Cost O(N K) a sweep.
    """
    h, target, reference = (t.numpy() for t in (game.weights, game.target, game.reference_state))
    servers, shares = game.candidates.numpy(), game.shares.numpy()
    weight = (1.0 - alpha) * h + alpha
    aim = (1.0 - alpha) * h * target + alpha * reference
    actions, agents = start.copy(), np.arange(len(start))
    x = _state(game, actions)
    for _ in range(SWEEPS):
        moved = False
        for i in agents:
            own, z = servers[i], shares[i]
            x[own[actions[i]]] -= z[actions[i]]
            # added cost of z on top of x: z (weight x - aim) + 1/2 weight z^2
            added = z * (weight[own] * x[own] - aim[own]) + 0.5 * weight[own] * z**2
            best = int(added.argmin())
            if added[best] < added[actions[i]] - 1e-12 * np.abs(added).max():
                actions[i], moved = best, True
            x[own[actions[i]]] += z[actions[i]]
        if not moved:
            break
    return actions


def game_cost(game: LoadBalancingGame, actions: NDArray[np.int64]) -> float:
    """-J of one joint action [N]."""
    return float(game.cost_of(torch.as_tensor(_state(game, actions))))


def _state(game: LoadBalancingGame, actions: NDArray[np.int64]) -> Array:
    """x [M] under one joint action [N]."""
    x, agents = game.background.numpy().copy(), np.arange(len(actions))
    np.add.at(x, game.candidates.numpy()[agents, actions], game.shares.numpy()[agents, actions])
    return x

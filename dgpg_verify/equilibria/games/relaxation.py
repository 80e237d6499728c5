"""The state at which the cost of J is least when every job may be split over its candidates, many games at once.

The relaxation is convex: sum_m c_m(x_m) over the splits of each job. A primal-dual interior-point method solves all
games together; each answer is certified by its duality gap. The optimal state is unique, since each c_m is strictly
convex where it is used.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dgpg_verify.core import InputError, NonFiniteError
from dgpg_verify.equilibria.arrays import Array, Mask
from dgpg_verify.equilibria.games.tables import stacked
from dgpg_verify.systems import LoadBalancingGame
from dgpg_verify.systems.load_balancing import MM1_CAP

RELAXED_COSTS = ("quadratic", "delay", "mm1")
STEPS = 200
HALVINGS = 20
GAP = 1e-10  # duality gap at which a relaxation counts as solved, as a share of 1 + sum_i |p_i . grad_i|
CENTRING = 0.1  # each step aims at this share of the complementarity left
BOUNDARY = 0.95  # and goes at most this share of the way to the boundary
STEEPER = 1e-4  # mm1 beyond its cap is linear; there the marginal cost is made to rise by this share per unit


def relaxed_states(games: Sequence[LoadBalancingGame]) -> Array:
    """The optimal states x [F, M] of the splittable relaxations of games with the same N, K, M and cost.

    Beyond the cap of mm1 the cost is linear and the split not unique: the marginal cost is made to rise by 1e-4 of
    itself per unit of utilisation there, which picks the most even overload.
    Raises InputError for a makespan or a weight 0, NonFiniteError if a relaxation is not solved to a duality gap of
    1e-10 (1 + cost). Cost O(steps F N^3 K^3), about 20 steps.
    """
    problem = _Relaxation(games)
    split = np.full(problem.loads.shape[:2], 1.0 / games[0].n_actions)
    dual = np.ones_like(split) * (1.0 + np.abs(problem.gradient(split)).max(1, keepdims=True))
    price = np.zeros((len(games), games[0].n_agents))
    for _ in range(STEPS):
        gap = problem.gap(split)
        if (gap <= GAP).all():
            return problem.state(split)
        split, dual, price = problem.step(split, dual, price, gap > GAP)
    worst = int(np.argmax(gap))
    raise NonFiniteError(f"the relaxation of game {worst} has a gap of {gap[worst]:g} after {STEPS} steps")


class _Relaxation:
    """Splits f [F, N K] of the jobs of several games: x = background + f loads, marginal costs, Newton steps."""

    def __init__(self, games: Sequence[LoadBalancingGame]) -> None:
        first = games[0]
        if first.cost not in RELAXED_COSTS:
            raise InputError(f"cost = {first.cost!r} is not allowed here: it must be one of {', '.join(RELAXED_COSTS)}")
        self.shape = (first.n_agents, first.n_actions)
        self.background = stacked(games, "background")
        self.weights = {"quadratic": stacked(games, "weights"), "delay": 2.0 * stacked(games, "capacity")}.get(
            first.cost
        )
        if self.weights is not None and not (self.weights > 0.0).all():
            raise InputError("weights = 0 is not allowed here: the relaxation of a server without cost is not unique")
        self.target = stacked(games, "target") if first.cost == "quadratic" else np.zeros_like(self.background)
        chosen = stacked(games, "candidates")[..., None] == np.arange(first.n_servers)
        loads = np.where(chosen, stacked(games, "shares")[..., None], 0.0)
        self.loads = loads.reshape(len(games), -1, first.n_servers)
        self.rows = np.repeat(np.eye(first.n_agents), first.n_actions, axis=1)  # [N, N K]: sums over an agent's splits

    def state(self, split: Array) -> Array:
        return np.asarray(self.background + (split[:, None] @ self.loads)[:, 0])

    def marginal(self, x: Array) -> tuple[Array, Array]:
        """First and second derivative of each server's cost, [F, M] each."""
        if self.weights is not None:
            return self.weights * (x - self.target), self.weights
        top = 1.0 / (1.0 - MM1_CAP) ** 2
        room = 1.0 - np.minimum(x, MM1_CAP)
        over = x > MM1_CAP
        first = np.where(over, top * (1.0 + STEEPER * (x - MM1_CAP)), 1.0 / room**2)
        return first, np.where(over, top * STEEPER, 2.0 / room**3)

    def gradient(self, split: Array) -> Array:
        return np.asarray((self.loads @ self.marginal(self.state(split))[0][..., None])[..., 0])

    def gap(self, split: Array) -> Array:
        """sum_i (p_i . grad_i - min_k grad_ik), which bounds the cost above its minimum, relative: [F]."""
        slope = self.gradient(split).reshape(-1, *self.shape)
        paid = (split.reshape(slope.shape) * slope).sum(-1)
        return np.asarray((paid - slope.min(-1)).sum(1) / (1.0 + np.abs(paid).sum(1)))

    def step(self, split: Array, dual: Array, price: Array, moving: Mask) -> tuple[Array, Array, Array]:
        """One Newton step of the `moving` games on grad - rows^T price = dual, rows split = 1, split dual = aim.

        A step that does not lower the residual is halved: at the kink of mm1's marginal cost a full one can bounce.
        """
        size, agents = split.shape[1], len(self.rows)
        first, second = self.marginal(self.state(split))
        hessian = (self.loads * second[:, None]) @ self.loads.swapaxes(1, 2)
        aim = CENTRING * (split * dual).mean(1, keepdims=True)
        system = np.zeros((len(split), size + agents, size + agents))
        system[:, :size, :size] = hessian
        diagonal = np.arange(size)
        system[:, diagonal, diagonal] += dual / split
        system[:, :size, size:] = -self.rows.T
        system[:, size:, :size] = self.rows
        right = np.empty((len(split), size + agents))
        right[:, :size] = price @ self.rows + aim / split - (self.loads @ first[..., None])[..., 0]
        right[:, size:] = 1.0 - split @ self.rows.T
        move = np.linalg.solve(system, right[..., None])[..., 0]
        d_split, d_price = move[:, :size], move[:, size:]
        d_dual = aim / split - dual - dual / split * d_split
        length = np.minimum(_longest(split, d_split), _longest(dual, d_dual))[:, None] * moving[:, None]
        before = self.residual(split, dual, price, aim)
        for _ in range(HALVINGS):
            new = split + length * d_split, dual + length * d_dual, price + length * d_price
            worse = self.residual(*new, aim) > before
            if not worse.any():
                break
            length = np.where(worse[:, None], 0.5 * length, length)
        return new

    def residual(self, split: Array, dual: Array, price: Array, aim: Array) -> Array:
        """Norm of what a Newton step makes small, [F]."""
        slope = self.gradient(split) - price @ self.rows - dual
        return np.asarray(np.sqrt((slope**2).sum(1) + ((split * dual - aim) ** 2).sum(1)))


def _longest(values: Array, change: Array) -> Array:
    """The longest step in (0, 1] that keeps values + step change well above 0, [F]."""
    room = np.divide(BOUNDARY * values, -change, out=np.ones_like(values), where=change < 0.0)
    return np.asarray(np.minimum(room.min(1), 1.0))

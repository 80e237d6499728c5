"""Where ascent without noise comes to rest in a one-shot resource game, from the exact expectation of J and of G.

Agents act independently, so that the state of a coordinate is a sum of independent terms. Where its cost is quadratic
in reach, mean and variance suffice; elsewhere the sum's distribution is put together agent by agent, equal values
merged. That is exact, and cheap where few agents meet on a coordinate or their amounts are multiples of one number.
E J and E G are linear in each agent's probabilities: their derivatives are the values of its actions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dgpg_verify.core import InputError, check_real
from dgpg_verify.systems.best_response import iterated_best_response, team_price
from dgpg_verify.systems.one_shot import GameState
from dgpg_verify.systems.resource_game import ResourceGame

MOST_VALUES = 5_000_000  # of all coordinates together
DIGITS = 9  # values of a coordinate that agree so far are one
LONGEST = 0.5  # standard deviation, under its policy, of the moves of an agent's logits in a step
TRIES = 1e-3  # share of random actions with which each alpha after the first begins: none may be lost for good
GROWTH = 1.5  # of the step after one that climbed
SHARE = 0.5  # of what the slope promises that a step must climb: on stiff directions longer ones go to and fro
RESTS, AIM = 1e-5, 1e-7  # of what all agents could gain at the start: left at rest, and where a run stops
SHORTEST = 1e-12  # below it rounding decides
MOST_STEPS = 1_000


@dataclass(frozen=True)
class _Meeting:
    """Every agent with every coordinate that it can touch, [Q] pairs by coordinate: amount [Q, K] of each action there;
    agent, coordinate, and its number among those of the coordinate."""

    agent: Tensor
    coordinate: Tensor
    number: Tensor
    amount: Tensor


class ExpectedGame:
    """Exact E J and E G of a game under probabilities float64 [N, K]; differentiable.

    exact: G as it is, which exact guidance descends; else what guidance by the chain rule descends, G and |z|^2 / 2 of
    each action. Raises InputError where too many agents with amounts of their own meet on a coordinate.
    """

    def __init__(self, game: ResourceGame, exact: bool = False) -> None:
        self.game, self.meeting = game, _meeting(game)
        weights = game.distance_weights
        self.weights = torch.ones_like(game.reference_state) if weights is None else weights
        z = game.additions
        size = 0.5 * (self.weights[z.index] * z.value**2).sum(-1)
        self.own = torch.zeros_like(size) if exact else size
        low, high = self._reach()
        self.bend, quadratic = _bend(game.coordinate_costs, low, high)
        self.sums = _Sums(game, self.meeting, ~quadratic)
        self.quadratic = quadratic

    def cost(self, p: Tensor) -> Tensor:
        """-E J."""
        mean, variance = self.spread(p)
        parts = self.game.coordinate_costs(mean) + self.bend * variance
        charges = self.game.action_costs
        total = parts[self.quadratic].sum() + self.sums.expected(p)
        return total if charges is None else total + (p * charges).sum()

    def distance(self, p: Tensor) -> Tensor:
        """E G, by the chain rule with the mean of |z|^2 / 2."""
        mean, variance = self.spread(p)
        away = (mean - self.game.reference_state) ** 2 + variance
        return 0.5 * (self.weights * away).sum() + (p * self.own).sum()

    def spread(self, p: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of x, [M] each."""
        met = self.meeting
        chances, x0 = p[met.agent], self.game.idle_state
        mean = (chances * met.amount).sum(1)
        variance = (chances * met.amount**2).sum(1) - mean**2
        zero = torch.zeros_like(x0)
        return x0.index_add(0, met.coordinate, mean), zero.index_add(0, met.coordinate, variance)

    def signal(self, p: Tensor) -> float:
        """Mean over agents of |d E J / d logits|^2."""
        p = p.clone().requires_grad_()
        [q] = torch.autograd.grad(-self.cost(p), p)
        return float((_through_softmax(p.detach(), q) ** 2).sum(1).mean())

    def _reach(self) -> tuple[Tensor, Tensor]:
        met, x0 = self.meeting, self.game.idle_state
        ends = (met.amount.amin(1), met.amount.amax(1))
        low, high = (x0.index_add(0, met.coordinate, end) for end in ends)
        return low, high


class _Sums:
    """The distributions of the coordinates that are not quadratic, agent by agent."""

    def __init__(self, game: ResourceGame, meeting: _Meeting, asked: Tensor) -> None:
        """Lay out the values: they do not depend on probabilities."""
        self.met = meeting
        self.at = torch.nonzero(asked)[:, 0]
        place = torch.full_like(asked, -1, dtype=torch.int64)
        place[self.at] = torch.arange(len(self.at))
        kept = torch.nonzero(asked[meeting.coordinate])[:, 0]
        most = int(meeting.number[kept].max()) + 1 if len(kept) else 0
        pair = torch.full((len(self.at), most), -1)  # the pair of each coordinate's j-th agent, -1 = there is none
        pair[place[meeting.coordinate[kept]], meeting.number[kept]] = kept
        self.rows: list[tuple[Tensor, Tensor, int]] = []
        where, value = torch.arange(len(self.at)), game.idle_state[self.at]
        for j in range(most):
            met = pair[where, j]
            added = torch.where(met[:, None] >= 0, meeting.amount[met], 0.0)
            where, value = where[:, None].expand(added.shape).flatten(), (value[:, None] + added).flatten()
            key = np.rec.fromarrays([where.numpy(), value.numpy().round(DIGITS)])
            _, first, to = np.unique(key, return_index=True, return_inverse=True)
            if len(first) > MOST_VALUES:
                raise InputError(f"more than {MOST_VALUES} values: too many agents with amounts of their own meet")
            self.rows.append((met, torch.as_tensor(to), len(first)))
            where, value = where[first], value[first]
        self.costs = game.coordinate_costs(value, self.at[where])

    def expected(self, p: Tensor) -> Tensor:
        """Sum over these coordinates of E phi."""
        chance = torch.ones(len(self.at), dtype=p.dtype)
        absent = torch.zeros(p.shape[1], dtype=p.dtype)
        absent[0] = 1.0
        for met, to, count in self.rows:
            chosen = torch.where(met[:, None] >= 0, p[self.met.agent[met]], absent)
            parts = (chance[:, None] * chosen).flatten()
            chance = torch.zeros(count, dtype=p.dtype).index_add(0, to, parts)
        return (chance * self.costs).sum()


@dataclass(frozen=True)
class Rest:
    """Where an ascent ended: probabilities [N, K], E J there, and whether at the last alpha nobody has more to gain."""

    p: Tensor
    value: float
    settled: bool


def ascend(expected: ExpectedGame, alphas: Iterable[float]) -> Rest:
    """Climb (1 - alpha) J - alpha G without noise from uniform policies, for each alpha in turn to its rest.

    Steps go along the natural gradient, which rests where the plain one does, and sooner: each logit moves by how much
    better its action is than the agent's mean. They are 1.5 times as long after one that climbed by half of what the
    slope promises, halved where one does not, and move no agent's logits by more than 1/2 (standard deviation). A run
    stops where the sum over agents of what each could gain by a change of its own is 1e-7 of that at the start, where
    rounding hides what is left, or after 1 000 steps; it is at rest if that is 1e-5. Raises InputError for alpha
    outside [0, 1]. Cost: some hundred evaluations with their derivatives for each alpha.
    """
    game = expected.game
    allowed = torch.ones(game.n_agents, game.n_actions) if game.allowed is None else game.allowed
    chances = (allowed / allowed.sum(1, keepdim=True)).double()
    uniform, settled = chances, False
    for alpha in alphas:
        first = _look(expected, check_real("alpha", alpha, 0.0, 1.0), uniform.log()).gain
        logits, settled = _climb(expected, alpha, torch.log((1.0 - TRIES) * chances + TRIES * uniform), first)
        chances = torch.softmax(logits, 1)
    return Rest(chances, -float(expected.cost(chances)), settled)


def _climb(expected: ExpectedGame, alpha: float, logits: Tensor, first: float) -> tuple[Tensor, bool]:
    """Where it rests, and whether what is left to gain is the share RESTS of `first`."""
    here, length = _look(expected, alpha, logits), LONGEST
    for _ in range(MOST_STEPS):
        if here.gain <= AIM * first or length < SHORTEST or here.size == 0.0:
            break
        step = length / here.size
        moved = logits + step * here.ahead
        after = _look(expected, alpha, moved)
        climbed = after.value - here.value >= SHARE * step * here.rate
        if climbed:
            logits, here = moved, after
        length = min(LONGEST, length * GROWTH) if climbed else 0.5 * length
    return logits, here.gain <= RESTS * first


@dataclass(frozen=True)
class _Look:
    """At some logits: what is climbed; how much better each action is than its agent's mean [N, K], which is the
    natural gradient; how fast the value rises along it; the largest standard deviation of it of one agent; and what all
    agents together could gain, each by a change of its own."""

    value: float
    ahead: Tensor
    rate: float
    size: float
    gain: float


def _look(expected: ExpectedGame, alpha: float, logits: Tensor) -> _Look:
    p = torch.softmax(logits, 1).requires_grad_()
    value = -alpha * expected.distance(p)
    if alpha < 1.0:
        value = value - (1.0 - alpha) * expected.cost(p)
    [q] = torch.autograd.grad(value, p)
    p, value = p.detach(), value.detach()
    ahead = q - (p * q).sum(1, keepdim=True)
    if expected.game.allowed is not None:
        ahead = torch.where(expected.game.allowed, ahead, 0.0)
    squares = (p * ahead**2).sum(1)
    return _Look(float(value), ahead, float(squares.sum()), float(squares.max().sqrt()), float(ahead.amax(1).sum()))


def _through_softmax(p: Tensor, q: Tensor) -> Tensor:
    """The gradient in the logits when q is that in the probabilities p, [N, K]."""
    return p * (q - (p * q).sum(1, keepdim=True))


def improved(game: ResourceGame, actions: Tensor) -> float:
    """J where, from actions [N] on, nobody can raise it by another action of its own."""
    chosen = iterated_best_response(game, team_price(game), actions, game.action_costs)
    return float(game.step(GameState(torch.ones(1)), chosen[None]).reward)


def _meeting(game: ResourceGame) -> _Meeting:
    z = game.additions
    (n, k, _), size = z.index.shape, game.state_size
    agent = torch.arange(n)[:, None, None].expand(z.index.shape)
    used = z.value != 0.0
    key, to = torch.unique((z.index * n + agent)[used], return_inverse=True)
    action = torch.arange(k)[None, :, None].expand(z.index.shape)[used]
    amount = torch.zeros(len(key), k, dtype=torch.float64)
    amount[to, action] = z.value[used]
    coordinate = torch.div(key, n, rounding_mode="floor")
    first = torch.searchsorted(coordinate, torch.arange(size))
    return _Meeting(key % n, coordinate, torch.arange(len(key)) - first[coordinate], amount)


def _bend(costs: Callable[[Tensor], Tensor], low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Half of the second derivative of each phi, and whether it is quadratic between low and high: whether the parabola
    through ends and middle goes through four points between them too."""
    width = torch.where(high > low, high - low, 1.0)
    start, middle, end = (costs(low + share * width) for share in (0.0, 0.5, 1.0))
    bend, slope = 2.0 * (start - 2.0 * middle + end), 4.0 * middle - 3.0 * start - end
    scale = start.abs() + middle.abs() + end.abs()
    off = torch.stack([costs(low + s * width) - (start + s * slope + s**2 * bend) for s in (0.1, 0.3, 0.6, 0.9)])
    return bend / width**2, (off.abs() <= 1e-9 * scale).all(0)

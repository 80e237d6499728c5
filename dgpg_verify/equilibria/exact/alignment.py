"""Exact decisions about alignment <grad J, -grad G> >= 0 over all profiles of small games in fractions.

Simplex coordinates, one or two agents: agent i's product depends on the other's mixture alone and is a quadratic
form in it, so its minimum over a simplex is rational and is found on one of the faces; the joint minimum is the sum.
Softmax coordinates, all finite logits, two agents with two actions: the joint product is
2 [w(p) f_1(q) + w(q) f_2(p)], w(t) = t^2 (1 - t)^2, and it is nowhere negative exactly when a number c separates
f_1 / w >= c from -f_2 / w <= c on (0, 1): a quartic inequality each, decided by Sturm sequences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

import numpy as np
from numpy.polynomial.polynomial import polyadd, polymul, polyval

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.exact import rational
from dgpg_verify.equilibria.exact.polynomials import Poly, nonnegative
from dgpg_verify.equilibria.exact.rational import Mixed, RationalGame, Table

W: Poly = np.array([Fraction(v) for v in (0, 0, 1, -2, 1)])  # t^2 (1 - t)^2
GRID = tuple(Fraction(k, 32) for k in range(1, 32))
COARSE = tuple(Fraction(k, 64) for k in (1, 8, 20, 32, 44, 56, 63))


def simplex_minimum(game: RationalGame) -> list[Fraction]:
    """Minimum over all profiles of each agent's <grad_i J, -grad_i G> in simplex coordinates [N].

    One or two agents, else InputError. The sum is the minimum of the joint product. Cost: O(2^K K^3).
    """
    if game.n_agents == 1:
        return rational.simplex_products(game, rational.uniform(1, game.n_actions))
    if game.n_agents != 2:
        raise InputError(f"n_agents = {game.n_agents} is not allowed: exact minima are known for 1 or 2 agents")
    return [_least_value(_form(game, agent)) for agent in (0, 1)]


def _form(game: RationalGame, agent: int) -> list[list[Fraction]]:
    """Symmetric M with <grad_i J, -grad_i G> = q M q for the other agent's mixture q."""
    ends = [rational.vertex((l, l), game.n_actions) for l in range(game.n_actions)]
    up = [rational.simplex_gradient(game.reward, end, agent) for end in ends]
    pull = [rational.simplex_gradient(game.pull, end, agent) for end in ends]
    size = range(game.n_actions)
    raw = [[rational.dot(up[l], pull[m]) for m in size] for l in size]
    return [[(raw[l][m] + raw[m][l]) / 2 for m in size] for l in size]


def _least_value(form: list[list[Fraction]]) -> Fraction:
    """Minimum of q M q over the simplex.

    A minimum inside a face of least dimension has a positive definite form along the face (along any other
    direction one could walk to the face's edge without going up), so singular faces need no look.
    """
    size = range(len(form))
    values = []
    for count in range(1, len(form) + 1):
        for face in combinations(size, count):
            bordered = [[form[l][m] for m in face] + [Fraction(-1)] for l in face] + [
                [Fraction(1)] * count + [Fraction(0)]
            ]
            solution = solve(bordered, [Fraction(0)] * count + [Fraction(1)])
            if solution is not None and min(solution[:count]) >= 0:
                values.append(solution[count])  # M q = multiplier * 1 on the face, so q M q is the multiplier
    return min(values)


def solve(matrix: Sequence[Sequence[Fraction]], right: Sequence[Fraction]) -> list[Fraction] | None:
    """The solution of a square linear system by Gauss-Jordan elimination, None if it is singular."""
    rows = [[*row, end] for row, end in zip(matrix, right)]
    for column in range(len(rows)):
        pivot = next((r for r in range(column, len(rows)) if rows[r][column] != 0), None)
        if pivot is None:
            return None
        rows[column], rows[pivot] = rows[pivot], rows[column]
        rows[column] = [v / rows[column][column] for v in rows[column]]
        for r, row in enumerate(rows):
            if r != column and row[column] != 0:
                rows[r] = [v - row[column] * w for v, w in zip(row, rows[column])]
    return [row[-1] for row in rows]


@dataclass(frozen=True)
class SoftmaxDecision:
    """aligned at every finite theta? If so `level` is the number c (None where signs suffice), else `witness`."""

    aligned: bool
    level: Fraction | None = None
    witness: Mixed | None = None


def softmax_alignment(game: RationalGame) -> SoftmaxDecision:
    """Whether <grad J, -grad G> >= 0 at every finite softmax theta, decided exactly.

    One agent with two actions, or two agents with two actions; any game without sign agreement is refused by T4.
    Raises InputError for other games, ArithmeticError if neither a certificate nor a witness is found.
    """
    if not rational.sign_agreement(game):
        return SoftmaxDecision(False)  # T4: then some theta is misaligned
    if (game.n_agents, game.n_actions) == (1, 2):
        return SoftmaxDecision(True)
    if (game.n_agents, game.n_actions) != (2, 2):
        raise InputError(f"{game.n_agents} agents with {game.n_actions} actions: decided for 2 actions, 1 or 2 agents")
    first, second = agent_products(game)
    witness = _witness(first, second, COARSE)
    if witness is not None:
        return SoftmaxDecision(False, witness=witness)
    for level in _levels(first, second):
        if is_level(first, second, level):
            return SoftmaxDecision(True, level=level)
    witness = _witness(first, second, GRID)
    if witness is None:
        raise ArithmeticError(f"softmax alignment of {game} is undecided: a finer grid is needed")
    return SoftmaxDecision(False, witness=witness)


def _witness(first: Poly, second: Poly, grid: Sequence[Fraction]) -> Mixed | None:
    """A profile of the grid at which the joint product is negative, if there is one."""
    rows = [[(t, polyval(t, W), polyval(t, poly)) for t in [*grid, *_turn(poly)]] for poly in (second, first)]
    for p, w_p, f_2 in rows[0]:
        for q, w_q, f_1 in rows[1]:
            if w_p * f_1 + w_q * f_2 < 0:
                return (1 - p, p), (1 - q, q)
    return None


def _turn(poly: Poly) -> list[Fraction]:
    """Where a quadratic turns, if inside (0, 1): its least value may lie between the points of any grid."""
    turn = -poly[1] / (2 * poly[2]) if len(poly) == 3 else Fraction(0)
    return [turn] if 0 < turn < 1 else []


def agent_products(game: RationalGame) -> tuple[Poly, Poly]:
    """f_1 (in the chance q of agent 2's action 1) and f_2 (in agent 1's p): Delta_iJ * Delta_i(-G), [2 x 2] games."""
    first, second = (polymul(slope(game.reward, agent), slope(game.pull, agent)) for agent in (0, 1))
    return first, second


def slope(table: Table, agent: int) -> list[Fraction]:
    """What the agent gains by action 1 instead of 0, linear in the chance of the other's action 1."""
    start, end = (rational.difference(table, (0, k) if agent == 0 else (k, 0), agent, 1) for k in (0, 1))
    return [start, end - start]


def is_level(first: Poly, second: Poly, level: Fraction) -> bool:
    """Whether f_1 >= c w and f_2 >= -c w on [0, 1]: proves alignment at every finite softmax theta."""
    return nonnegative(polyadd(first, -level * W)) and nonnegative(polyadd(second, level * W))


def _levels(first: Poly, second: Poly) -> list[Fraction]:
    """Numbers worth trying: zero, the limits of f / w at double roots in 0 or 1, the middle of what a grid allows."""
    tries = [Fraction(0)]
    for poly, sign in ((first, 1), (second, -1)):
        constant, rise, bend = [*poly, *[Fraction(0)] * 3][:3]
        for end in (0, 1):
            if constant + rise * end + bend * end == 0 == rise + 2 * bend * end:
                tries.append(sign * bend)
    high = min(polyval(t, first) / polyval(t, W) for t in GRID)
    low = -min(polyval(t, second) / polyval(t, W) for t in GRID)
    return [*tries, rational.HALF * (low + high)]

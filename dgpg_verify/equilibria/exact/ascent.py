"""Exact projected gradient ascent on the product of simplices: the points that training visits, as fractions.

p_i <- projection on the simplex of p_i + step * Q_i, all agents at once, from the uniform policy. Projection and
gradients of a table are rational, so a run that ends in a fixed point ends there exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from dgpg_verify.equilibria.exact.rational import Mixed, Table, action_values, uniform

STEP = Fraction(1, 4)
MAX_STEPS = 60


def exact_ascent(table: Table, n_agents: int, n_actions: int, limit: int = MAX_STEPS) -> list[Mixed]:
    """Points visited from the uniform policy to a fixed point (the last one twice), at most limit + 1 points."""
    visited = [uniform(n_agents, n_actions)]
    while len(visited) <= limit and not settled(visited):
        p = visited[-1]
        values = [action_values(table, p, agent) for agent in range(n_agents)]
        visited.append(tuple(project([a + STEP * v for a, v in zip(row, q)]) for row, q in zip(p, values)))
    return visited


def settled(visited: Sequence[Mixed]) -> bool:
    """Whether the last step moved nothing."""
    return len(visited) > 1 and visited[-1] == visited[-2]


def project(point: Sequence[Fraction]) -> tuple[Fraction, ...]:
    """The nearest point of the simplex: subtract one number from all entries and cut off below zero."""
    ranked, total, level = sorted(point, reverse=True), Fraction(0), Fraction(0)
    for count, entry in enumerate(ranked, start=1):
        total += entry
        if entry * count > total - 1:
            level = (total - 1) / count
    return tuple(max(entry - level, Fraction(0)) for entry in point)

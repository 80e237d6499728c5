"""The quadratic examples: what they show, and that nothing smaller shows it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction as F

from dgpg_verify.equilibria.counterexamples.quadratic import (
    SINGULAR,
    SMALLEST_SINGULAR,
    UNALIGNED_EQUAL,
    QuadraticTeam,
    equal_but_misaligned,
    loses_a_point,
    misaligned_points,
)
from dgpg_verify.equilibria.counterexamples.search import numbers_with_sum


def smaller_singular(total: int) -> Iterator[QuadraticTeam]:
    """x = theta in one or two dimensions, whole numbers (weights, target, reference) of smaller sum."""
    for size in (1, 2):
        identity = tuple(tuple(int(i == j) for j in range(size)) for i in range(size))
        for amount in range(total):
            for n in numbers_with_sum([0] * 3 * size, amount):
                yield QuadraticTeam(identity, *(tuple(n[k * size : (k + 1) * size]) for k in range(3)))


def smaller_equal(total: int) -> Iterator[QuadraticTeam]:
    """Two parameters, target 0, whole numbers (Z >= 0, weights >= 1) of smaller sum."""
    for amount in range(total):
        for a, b, c, d, g, h in numbers_with_sum([0, 0, 0, 0, 1, 1], amount):
            yield QuadraticTeam(((a, b), (c, d)), (g, h), (0, 0), (0, 0))


def test_gradients_of_a_hand_case() -> None:
    """Z = [[1, 2], [0, 1]], theta = (1, 1): x = (3, 1); J pulls by (-2 * 2, -3 * 1), G by (3, -1)."""
    team = QuadraticTeam(((1, 2), (0, 1)), (2, 3), (1, 0), (0, 2))
    assert team.gradients([F(1), F(1)]) == ([-4, -11], [3, 5])


def test_singular_example_loses_a_stationary_point() -> None:
    assert loses_a_point(SINGULAR, [F(0), F(0)], F(1, 2))
    assert not loses_a_point(SINGULAR, [F(0), F(1)], F(1, 2))  # this one is stationary for both
    nonsingular = QuadraticTeam(((1, 0), (0, 1)), (1, 1), (0, 0), (0, 1))  # control: then alignment fails instead
    assert not nonsingular.aligned_everywhere()
    assert loses_a_point(SMALLEST_SINGULAR, [F(1), F(0)], F(1, 2))
    assert not any(any(team.weights) for team in smaller_singular(1))  # below sum 1 J is constant


def test_alignment_is_not_necessary_for_equal_sets() -> None:
    assert equal_but_misaligned(UNALIGNED_EQUAL)
    assert next(misaligned_points(UNALIGNED_EQUAL))[1] < 0
    assert not equal_but_misaligned(QuadraticTeam(((0, 1), (1, 2)), (1, 2), (0, 0), (0, 0)))  # weights closer: aligned
    assert not any(equal_but_misaligned(team) for team in smaller_equal(8))

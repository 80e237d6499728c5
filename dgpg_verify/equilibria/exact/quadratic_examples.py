"""The two examples of section 5 without agents' simplices: quadratic J and G of a state x = Z theta, in fractions.

J = -1/2 sum_m h_m (x_m - target_m)^2, G = 1/2 |x - reference|^2. Alignment at every theta is a statement about one
quadratic polynomial and is decided by the signs of principal minors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, product

from dgpg_verify.equilibria.exact.alignment import solve
from dgpg_verify.equilibria.exact.search import numbers_with_sum

Matrix = list[list[Fraction]]
Numbers = tuple[int, ...]


@dataclass(frozen=True)
class QuadraticTeam:
    """influence Z [M][N], weights h [M] >= 0, target and reference [M], whole numbers."""

    influence: tuple[Numbers, ...]
    weights: Numbers
    target: Numbers
    reference: Numbers

    def gradients(self, theta: Sequence[Fraction]) -> tuple[list[Fraction], list[Fraction]]:
        """(grad J, grad G) at theta, [N] each."""
        x = [sum((z * t for z, t in zip(row, theta)), Fraction(0)) for row in self.influence]
        pull_j = [-h * (v - t) for h, v, t in zip(self.weights, x, self.target)]
        pull_g = [v - r for v, r in zip(x, self.reference)]
        columns = list(zip(*self.influence))
        up, down = ([sum((z * p for z, p in zip(c, pull)), Fraction(0)) for c in columns] for pull in (pull_j, pull_g))
        return up, down

    def aligned_everywhere(self) -> bool:
        """<grad J, -grad G> >= 0 at every theta: the homogenised quadratic form is positive semidefinite."""
        size = len(self.influence[0])
        product_at = self._polynomial()
        return positive_semidefinite([[product_at[i][j] for j in range(size + 1)] for i in range(size + 1)])

    def _polynomial(self) -> Matrix:
        """Symmetric matrix of the product in (theta, 1), read off from its values."""
        size = len(self.influence[0])
        lines = [self._affine(index) for index in (0, 1)]
        raw = [
            [-sum((u[a] * d[b] for u, d in zip(*lines)), Fraction(0)) for b in range(size + 1)] for a in range(size + 1)
        ]
        return [[(raw[a][b] + raw[b][a]) / 2 for b in range(size + 1)] for a in range(size + 1)]

    def _affine(self, index: int) -> Matrix:
        """One gradient as rows of coefficients of (theta, 1)."""
        size = len(self.influence[0])
        constant = self.gradients([Fraction(0)] * size)[index]
        units = [[Fraction(int(k == j)) for k in range(size)] for j in range(size)]
        slopes = [[v - c for v, c in zip(self.gradients(unit)[index], constant)] for unit in units]
        return [[*(slopes[j][i] for j in range(size)), constant[i]] for i in range(size)]

    def invertible(self) -> bool:
        size = len(self.influence)
        matrix = [[Fraction(z) for z in row] for row in self.influence]
        return size == len(self.influence[0]) and solve(matrix, [Fraction(0)] * size) is not None


def positive_semidefinite(matrix: Matrix) -> bool:
    """Whether a symmetric matrix has no negative principal minor. Cost: 2^n determinants."""
    size = range(len(matrix))
    chosen = (rows for count in range(1, len(matrix) + 1) for rows in combinations(size, count))
    return all(determinant([[matrix[i][j] for j in rows] for i in rows]) >= 0 for rows in chosen)


def determinant(matrix: Matrix) -> Fraction:
    """By expansion along the first row."""
    if not matrix:
        return Fraction(1)
    minors = ([row[:j] + row[j + 1 :] for row in matrix[1:]] for j in range(len(matrix)))
    return sum(((-1) ** j * v * determinant(minor) for j, (v, minor) in enumerate(zip(matrix[0], minors))), Fraction(0))


# J = -1/2 theta_1^2, G = 1/2 theta_1^2 + 1/2 (theta_2 - 1)^2: aligned everywhere, the Hessian of J is singular.
SINGULAR = QuadraticTeam(((1, 0), (0, 1)), (1, 0), (0, 0), (0, 1))
# The same with nothing to spare: J = -1/2 theta_2^2, G = 1/2 |theta|^2.
SMALLEST_SINGULAR = QuadraticTeam(((1, 0), (0, 1)), (0, 1), (0, 0), (0, 0))
# One target for both, unequal weights, invertible Z: one stationary point for all alpha, yet misaligned somewhere.
UNALIGNED_EQUAL = QuadraticTeam(((0, 1), (1, 2)), (1, 3), (0, 0), (0, 0))


def loses_a_point(team: QuadraticTeam, theta: Sequence[Fraction], alpha: Fraction) -> bool:
    """Aligned everywhere, J not constant, theta stationary for J but not for J_alpha."""
    up, down = team.gradients(theta)
    moved = any((1 - alpha) * u - alpha * d != 0 for u, d in zip(up, down))
    return any(team.weights) and team.aligned_everywhere() and not any(up) and moved


def equal_but_misaligned(team: QuadraticTeam) -> bool:
    """Z invertible, h > 0, one target: Z theta = target is the only stationary point of every J_alpha; not aligned."""
    same = team.target == team.reference and min(team.weights) > 0 and team.invertible()
    return same and not team.aligned_everywhere()


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


def misaligned_points(team: QuadraticTeam, bound: int = 12) -> Iterator[tuple[tuple[int, ...], Fraction]]:
    """Whole-number theta within the bound at which the product is negative, with the product."""
    for theta in product(range(-bound, bound + 1), repeat=len(team.influence[0])):
        up, down = team.gradients([Fraction(t) for t in theta])
        total = -sum((u * d for u, d in zip(up, down)), Fraction(0))
        if total < 0:
            yield theta, total

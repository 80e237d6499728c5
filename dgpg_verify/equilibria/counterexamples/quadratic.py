"""The two counterexamples without agents' simplices: quadratic J and G of a state x = Z theta, in fractions.

J = -1/2 sum_m h_m (x_m - target_m)^2, G = 1/2 |x - reference|^2. Alignment at every theta is a statement about one
quadratic polynomial and is decided by the signs of principal minors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, product

from dgpg_verify.equilibria.exact.rational import Number, dot

Matrix = Sequence[Sequence[Number]]
Numbers = tuple[int, ...]


@dataclass(frozen=True)
class QuadraticTeam:
    """influence Z [M][N], weights h [M] >= 0, target and reference [M], whole numbers."""

    influence: tuple[Numbers, ...]
    weights: Numbers
    target: Numbers
    reference: Numbers

    def gradients(self, theta: Sequence[Number]) -> tuple[list[Fraction], list[Fraction]]:
        """(grad J, grad G) at theta, [N] each."""
        up, down = ([dot(row, [*theta, 1]) for row in rows] for rows in self._coefficients())
        return up, down

    def aligned_everywhere(self) -> bool:
        """<grad J, -grad G> >= 0 at every theta: the quadratic form in (theta, 1) is positive semidefinite."""
        up, down = (list(zip(*rows)) for rows in self._coefficients())
        size = range(len(up))
        return positive_semidefinite([[-(dot(up[a], down[b]) + dot(up[b], down[a])) / 2 for b in size] for a in size])

    def _coefficients(self) -> tuple[Matrix, Matrix]:
        """grad J and grad G as rows that multiply (theta, 1)."""
        return self._rows([-h for h in self.weights], self.target), self._rows([1] * len(self.weights), self.reference)

    def _rows(self, weights: Sequence[int], aim: Numbers) -> Matrix:
        """Z' diag(weights) (Z theta - aim) as rows that multiply (theta, 1)."""
        columns = list(zip(*self.influence))
        weighted = [[w * z for w, z in zip(weights, column)] for column in columns]
        return [[*(dot(row, column) for column in columns), -dot(row, aim)] for row in weighted]

    def invertible(self) -> bool:
        return len(self.influence) == len(self.influence[0]) and determinant(self.influence) != 0


def positive_semidefinite(matrix: Matrix) -> bool:
    """Whether a symmetric matrix has no negative principal minor. Cost: 2^n determinants."""
    size = range(len(matrix))
    chosen = (rows for count in range(1, len(matrix) + 1) for rows in combinations(size, count))
    return all(determinant([[matrix[i][j] for j in rows] for i in rows]) >= 0 for rows in chosen)


def determinant(matrix: Matrix) -> Fraction:
    """By expansion along the first row."""
    if not matrix:
        return Fraction(1)
    minors = ([[*row[:j], *row[j + 1 :]] for row in matrix[1:]] for j in range(len(matrix)))
    return sum(((-1) ** j * v * determinant(minor) for j, (v, minor) in enumerate(zip(matrix[0], minors))), Fraction(0))


# J = -1/2 theta_1^2, G = 1/2 theta_1^2 + 1/2 (theta_2 - 1)^2: aligned everywhere, the Hessian of J is singular.
SINGULAR = QuadraticTeam(((1, 0), (0, 1)), (1, 0), (0, 0), (0, 1))
# The same with nothing to spare: J = -1/2 theta_2^2, G = 1/2 |theta|^2.
SMALLEST_SINGULAR = QuadraticTeam(((1, 0), (0, 1)), (0, 1), (0, 0), (0, 0))
# One target for both, unequal weights, invertible Z: one stationary point for all alpha, yet misaligned somewhere.
UNALIGNED_EQUAL = QuadraticTeam(((0, 1), (1, 2)), (1, 3), (0, 0), (0, 0))


def loses_a_point(team: QuadraticTeam, theta: Sequence[Number], alpha: Fraction) -> bool:
    """Aligned everywhere, J not constant, theta stationary for J but not for J_alpha."""
    up, down = team.gradients(theta)
    moved = any((1 - alpha) * u - alpha * d != 0 for u, d in zip(up, down))
    return any(team.weights) and team.aligned_everywhere() and not any(up) and moved


def equal_but_misaligned(team: QuadraticTeam) -> bool:
    """Z invertible, h > 0, one target: Z theta = target is the only stationary point of every J_alpha; not aligned."""
    same = team.target == team.reference and min(team.weights) > 0 and team.invertible()
    return same and not team.aligned_everywhere()


def misaligned_points(team: QuadraticTeam, bound: int = 12) -> Iterator[tuple[tuple[int, ...], Fraction]]:
    """Whole-number theta within the bound at which the product is negative, with the product."""
    for theta in product(range(-bound, bound + 1), repeat=len(team.influence[0])):
        up, down = team.gradients(theta)
        total = -dot(up, down)
        if total < 0:
            yield theta, total

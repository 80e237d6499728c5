"""Whether a polynomial with fraction coefficients is >= 0 on [0, 1], decided exactly by Sturm sequences.

Coefficients run from the constant upwards. A root at 0 or 1 is divided out first, so that the sign has to be read
only strictly between the remaining roots, at fractions that are no roots themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

Poly = list[Fraction]


def value(poly: Sequence[Fraction], at: Fraction) -> Fraction:
    total = Fraction(0)
    for coefficient in reversed(poly):
        total = total * at + coefficient
    return total


def plus(left: Sequence[Fraction], right: Sequence[Fraction], times: Fraction = Fraction(1)) -> Poly:
    """left + times * right."""
    size = max(len(left), len(right))
    padded = [list(poly) + [Fraction(0)] * (size - len(poly)) for poly in (left, right)]
    return _trim([a + times * b for a, b in zip(*padded)])


def product_of(left: Sequence[Fraction], right: Sequence[Fraction]) -> Poly:
    out = [Fraction(0)] * max(len(left) + len(right) - 1, 0)
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            out[i + j] += a * b
    return _trim(out)


def nonnegative(poly: Sequence[Fraction]) -> bool:
    """Whether the polynomial is >= 0 at every point of [0, 1]. Cost: polynomial in the degree, exact."""
    inside = _trim(list(poly))
    if not inside:
        return True
    for root, factor in ((Fraction(0), [Fraction(0), Fraction(1)]), (Fraction(1), [Fraction(1), Fraction(-1)])):
        while value(inside, root) == 0:  # both factors are positive inside (0, 1): the sign stays
            inside = _divide(inside, factor)[0]
    return all(value(inside, point) >= 0 for point in _points_between_roots(inside))


def _points_between_roots(poly: Poly) -> list[Fraction]:
    """Fractions of [0, 1], none a root, with at most one distinct root between neighbours, ends included."""
    chain = _sturm_chain(_divide(poly, _gcd(poly, _derivative(poly)))[0])
    todo, ends = [(Fraction(0), Fraction(1))], [Fraction(0), Fraction(1)]
    while todo:
        low, high = todo.pop()
        if _changes(chain, low) - _changes(chain, high) > 1:
            middle = _no_root(poly, low, high)
            ends.append(middle)
            todo += [(low, middle), (middle, high)]
    return ends


def _no_root(poly: Poly, low: Fraction, high: Fraction) -> Fraction:
    """A point well inside (low, high) that is no root: one of more points than there are roots."""
    parts = len(poly) + 2
    points = sorted(
        (low + (high - low) * Fraction(j, parts) for j in range(1, parts)), key=lambda t: abs(2 * t - low - high)
    )
    return next(point for point in points if value(poly, point) != 0)


def _sturm_chain(poly: Poly) -> list[Poly]:
    chain = [poly, _derivative(poly)]
    while chain[-1]:
        chain.append([-c for c in _divide(chain[-2], chain[-1])[1]])
    return chain[:-1]


def _changes(chain: list[Poly], at: Fraction) -> int:
    """Changes of sign along the chain; a difference of two counts the distinct roots between."""
    signs = [v > 0 for v in (value(poly, at) for poly in chain) if v != 0]
    return sum(a != b for a, b in pairwise(signs))


def _gcd(left: Poly, right: Poly) -> Poly:
    while right:
        left, right = right, _divide(left, right)[1]
    return left


def _divide(left: Poly, right: Poly) -> tuple[Poly, Poly]:
    """Quotient and remainder; right must not be empty."""
    rest, quotient = list(left), [Fraction(0)] * max(len(left) - len(right) + 1, 0)
    for shift in reversed(range(len(quotient))):
        factor = rest[shift + len(right) - 1] / right[-1]
        quotient[shift] = factor
        for k, coefficient in enumerate(right):
            rest[shift + k] -= factor * coefficient
    return _trim(quotient), _trim(rest)


def _derivative(poly: Poly) -> Poly:
    return [k * c for k, c in enumerate(poly)][1:]


def _trim(poly: Poly) -> Poly:
    while poly and poly[-1] == 0:
        poly.pop()
    return poly

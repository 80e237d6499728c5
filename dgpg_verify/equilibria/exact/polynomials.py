"""Whether a polynomial with fraction coefficients is >= 0 on [0, 1], decided exactly by Sturm sequences.

Coefficients run from the constant upwards. A root at 0 or 1 is divided out first. Between 0 and 1 the sign changes
exactly at the roots of odd multiplicity, so that without such a root it is the sign at 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise, zip_longest

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
    chain = _sturm_chain(_odd_roots(inside))
    return value(inside, Fraction(0)) > 0 and _changes(chain, Fraction(0)) == _changes(chain, Fraction(1))


def _odd_roots(poly: Poly) -> Poly:
    """A polynomial with the roots of odd multiplicity, each once.

    With D_k the product over all roots of multiplicity above k, it is (D_0 / D_1) (D_2 / D_3) ...
    """
    layers = []
    while len(poly) > 1:
        repeated = _gcd(poly, _derivative(poly))
        layers.append(_divide(poly, repeated)[0])
        poly = repeated
    odd = [Fraction(1)]
    for once, twice in zip_longest(layers[::2], layers[1::2], fillvalue=[Fraction(1)]):
        odd = product_of(odd, _divide(once, twice)[0])
    return odd


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

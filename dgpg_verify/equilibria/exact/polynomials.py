"""Whether a polynomial with fraction coefficients is >= 0 on [0, 1], decided exactly by Sturm sequences.

Coefficients run from the constant upwards, as in numpy.polynomial, whose functions are exact for fractions. A root at
0 or 1 is divided out first. Between 0 and 1 the sign changes exactly at the roots of odd multiplicity, so that without
such a root it is the sign at 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise, zip_longest
from typing import Any

import numpy as np
from numpy.polynomial.polynomial import polyder, polydiv, polymul, polytrim, polyval

Poly = Any  # object array of fractions
ONE = (Fraction(1),)


def nonnegative(poly: Sequence[Fraction]) -> bool:
    """Whether the polynomial is >= 0 at every point of [0, 1]. Cost: polynomial in the degree, exact."""
    inside: Poly = polytrim(np.array(poly, dtype=object))
    if not inside.any():
        return True
    for root, factor in ((0, (Fraction(0), Fraction(1))), (1, (Fraction(1), Fraction(-1)))):
        while polyval(root, inside) == 0:  # both factors are positive inside (0, 1): the sign stays
            inside = polydiv(inside, factor)[0]
    chain = _sturm_chain(_odd_roots(inside))
    return bool(polyval(0, inside) > 0) and _changes(chain, 0) == _changes(chain, 1)


def _odd_roots(poly: Poly) -> Poly:
    """A polynomial with the roots of odd multiplicity, each once.

    With D_k the product over all roots of multiplicity above k, it is (D_0 / D_1) (D_2 / D_3) ...
    """
    layers: list[Poly] = []
    while len(poly) > 1:
        repeated, rest = poly, polyder(poly)
        while rest.any():  # Euclid
            repeated, rest = rest, polydiv(repeated, rest)[1]
        layers.append(polydiv(poly, repeated)[0])
        poly = repeated
    odd: Poly = ONE
    for once, twice in zip_longest(layers[::2], layers[1::2], fillvalue=ONE):
        odd = polymul(odd, polydiv(once, twice)[0])
    return np.asarray(odd)


def _sturm_chain(poly: Poly) -> list[Poly]:
    chain = [poly, polyder(poly)]
    while chain[-1].any():
        chain.append(-polydiv(chain[-2], chain[-1])[1])
    return chain[:-1]


def _changes(chain: list[Poly], at: int) -> int:
    """Changes of sign along the chain; a difference of two counts the distinct roots between."""
    signs = [v > 0 for v in (polyval(at, poly) for poly in chain) if v != 0]
    return sum(a != b for a, b in pairwise(signs))

"""Covariance between all pairs of agents of the linear-quadratic team (closed form F4), and the shared update.

A second oracle for tests, derived apart from `oracles.teams.linear_quadratic`, whose variances and covariances must
equal the diagonals here. Dense [N, N].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dgpg_verify.core import InputError, check_choice, check_real
from dgpg_verify.oracles.teams.linear_quadratic import Array, team_arrays
from dgpg_verify.systems import LinearQuadraticTeam

MATRIX_CREDITS = ("return", "difference", "coma", "guidance", "guidance:exact", "reparameterised")


@dataclass(frozen=True, eq=False)
class _Dense:
    a: Array
    b: Array
    u: Array
    v: Array
    sigma: float
    beta: float


def covariance_matrix(
    system: LinearQuadraticTeam,
    means: ArrayLike,
    sigma: float,
    credit: str,
    other: str | None = None,
    baseline: float | None = None,
) -> Array:
    """Cov(g_i^credit, g_j^other) for all pairs of agents (closed form F4), [N, N].

    Args:
        credit: one of MATRIX_CREDITS (defaults theta_i); other: the same credit if None, else credit must be "return"
            and other a guidance, chain rule or exact, or "reparameterised".
        baseline: of the return; E R by default.

    Raises: InputError on another pair. Cost: O(N^3).
    """
    check_choice("credit", credit, MATRIX_CREDITS)
    sd = check_real("sigma", sigma, 0.0, open_low=True)
    team = team_arrays(system, means)
    beta = 0.0 if baseline is None else team.objective(sd) - check_real("baseline", baseline)
    dense = _Dense(team.a.toarray(), team.b.toarray(), team.u, team.v, sd, beta)
    if other is None or other == credit:
        return _own(credit, dense)
    if credit != "return" or not other.startswith(("guidance", "reparameterised")):
        raise InputError(f"covariance of {credit!r} with {other!r} is not known: it must be return with a guidance")
    check_choice("other", other, MATRIX_CREDITS)
    return _with_return(other, dense)


def shared_variance(
    system: LinearQuadraticTeam,
    means: ArrayLike,
    sigma: float,
    credits: Sequence[str] = MATRIX_CREDITS,
    baseline: float | None = None,
) -> dict[str, float]:
    """Var(sum_i g_i), the update of one shared mean: the sum of all entries of F4. Cost: O(N^3)."""
    return {name: float(covariance_matrix(system, means, sigma, name, baseline=baseline).sum()) for name in credits}


def _own(credit: str, d: _Dense) -> Array:
    s2 = d.sigma**2
    if credit == "return":
        level = d.beta**2 / s2 + (d.u**2).sum() + 0.5 * s2 * (d.a**2).sum()
        return np.asarray(level * np.eye(len(d.u)) + np.outer(d.u, d.u) + 2.0 * s2 * d.a @ d.a - 2.0 * d.beta * d.a)
    if credit == "reparameterised":
        return np.asarray(s2 * d.b @ d.b)
    matrix, slope = (d.b, d.v) if credit.startswith("guidance") else (d.a, d.u)
    diagonal = np.diag(matrix)
    between = diagonal[:, None] * matrix + matrix * diagonal[None, :]
    factor, constant = {
        "difference": (0.5, 15.0 / 4.0),
        "guidance:exact": (0.5, 15.0 / 4.0),
        "coma": (0.0, 5.0 / 2.0),
        "guidance": (2.0, 15.0),
    }[credit]
    square = matrix @ matrix
    result = s2 * (square + factor * between)
    np.fill_diagonal(result, 2.0 * slope**2 + 3.0 * s2 * (np.diag(square) - diagonal**2) + constant * s2 * diagonal**2)
    return np.asarray(result)


def _with_return(other: str, d: _Dense) -> Array:
    s2, product = d.sigma**2, d.a @ d.b
    if other == "reparameterised":
        return np.asarray(s2 * product - d.beta * d.b)
    c = 0.5 if other == "guidance:exact" else 1.0
    a_ii, b_ii = np.diag(d.a), np.diag(d.b)
    result = s2 * (product + d.b * a_ii[None, :] + (3.0 * c - 1.0) * d.a * b_ii[None, :]) - d.beta * d.b
    own = 2.0 * d.u * d.v + 3.0 * s2 * (np.diag(product) - a_ii * b_ii) + 6.0 * c * s2 * a_ii * b_ii
    np.fill_diagonal(result, own - 3.0 * c * d.beta * b_ii)
    return np.asarray(result)

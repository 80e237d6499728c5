"""Interior stationary points of games with two agents and two actions each, in closed form.

With x, y the agents' probabilities of their second action, E J = j00 + b x + c y + d x y. Its gradient is affine, so
the stationary point inside the square is (x, y) = (-c/d, -b/d): a saddle, never a maximum, as the Hessian has
eigenvalues +-d. J_alpha has a table of the same kind, so the saddle of J_alpha is as explicit, and the shift law is
exact here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.arrays import EPS, Array, Mask
from dgpg_verify.equilibria.games.tables import Tables, check_table


@dataclass(frozen=True, eq=False)
class Saddles:
    """point [F, 2]: the two agents' probabilities of their second action (nan where d is 0 up to rounding);
    interior bool [F]: strictly inside the square, farther from its edge than `rounding` [F]; cross [F]: d, reward
    units; gradient [F, 2]: (b, c), the gradient at x = y = 0."""

    point: Array
    interior: Mask
    rounding: Array
    cross: Array
    gradient: Array

    def profile(self) -> Array:
        """The points as profiles p [F, 2, 2]; meaningful where `interior`."""
        return np.stack([1.0 - self.point, self.point], axis=-1)

    def hessian(self) -> Array:
        """Hessian in (x, y), [F, 2, 2]: zero on the diagonal, d off it."""
        return self.cross[:, None, None] * np.array([[0.0, 1.0], [1.0, 0.0]])


def saddles(table: ArrayLike) -> Saddles:
    """The interior stationary point of each 2 x 2 identical-interest game of a table [F, 2, 2].

    Raises InputError on another shape. Rounding: each difference of entries is off by at most 4 eps max|table|, the
    entries' own rounding included. Cost: O(F).
    """
    values = check_table("table", table)
    if values.shape[1:] != (2, 2):
        raise InputError(f"table has shape {values.shape}: it must be [F, 2, 2], two agents with two actions each")
    b = values[:, 1, 0] - values[:, 0, 0]
    c = values[:, 0, 1] - values[:, 0, 0]
    d = (values[:, 1, 1] - values[:, 0, 1]) - b
    error = 4.0 * EPS * np.abs(values).max((1, 2))
    regular = np.abs(d) > 4.0 * error
    safe = np.where(regular, d, 1.0)
    point = np.stack([-c / safe, -b / safe], axis=-1)
    rounding = np.where(regular, error * (1.0 + 2.0 * np.abs(point).max(-1)) / (np.abs(safe) - 2.0 * error), np.inf)
    inside = ((point > rounding[:, None]) & (point < 1.0 - rounding[:, None])).all(-1)
    point = np.where(regular[:, None], point, np.nan)
    return Saddles(point, inside & regular, rounding, d, np.stack([b, c], axis=-1))


def guidance_gradient_at(tables: Tables, at: Saddles) -> Array:
    """grad G in (x, y) at the saddles of J, [F, 2]."""
    guidance = saddles(tables.guidance)
    return np.asarray(guidance.gradient + guidance.cross[:, None] * at.point[:, ::-1])

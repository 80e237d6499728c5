"""The dispatch of least cost when lines have limits (DC optimal power flow), by a primal-dual interior-point method.

Least are fuel cost q/2 p^2 + b p, and beta/2 of the squares of what is lacking and of what lines carry above their
limits; with beta = inf the demand is met and the limits are kept exactly. Both are one convex quadratic programme: a
penalty is a constraint whose multiplier y may lie y / beta beyond it. Steps are Mehrotra's (1992).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.optimize import linprog

from dgpg_verify.core import InputError
from dgpg_verify.systems.power.lines import Wires

Array = NDArray[np.float64]
RESIDUAL = 1e-8  # largest error in the conditions of an optimum, as a share of the largest output or incremental cost
AIM = 1e-13  # and the one at which the method stops; rounding may stop it before
STEPS = 100
PATIENCE = 4  # steps without a smaller residual after which there is none to be had
BOUNDARY = 0.995  # a step goes at most this share of the way to the boundary


@dataclass(frozen=True, eq=False)
class OptimalFlow:
    """output [N]; price: what one more unit of demand costs; line_price [L]: what one more unit of a line's limit
    saves, below 0 where it is the flow from end to start that is held; residual: see RESIDUAL."""

    output: Array
    price: float
    line_price: Array
    residual: float


def optimal_flow(
    quadratic: Array, linear: Array, least: Array, most: Array, demand: float, wires: Wires, beta: float
) -> OptimalFlow:
    """Outputs of least cost of N generators with least <= p <= most; demand must lie between the sums of the limits.

    Raises
    ------
    InputError where beta = inf and no outputs meet the demand within the limits of the lines, and where a residual of
    1e-8 is not reached.

    Notes
    -----
    Cost: 15 to 30 steps of O(N^2 L + N^3).
    """
    free = most > least
    if not free.any():
        raise InputError("lines are not allowed where no generator has a choice: p_max must lie above p_min of one")
    unit = float(max(np.abs(least).max(), np.abs(most).max())) or 1.0
    worth = float((quadratic * unit + np.abs(linear)).max())
    output = least / unit
    rows, fixed = wires.transfer[:, free], wires.transfer[:, ~free] @ output[~free]
    above, below = wires.limit / unit - fixed, wires.limit / unit + fixed
    programme = _QuadraticProgramme(
        quadratic[free] * unit / worth, linear[free] / worth, rows,
        np.concatenate([most[free] / unit, -least[free] / unit, above, below]),
        demand / unit - output[~free].sum(), worth / (beta * unit),
    )  # fmt: skip
    found = programme.solve(0.5 * (least + most)[free] / unit)
    if not found.residual <= RESIDUAL:
        raise InputError(_no_optimum(least, most, demand, wires, beta, found.residual))
    output[free] = found.p
    toward, back = found.y[2 * len(rows.T) :].reshape(2, -1)
    return OptimalFlow(np.clip(unit * output, least, most), worth * found.price, worth * (toward - back),
                       found.residual)  # fmt: skip


def _no_optimum(least: Array, most: Array, demand: float, wires: Wires, beta: float, residual: float) -> str:
    """Why there is no answer."""
    if np.isinf(beta):
        rows, limits = np.concatenate([wires.transfer, -wires.transfer]), np.tile(wires.limit, 2)
        total = np.ones((1, len(least)))
        tried = linprog(0.0 * least, rows, limits, total, [demand], np.stack([least, most], axis=1))
        if tried.status == 2:
            return f"demand = {demand!r} is not allowed: no outputs meet it within the limits of the lines"
    return f"the optimal flow is known to {residual:.1e} only, and must be to {RESIDUAL:g}: numbers differ too much"


@dataclass(frozen=True, eq=False)
class _Point:
    """p [n]; y, slack w [m] of the constraints; price []; residual []."""

    p: Array
    y: Array
    w: Array
    price: float
    residual: float = np.inf


class _QuadraticProgramme:
    """min q/2 p^2 + c p so that A p - ease y <= bound and sum p = demand - ease_all price, where A p is p, -p, and the
    flows either way; ease is 0 for the limits of p."""

    def __init__(self, q: Array, c: Array, rows: Array, bound: Array, demand: float, ease: float) -> None:
        self.q, self.c, self.rows, self.bound, self.demand, self.ease_all = q, c, rows, bound, demand, ease
        self.ease = np.repeat([0.0, ease], [2 * len(q), 2 * len(rows)])

    def solve(self, p: Array) -> _Point:
        """From p, inside its limits, to the best point that was found."""
        y = np.ones(len(self.bound))
        w = np.maximum(self.bound - self._over(p), 0.1)
        at = best = _Point(p, y, w, float(np.median(self.q * p + self.c)))
        since = 0
        for _ in range(STEPS):
            errors = self._errors(at)
            residual = max(float(np.abs(part).max(initial=0.0)) for part in (*errors, at.y * at.w))
            since = 0 if residual < best.residual else since + 1
            if residual < best.residual:
                best = _Point(at.p, at.y, at.w, at.price, residual)
            if residual <= AIM or since == PATIENCE:
                break
            try:
                at = self._next(at, errors)
            except (LinAlgError, ValueError):  # no factorisation: rounding has the better of it
                break
        return best

    def _over(self, p: Array) -> Array:
        """A p."""
        flow = self.rows @ p
        return np.concatenate([p, -p, flow, -flow])

    def _back(self, y: Array) -> Array:
        """A' y."""
        n, lines = len(self.q), len(self.rows)
        return np.asarray(y[:n] - y[n : 2 * n] + self.rows.T @ (y[2 * n : 2 * n + lines] - y[2 * n + lines :]))

    def _errors(self, at: _Point) -> tuple[Array, Array, Array]:
        """Of the costs [n], of the slacks [m], of the balance [1]."""
        cost = self.q * at.p + self.c + self._back(at.y) - at.price
        slack = at.w - (self.bound - self._over(at.p) + self.ease * at.y)
        return cost, slack, np.array([self.demand - at.p.sum() - self.ease_all * at.price])

    def _next(self, at: _Point, errors: tuple[Array, Array, Array]) -> _Point:
        """A step that aims at the optimum itself says how far it gets; the one taken is centred accordingly."""
        step = self._newton(at, errors)
        p, y, w, price = step(-at.y * at.w)
        reach = min(1.0, _reach(at.y, y), _reach(at.w, w))
        mean = float(at.y @ at.w) / len(at.y)
        left = float((at.y + reach * y) @ (at.w + reach * w)) / len(at.y)
        p, y, w, price = step((left / mean) ** 3 * mean - at.y * at.w - y * w)
        size = min(1.0, BOUNDARY * _reach(at.y, y), BOUNDARY * _reach(at.w, w))
        return _Point(at.p + size * p, at.y + size * y, at.w + size * w, at.price + size * price)

    def _newton(
        self, at: _Point, errors: tuple[Array, Array, Array]
    ) -> Callable[[Array], tuple[Array, Array, Array, float]]:
        """What solves the linear system of a step, given by how much y w is to change."""
        n, lines = len(self.q), len(self.rows)
        cost, slack, lack = errors
        around = at.w + at.y * self.ease
        weight = at.y / around
        of_line = weight[2 * n : 2 * n + lines] + weight[2 * n + lines :]
        matrix = np.diag(self.q + weight[:n] + weight[n : 2 * n]) + self.rows.T @ (of_line[:, None] * self.rows)
        factor = cho_factor(matrix)
        dearer = cho_solve(factor, np.ones(n))

        def step(change: Array) -> tuple[Array, Array, Array, float]:
            pushed = (change + at.y * slack) / around
            p = cho_solve(factor, -cost - self._back(pushed))
            price = float((lack[0] - p.sum()) / (dearer.sum() + self.ease_all))
            p = p + price * dearer
            y = weight * self._over(p) + pushed
            return p, y, self.ease * y - self._over(p) - slack, price

        return step


def _reach(value: Array, change: Array) -> float:
    """The largest step that keeps value >= 0."""
    falling = change < 0.0
    return float((-value[falling] / change[falling]).min(initial=np.inf))

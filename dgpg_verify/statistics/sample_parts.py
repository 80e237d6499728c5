"""Parts of the sample-size fit: bounds of counts, typical fleets under censoring, contrasts over eps.

No law is fitted to the runs that never arrive: they are the slowest fleets of their cell, and a mean trimmed alike at
both ends does not depend on how slow. A likelihood would take that from an assumed tail.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from dgpg_verify.core import InputError, check_unique
from dgpg_verify.statistics.checks import Array, as_floats, check_n_values, check_sample
from dgpg_verify.statistics.lines import fit_lines, t_interval

FLOOR_FACTOR = 3.0  # eps within this factor of a method's floor do not enter
MAX_CENSORED = 0.4  # largest share of fleets that may fail to arrive in a cell that enters
FEWEST_EPS = 3
LEAST_SPAN = 8.0  # largest over smallest eps below which no q is decided
BEND = 0.15  # change of the local exponent between the two halves of log(1/eps) that still counts as one power
FEWEST_FLEETS = 4  # that must be left after trimming


@dataclass(frozen=True)
class Bounds:
    """Checked input, N ascending and eps descending: sizes [G], eps [E], floors [G], low and high [F, G, E]."""

    sizes: NDArray[np.int64]
    eps: Array
    floors: Array
    low: Array
    high: Array

    @property
    def logs(self) -> Array:
        return log_centre(self.low, self.high)

    def largest_eps(self, count: int) -> Bounds:
        """The same fleets with the `count` largest eps alone."""
        return Bounds(self.sizes, self.eps[:count], self.floors, self.low[..., :count], self.high[..., :count])

    def censored(self, deciding: NDArray[np.bool_]) -> float:
        """Share of all (fleet, N, eps) of the deciding N that never arrived; 0 if no N decides."""
        return float(np.isposinf(self.high[:, deciding]).mean()) if deciding.any() else 0.0


def log_centre(low: Array, high: Array) -> Array:
    """Log of the geometric centre of [low, high]; +inf: never arrived, -inf: low = 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = 0.5 * (np.log(low) + np.log(high))
    return np.where(np.isposinf(high), np.inf, centre)


def check_bounds(n_values: ArrayLike, eps: ArrayLike, low: ArrayLike, high: ArrayLike, floors: ArrayLike) -> Bounds:
    """Sort and check the data of a sample-size fit, else InputError.

    0 <= low <= high, high > 0 (inf: right-censored), low finite; eps [E] > 0 distinct; floors >= 0, [G] or a number.
    """
    sizes = check_n_values(n_values)
    grid = check_sample("eps", eps, 1)
    check_unique("eps", grid.tolist())
    if (grid <= 0.0).any():
        raise InputError(f"eps holds {grid.min():g}: it must be > 0")
    bottom, top = as_floats("low", low, (3,)), as_floats("high", high, (3,))
    shape = f"(F, {len(sizes)}, {len(grid)})"
    if bottom.shape != top.shape or bottom.shape[1:] != (len(sizes), len(grid)):
        raise InputError(f"low has shape {bottom.shape}, high {top.shape}: both must be {shape}, fleets x N x eps")
    if len(bottom) < FEWEST_FLEETS:
        raise InputError(f"low holds {len(bottom)} fleets: at least {FEWEST_FLEETS} are needed")
    bad = ~(np.isfinite(bottom) & (bottom >= 0.0) & (bottom <= top) & (top > 0.0))
    if bad.any():
        where = tuple(int(k) for k in np.argwhere(bad)[0])
        bounds = f"low{list(where)} = {bottom[where]:g}, high{list(where)} = {top[where]:g}"
        raise InputError(f"{bounds} is not allowed: 0 <= low <= high, high > 0, low finite")
    limits = as_floats("floors", floors, (0, 1))
    if (limits.ndim and limits.shape != sizes.shape) or not (np.isfinite(limits) & (limits >= 0.0)).all():
        raise InputError(f"floors is not allowed: it must be a finite number >= 0, or {len(sizes)} of them")
    by_size, by_eps = np.argsort(sizes), np.argsort(-grid)
    limits = np.broadcast_to(limits, sizes.shape)[by_size]
    cells = np.ix_(np.arange(len(bottom)), by_size, by_eps)
    return Bounds(sizes[by_size], grid[by_eps], limits, bottom[cells], top[cells])


def usable_eps(bounds: Bounds, deciding: NDArray[np.bool_]) -> tuple[int, str]:
    """How many of the largest eps enter, and why no smaller one does ("" if all enter).

    An eps enters if it lies above 3 x floor, and at most MAX_CENSORED of the fleets fail to arrive, at every
    deciding N; few enough that 4 fleets are left after trimming both ends. No eps below one that fails enters.
    """
    fleets = len(bounds.low)
    limit = min(int(MAX_CENSORED * fleets + 1e-9), (fleets - FEWEST_FLEETS) // 2)
    floor = FLOOR_FACTOR * float(bounds.floors[deciding].max())
    never = np.isposinf(bounds.high[:, deciding]).sum(0)
    early = (bounds.low[:, deciding] == 0.0).sum(0)
    for index, eps in enumerate(bounds.eps):
        if eps <= floor:
            return index, f"no n_eps (floor): eps = {eps:.3g} does not lie above {FLOOR_FACTOR:g} x floor = {floor:.3g}"
        count = max(int(never[:, index].max()), int(early[:, index].max()))
        if count > limit:
            n = bounds.sizes[deciding][int(np.maximum(never, early)[:, index].argmax())]
            return index, f"{count} of {fleets} fleets are censored at N = {n}, eps = {eps:.3g}; at most {limit} may be"
    return len(bounds.eps), ""


def enough_eps(steps: Array) -> bool:
    """Whether log(1/eps) [E] ascending suffices for an exponent: at least 3 over a factor of 8."""
    return len(steps) >= FEWEST_EPS and bool(steps[-1] - steps[0] >= np.log(LEAST_SPAN) - 1e-9)


def trim_count(logs: Array) -> int:
    """Fleets to trim at either end: most that are censored on one side in any cell of logs [F, ...]."""
    sides = [np.isposinf(logs).sum(0).max(), np.isneginf(logs).sum(0).max()]
    return int(max(sides))


def typical_values(logs: Array, trim: int) -> Array:
    """Finite stand-ins whose mean over fleets is the trimmed mean of logs [F, ...]: same shape.

    Trimmed mean + stretched winsorised deviations, so that their variance / F is Tukey and McLaughlin's (1963)
    variance of the trimmed mean, F - 2 trim - 1 degrees of freedom, and their covariance over cells of the same fleet
    is that of the trimmed means. trim = 0 gives the logs back. NaN in cells with more than `trim` censored.
    """
    fleets = len(logs)
    kept = fleets - 2 * trim
    ordered = np.sort(logs, axis=0)
    lowest, highest = ordered[trim], ordered[fleets - trim - 1]
    known = np.isfinite(lowest) & np.isfinite(highest)
    clipped = np.where(known, np.clip(logs, lowest, highest), np.nan)
    centre = np.where(known, ordered[trim : fleets - trim], np.nan).mean(0)
    stretch = np.sqrt(fleets * (fleets - 1) / (kept * (kept - 1)))
    return np.asarray(centre + stretch * (clipped - clipped.mean(0)), dtype=np.float64)


def grid_slack(low: Array, high: Array, typical: Array) -> Array:
    """How far the mean over fleets may be off because counts are known to [low, high] only: [F, ...] -> [...].

    Half the width of the interval; 0 where fleets spread by at least half a width: their positions inside it then
    average out (bias < 1 % of the width for a normal law).
    """
    inside = (low > 0.0) & np.isfinite(high)
    ratio = np.where(inside, high, 1.0) / np.where(inside, low, 1.0)
    width = np.log(ratio).max(0)
    spread = typical.std(0, ddof=1)
    return np.where(spread >= 0.5 * width, 0.0, 0.5 * width)


@dataclass(frozen=True)
class Power:
    """A fitted exponent, many data sets at once [...]: t interval with `df`, widened by slack."""

    value: Array
    error: Array
    df: Array
    slack: Array
    lack_of_fit: Array

    def ends(self, level: float) -> tuple[Array, Array]:
        low, high = t_interval(self.value, self.error, self.df, level)
        return low - self.slack, high + self.slack


def power_of_n(x: Array, values: Array, slack: Array, trim: int) -> Power:
    """Slope over x = log N [G] of values [F, ..., G], whose means are known up to slack [..., G]."""
    lines = fit_lines(x, np.moveaxis(values, 0, -1))
    off = slack @ np.abs(slope_coefficients(x))
    return Power(lines.slope, lines.slope_error, lines.slope_df * _df_share(len(values), trim), off, lines.lack_of_fit)


def power_of_eps(x: Array, steps: Array, values: Array, slack: Array, trim: int) -> Power:
    """Slope over steps = log(1/eps) [E] of values [F, ..., G, E] at the middle of x = log N.

    Each fleet's own slope is the observation. Lack of fit: p-value that the local exponent changes by at most BEND
    from the first half of the steps to the second. slack [..., G, E].
    """
    x, share = x - x.mean(), _df_share(len(values), trim)
    slope_c, bend_c = slope_coefficients(steps), bend_coefficients(steps)
    lines, bends = (fit_lines(x, np.moveaxis(values @ c, 0, -1)) for c in (slope_c, bend_c))
    off, bend_off = slack @ np.abs(slope_c), (slack @ np.abs(bend_c)).mean(-1)
    excess = np.abs(bends.intercept) - BEND - bend_off
    straight = special.stdtr(bends.intercept_df * share, -excess / bends.intercept_error)
    return Power(lines.intercept, lines.intercept_error, lines.intercept_df * share, off.mean(-1), straight)


def either_model(plain: ArrayLike, rival: ArrayLike) -> NDArray[np.str_]:
    """Labels of "the exponent holds under one of two models": supported if either is, refuted if both are."""
    first, second = np.asarray(plain), np.asarray(rival)
    yes, no = (first == "supported") | (second == "supported"), (first == "refuted") & (second == "refuted")
    return np.where(yes, "supported", np.where(no, "refuted", "inconclusive"))


def _df_share(fleets: int, trim: int) -> float:
    """Degrees of freedom left by trimming: fleets - 2 trim - 1 in place of fleets - 1."""
    return (fleets - 2 * trim - 1) / (fleets - 1)


def slope_coefficients(x: Array) -> Array:
    """c [E] with least-squares slope = sum c_e y_e."""
    centred = x - x.mean()
    return centred / (centred**2).sum()


def bend_coefficients(x: Array) -> Array:
    """c [E] with sum c_e y_e = slope over the second half of x minus slope over the first; E >= 3 sorted."""
    half = (len(x) + 1) // 2
    bend = np.zeros_like(x)
    bend[len(x) - half :] += slope_coefficients(x[len(x) - half :])
    bend[:half] -= slope_coefficients(x[:half])
    return bend

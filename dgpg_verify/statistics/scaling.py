"""Scaling exponents: the slope of log(value) on log(N) over the top decade of N decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dgpg_verify.core import Estimate, InputError, check_int
from dgpg_verify.statistics.checks import Array, as_floats, check_level, check_n_values
from dgpg_verify.statistics.lines import Counts, fit_lines, t_interval

MINIMUM_VALUES = 4  # values of N below which no exponent is decided


@dataclass(frozen=True)
class SlopeFit:
    """A log-log line. exponent with its interval; intercept = log10 of the line at N = 1; lack_of_fit =
    p-value or None where it cannot be tested; df = effective degrees of freedom; replicates = fewest at an N."""

    exponent: float
    low: float
    high: float
    level: float
    intercept: float
    standard_error: float
    df: float
    lack_of_fit: float | None
    n_values: tuple[int, ...]
    replicates: int


@dataclass(frozen=True)
class AffineFit:
    """value = a + b N on the arithmetic scale, with t intervals; lack_of_fit = p-value or None."""

    a: float
    a_low: float
    a_high: float
    b: float
    b_low: float
    b_high: float
    level: float
    lack_of_fit: float | None
    n_values: tuple[int, ...]


@dataclass(frozen=True)
class ScalingFit:
    """The deciding exponent and what is printed beside it.

    exponent, low, high, lack_of_fit belong to the top decade; None when not `measurable`, and `why` says why.
    full: the log-log line over every fitted N; affine: a + b N over the same; n: fewest independent
    replicates of an N.
    """

    exponent: float | None
    low: float | None
    high: float | None
    level: float
    lack_of_fit: float | None
    top_decade: SlopeFit | None
    full: SlopeFit | None
    affine: AffineFit | None
    n: int
    n_values: tuple[int, ...]
    measurable: bool
    why: str

    @property
    def estimate(self) -> Estimate:
        """The deciding exponent as an Estimate."""
        return Estimate(self.exponent, self.low, self.high, self.level, self.n)


def top_decade(n_values: NDArray[np.int64], minimum_n: int = 1) -> NDArray[np.bool_]:
    """Mask of the N that decide: N >= max(N) / 10 and N >= minimum_n."""
    return (10 * n_values >= n_values.max()) & (n_values >= minimum_n)


def fit_scaling(
    n_values: ArrayLike,
    replicates: ArrayLike | Sequence[ArrayLike],
    level: float = 0.99,
    *,
    minimum_n: int = 1,
    paired: bool = False,
) -> ScalingFit:
    """Fit value ~ N^exponent; the interval over the top decade of N decides.

    The exponent is the slope of the mean over fleets of log(value): the growth of the typical fleet. It
    equals the slope of the log of the mean whenever value / mean has the same law at each N, as for
    noise-to-signal and paired ratios; it does not for averages of heavy-tailed jobs, whose typical value
    still grows towards its mean. Replicates are independent fleets, drawn anew at each N (`paired=True`: the
    same fleet at every N). The method (variance-function weights, sandwich error, Welch-Satterthwaite t,
    Welch-James lack of fit) is in `fit_lines`.

    Args: n_values [L] distinct integers >= 1; replicates [L, R] > 0, one value per fleet (an entry that is
    NaN, infinite or <= 0 means "not measurable"), or L sequences of different lengths >= 2; level of the
    two-sided interval; minimum_n: smaller N are drawn, not fitted (twice the number of candidates).
    Returns: ScalingFit; not measurable, with a reason, if an entry of the top decade is not measurable or it
    holds fewer than 4 values of N. Raises: InputError. Cost O(L R).
    """
    sizes = check_n_values(n_values)
    values, counts = _table(replicates)
    if values.shape[0] != len(sizes) or values.shape[1] < 1:
        raise InputError(f"replicates has shape {values.shape}: it must be ({len(sizes)}, R), a row per N and R >= 1")
    if len(set(counts)) > 1 and (paired or counts.min() < 2):
        rule = "as many replicates at every N" if paired else "at least 2 replicates at every N"
        raise InputError(f"replicates holds {', '.join(map(str, counts))} values an N: it must be {rule}")
    level, minimum_n = check_level(level), check_int("minimum_n", minimum_n, 1)
    order = np.argsort(sizes)
    sizes, values, counts = sizes[order], values[order], counts[order]
    fitted = sizes >= minimum_n
    deciding = top_decade(sizes, minimum_n)
    why = _obstacle(sizes[deciding], values[deciding], counts[deciding])
    top = None if why else _slope_fit(sizes[deciding], values[deciding], counts[deciding], level, paired)
    whole = _usable(values[fitted]) and int(fitted.sum()) >= 3
    return ScalingFit(
        exponent=top.exponent if top else None,
        low=top.low if top else None,
        high=top.high if top else None,
        level=level,
        lack_of_fit=top.lack_of_fit if top else None,
        top_decade=top,
        full=_slope_fit(sizes[fitted], values[fitted], counts[fitted], level, paired) if whole else None,
        affine=_affine_fit(sizes[fitted], values[fitted], counts[fitted], level, paired) if whole else None,
        n=int(counts.min()),
        n_values=tuple(int(n) for n in sizes),
        measurable=top is not None,
        why=why,
    )


def _table(replicates: Any) -> tuple[Array, Counts]:
    """[L, R] and how many of the R values each N has; shorter rows are filled up with their first value."""
    rows = list(replicates) if isinstance(replicates, list | tuple) else []
    lengths = [len(row) for row in rows if isinstance(row, Sequence | np.ndarray)]
    if len(lengths) == len(rows) > 0 and min(lengths) > 0 and len(set(lengths)) > 1:
        filled = [[*row, *[row[0]] * (max(lengths) - len(row))] for row in rows]
        return as_floats("replicates", filled, (2,)), np.array(lengths)
    values = as_floats("replicates", replicates, (2,))
    return values, np.full(len(values), values.shape[1])


def _usable(values: Array) -> bool:
    return bool((np.isfinite(values) & (values > 0)).all())


def _obstacle(sizes: Counts, values: Array, counts: Counts) -> str:
    """Why no exponent can be decided, or an empty string."""
    if len(sizes) < MINIMUM_VALUES:
        return f"too few N in the top decade: {len(sizes)}, where {MINIMUM_VALUES} are needed"
    usable = np.isfinite(values) & (values > 0)
    for n, row, count in zip(sizes, usable, counts, strict=True):
        if not row[:count].all():
            bad = int((~row[:count]).sum())
            return f"not measurable at N = {n}: {bad} of {count} replicates are not positive numbers"
    return ""


def _slope_fit(sizes: Counts, values: Array, counts: Counts, level: float, paired: bool) -> SlopeFit:
    lines = fit_lines(np.log(sizes), np.log(values), paired=paired, counts=counts)
    low, high = t_interval(lines.slope, lines.slope_error, lines.slope_df, level)
    return SlopeFit(
        exponent=float(lines.slope),
        low=float(low),
        high=float(high),
        level=level,
        intercept=float(lines.intercept / np.log(10.0)),
        standard_error=float(lines.slope_error),
        df=float(lines.slope_df),
        lack_of_fit=_p_value(lines.lack_of_fit),
        n_values=tuple(int(n) for n in sizes),
        replicates=int(counts.min()),
    )


def _affine_fit(sizes: Counts, values: Array, counts: Counts, level: float, paired: bool) -> AffineFit:
    unit = float(np.abs(values).max())  # fit in units of the largest value: no overflow of squares
    lines = fit_lines(sizes.astype(np.float64), values / unit, scale_axis=np.log(sizes), paired=paired, counts=counts)
    a_low, a_high = t_interval(lines.intercept, lines.intercept_error, lines.intercept_df, level)
    b_low, b_high = t_interval(lines.slope, lines.slope_error, lines.slope_df, level)
    return AffineFit(
        a=float(lines.intercept * unit),
        a_low=float(a_low * unit),
        a_high=float(a_high * unit),
        b=float(lines.slope * unit),
        b_low=float(b_low * unit),
        b_high=float(b_high * unit),
        level=level,
        lack_of_fit=_p_value(lines.lack_of_fit),
        n_values=tuple(int(n) for n in sizes),
    )


def _p_value(p: Array) -> float | None:
    return None if np.isnan(p) else float(p)

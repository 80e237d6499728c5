"""Scaling exponents: the slope of log(value) on log(N) over the top decade of N decides.

The exponent is the slope of the mean over fleets of log(value): the growth of the typical fleet. It equals the slope of
the log of the mean whenever value / mean has the same law at each N, as for noise-to-signal and paired ratios; it does
not for averages of heavy-tailed jobs, whose typical value still grows towards its mean. The method (variance-function
weights, sandwich error, Welch-Satterthwaite t, Welch-James lack of fit) is in `fit_lines`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dgpg_verify.core import Estimate, InputError, check_int
from dgpg_verify.statistics.checks import Array, as_floats, check_level, check_n_values
from dgpg_verify.statistics.lines import Counts, fit_lines, t_interval

MINIMUM_VALUES = 4  # values of N below which no exponent is decided


@dataclass(frozen=True)
class SlopeFit:
    """A log-log line.

    exponent with its interval; intercept: log10 of the line at N = 1; lack_of_fit: p-value, None where it cannot be
    tested; df: effective degrees of freedom; replicates: fewest of an N; steps: the range in which all exponents
    between neighbouring N lie, at the same level; None where there is none.
    """

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
    steps: tuple[float, float] | None = None


@dataclass(frozen=True)
class AffineFit:
    """value = a + b N on the arithmetic scale."""

    a: float
    b: float


@dataclass(frozen=True)
class ScalingFit:
    """The deciding exponent and what is printed beside it.

    top_decade: the log-log line that decides, None when not `measurable`, for the reason `why`. full: the log-log
    line over every fitted N; affine: a + b N over the same. n: fewest independent replicates of an N.
    """

    level: float
    top_decade: SlopeFit | None
    full: SlopeFit | None
    affine: AffineFit | None
    n: int
    n_values: tuple[int, ...]
    why: str

    @property
    def measurable(self) -> bool:
        return self.top_decade is not None

    @property
    def exponent(self) -> float | None:
        return self.top_decade.exponent if self.top_decade else None

    @property
    def low(self) -> float | None:
        return self.top_decade.low if self.top_decade else None

    @property
    def high(self) -> float | None:
        return self.top_decade.high if self.top_decade else None

    @property
    def lack_of_fit(self) -> float | None:
        return self.top_decade.lack_of_fit if self.top_decade else None

    @property
    def estimate(self) -> Estimate:
        """The deciding exponent as an Estimate."""
        return Estimate(self.exponent, self.low, self.high, self.level, self.n)


@dataclass(frozen=True)
class _Sample:
    """Checked input: N ascending [L], values [L, R], of which the first counts [L] are replicates."""

    sizes: Counts
    values: Array
    counts: Counts
    level: float

    def only(self, mask: NDArray[np.bool_]) -> _Sample:
        return replace(self, sizes=self.sizes[mask], values=self.values[mask], counts=self.counts[mask])

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Where a value is a positive number: [L, R]."""
        return np.isfinite(self.values) & (self.values > 0)


def top_decade(n_values: NDArray[np.int64], minimum_n: int = 1) -> NDArray[np.bool_]:
    """Mask of the N that decide: N >= max(N) / 10 and N >= minimum_n."""
    return (10 * n_values >= n_values.max()) & (n_values >= minimum_n)


def highest_decade(n_values: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mask of the N of the highest decade that holds enough of them to decide an exponent: 50 to 500 of the paper's 5,
    10, 20, 50, 100, 200, 500, 1 500. The top decade where there is none."""
    masks = [(n_values <= top) & (10 * n_values >= top) for top in np.sort(n_values)[::-1]]
    return next((mask for mask in masks if mask.sum() >= MINIMUM_VALUES), masks[0])


def fit_scaling(
    n_values: ArrayLike,
    replicates: ArrayLike | Sequence[ArrayLike],
    level: float = 0.99,
    *,
    minimum_n: int = 1,
) -> ScalingFit:
    """Fit value ~ N^exponent; the interval over the top decade of N decides.

    Parameters
    ----------
    n_values
        [L] distinct integers >= 1.
    replicates
        [L, R] > 0, one value per fleet, drawn anew at each N, or L sequences of different lengths >= 2. An entry that
        is NaN, infinite or <= 0 means "not measurable".
    level
        Level of the two-sided interval.
    minimum_n
        Smaller N are drawn, not fitted; a useful choice is twice the number of candidates.

    Returns
    -------
    ScalingFit; not measurable, with a reason, if an entry of the top decade is not measurable or it holds fewer than
    4 values of N.

    Raises
    ------
    InputError
        For arrays that do not fit together, repeated N, or one replicate at some N alone.
    """
    sample, minimum_n = _check_sample(n_values, replicates, check_level(level)), check_int("minimum_n", minimum_n, 1)
    deciding, fitted = (sample.only(mask) for mask in (top_decade(sample.sizes, minimum_n), sample.sizes >= minimum_n))
    why = _obstacle(deciding)
    whole = len(fitted.sizes) >= 3 and bool(fitted.usable.all())
    return ScalingFit(
        level=sample.level,
        top_decade=None if why else _slope_fit(deciding),
        full=_slope_fit(fitted) if whole else None,
        affine=_affine_fit(fitted) if whole else None,
        n=int(sample.counts.min()),
        n_values=tuple(sample.sizes.tolist()),
        why=why,
    )


def _check_sample(n_values: ArrayLike, replicates: ArrayLike | Sequence[ArrayLike], level: float) -> _Sample:
    sizes = check_n_values(n_values)
    values, counts = _table(replicates)
    if values.shape[0] != len(sizes) or values.shape[1] < 1:
        raise InputError(f"replicates has shape {values.shape}: it must be ({len(sizes)}, R), a row per N and R >= 1")
    if len(set(counts)) > 1 and counts.min() < 2:
        numbers = ", ".join(map(str, counts))
        raise InputError(f"replicates has {numbers} values per N: it must be at least 2 replicates at every N")
    order = np.argsort(sizes)
    return _Sample(sizes[order], values[order], counts[order], level)


def _table(replicates: Any) -> tuple[Array, Counts]:
    """[L, R] and how many of the R values each N has; shorter rows are filled up with their first value."""
    rows = list(replicates) if isinstance(replicates, list | tuple) else []
    lengths = [len(row) for row in rows if isinstance(row, Sequence | np.ndarray)]
    if len(lengths) == len(rows) > 0 and min(lengths) > 0 and len(set(lengths)) > 1:
        filled = [[*row, *[row[0]] * (max(lengths) - len(row))] for row in rows]
        return as_floats("replicates", filled, (2,)), np.array(lengths)
    values = as_floats("replicates", replicates, (2,))
    return values, np.full(len(values), values.shape[1])


def _obstacle(deciding: _Sample) -> str:
    """Why no exponent can be decided, or an empty string."""
    if len(deciding.sizes) < MINIMUM_VALUES:
        return f"too few N in the top decade: {len(deciding.sizes)}, where {MINIMUM_VALUES} are needed"
    for n, row, count in zip(deciding.sizes, deciding.usable, deciding.counts, strict=True):
        if not row[:count].all():
            bad = int((~row[:count]).sum())
            return f"not measurable at N = {n}: {bad} of {count} replicates are not positive numbers"
    return ""


def _slope_fit(sample: _Sample) -> SlopeFit:
    lines = fit_lines(np.log(sample.sizes), np.log(sample.values), counts=sample.counts)
    low, high = t_interval(lines.slope, lines.slope_error, lines.slope_df, sample.level)
    bottom, top = map(float, lines.step_ends(sample.level))
    return SlopeFit(
        exponent=float(lines.slope),
        low=float(low),
        high=float(high),
        level=sample.level,
        intercept=float(lines.intercept / np.log(10.0)),
        standard_error=float(lines.slope_error),
        df=float(lines.slope_df),
        lack_of_fit=None if np.isnan(lines.lack_of_fit) else float(lines.lack_of_fit),
        n_values=tuple(sample.sizes.tolist()),
        replicates=int(sample.counts.min()),
        steps=None if np.isnan(bottom) else (bottom, top),
    )


def _affine_fit(sample: _Sample) -> AffineFit:
    unit = float(np.abs(sample.values).max())  # in units of the largest value: no square overflows
    sizes = sample.sizes.astype(np.float64)
    lines = fit_lines(sizes, sample.values / unit, np.log(sizes), sample.counts)
    return AffineFit(float(lines.intercept * unit), float(lines.slope * unit))

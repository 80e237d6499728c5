"""Sample-size design: how many fleets, and how many roll-outs in each, decide an exponent."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from dgpg_verify.core import InputError, check_choice, check_int, check_real
from dgpg_verify.statistics.checks import RELATIONS, check_level, check_n_values, check_positive

MAXIMUM = 10**7  # designs beyond this many replicates are reported as "none"


def bonferroni(level: float = 0.99, rows: int = 1) -> float:
    """Level of one interval so that `rows` of them hold together at `level`: 1 - (1 - level) / rows."""
    return 1.0 - (1.0 - check_level(level)) / check_int("rows", rows, 1)


def slope_leverage(n_values: ArrayLike) -> float:
    """sqrt(sum (log N - mean log N)^2) over the fitted N: what divides the error of a log-log slope."""
    logs = np.log(check_n_values(n_values))
    if len(logs) < 2:
        raise InputError(f"n_values holds {len(logs)} value: a slope needs at least 2")
    return float(np.sqrt(((logs - logs.mean()) ** 2).sum()))


def log_variance_spread(kurtosis: float, rollouts: int) -> float:
    """Standard deviation of the log of a variance from `rollouts` values: sqrt((kurtosis - 1) / rollouts)."""
    return math.sqrt((check_real("kurtosis", kurtosis, 1.0) - 1.0) / check_int("rollouts", rollouts, 2))


def slope_standard_error(n_values: ArrayLike, spread: float, replicates: int = 1) -> float:
    """Standard error of a log-log slope: spread / sqrt(replicates) / slope_leverage(n_values).

    spread: standard deviation of log(value) over replicates at one N. For a variance measured once from R
    roll-outs of a fixed fleet it is `log_variance_spread(kurtosis, R)`; over fleets, the root sum of squares
    of that and the fleets' own spread.
    """
    replicates = check_int("replicates", replicates, 1)
    return check_real("spread", spread, 0.0) / math.sqrt(replicates) / slope_leverage(n_values)


def replicates_to_decide(
    n_values: ArrayLike,
    spread: float,
    margin: float = 0.15,
    level: float = 0.99,
    offset: float = 0.0,
    power: float = 0.9,
    relation: str = "theta",
) -> int | None:
    """Fleets per N so that the slope's interval gives the right verdict with probability >= `power`.

    The verdict is "supported" if the true exponent lies in the margin, else "refuted"; normal slopes with
    `slope_standard_error`, Student quantiles with L (R - 1) degrees of freedom. Args: n_values [L], the N that
    decide; spread of log(value) over fleets; offset: true minus expected exponent; relation "theta" or "big_o".
    Returns: the smallest R >= 2; None if the offset lies on the margin or more than 10^7 fleets are needed.
    """
    error = slope_standard_error(n_values, spread)
    margin, offset = check_positive("margin", margin), check_real("offset", offset)
    level, power = check_level(level), check_level(power, "power")
    check_choice("relation", relation, RELATIONS)
    sizes = len(check_n_values(n_values))
    offset = abs(offset) if relation == "theta" else offset
    if offset == margin:
        return None
    if error == 0.0:
        return 2

    def decides(replicates: int) -> bool:
        df = sizes * (replicates - 1)
        unit = error / math.sqrt(replicates)
        reach = special.stdtrit(df, 0.5 + 0.5 * level)
        if offset > margin:
            return bool(special.ndtr((offset - margin) / unit - reach) >= power)
        chance = special.ndtr((margin - offset) / unit - reach)
        if relation == "theta":  # the other end must hold as well
            chance -= special.ndtr(reach - (margin + offset) / unit)
        return bool(chance >= power)

    return _smallest(decides, 2)


def replicates_for_half_width(error: float, df: float, replicates: int, level: float, distance: float) -> int | None:
    """Replicates at which an interval now value -+ t_df * error would have a half-width <= distance.

    The error shrinks like 1 / sqrt(R), the degrees of freedom grow like R - 1. None if distance <= 0, or
    beyond 10^7. With one replicate now nothing is known of the spread between replicates: None.
    """
    if distance <= 0.0 or replicates < 2:
        return None

    def decides(count: int) -> bool:
        t = special.stdtrit(df * (count - 1) / (replicates - 1), 0.5 + 0.5 * level)
        return bool(t * error * math.sqrt(replicates / count) <= distance)

    return _smallest(decides, 2)


def _smallest(decides: Callable[[int], bool], start: int) -> int | None:
    """Smallest integer >= start for which the monotone predicate holds, by doubling and bisection."""
    high = start
    while not decides(high):
        high *= 2
        if high > MAXIMUM:
            return None
    low = high // 2
    while high - low > 1 and high > start:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high

"""How many rows share an error rate, and how many replicates would decide a row that is still open."""

from __future__ import annotations

import math
from bisect import bisect_left

from scipy import special

from dgpg_verify.core import check_int
from dgpg_verify.statistics.checks import check_level

MAXIMUM = 10**7  # more replicates than this are reported as "none"


def bonferroni(level: float = 0.99, rows: int = 1) -> float:
    """Level of one interval so that `rows` of them hold together at `level`: 1 - (1 - level) / rows."""
    return 1.0 - (1.0 - check_level(level)) / check_int("rows", rows, 1)


def replicates_for_half_width(error: float, df: float, replicates: int, level: float, distance: float) -> int | None:
    """Fewest replicates at which an interval that is now value -+ t_df * error has a half-width <= distance.

    The error shrinks like 1 / sqrt(R), the degrees of freedom grow like R - 1. None if distance <= 0, if more than 10^7
    are needed, or with one replicate now: then nothing is known of the spread between replicates.
    """
    if distance <= 0.0 or replicates < 2:
        return None

    def decides(count: int) -> bool:
        t = special.stdtrit(df * (count - 1) / (replicates - 1), 0.5 + 0.5 * level)
        return bool(t * error * math.sqrt(replicates / count) <= distance)

    counts = range(2, MAXIMUM + 1)
    place = bisect_left(counts, True, key=decides)
    return counts[place] if place < len(counts) else None

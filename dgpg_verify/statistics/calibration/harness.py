"""What every calibration shares: one random stream per truth, rates of wrong labels, binomial bands for counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import stats

from dgpg_verify.core import LABELS, InputError, check_int
from dgpg_verify.statistics.checks import check_level
from dgpg_verify.statistics.verdict import MARGIN, allowed_set

Record = dict[str, Any]
Labels = NDArray[np.str_]
AnyTruth = TypeVar("AnyTruth")
ROUNDING = 1e-12  # an exponent on the margin counts as allowed


def over_truths(
    truths: Iterable[AnyTruth], seed: int, records_of: Callable[[AnyTruth, Generator], list[Record]]
) -> list[Record]:
    """The records of all truths, each drawn from a stream of its own: its place in the list, under `seed`."""
    return [
        record
        for place, truth in enumerate(truths)
        for record in records_of(truth, np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(place,))))
    ]


def is_allowed(exponent: float, relation: str, expected: float, margin: float = MARGIN) -> bool:
    """Whether a statement is true of an exponent, up to rounding."""
    low, high = allowed_set(relation, expected, margin)
    return low - ROUNDING <= exponent <= high + ROUNDING


def rate_record(procedure: str, truth: str, labels: NDArray[Any], holds: bool, allowed: float) -> Record:
    """Share of wrong and of undecided labels, one label per repetition, where the statement `holds` or does not."""
    rates = {label: float((labels == label).mean()) for label in LABELS}
    return {
        "procedure": procedure,
        "truth": truth,
        "repetitions": len(labels),
        "false_support": 0.0 if holds else rates["supported"],
        "false_refutation": rates["refuted"] if holds else 0.0,
        "inconclusive": rates["inconclusive"],
        "allowed": allowed,
    }


def allowed_errors(repetitions: int, rate: float = 0.01, confidence: float = 0.95) -> int:
    """Most errors in `repetitions` that still show a rate <= `rate` with `confidence`: 4 in 1 000 for 1 %.

    The largest k with P(Binomial(repetitions, rate) <= k) <= 1 - confidence; InputError if there is none.
    """
    repetitions = check_int("repetitions", repetitions, 1)
    rate, confidence = check_level(rate, "rate"), check_level(confidence, "confidence")
    cumulative = stats.binom.cdf(np.arange(repetitions + 1), repetitions, rate)
    count = int(np.searchsorted(cumulative, 1.0 - confidence, side="right"))
    if count == 0:
        least = int(np.ceil(np.log(1.0 - confidence) / np.log1p(-rate)))
        raise InputError(f"repetitions = {repetitions} is not allowed: at least {least} show a rate <= {rate:g}")
    return count - 1


def coverage_band(level: float = 0.95, configurations: int = 200, error: float = 1e-3) -> tuple[int, int]:
    """Fewest and most misses consistent with intervals that cover at exactly `level`.

    Binomial(configurations, 1 - level) quantiles at error / 2 and 1 - error / 2: (2, 21) for 95 % over 200.
    A correct instrument falls outside with probability at most `error`.
    """
    miss = 1.0 - check_level(level)
    law = stats.binom(check_int("configurations", configurations, 1), miss)
    error = check_level(error, "error")
    return int(law.ppf(0.5 * error)), int(law.isf(0.5 * error))


def coverage_record(
    oracle: str, quantity: str, level: float, configurations: int, misses: int, error: float = 1e-3
) -> Record:
    """A flat record of a coverage check; it passes if allowed_low <= misses <= allowed_high."""
    low, high = coverage_band(level, configurations, error)
    return {
        "oracle": oracle,
        "quantity": quantity,
        "level": level,
        "configurations": configurations,
        "misses": check_int("misses", misses, 0, configurations),
        "allowed_low": low,
        "allowed_high": high,
    }

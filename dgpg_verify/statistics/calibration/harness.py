"""What every calibration shares: one random stream per truth, rates of wrong labels, binomial bands for counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import stats

from dgpg_verify.core import LABELS, InputError, check_int
from dgpg_verify.statistics.checks import check_level
from dgpg_verify.statistics.verdict import MARGIN, allowed_set

Record = dict[str, Any]
Labels = NDArray[np.str_]
ROUNDING = 1e-12  # an exponent on the margin counts as allowed
TOLERATED, CONFIDENCE = 0.01, 0.95  # an error rate, and how sure one must be that it is no higher


class Named(Protocol):
    """A truth, for the records."""

    @property
    def name(self) -> str: ...


AnyTruth = TypeVar("AnyTruth", bound=Named)
Judged = tuple[str, Labels, bool]  # a procedure, its label in every repetition, whether its statement is true


def error_rates(
    truths: Iterable[AnyTruth], judged: Callable[[AnyTruth, Generator], Iterable[Judged]], seed: int, allowed: float
) -> list[Record]:
    """Shares of wrong and of undecided labels: one flat record per truth and procedure.

    Parameters
    ----------
    truths
        Each is drawn from a stream of its own: its place in the list, under `seed`.
    judged
        Draws whole experiments of a truth and judges them.
    allowed
        Largest rate of a wrong label that shows a procedure which keeps its promise.
    """
    records = []
    for place, truth in enumerate(truths):
        rng = np.random.default_rng(np.random.SeedSequence(check_int("seed", seed, 0), spawn_key=(place,)))
        for procedure, labels, holds in judged(truth, rng):
            rates = {label: float((labels == label).mean()) for label in LABELS}
            records.append(
                {
                    "procedure": procedure,
                    "truth": truth.name,
                    "repetitions": len(labels),
                    "false_support": 0.0 if holds else rates["supported"],
                    "false_refutation": rates["refuted"] if holds else 0.0,
                    "inconclusive": rates["inconclusive"],
                    "allowed": allowed,
                }
            )
    return records


def is_allowed(exponent: float, relation: str, expected: float, margin: float = MARGIN) -> bool:
    """Whether a statement is true of an exponent, up to rounding."""
    low, high = allowed_set(relation, expected, margin)
    return low - ROUNDING <= exponent <= high + ROUNDING


def allowed_rate(repetitions: int) -> float:
    """The largest rate of errors in `repetitions` that still shows one of at most 1 %: 4 in 1 000.

    The largest k with P(Binomial(repetitions, 1 %) <= k) <= 5 %, over repetitions; InputError if there is none.
    """
    repetitions = check_int("repetitions", repetitions, 1)
    cumulative = stats.binom.cdf(np.arange(repetitions + 1), repetitions, TOLERATED)
    count = int(np.searchsorted(cumulative, 1.0 - CONFIDENCE, side="right"))
    if count == 0:
        least = int(np.ceil(np.log(1.0 - CONFIDENCE) / np.log1p(-TOLERATED)))
        raise InputError(f"repetitions = {repetitions} is not allowed: at least {least} show a rate <= {TOLERATED:g}")
    return (count - 1) / repetitions


def coverage_band(level: float = 0.95, configurations: int = 200, error: float = 1e-3) -> tuple[int, int]:
    """Fewest and most misses consistent with intervals that cover at exactly `level`.

    Binomial(configurations, 1 - level) quantiles at error / 2 and 1 - error / 2: (2, 21) for 95 % over 200.
    A correct instrument falls outside with probability at most `error`.
    """
    miss = 1.0 - check_level(level)
    law = stats.binom(check_int("configurations", configurations, 1), miss)
    error = check_level(error, "error")
    return int(law.ppf(0.5 * error)), int(law.isf(0.5 * error))


def coverage_record(oracle: str, quantity: str, level: float, configurations: int, misses: int) -> Record:
    """A flat record of a coverage check; it passes if allowed_low <= misses <= allowed_high."""
    low, high = coverage_band(level, configurations)
    return {
        "oracle": oracle,
        "quantity": quantity,
        "level": level,
        "configurations": configurations,
        "misses": check_int("misses", misses, 0, configurations),
        "allowed_low": low,
        "allowed_high": high,
    }

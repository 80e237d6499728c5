"""How often the whole verdict procedure errs on inputs whose answer is known, and whether intervals cover."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from dgpg_verify.core import InputError, check_choice, check_int, check_real
from dgpg_verify.statistics.calibration.truths import (
    STANDARD_N,
    STANDARD_REPLICATES,
    Truth,
    crossover,
    lognormal,
    standard_truths,
)
from dgpg_verify.statistics.checks import RELATIONS, Array, check_level, check_n_values, check_positive
from dgpg_verify.statistics.lines import fit_lines, t_interval
from dgpg_verify.statistics.power import bonferroni
from dgpg_verify.statistics.scaling import MINIMUM_VALUES, top_decade
from dgpg_verify.statistics.verdict import MARGIN, exponent_labels

PRIMARY_ROWS = 60  # the protocol's upper bound on simultaneous primary rows
PRIMARY_LEVEL = bonferroni(0.99, PRIMARY_ROWS)

Labels = NDArray[np.str_]


@dataclass(frozen=True)
class Procedure:
    """A verdict rule: statement (expected, margin, relation), level of the interval, and how data become
    labels.

    decide(procedure, n_values [L], values [B, L, R]) -> labels [B]; default: fit_scaling and judge, in batch.
    """

    name: str
    expected: float
    relation: str = "theta"
    margin: float = MARGIN
    level: float = PRIMARY_LEVEL
    decide: Callable[[Procedure, NDArray[np.int64], Array], Labels] | None = None

    def labels(self, n_values: NDArray[np.int64], values: Array) -> Labels:
        return (self.decide or protocol_labels)(self, n_values, values)

    def holds(self, exponent: float) -> bool:
        """Whether the statement is true of an exponent."""
        if self.relation == "theta":
            return abs(exponent - self.expected) <= self.margin + 1e-12
        return exponent <= self.expected + self.margin + 1e-12


def protocol_labels(procedure: Procedure, n_values: NDArray[np.int64], values: Array) -> Labels:
    """`judge(fit_scaling(...))` for B data sets at once, through the same fit and the same rule."""
    deciding = top_decade(n_values)
    if deciding.sum() < MINIMUM_VALUES:
        return np.full(len(values), "inconclusive")
    lines = fit_lines(np.log(n_values[deciding]), np.log(values[:, deciding]))
    low, high = t_interval(lines.slope, lines.slope_error, lines.slope_df, procedure.level)
    return exponent_labels(low, high, lines.lack_of_fit, procedure.expected, procedure.margin, procedure.relation)


def point_labels(procedure: Procedure, n_values: NDArray[np.int64], values: Array) -> Labels:
    """Control that must fail: the point estimate decides, without an interval."""
    deciding = top_decade(n_values)
    slope = fit_lines(np.log(n_values[deciding]), np.log(values[:, deciding])).slope
    return exponent_labels(
        slope, slope, np.full_like(slope, np.nan), procedure.expected, procedure.margin, procedure.relation
    )


def pooled_labels(procedure: Procedure, n_values: NDArray[np.int64], values: Array) -> Labels:
    """Control that must fail: one line through the means at all N, no lack-of-fit test, normal quantile."""
    lines = fit_lines(np.log(n_values), np.log(values))
    low, high = t_interval(lines.slope, lines.slope_error, np.full_like(lines.slope, np.inf), procedure.level)
    return exponent_labels(
        low, high, np.full_like(low, np.nan), procedure.expected, procedure.margin, procedure.relation
    )


def standard_procedures(level: float = PRIMARY_LEVEL) -> list[Procedure]:
    """The protocol's rules: theta at 0, 1/2 and 1, big_o at 0 and 1."""
    theta = [Procedure(f"theta, expected {e:g}", e, "theta", level=level) for e in (0.0, 0.5, 1.0)]
    return theta + [Procedure(f"big_o, expected {e:g}", e, "big_o", level=level) for e in (0.0, 1.0)]


def faulty_procedures(level: float = PRIMARY_LEVEL) -> list[Procedure]:
    """Rules that must show more errors than allowed."""
    return [
        Procedure("control: point estimate only", 0.0, level=level, decide=point_labels),
        Procedure("control: all N, no lack of fit", 0.0, level=level, decide=pooled_labels),
    ]


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


def error_rates(
    procedure: Procedure,
    truths: Sequence[Truth] | None = None,
    repetitions: int = 1000,
    seed: int = 0,
    n_values: ArrayLike = STANDARD_N,
    replicates: int = STANDARD_REPLICATES,
) -> list[dict[str, Any]]:
    """Run the whole verdict procedure on `repetitions` synthetic experiments per truth.

    Args: truths (default `standard_truths()`); n_values [L]; replicates: fleets per N; seed.
    Returns: one flat record per truth, with the rates of false support and false refutation as fractions
    (what is false is fixed in `synthetic`) and `allowed`, the largest rate that shows an error rate <= 1 %.
    Raises: InputError. Cost: repetitions * L * R numbers per truth.
    """
    sizes = np.sort(check_n_values(n_values))
    repetitions = check_int("repetitions", repetitions, 1)
    replicates, seed = check_int("replicates", replicates, 2), check_int("seed", seed, 0)
    check_choice("relation", procedure.relation, RELATIONS)
    check_positive("margin", procedure.margin)
    check_level(procedure.level)
    allowed = allowed_errors(repetitions) / repetitions
    records = []
    for index, truth in enumerate(standard_truths() if truths is None else truths):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index,)))
        labels = procedure.labels(sizes, truth.sample(rng, sizes, repetitions, replicates))
        holds = procedure.holds(truth.local_exponent(sizes))
        records.append(rate_record(procedure.name, truth.name, labels, holds, allowed))
    return records


def rate_record(procedure: str, truth: str, labels: NDArray[Any], holds: bool, allowed: float) -> dict[str, Any]:
    """Share of wrong and of undecided labels, one label a repetition, where the claim `holds` or does not."""
    rates = {name: float((labels == name).mean()) for name in ("supported", "refuted", "inconclusive")}
    return {
        "procedure": procedure,
        "truth": truth,
        "repetitions": len(labels),
        "false_support": 0.0 if holds else rates["supported"],
        "false_refutation": rates["refuted"] if holds else 0.0,
        "inconclusive": rates["inconclusive"],
        "allowed": allowed,
    }


def calibration_table(repetitions: int = 1000, seed: int = 0) -> list[dict[str, Any]]:
    """`error_rates` of every standard procedure on every standard truth, at standard sample sizes."""
    return [row for p in standard_procedures() for row in error_rates(p, repetitions=repetitions, seed=seed)]


def control_table(repetitions: int = 1000, seed: int = 0) -> list[dict[str, Any]]:
    """`error_rates` of the faulty procedures: each must exceed `allowed` somewhere."""
    return [row for p in faulty_procedures() for row in error_rates(p, repetitions=repetitions, seed=seed)]


def unseen_crossovers(
    repetitions: int = 1000,
    seed: int = 0,
    n_values: ArrayLike = STANDARD_N,
    ratios: Sequence[float] = (1.0, 4.0, 16.0, 64.0),
) -> list[dict[str, Any]]:
    """What "exponent 0" is told of a + b N whose crossover a / b lies at `ratio` times the largest N, or
    beyond.

    The limit of any verdict from finite N: records with ratio, local exponent and the three label rates.
    """
    sizes = np.sort(check_n_values(n_values))
    rule = Procedure("theta, expected 0", 0.0)
    records = []
    for index, ratio in enumerate(ratios):
        truth = crossover(check_real("ratio", ratio, 0.0, open_low=True) * sizes[-1], lognormal(0.1), "calm")
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index,)))
        labels = rule.labels(sizes, truth.sample(rng, sizes, repetitions, STANDARD_REPLICATES))
        rates = {name: float((labels == name).mean()) for name in ("supported", "refuted", "inconclusive")}
        records.append({"ratio": float(ratio), "local_exponent": truth.local_exponent(sizes), **rates})
    return records


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
) -> dict[str, Any]:
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

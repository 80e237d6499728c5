"""How often the whole verdict procedure on exponents errs on inputs whose answer is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from dgpg_verify.statistics.calibration.harness import (
    Judged,
    Labels,
    Record,
    allowed_rate,
    error_rates,
    is_allowed,
)
from dgpg_verify.statistics.calibration.truths import STANDARD_N, STANDARD_REPLICATES, Truth, standard_truths
from dgpg_verify.statistics.checks import Array, check_level, check_positive
from dgpg_verify.statistics.lines import fit_lines, t_interval
from dgpg_verify.statistics.power import bonferroni
from dgpg_verify.statistics.scaling import MINIMUM_VALUES, top_decade
from dgpg_verify.statistics.verdict import MARGIN, allowed_set, exponent_labels

PRIMARY_ROWS = 72  # at most so many primary rows share a family's error
PRIMARY_LEVEL = bonferroni(0.99, PRIMARY_ROWS)


@dataclass(frozen=True)
class Procedure:
    """A verdict rule: statement (expected, margin, relation), level of the interval, how data become labels.

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
        return is_allowed(exponent, self.relation, self.expected, self.margin)

    def judge(
        self, low: Array, high: Array, lack_of_fit: ArrayLike = np.nan,
        steps: tuple[ArrayLike, ArrayLike] = (np.nan, np.nan),
    ) -> Labels:  # fmt: skip
        """Labels of intervals of the exponent."""
        return exponent_labels(low, high, lack_of_fit, self.expected, self.margin, self.relation, steps=steps)


def protocol_labels(procedure: Procedure, n_values: NDArray[np.int64], values: Array) -> Labels:
    """`judge(fit_scaling(...))` for B data sets at once, through the same fit and the same rule."""
    deciding = top_decade(n_values)
    if deciding.sum() < MINIMUM_VALUES:
        return np.full(len(values), "inconclusive")
    lines = fit_lines(np.log(n_values[deciding]), np.log(values[:, deciding]))
    low, high = t_interval(lines.slope, lines.slope_error, lines.slope_df, procedure.level)
    return procedure.judge(low, high, lines.lack_of_fit, steps=lines.step_ends(procedure.level))


def point_labels(procedure: Procedure, n_values: NDArray[np.int64], values: Array) -> Labels:
    """Control that must fail: the point estimate decides, without an interval."""
    deciding = top_decade(n_values)
    slope = fit_lines(np.log(n_values[deciding]), np.log(values[:, deciding])).slope
    return procedure.judge(slope, slope)


def pooled_labels(procedure: Procedure, n_values: NDArray[np.int64], values: Array) -> Labels:
    """Control that must fail: one line through the means at all N, no lack-of-fit test, normal quantile."""
    lines = fit_lines(np.log(n_values), np.log(values))
    normal = np.full_like(lines.slope, np.inf)  # degrees of freedom
    return procedure.judge(*t_interval(lines.slope, lines.slope_error, normal, procedure.level))


def standard_procedures() -> list[Procedure]:
    """The rules that every exponent's verdict is made by: theta at 0, 1/2 and 1, big_o at 0 and 1."""
    statements = [("theta", 0.0), ("theta", 0.5), ("theta", 1.0), ("big_o", 0.0), ("big_o", 1.0)]
    return [Procedure(f"{relation}, expected {e:g}", e, relation) for relation, e in statements]


def faulty_procedures() -> list[Procedure]:
    """Rules that must show more errors than allowed."""
    return [
        Procedure("control: point estimate only", 0.0, decide=point_labels),
        Procedure("control: all N, no lack of fit", 0.0, decide=pooled_labels),
    ]


def exponent_error_rates(
    procedure: Procedure, truths: Sequence[Truth] | None = None, repetitions: int = 1000, seed: int = 0
) -> list[Record]:
    """Run the whole verdict procedure on `repetitions` synthetic experiments per truth, at standard sample sizes.

    Parameters
    ----------
    truths
        Default `standard_truths()`.

    Returns
    -------
    One flat record per truth, with the rates of false support and false refutation as fractions (what is false is
    fixed in `truths`) and `allowed`, the largest rate that shows an error rate <= 1 %.

    Notes
    -----
    Cost: repetitions * L * R numbers per truth.
    """
    sizes, allowed = np.array(STANDARD_N), allowed_rate(repetitions)
    allowed_set(procedure.relation, procedure.expected, check_positive("margin", procedure.margin))
    check_level(procedure.level)

    def judged(truth: Truth, rng: Generator) -> Iterator[Judged]:
        labels = procedure.labels(sizes, truth.sample(rng, sizes, repetitions, STANDARD_REPLICATES))
        yield procedure.name, labels, procedure.holds(truth.local_exponent(sizes))

    return error_rates(standard_truths() if truths is None else truths, judged, seed, allowed)


def calibration_table(repetitions: int = 1000, seed: int = 0) -> list[Record]:
    """`exponent_error_rates` of every standard procedure on every standard truth, at standard sample sizes."""
    return [row for p in standard_procedures() for row in exponent_error_rates(p, None, repetitions, seed)]


def control_table(repetitions: int = 1000, seed: int = 0) -> list[Record]:
    """`exponent_error_rates` of the faulty procedures: each must exceed `allowed` somewhere."""
    return [row for p in faulty_procedures() for row in exponent_error_rates(p, None, repetitions, seed)]

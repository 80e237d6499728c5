"""How often a headline over several readings errs on readings whose answers are known."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from dgpg_verify.core import Label
from dgpg_verify.statistics.calibration.exponents import Procedure
from dgpg_verify.statistics.calibration.harness import Judged, Record, allowed_rate, error_rates
from dgpg_verify.statistics.calibration.truths import STANDARD_N, STANDARD_REPLICATES, Truth, lognormal, power_law
from dgpg_verify.statistics.headline import Headline, join_readings, join_rows

Rule = Callable[[Collection[Label]], Headline]
BOUNDED = Procedure("bounded", 0.0, "big_o")  # the statement of every row
ROWS = 3  # primary rows of a reading


@dataclass(frozen=True)
class ReadingTruths:
    """Several readings of one claim; a reading is as many rows as it has truths."""

    name: str
    readings: Sequence[Sequence[Truth]]

    @property
    def headline(self) -> Headline:
        """The headline of exact verdicts."""
        sizes = np.array(STANDARD_N)
        exact: list[list[Label]] = [
            ["supported" if BOUNDED.holds(truth.local_exponent(sizes)) else "refuted" for truth in truths]
            for truths in self.readings
        ]
        return join_readings([join_rows(labels) for labels in exact])

    def sample(self, rng: Generator, repetitions: int) -> list[list[list[Label]]]:
        """Verdicts by repetition, reading and row, each row of an experiment of its own."""
        sizes = np.array(STANDARD_N)
        drawn = [
            [BOUNDED.labels(sizes, truth.sample(rng, sizes, repetitions, STANDARD_REPLICATES)) for truth in truths]
            for truths in self.readings
        ]
        return [[[str(row[k]) for row in rows] for rows in drawn] for k in range(repetitions)]  # type: ignore[misc]


def headline_truths() -> list[ReadingTruths]:
    """Four readings that agree or differ, clearly or by one row just beyond the margin."""
    flat, edge, beyond, linear = (power_law(e, lognormal(0.1), "") for e in (0.0, 0.15, 0.16, 1.0))
    bounded, grows, barely = [flat] * ROWS, [linear] * ROWS, [*[flat] * (ROWS - 1), beyond]
    return [
        ReadingTruths("four readings, all bounded", [bounded] * 4),
        ReadingTruths("four readings, all at the margin", [[edge] * ROWS] * 4),
        ReadingTruths("four readings, all N", [grows] * 4),
        ReadingTruths("four readings, one row each just beyond the margin", [barely] * 4),
        ReadingTruths("two readings bounded, two N", [bounded, bounded, grows, grows]),
        ReadingTruths("three readings bounded, one just beyond the margin", [bounded, bounded, bounded, barely]),
    ]


def headline_error_rates(repetitions: int = 1000, seed: int = 0, rule: Rule = join_readings) -> list[Record]:
    """Error rates of the rule, or of another in its place.

    A headline is false if it claims for all readings what does not hold for all of them, or "depends" where they agree.
    """
    name = "headline over readings" if rule is join_readings else f"control: {rule.__name__} of readings"

    def judged(truth: ReadingTruths, rng: Generator) -> Iterator[Judged]:
        verdicts = [[join_rows(rows) for rows in readings] for readings in truth.sample(rng, repetitions)]
        headlines = np.array([rule(labels) for labels in verdicts])
        for holds in {"supported": (True,), "refuted": (False,)}.get(truth.headline, (True, False)):
            wrong = "inconclusive" if truth.headline == "depends" else "refuted" if holds else "supported"
            yield name, np.where(headlines == "depends", wrong, headlines), holds

    return error_rates(headline_truths(), judged, seed, allowed_rate(repetitions))


def majority(labels: Collection[Label]) -> Headline:
    """Control that must fail: the verdict of most readings."""
    verdicts = list(labels)
    return "supported" if verdicts.count("supported") >= verdicts.count("refuted") else "refuted"

"""A0.5: the whole pipeline, from roll-outs to the headline of a claim, on systems whose noise is known.

Every fleet is measured, written as a cell and read back as the claims on noise do; every experiment is then judged by
their own questions, by the rule of the ledger and by the rule of headlines. Labels come from the cells each time they
are judged, so that a changed rule is calibrated anew on what was measured.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from scipy import stats

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.design import Row
from dgpg_verify.claims.instrument.a0_4_training_verdicts import ask_errors
from dgpg_verify.claims.instrument.measure_pipeline import measure_pipeline
from dgpg_verify.claims.instrument.pipeline_truths import ASKED, FLEETS, SYSTEMS, PlantedClaim
from dgpg_verify.claims.noise.questions import read_moments
from dgpg_verify.claims.noise.read import CellStats
from dgpg_verify.claims.question import Question, ledger_rows, must_get
from dgpg_verify.claims.series import Measured, Series, make_series
from dgpg_verify.core import Evidence, InputError, LedgerRow
from dgpg_verify.reporting.summary import claim_summary
from dgpg_verify.runs.progress import Bar
from dgpg_verify.statistics import HEADLINES, Headline, majority
from dgpg_verify.statistics.calibration.harness import TOLERATED, Record, allowed_rate

PIPELINE = "whole pipeline"
FALSE_ALARM = 1e-3  # with which an honest pipeline exceeds `allowed` where too few seeds show a rate of 1 %
Headlines = dict[str, list[Headline]]  # name of what was asked -> one headline for each experiment


def headline(rows: Sequence[LedgerRow]) -> Headline:
    """The project's own headline of a claim's rows."""
    return claim_summary(rows)[0].label


def undecided_supports(rows: Sequence[LedgerRow]) -> Headline:
    """Control that must fail: what is not refuted is taken for supported, whatever its interval holds beside."""
    return headline([replace(row, verdict="supported") if row.verdict == "inconclusive" else row for row in rows])


def most_readings(rows: Sequence[LedgerRow]) -> Headline:
    """Control that must fail: the readings are averaged, each with one vote, instead of being told apart."""
    return majority([reading.label for reading in claim_summary(rows)[0].leading])


@dataclass(frozen=True)
class Tried:
    """What is judged in every experiment, and by which rule. control: it must err more often than is allowed."""

    asked: PlantedClaim
    rule: Callable[[Sequence[LedgerRow]], Headline] = headline
    control: str = ""

    @property
    def key(self) -> str:
        return f"control/{self.control}" if self.control else f"truth/{self.asked.name}"

    def judge(self, series: Series[CellStats]) -> Headline:
        return self.rule(ledger_rows("A0.5", self.asked.name, self.asked.ask(series), {}))


_BY_NAME = {asked.name: asked for asked in ASKED}
CONTROLS = (
    Tried(_BY_NAME["N^0.16, just beyond the margin: bounded"], undecided_supports, "undecided counts as supported"),
    Tried(_BY_NAME["N^3: four mixtures differ"], most_readings, "most readings decide"),
)
TRIED = (*map(Tried, ASKED), *CONTROLS)


def design(scale: str) -> list[Row]:
    """Whole experiments of every system; see `pipeline_truths`."""
    return [system.row(scale) for system in SYSTEMS.values()]


def fleets_of(evidence: Evidence) -> Iterator[Evidence]:
    """Each fleet of a cell as the cell that it would be alone."""
    cell = evidence.cell
    options = {name: value for name, value in cell.options.items() if name != "seeds"}
    for place, seed in enumerate(cell.options["seeds"]):
        alone = replace(cell, replicate=cell.replicate + place, seed=seed, options=options)
        values = {name: v[place] if isinstance(v, np.ndarray) else v for name, v in evidence.values.items()}
        yield Evidence(alone, values, evidence.seconds / len(cell.options["seeds"]))


def experiments(series: Series[Evidence]) -> list[Series[CellStats]]:
    """The whole experiments of a system, each of FLEETS fleets at every N."""
    fleets = {n: [fleet for cell in cells for fleet in fleets_of(cell)] for n, cells in series.items.items()}
    whole = min(map(len, fleets.values())) // FLEETS
    parts = ([fleet for found in fleets.values() for fleet in found[k * FLEETS : (k + 1) * FLEETS]]
             for k in range(whole))  # fmt: skip
    return [read_moments(make_series(series.row, part), "measured") for part in parts]


@lru_cache(maxsize=len(SYSTEMS))
def _headlines(series: Series[Evidence]) -> Headlines:
    """What was said in every experiment of a system; kept, since questions and tables ask for the same."""
    tried = [item for item in TRIED if item.asked.system == series.key]
    bar = Bar(
        experiments(series),
        desc=f"judging {series.key}",
        unit="seed",
        file=sys.stderr,
        delay=3.0,
        leave=False,
        mininterval=5.0,
    )
    found = [[item.judge(experiment) for item in tried] for experiment in bar]
    return {item.key: list(labels) for item, labels in zip(tried, zip(*found, strict=True))}


def rates(name: str, holds: Headline, found: Sequence[Headline]) -> Record:
    """How often headlines are false where `holds` is true: a record as `error_rates` makes them.

    "depends" says both that some reading supports the claim and that some reading refutes it: it is a false refutation
    where all readings support the claim or one is missing, and a false support where all refute it.
    """
    share = {label: found.count(label) / len(found) for label in HEADLINES if label != holds}
    of_depends = "false_support" if holds == "refuted" else "false_refutation"
    record = {"false_support": share.get("supported", 0.0), "false_refutation": share.get("refuted", 0.0)}
    record[of_depends] += share.get("depends", 0.0)
    undecided = {"inconclusive": share.get("inconclusive", 0.0), "allowed": allowed(len(found))}
    return {"procedure": PIPELINE, "truth": name, "repetitions": len(found)} | record | undecided


def allowed(seeds: int) -> float:
    """The largest rate of errors that shows one of at most 1 %; of too few seeds, the largest that 1 % explains."""
    try:
        return allowed_rate(seeds)
    except InputError:  # fewer than 299
        return float(stats.binom.isf(FALSE_ALARM, seeds, TOLERATED)) / seeds


def _tried(measured: Measured) -> Iterator[tuple[Tried, Series[Evidence], list[Headline]]]:
    for tried in TRIED:
        series = measured.get(tried.asked.system)
        found = [] if series is None else _headlines(series).get(tried.key, [])
        if series is not None and found:
            yield tried, series, found


def _record(tried: Tried, found: Sequence[Headline]) -> Record:
    record = rates(tried.asked.name, tried.asked.holds, found)
    return record | {"procedure": f"control: {tried.control}"} if tried.control else record


def questions(measured: Measured) -> list[Question]:
    return [_question(*item) for item in _tried(measured)]


def _question(tried: Tried, series: Series[Evidence], found: Sequence[Headline]) -> Question:
    asked = tried.asked
    said = ", ".join(f"{label} {count / len(found):.3f}" for label, count in Counter(found).most_common())
    question = ask_errors(
        tried.key,
        series,
        _record(tried, found),
        sentence=f"{asked.name}: it says {said}; true: {asked.holds}, expected beforehand: {asked.expected}.",
        system=f"planted noise, {asked.system}",
        policy="uniform",
    )
    return must_get(question, "refuted") if tried.control else question


def tables(measured: Measured) -> dict[str, list[dict[str, Any]]]:
    return {"calibration": [_record(tried, found) for tried, _, found in _tried(measured)]}


CLAIM = Claim(
    id="A0.5",
    title="The whole pipeline",
    source="this project",
    statement="From roll-outs to headline, the whole errs in at most 1 % of experiments on systems whose noise is "
    "known, and a pipeline with a planted fault is caught.",
    family="instrument",
    design=design,
    measure=measure_pipeline,
    questions=questions,
    tables=tables,
    cost=lambda cell: 1.0,  # system by system, so that a run cut short holds some whole ones
)

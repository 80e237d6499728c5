"""C3.2: DG-PG needs O(1 / eps) joint samples, up to logarithms, whatever the number of agents."""

from __future__ import annotations

from dgpg_verify.claims.question import Question
from dgpg_verify.claims.samples.design import ALIGNED, DECIDING, THEORY
from dgpg_verify.claims.samples.questions import exponent_question, exponent_questions, samples_claim
from dgpg_verify.claims.samples.read import P_NONE, Q_ONE, LearningRuns, read_runs
from dgpg_verify.claims.series import Measured
from dgpg_verify.samples.methods import ANNEAL

STATEMENT = "DG-PG needs O(1 / eps) joint samples, up to logarithms, to a gap of eps per agent, whatever N."
PUBLISHED, LATER = ":published", 2.0 * ANNEAL


def questions(measured: Measured) -> list[Question]:
    """p and q by alpha rule; primary where J and G agree perfectly."""
    runs = [series for series in read_runs(measured, "run", "cloud") if not series.of_return]
    return [
        *[question for series in runs for question in exponent_questions(series, _leads(series))],
        *[question for series in runs for question in _after_the_schedule(series)],
    ]


def _leads(series: LearningRuns) -> bool:
    return series.law == ALIGNED and series.method in DECIDING and series.step == THEORY


def _after_the_schedule(series: LearningRuns) -> list[Question]:
    """The published schedule where it has ended: before, alpha is larger at small N than at large, so that no one
    power of N holds over both regimes."""
    later = series.later_than(LATER) if series.method.endswith(PUBLISHED) else None
    if later is None:
        return []
    note = f"only eps that no fleet reaches before {LATER:g} samples, twice as long as the schedule falls"
    return [exponent_question(later.name, later, asked, note=note) for asked in (P_NONE, Q_ONE)]


CLAIM = samples_claim(
    ("run", "cloud"),
    questions,
    id="C3.2",
    title="Samples that DG-PG needs",
    source="sample complexity theorem",
    statement=STATEMENT,
    # With N to 192 its p is still 0.08 [0, 0.16] (standard scale, seed 3).
    decided_at={f"C3.2/{ALIGNED}/guided:optimal/{THEORY}/p": "full"},
)

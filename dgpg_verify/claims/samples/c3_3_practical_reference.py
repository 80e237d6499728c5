"""C3.3: with the reference that can be computed (fluid limit), DG-PG comes near the optimum of J at all."""

from __future__ import annotations

from dgpg_verify.claims.question import Question
from dgpg_verify.claims.samples.design import DECIDING, FLOORS, FLUID
from dgpg_verify.claims.samples.questions import LAST, SYSTEMS, arrival_question, samples_claim
from dgpg_verify.claims.samples.read import read_runs
from dgpg_verify.claims.series import Measured

TEAMS = "team/biased"
STATEMENT = (
    "Our question: with the practical reference (fluid limit), which the author says need not be aligned strictly, "
    f"DG-PG comes to a per-agent gap of gap0/{LAST:g} at all, at some number of joint samples."
)


def questions(measured: Measured) -> list[Question]:
    """Whether each method comes to rest below the smallest eps, by system and alpha rule; the game with the fluid
    reference leads.

    Unbiased credits (return, difference, alpha -> 0) are here too: their floor must be none.
    """
    runs = [series for series in read_runs(measured, "limit") if series.law == TEAMS]  # in games: the same fleets again
    floors = [*read_runs(measured, "floor"), *runs]
    groups = [
        (law, method, [series for series in floors if (series.law, series.method) == (law, method)])
        for law in SYSTEMS
        for method in FLOORS
    ]
    return [
        arrival_question(law, method, group, primary=law == FLUID and method in DECIDING)
        for law, method, group in groups
        if group
    ]


CLAIM = samples_claim(
    ("floor", "limit"),
    questions,
    id="C3.3",
    title="Samples with the practical reference (our question)",
    source="sample complexity theorem, applied to the fluid limit",
    statement=STATEMENT,
)

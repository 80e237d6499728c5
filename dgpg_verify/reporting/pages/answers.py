"""The first lines of the first page: is the O(1) claim true? One line for each claim that bears on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dgpg_verify.reporting.summary import ClaimSummary

QUESTIONS = {  # claim -> what `supported` affirms
    "C1.1": "With the shared return alone, does the noise of the gradient grow like N?",
    "C1.3": "With the best \u03b1 for every N, is it O(1)?",
    "C1.4": "At the \u03b1 with which DG-PG is run, is it O(1)?",
    "C4.5": "Along the training runs of DG-PG, is it O(1)?",
    "C1.2": "Is the guidance free of the other agents' noise?",
}


@dataclass(frozen=True)
class AnsweredQuestion:
    """summary: None where the claim was not measured."""

    id: str
    question: str
    summary: ClaimSummary | None


def answers(summaries: Iterable[ClaimSummary]) -> list[AnsweredQuestion]:
    """A line for every question; none at all where none of them was measured."""
    found = {summary.id: summary for summary in summaries}
    lines = [AnsweredQuestion(claim, question, found.get(claim)) for claim, question in QUESTIONS.items()]
    return lines if any(line.summary for line in lines) else []

"""The first lines of the first page: its title, the headlines in one line, a line for each claim that bears on O(1)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from dgpg_verify.core import LABELS
from dgpg_verify.core.claim_ids import is_named
from dgpg_verify.reporting.matrix import shares_text
from dgpg_verify.reporting.pages.families import family_of
from dgpg_verify.reporting.summary import ClaimSummary

NOISE, AS_RUN = "C1", "C1.4"  # the claims on the noise, and the one that is about DG-PG as it is run
SAID = {"supported": "Yes", "refuted": "No", "inconclusive": "Open", "depends": "It depends on the reading"}
FEW = 6  # claims of which the one line has room for the titles

QUESTIONS = {  # claim -> what `supported` affirms
    "C1.1": "With the shared return alone, does the noise of the gradient grow like N?",
    "C1.3": "With the best \u03b1 for every N, is it O(1)?",
    "C1.4": "At the \u03b1 with which DG-PG is run, is it O(1)?",
    "C4.5": "Along the training runs of DG-PG, is it O(1)?",
    "C1.2": "Is the guidance free of the other agents' noise?",
}


@dataclass(frozen=True)
class AnsweredQuestion:
    """A question and what the run says of it."""

    id: str
    question: str
    summary: ClaimSummary


def answers(summaries: Iterable[ClaimSummary]) -> list[AnsweredQuestion]:
    """A line for every question whose claim was measured."""
    found = {summary.id: summary for summary in summaries}
    return [AnsweredQuestion(claim, asked, found[claim]) for claim, asked in QUESTIONS.items() if claim in found]


def page_title(claims: Iterable[str]) -> str:
    """What a run of these claims is about: the question on the noise where it holds claims on it, else their families
    (those of audits only where it holds nothing else)."""
    known = list(claims)
    if any(is_named(claim, NOISE) for claim in known):
        return "Is the gradient noise of DG-PG O(1)?"
    families = [family_of(claim).title for claim in known if claim.startswith("C")] or [
        family_of(c).title for c in known
    ]
    return "DG-PG" + ": " * bool(families) + ", ".join(name[0].lower() + name[1:] for name in dict.fromkeys(families))


def headline_text(
    summaries: Sequence[ClaimSummary], titles: Mapping[str, str], preliminary: Collection[str] = ()
) -> str:
    """The headlines of all claims in one line, that of DG-PG as it is run first.

    Parameters
    ----------
    titles : of the claims, named where they are few, with how many of their deciding rows are supported.
    preliminary : claims that are to be decided at a larger scale.
    """
    few = len(summaries) <= FEW
    groups = []
    for label in (*LABELS, "depends"):
        if found := [_named(summary, titles) if few else summary.id for summary in summaries if summary.label == label]:
            groups.append(f"{label.capitalize()}: {', '.join(found)}.")
    line = [_as_run(summary) for summary in summaries if summary.id == AS_RUN] + groups
    line += ["In brackets: deciding rows that are supported."] if few and summaries else []
    line += [f"To be decided at a larger scale: {', '.join(preliminary)}."] if preliminary else []
    return " ".join(line)


def _named(summary: ClaimSummary, titles: Mapping[str, str]) -> str:
    counts = [len(summary.rows(label)) for label in LABELS]
    return f"{summary.id} {titles.get(summary.id, '')}".strip() + f" ({counts[0]} of {sum(counts)})"


def _as_run(summary: ClaimSummary) -> str:
    price = shares_text(row for reading in summary.leading for row in reading.rows)
    shown = f", where the return's share of the update is {price}" if price and summary.label == "supported" else ""
    return f"{SAID[summary.label]}, at the \u03b1 with which DG-PG is run{shown} ({summary.id})."

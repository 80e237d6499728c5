"""C6: of the methods that the paper names, only DG-PG has all of five properties.

Every property of every method is a row of its own. What decides follows from these: for each leading reading of DG-PG
whether it has all five, and for every other method that the paper names whether it lacks one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.comparison.design import (
    CONTROL,
    FAMILY,
    comparison_design,
)
from dgpg_verify.claims.comparison.measure import comparison_cost, measure_comparison
from dgpg_verify.claims.comparison.methods import METHODS, MIXTURE, Compared
from dgpg_verify.claims.comparison.properties import (
    ASK,
    GAME,
    PROPERTIES,
    ask_alike,
    ask_arrival,
    ask_learning,
    ask_like_n,
    ask_on_the_cloud,
)
from dgpg_verify.claims.comparison.tables import comparison_tables
from dgpg_verify.claims.question import Question, must_get
from dgpg_verify.claims.series import Measured, Series
from dgpg_verify.core import Estimate, Label, Verdict
from dgpg_verify.statistics import join_rows

STATEMENT = (
    "No method before DG-PG, of its table or of its related work, has all five: O(1) variance, O(1 / eps) samples, "
    "heterogeneous policies, parallel updates, no extra learned part."
)


Answers = Mapping[str, Sequence[Question]]  # the questions on each property of one method


BESIDE = (ask_like_n, ask_arrival, ask_learning, ask_on_the_cloud)


def questions(measured: Measured) -> list[Question]:
    """Method by method its properties, and what they say together; a control."""
    found: list[Question] = []
    for method in METHODS:
        answers = {name: tuple(ask(method, measured)) for name, ask in ASK.items()}
        found.append(_together(method, answers))
        found += [question for asked in answers.values() for question in asked]
        found += [question for ask in BESIDE for question in ask(method, measured)]
    return [*found, *_control(measured)]


def _together(method: Compared, answers: Answers) -> Question:
    """DG-PG must have all five, another one must lack one at least."""
    labels = {name: join_rows([question.verdict.label for question in asked]) for name, asked in answers.items()}
    lacks, unknown = ([PROPERTIES[name] for name, found in labels.items() if found == label]
                      for label in ("refuted", "inconclusive"))  # fmt: skip
    ours = method.credit == MIXTURE
    has_all: Label = "refuted" if lacks else "inconclusive" if unknown else "supported"
    lacks_one: Label = "supported" if lacks else "inconclusive" if unknown else "refuted"
    count = Estimate(float(len(lacks)), float(len(lacks)), float(len(lacks) + len(unknown)), 1.0, len(labels))
    told = _told(lacks, unknown)
    return Question(
        key=f"{method.id}/{'all five' if ours else 'lacks one'}",
        statistic="properties that it lacks",
        read=_read(answers),
        verdict=Verdict(has_all if ours else lacks_one, told, count),
        sentence=f"{method.name} has {len(labels) - len(lacks) - len(unknown)} of five properties; {told}.",
        relation="at_most" if ours else "at_least",
        expected=0.0 if ours else 1.0,
        system=GAME,
        policy=method.name,
        primary=method.named,
        reading=method.reading,
        composite=True,
    )


def _told(lacks: Sequence[str], unknown: Sequence[str]) -> str:
    parts = [f"lacks {', '.join(lacks)}"] * bool(lacks) + [f"undecided: {', '.join(unknown)}"] * bool(unknown)
    return "; ".join(parts) or "lacks none"


def _read(answers: Answers) -> list[Series[Any]]:
    return [series for asked in answers.values() for question in asked[:1] for series in question.read]


def _control(measured: Measured) -> Iterator[Question]:
    """Agents that see the same and share their parameters cannot act differently, and must be seen not to."""
    for asked in ask_alike(CONTROL, measured):
        yield must_get(asked, "refuted")


CLAIM = Claim(
    id="C6",
    title="No prior method has all five properties",
    source="the paper's table of methods",
    statement=STATEMENT,
    family=FAMILY,
    design=comparison_design,
    measure=measure_comparison,
    questions=questions,
    tables=comparison_tables,
    cost=comparison_cost,
    decided_at="full",
)

"""A question that a claim puts to what was measured, and the one way from it to a row of the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from dgpg_verify.claims.readings import is_leading
from dgpg_verify.claims.series import Series, distinct
from dgpg_verify.core import Estimate, InputError, Label, LedgerRow, Verdict
from dgpg_verify.statistics import PRIMARY_LEVEL, Relation, allowed_set, bonferroni

EXPLORATORY_LEVEL = 0.95
# fields that a row of the ledger takes over as they are
ANSWERED = (
    "primary", "system", "policy", "sharing", "setting", "statistic", "relation", "expected", "margin", "return_share",
    "kind", "expected_label", "reading", "inside",
)  # fmt: skip
Kind = Literal["claim", "audit", "control", "oracle"]
Records = Mapping[str, tuple[Label, str]]


@dataclass(frozen=True)
class Question:
    """One row of the ledger before it is written: what is asked, what it is read from, and the answer.

    Parameters
    ----------
    key : the row's name behind the claim's id.
    statistic : what is estimated, in a few words.
    read : the series it is read from; they name its files, seeds and sizes.
    verdict : the answer at the row's own level, see `level_of`.
    sentence : the nearest true sentence, or a function of the verdict that makes it.
    relation, expected, margin : what is claimed of the estimate; see `statistics.allowed_set`.
    statement : the claim's own unless given.
    system, policy, sharing, setting : where it was measured, in words.
    strictly : level -> verdict; given where a refutation of one primary row must hold at the level of all of them.
    margins : labels at other margins.
    n_values, replicates : what the verdict used, where that is less than all that was read.
    kind, expected_label : a control or an oracle check must get this label.
    reading : which of `readings.READINGS` it takes; "" where no open choice of the paper matters.
    inside : whether the claim's own hypotheses hold there; a row outside decides nothing.
    composite : the verdict follows from several conditions, of which the estimate shows one.
    """

    key: str
    statistic: str
    read: Sequence[Series[Any]]
    verdict: Verdict
    sentence: str | Callable[[Verdict], str]
    relation: Relation
    expected: float | None
    margin: float | None = None
    statement: str = ""
    system: str = ""
    policy: str = ""
    sharing: str = "independent"
    setting: str = "sum"
    primary: bool = False
    strictly: Callable[[float], Verdict] | None = None
    margins: Mapping[str, Label] = field(default_factory=dict)
    notes: Sequence[str] = ()
    return_share: float | None = None
    n_values: Sequence[int] | None = None
    replicates: int | None = None
    kind: Kind = "claim"
    expected_label: Label | None = None
    reading: str = ""
    inside: bool = True
    composite: bool = False


def level_of(primary: bool) -> float:
    """Bonferroni over the 72 rows that a family of claims may lead with, or 95 % for exploratory ones."""
    return PRIMARY_LEVEL if primary else EXPLORATORY_LEVEL


def within_proof(verdict: Verdict, proved: Label | None) -> Verdict:
    """A verdict that a proof leaves room for: the label `proved`, or undecided where the measured sizes say the
    opposite of what holds in the limit."""
    if proved is None or verdict.label in (proved, "inconclusive"):
        return verdict
    why = f"{verdict.why}; but in the limit of many agents the opposite is proved: these N are not yet there"
    return replace(verdict, label="inconclusive", why=why)


def checked(holds: bool, why: str, estimate: Estimate) -> Verdict:
    """The verdict on what is exact or was counted: supported if it holds, else refuted."""
    return Verdict("supported" if holds else "refuted", why, estimate)


def exactly(value: float, count: int) -> Estimate:
    """An exact number, that of `count` cases together."""
    return Estimate(value, value, value, 1.0, count)


def must_get(question: Question, label: Label, note: str = "") -> Question:
    """A question whose answer is known, as a control: the row keeps its key, must get this label and leads nothing."""
    notes = (*question.notes, note)
    return replace(question, primary=False, kind="control", expected_label=label, notes=notes)


def as_control(question: Question, expected: Label, note: str = "") -> Question:
    """A control beside its question: that question, under a key of its own, put to input whose answer is known."""
    return must_get(replace(question, key=f"{question.key}/control"), expected, note)


def ledger_rows(claim: str, statement: str, questions: Sequence[Question], recorded: Records) -> list[LedgerRow]:
    """The ledger's rows of one claim.

    A primary row with `strictly` is refuted only if it is so at the Bonferroni level of the primary rows of its reading
    too: a reading is supported when all of them are, which needs no correction, and refuted when one is, which does.
    """
    primary = Counter(question.reading for question in questions if question.primary and question.inside)
    return [
        _ledger_row(claim, statement, _careful(question, primary[question.reading]), recorded) for question in questions
    ]


def _careful(question: Question, primary: int) -> Question:
    verdict = question.verdict
    if verdict.label != "refuted" or question.strictly is None or not question.primary or primary < 2:
        return question
    if question.strictly(bonferroni(EXPLORATORY_LEVEL, primary)).label == "refuted":
        return question
    why = f"{verdict.why}; not refuted at the level of {primary} rows together"
    return replace(question, verdict=replace(verdict, label="inconclusive", why=why))


def _ledger_row(claim: str, statement: str, question: Question, recorded: Records) -> LedgerRow:
    name, verdict = f"{claim}/{question.key}", question.verdict
    check_verdict(name, question)
    estimate, record = verdict.estimate, recorded.get(name)
    cells = [item for series in question.read for item in series.evidence]
    return LedgerRow(
        row=name,
        id=claim,
        statement=question.statement or statement,
        holds_when=question.sentence if isinstance(question.sentence, str) else question.sentence(verdict),
        estimate=estimate.value,
        low=estimate.low,
        high=estimate.high,
        level=estimate.level,
        verdict=verdict.label,
        verdict_margins=dict(question.margins),
        recorded=None if record is None else {"label": record[0], "reason": record[1]},
        because="; ".join(part for part in (verdict.why, *question.notes) if part),
        n_values=tuple(question.n_values or distinct(item.cell.n for item in cells)),
        replicates=estimate.n if question.replicates is None else question.replicates,
        seeds=distinct(replicate for item in cells for replicate in replicates_in(item.cell)),
        files=tuple(dict.fromkeys(series.files for series in question.read)),
        seconds=sum(item.seconds for item in cells),
        leading=is_leading(question.reading),
        **{name: getattr(question, name) for name in ANSWERED},
    )


def replicates_in(cell: Any) -> Sequence[int]:
    """Numbers of the replicates that a cell holds."""
    return range(cell.replicate, cell.replicate + len(cell.options.get("seeds", (cell.seed,))))


def check_verdict(name: str, question: Question) -> None:
    """Refuse a verdict that the row's own relation, expected value and margin do not give: such a row would be drawn
    and worded as another statement than the one it was judged by. A more careful rule may leave a row inconclusive.

    Raises
    ------
    InputError : supported outside the allowed set, or refuted inside it.
    """
    estimate, label = question.verdict.estimate, question.verdict.label
    counted = question.composite or question.relation == "universal"
    if counted or question.expected is None or estimate.low is None or estimate.high is None:
        return
    low, high = allowed_set(question.relation, question.expected, question.margin)
    inside = low <= estimate.low and estimate.high <= high
    touches = estimate.low <= high and estimate.high >= low
    if (label == "supported" and not inside) or (label == "refuted" and touches):
        interval, allowed = f"[{estimate.low:g}, {estimate.high:g}]", f"[{low:g}, {high:g}]"
        raise InputError(f"row {name} is {label} by {interval}, but its relation allows {allowed}")

"""Ledger rows of C4: from the runs of a row at one N, a verdict and the sentence that holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dgpg_verify.claims.ledger import Kind, Provenance, Records, distinct, ledger_row
from dgpg_verify.claims.records import RECORDS
from dgpg_verify.claims.training.design import training_design
from dgpg_verify.claims.training.measure import FAMILY, TrainingRow, measure_training_cell, training_cost
from dgpg_verify.claims.training.read import CHOSEN, Trained, read_training
from dgpg_verify.claims.training.tables import training_tables
from dgpg_verify.claims.words import is_unknown, number, with_interval
from dgpg_verify.core import Cell, Evidence, Label, LedgerRow, Verdict
from dgpg_verify.statistics import bonferroni

LEVEL = 0.95
FEWEST_FOR_CONTROL = 6  # seeds: with fewer no share of failing seeds is decided at 95 %
UNMEASURED = "The {statistic} is not measurable ({why}): {where}."
Judge = Callable[[float], Verdict]  # level -> verdict


class TrainingClaim:
    """Cells, cost, records and tables of a claim about training runs. A claim adds its statement and how it judges.

    parts: experiments it reads ("main", "alpha", "tuned", ...).
    """

    parts: frozenset[str] = frozenset({"main", "control"})

    @property
    def recorded(self) -> Mapping[str, tuple[str, str]]:
        return RECORDS

    def cells(self, scale: str, seed: int) -> Sequence[Cell]:
        return [c for row in training_design(scale).values() if row.part in self.parts for c in row.cells(seed)]

    def measure(self, cell: Cell) -> Evidence:
        return measure_training_cell(cell)

    def cost(self, cell: Cell) -> float:
        return training_cost(cell)

    def tables(self, evidence: Sequence[Evidence]) -> dict[str, list[dict[str, Any]]]:
        return training_tables(trained_in(evidence))


def trained_in(evidence: Sequence[Evidence]) -> dict[tuple[str, int], Trained]:
    """(row, N) -> runs of the evidence, with the design rows of the scale they were measured at."""
    return read_training(evidence, training_rows_in(evidence))


def training_rows_in(evidence: Iterable[Evidence]) -> dict[str, TrainingRow]:
    """The design rows whose options the cells were measured with."""
    measured = {item.cell.row: _setup(item.cell) for item in evidence if item.cell.claim == FAMILY}
    known: dict[str, TrainingRow] = {}
    for scale in ("smoke", "standard", "full"):
        for key, row in training_design(scale, recorded=True).items():
            if key in measured and measured[key] == _setup(row.cells(0)[0]):
                known[key] = row
    return known


def _setup(cell: Cell) -> dict[str, Any]:
    """A cell's options but for those that depend on N: what its fleets are drawn from, and how they are measured."""
    return {name: value for name, value in cell.options.items() if name not in ("seeds", "measured")}


@dataclass(frozen=True)
class Question:
    """One row before it is judged. judge: level -> verdict. sentences: label -> nearest true sentence, filled with
    {estimate} (or {value}, {low}, {high}), {n} and {where}. runs: what it is read from, the first row names it;
    read: all the runs that needs, where it is more."""

    key: str
    statement: str
    statistic: str
    runs: Sequence[Trained]
    judge: Judge
    sentences: Mapping[str, str]
    expected: float | None
    relation: str
    margin: float | None = None
    primary: bool = False
    note: str = ""
    tuning: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)
    kind: Kind = "claim"
    expected_label: Label | None = None
    read: Sequence[Trained] = ()


def judged(claim: str, questions: Sequence[Question], recorded: Records) -> list[LedgerRow]:
    """Judge all rows of a claim; a primary row is refuted only if it is so at the Bonferroni level too.

    A claim is supported when all its primary rows are, which needs no correction; it is refuted when one is, which
    does.
    """
    primary = sum(question.primary for question in questions)
    return [_row(claim, question, _careful(question, primary), recorded) for question in questions]


def _careful(question: Question, primary: int) -> Verdict:
    plain = question.judge(LEVEL)
    if plain.label != "refuted" or not question.primary or primary < 2:
        return plain
    strict = question.judge(bonferroni(LEVEL, primary))
    if strict.label == "refuted":
        return plain
    why = f"{plain.why}; not refuted at the level of {primary} rows together"
    return replace(plain, label="inconclusive", why=why)


def as_control(question: Question, expected: Label) -> Question:
    """The same question put to runs whose answer is known."""
    return replace(question, key=f"{question.key}/control", primary=False, kind="control", expected_label=expected)


def controls_in(trained: Mapping[tuple[str, int], Trained]) -> dict[str, Trained]:
    """Runs whose answer is known, by row; none where too few seeds could give any answer."""
    found = {key: one for (key, _), one in trained.items() if one.row.part == "control"}
    return {key: one for key, one in found.items() if len(one.runs) >= FEWEST_FOR_CONTROL}


def where(trained: Trained) -> str:
    """Method, N and system in words."""
    row = trained.row
    options = "".join(f", {name.replace('_', ' ')} {value}" for name, value in sorted(row.options.items()))
    sharing = "at its own settings" if row.sharing == CHOSEN else f"{row.sharing} parameters"
    return f"{row.label}, N = {trained.n}{options}, {sharing}"


def _row(claim: str, question: Question, verdict: Verdict, recorded: Records) -> LedgerRow:
    first = question.runs[0]
    return ledger_row(
        claim,
        question.key,
        verdict,
        _read(question.read or question.runs),
        recorded,
        statement=question.statement,
        holds_when=_sentence(question, verdict),
        system=f"cloud ({_options(first.row)})",
        policy=first.row.label,
        statistic=question.statistic,
        relation=question.relation,
        expected=question.expected,
        margin=question.margin,
        notes=(question.note,),
        primary=question.primary,
        sharing=first.row.sharing,
        setting=question.tuning or first.row.setting or "",
        kind=question.kind,
        expected_label=question.expected_label,
    )


def _read(runs: Sequence[Trained]) -> Provenance:
    return Provenance(
        n_values=distinct(one.n for one in runs),
        replicates=min(len(one.runs) for one in runs),
        seeds=distinct(run.replicate for one in runs for run in one.runs),
        files=tuple(dict.fromkeys(one.files for one in runs)),
        seconds=sum(one.seconds for one in runs),
    )


def _options(row: TrainingRow) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in sorted(row.options.items()))


def _sentence(question: Question, verdict: Verdict) -> str:
    estimate = verdict.estimate
    about = {"statistic": question.statistic.replace("_", " "), "where": where(question.runs[0]), "why": verdict.why}
    about |= question.extra
    sentence = UNMEASURED if is_unknown(estimate) else question.sentences[verdict.label]
    return sentence.format(
        estimate=with_interval(estimate),
        value=number(estimate.value),
        low=number(estimate.low),
        high=number(estimate.high),
        n=question.runs[0].n,
        **about,
    )

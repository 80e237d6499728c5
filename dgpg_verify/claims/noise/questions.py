"""Ledger rows from series: what every claim of C1 shares. A claim only says which statistic and what to expect."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dgpg_verify.claims.ledger import Kind, Provenance, Records, distinct, ledger_row
from dgpg_verify.claims.noise.design import design
from dgpg_verify.claims.noise.measure import Row
from dgpg_verify.claims.noise.read import CellStats
from dgpg_verify.claims.noise.series import Series, Statistic, read_series
from dgpg_verify.claims.words import NOT_MEASURABLE, is_unknown, number
from dgpg_verify.core import Evidence, Label, LedgerRow, Verdict
from dgpg_verify.statistics import PRIMARY_LEVEL, judge, judge_margins, judge_threshold

EXPLORATORY_LEVEL = 0.95


@dataclass(frozen=True)
class Statement:
    """The parts of a ledger row that are fixed before measuring.

    sentences: verdict -> nearest true sentence, filled with {exponent}, {low}, {high}, {where} and {share}.
    """

    id: str
    statement: str
    expected: float | None
    relation: str
    margin: float | None
    sentences: Mapping[str, str]


@dataclass(frozen=True)
class Measured:
    """One statistic of one series. `name` is the statistic's name, `suffix` makes the row key unique."""

    series: Series
    row: Row
    name: str
    statistic: Statistic
    setting: str = "sum"
    suffix: str = ""
    primary: bool = False
    expected: float | None = None
    relation: str | None = None
    proved_bound: bool = False
    return_share: Callable[[Sequence[CellStats]], float | None] | None = None
    kind: Kind = "claim"
    expected_label: Label | None = None
    note: str = ""

    @property
    def key(self) -> str:
        return f"{self.series.key}/{self.name}{'/' + self.suffix if self.suffix else ''}"

    @property
    def level(self) -> float:
        return PRIMARY_LEVEL if self.primary else EXPLORATORY_LEVEL


def exponent_row(claim: Statement, item: Measured, recorded: Records) -> LedgerRow:
    """Fit the statistic's exponent and judge it against the claim."""
    expected = claim.expected if item.expected is None else item.expected
    relation = item.relation or claim.relation
    assert expected is not None and claim.margin is not None
    fit = item.series.fit(item.statistic, item.level)
    verdict = judge(fit, expected, claim.margin, relation, item.proved_bound)
    margins = judge_margins(fit, expected, relation, proved_bound=item.proved_bound)
    slope = f"full range {fit.full.exponent:.2f}" if fit.full else ""
    line = f"a + b N: {fit.affine.a:.3g} + {fit.affine.b:.3g} N" if fit.affine else ""
    used = fit.top_decade.n_values if fit.top_decade else None
    return _row(claim, item, verdict, (slope, line, item.note), margins, expected, relation, recorded, used)


def threshold_row(
    claim: Statement,
    item: Measured,
    recorded: Records,
    support_at: float,
    refute_above: float,
) -> LedgerRow:
    """Judge the mean over fleets at the largest N against two thresholds."""
    estimate = item.series.at_largest(item.statistic, item.level)
    verdict = judge_threshold(estimate, support_at, refute_above)
    n = max(item.series.cells)
    verdict = replace(verdict, why=f"{verdict.why} at N = {n}")
    return _row(claim, item, verdict, (item.note,), {}, support_at, "at_most", recorded, (n,))


def _row(
    claim: Statement,
    item: Measured,
    verdict: Verdict,
    notes: Sequence[str],
    margins: Mapping[str, Label],
    expected: float,
    relation: str,
    recorded: Records,
    n_values: Sequence[int] | None,
) -> LedgerRow:
    share = item.return_share(item.series.cells[max(item.series.cells)]) if item.return_share else None
    return ledger_row(
        claim.id,
        item.key,
        verdict,
        _read(item.series, n_values),
        recorded,
        statement=claim.statement,
        holds_when=_sentence(claim, item, verdict, share),
        system=describe(item.row),
        policy=item.row.policy,
        statistic=item.name,
        relation=relation,
        expected=expected,
        margin=claim.margin,
        margins=margins,
        notes=notes,
        primary=item.primary,
        sharing=item.row.sharing,
        setting=item.setting,
        return_share=share,
        kind=item.kind,
        expected_label=item.expected_label,
    )


def _read(series: Series, n_values: Sequence[int] | None) -> Provenance:
    return Provenance(
        n_values=tuple(n_values or sorted(series.cells)),
        replicates=series.fleets,
        seeds=distinct(cell.fleet for cells in series.cells.values() for cell in cells),
        files=(series.files,),
        seconds=series.seconds,
    )


def _sentence(claim: Statement, item: Measured, verdict: Verdict, share: float | None) -> str:
    if is_unknown(estimate := verdict.estimate):
        what = f"The {item.name.replace('_', ' ')}{f' ({item.suffix})' if item.suffix else ''}"
        return f"{what} is {NOT_MEASURABLE} ({verdict.why}): {describe(item.row)}, policy {item.row.policy}."
    template = claim.sentences.get(verdict.label, "")
    return template.format(
        exponent=number(estimate.value, ".2f"),
        low=number(estimate.low, ".2f"),
        high=number(estimate.high, ".2f"),
        where=describe(item.row) + f", policy {item.row.policy}",
        share=number(share, ".2f"),
        statistic=item.name.replace("_", " "),
        setting=item.setting,
        suffix=item.suffix,
    )


def describe(row: Row) -> str:
    """System, graph and options in words."""
    shown = {k: v for k, v in row.options.items() if k not in ("n_candidates",)}
    options = "".join(f", {key.replace('_', ' ')} {value}" for key, value in sorted(shown.items()))
    return f"{row.system} ({row.graph} graph{options})"


def series_of(evidence: Iterable[Evidence], scale_rows: Mapping[str, Row], keys: Iterable[str]) -> dict[str, Series]:
    """The series of the named rows that were measured."""
    items = list(evidence)
    found = {}
    for key in keys:
        row = scale_rows[key]
        team = row.sharing == "shared"
        series = read_series(items, key, row.source, row.minimum_n, team)
        if series is not None:
            found[key] = series
    return found


def rows_in(evidence: Iterable[Evidence]) -> dict[str, Row]:
    """The design rows that the evidence belongs to: those of the scale whose options the cells were measured with."""
    measured = {item.cell.row: item.cell.options for item in evidence}
    known: dict[str, Row] = {}
    for scale in ("smoke", "standard", "full"):
        for key, row in design(scale, recorded=True).items():
            if key in measured and (key not in known or _measured_as(row, measured[key])):
                known[key] = row
    return known


def _measured_as(row: Row, options: Mapping[str, Any]) -> bool:
    return options.get("options") == dict(row.options) and options.get("rollouts") == row.rollouts

"""From made-up cells to the rows of a claim, as a judgement of a run folder does it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.design import Row
from dgpg_verify.claims.question import ledger_rows
from dgpg_verify.claims.series import Measured, make_series
from dgpg_verify.core import Evidence, LedgerRow


def measured_of(evidence: Iterable[Evidence], rows: Mapping[str, Row] | None = None) -> Measured:
    """Series by row key. rows: the rows of the design; without them a row's part is the first word of its key."""
    groups: dict[str, list[Evidence]] = {}
    for item in evidence:
        groups.setdefault(item.cell.row, []).append(item)
    return {key: make_series(rows[key] if rows else row_of(cells), cells) for key, cells in groups.items()}


def row_of(cells: list[Evidence]) -> Row:
    """The row that some cells belong to."""
    first, n_values = cells[0].cell, [item.cell.n for item in cells]
    return Row(
        first.claim,
        first.row,
        {n: n_values.count(n) for n in sorted(set(n_values))},
        first.options,
        notes={"part": first.row.partition("/")[0]},
    )


def judge(claim: Claim, evidence: Iterable[Evidence], rows: Mapping[str, Row] | None = None) -> list[LedgerRow]:
    """The claim's rows of the ledger."""
    questions = list(claim.questions(measured_of(evidence, rows)))
    return ledger_rows(claim.id, claim.statement, questions, claim.recorded)

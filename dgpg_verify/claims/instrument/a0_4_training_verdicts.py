"""A0.4: the verdicts on training runs. They must be wrong no more often than stated on curves whose truth is known."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dgpg_verify.claims.ledger import ledger_row, provenance
from dgpg_verify.claims.records import RECORDS
from dgpg_verify.claims.registry import cell_seed
from dgpg_verify.core import Cell, Estimate, Evidence, Label, LedgerRow, Verdict
from dgpg_verify.statistics import (
    DroppingRule,
    settling_error_rates,
    standard_settling_rules,
    uneven_curves,
)

STATEMENT = "Verdicts on the time to converge err no more than stated, and a rule that drops failed runs is caught."
REPETITIONS: Mapping[str, int] = {"smoke": 40, "standard": 400, "full": 1000}
CONTROL = "control/failed runs dropped"


@dataclass(frozen=True)
class TrainingVerdictAudit:
    """Error rates of every rule on synthetic curves: quick, late, never, drifting, collapsing, noisy."""

    id: str = "A0.4"
    title: str = "Verdicts on training runs"
    source: str = "this project"
    statement: str = STATEMENT
    relation: str = "equal"
    expected: float = 0.0
    margin: float = 0.0
    controls: Sequence[Any] = (CONTROL,)

    @property
    def recorded(self) -> Mapping[str, tuple[str, str]]:
        return RECORDS

    def cells(self, scale: str, seed: int) -> Sequence[Cell]:
        options = {"repetitions": REPETITIONS[scale]}
        names = [f"rule/{rule.name}" for rule in standard_settling_rules()]
        return [Cell("A0.4", name, 1, 0, cell_seed(seed, f"A0.4/{name}", 1, 0), options) for name in (*names, CONTROL)]

    def measure(self, cell: Cell) -> Evidence:
        began = time.perf_counter()
        repetitions, seed = int(cell.options["repetitions"]), cell.seed % 2**31
        if cell.row == CONTROL:
            records = settling_error_rates(DroppingRule(CONTROL, "percentile", 40), uneven_curves(), repetitions, seed)
        else:
            rule = next(rule for rule in standard_settling_rules() if cell.row == f"rule/{rule.name}")
            records = settling_error_rates(rule, None, repetitions, seed)
        return Evidence(cell, {"records": records}, time.perf_counter() - began)

    def judge(self, evidence: Sequence[Evidence]) -> Sequence[LedgerRow]:
        return [_row(item) for item in evidence]

    def tables(self, evidence: Sequence[Evidence]) -> dict[str, list[dict[str, Any]]]:
        return {"calibration": [record for item in evidence for record in item.values["records"]]}


def _row(item: Evidence) -> LedgerRow:
    records, control = item.values["records"], item.cell.row == CONTROL
    worst = max(records, key=lambda record: max(record["false_support"], record["false_refutation"]))
    rate, allowed = max(worst["false_support"], worst["false_refutation"]), float(worst["allowed"])
    label: Label = "supported" if rate <= allowed else "refuted"
    said = (
        f"errs in {rate:.3f} of {worst['repetitions']} experiments at worst ({worst['truth']}); allowed {allowed:.3f}"
    )
    return ledger_row(
        "A0.4",
        item.cell.row,
        Verdict(label, said, Estimate(rate, None, None, 0.999, int(worst["repetitions"]))),
        replace(provenance([item]), replicates=int(worst["repetitions"]), seeds=(0,)),
        {},
        statement=STATEMENT,
        holds_when=said,
        system="synthetic curves",
        policy="various",
        statistic="largest error rate",
        relation="at_most",
        expected=allowed,
        setting="",
        kind="control" if control else "oracle",
        expected_label="refuted" if control else "supported",
    )


CLAIM = TrainingVerdictAudit()

"""Checks of the instrument: intervals against exact values, error rates of the verdict, and what its controls are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from dgpg_verify.core import LedgerRow
from dgpg_verify.reporting.records import Record, data, group_by

CONTROLS = data("controls")["controls"]  # pattern of the row's key, what it is, why it must return what it must


@dataclass(frozen=True)
class Control:
    """A control or an oracle in words. must: the label it has to return, and why."""

    row: LedgerRow
    what: str
    must: str

    @property
    def ok(self) -> bool | None:
        return None if self.row.expected_label is None else self.row.verdict == self.row.expected_label


def controls(rows: Sequence[LedgerRow], kind: str) -> list[Control]:
    """The rows of that kind; one that returned what it must not is read first."""
    found = [_control(row) for row in rows if row.kind == kind]
    return sorted(found, key=lambda control: control.ok is not False)


def _control(row: LedgerRow) -> Control:
    told: dict[str, str] = next((entry for entry in CONTROLS if fnmatchcase(row.row, entry["rows"])), {})
    what = told.get("what") or f"Stands beside the claim: {row.statement}"
    return Control(row, what, told.get("must", ""))


def calibration_summary(records: Sequence[Record]) -> list[dict[str, Any]]:
    """One line per procedure: the worst false support and false refutation over all its truths."""
    lines = []
    for name, truths in group_by(records, lambda record: str(record["procedure"])).items():
        line: dict[str, Any] = {"procedure": name, "truths": len(truths), "control": name.startswith("control")}
        for key, choose in (("repetitions", min), ("false_support", max), ("false_refutation", max), ("allowed", min)):
            line[key] = choose((record[key] for record in truths if record[key] is not None), default=None)
        each = [calibration_ok(record) for record in truths]
        line["ok"] = False if False in each else None if None in each else True
        if line["control"] and line["ok"] is not None:  # a control must be wrong more often than allowed
            line["ok"] = not line["ok"]
        lines.append(line)
    return lines


def calibration_ok(record: Record) -> bool | None:
    """Both error counts within what is allowed; None where a number is missing."""
    support, refutation, allowed = (record[key] for key in ("false_support", "false_refutation", "allowed"))
    return None if None in (support, refutation, allowed) else max(support, refutation) <= allowed


def coverage_ok(record: Record) -> bool | None:
    """Misses inside the allowed range; None where a number is missing."""
    low, misses, high = (record[key] for key in ("allowed_low", "misses", "allowed_high"))
    return None if None in (low, misses, high) else low <= misses <= high

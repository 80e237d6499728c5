"""The paper's claims system by system: rows that exist, judged by the paper's exponent where the row asks another."""

from __future__ import annotations

import pytest

from dgpg_verify.core import LedgerRow
from dgpg_verify.reporting.systems import COLUMNS, LINES, system_table
from tests.reporting.synthetic_run import ledger_row


def row(name: str, low: float, high: float, verdict: str = "supported", expected: float | None = None) -> LedgerRow:
    middle = (low + high) / 2
    about = {"low": low, "high": high, "estimate": middle, "expected": middle if expected is None else expected}
    return ledger_row(name, name.split("/")[0], verdict, **about)


RETURN = LINES[0]


@pytest.mark.parametrize(("low", "high", "label"), [
    (0.9, 1.1, "supported"), (1.8, 2.1, "refuted"), (0.7, 1.0, "inconclusive"),
])  # fmt: skip
def test_an_exponent_is_compared_with_the_papers(low: float, high: float, label: str) -> None:
    table = system_table([row(RETURN["game"], 0.95, 1.05), row(RETURN["power"], low, high)])
    assert table is not None and table.columns == (COLUMNS["game"], COLUMNS["power"])
    [(claim, _, answers)] = table.lines
    assert claim == "C1.1" and [a.label for a in answers if a] == ["supported", label]


def test_a_row_that_bends_stays_open() -> None:
    bent = row(RETURN["power"], 0.9, 1.1, "inconclusive", expected=1.0)
    table = system_table([row(RETURN["game"], 0.95, 1.05), bent])
    assert table is not None and [a.label for a in table.lines[0][2] if a] == ["supported", "inconclusive"]


def test_one_system_needs_no_table() -> None:
    assert system_table([row(RETURN["game"], 0.9, 1.1)]) is None


def test_lines_name_known_columns_and_each_row_once() -> None:
    named = [line[name] for line in LINES for name in COLUMNS if name in line]
    assert len(named) == len(set(named)) > 40
    assert all(set(line) <= {"claim", "words", "exponent", *COLUMNS} for line in LINES)

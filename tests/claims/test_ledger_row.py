"""A ledger row is put together from a verdict, the cells it was read from, and the claim's words."""

from __future__ import annotations

from typing import Any

from dgpg_verify.claims.ledger import ledger_row, provenance
from dgpg_verify.core import Cell, Estimate, Evidence, LedgerRow, Verdict
from dgpg_verify.runs import cell_files

VERDICT = Verdict("refuted", "interval [1, 2] lies outside", Estimate(1.5, 1.0, 2.0, 0.99, 7))


def _cell(n: int, replicate: int, row: str = "a") -> Evidence:
    return Evidence(Cell("X1", row, n, replicate, 11, {}), {}, 2.5)


def _row(**changed: Any) -> LedgerRow:
    items = [_cell(8, 1), _cell(4, 0), _cell(8, 0)]
    words: dict[str, Any] = {
        "statement": "s", "holds_when": "h", "system": "y", "policy": "p", "statistic": "t", "relation": "big_o",
        "expected": 0.0,
    }  # fmt: skip
    return ledger_row("X1", "a", VERDICT, provenance(items), {"X1/a": ("refuted", "why")}, **(words | changed))


def test_numbers_come_from_the_verdict_and_provenance_from_the_cells() -> None:
    row = _row()
    assert (row.row, row.id, row.verdict) == ("X1/a", "X1", "refuted")
    assert (row.estimate, row.low, row.high, row.level) == (1.5, 1.0, 2.0, 0.99)
    assert (row.n_values, row.seeds, row.replicates, row.seconds) == ((4, 8), (0, 1), 3, 7.5)
    assert row.files == (cell_files(_cell(8, 1).cell),)
    assert row.recorded == {"label": "refuted", "reason": "why"}


def test_notes_stand_behind_the_reason_and_empty_ones_are_left_out() -> None:
    assert _row(notes=("", "a note", "another")).because == "interval [1, 2] lies outside; a note; another"


def test_groups_name_their_files_once_and_may_count_replicates_themselves() -> None:
    found = provenance([_cell(2, 0)], [_cell(2, 0, "b")], [_cell(4, 1)], replicates=5)
    assert found.files == tuple(dict.fromkeys(cell_files(_cell(2, 0, row).cell) for row in "ab"))
    assert found.replicates == 5


def test_words_of_the_claim_are_passed_on() -> None:
    words = {"margin": 0.15, "margins": {"0.10": "refuted"}, "setting": "parts", "sharing": "shared", "primary": True,
             "return_share": 0.25, "kind": "control", "expected_label": "refuted", "expected": 0.5}  # fmt: skip
    row = _row(**words)
    assert dict(row.verdict_margins) == words.pop("margins")
    assert {name: getattr(row, name) for name in words} == words
    assert (row.statement, row.holds_when, row.system, row.policy) == ("s", "h", "y", "p")
    assert (row.statistic, row.relation) == ("t", "big_o")


def test_a_row_without_a_record_says_so() -> None:
    items = [_cell(2, 0)]
    row = ledger_row("X1", "b", VERDICT, provenance(items), {}, statement="s", holds_when="h", system="y", policy="p",
                     statistic="t", relation="at_most", expected=None)  # fmt: skip
    assert row.recorded is None and row.verdict_margins == {}

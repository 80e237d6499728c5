"""A ledger row is put together from a question: its verdict, the cells it was read from, and its words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dgpg_verify.claims.design import Row
from dgpg_verify.claims.question import Question, as_control, ledger_rows, level_of, must_get, within_proof
from dgpg_verify.claims.series import Series, make_series
from dgpg_verify.core import Cell, Estimate, Evidence, InputError, LedgerRow, Verdict
from dgpg_verify.runs import cell_files
from dgpg_verify.statistics import judge_threshold

VERDICT = Verdict("refuted", "interval [1, 2] lies outside", Estimate(1.5, 1.0, 2.0, 0.99, 7))


def _series(key: str = "a", n_values: tuple[int, ...] = (8, 4)) -> Series[Evidence]:
    cells = [Evidence(Cell("X1", key, n, k, 11, {}), {}, 2.5) for n in n_values for k in range(2 if n == 8 else 1)]
    return make_series(Row("X1", key, {8: 2, 4: 1}), cells)


def _question(**changed: Any) -> Question:
    words: dict[str, Any] = {
        "key": "a", "statistic": "t", "read": [_series()], "verdict": VERDICT, "sentence": "h", "system": "y",
        "policy": "p", "relation": "big_o", "expected": 0.0,
    }  # fmt: skip
    return Question(**(words | changed))


def _row(**changed: Any) -> LedgerRow:
    (row,) = ledger_rows("X1", "s", [_question(**changed)], {"X1/a": ("refuted", "why")})
    return row


def test_numbers_come_from_the_verdict_and_provenance_from_the_cells() -> None:
    row = _row()
    assert (row.row, row.id, row.verdict, row.statement) == ("X1/a", "X1", "refuted", "s")
    assert (row.estimate, row.low, row.high, row.level) == (1.5, 1.0, 2.0, 0.99)
    assert (row.n_values, row.seeds, row.replicates, row.seconds) == ((4, 8), (0, 1), 7, 7.5)
    assert row.files == (cell_files(Cell("X1", "a", 8, 0, 11, {})),)
    assert row.recorded == {"label": "refuted", "reason": "why"}


def test_notes_stand_behind_the_reason_and_empty_ones_are_left_out() -> None:
    assert _row(notes=("", "a note", "another")).because == "interval [1, 2] lies outside; a note; another"


def test_series_name_their_files_once_and_the_verdict_may_use_less_than_was_read() -> None:
    row = _row(read=[_series(), _series("b"), _series()], n_values=(8,), replicates=5)
    assert row.files == tuple(cell_files(Cell("X1", key, 8, 0, 11, {})) for key in "ab")
    assert (row.n_values, row.replicates) == ((8,), 5)


def test_cells_of_several_fleets_name_all_their_replicates() -> None:
    cell = Cell("X1", "a", 8, 4, 11, {"seeds": [11, 12, 13]})
    assert _row(read=[make_series(Row("X1", "a", {8: 7}), [Evidence(cell, {}, 1.0)])]).seeds == (4, 5, 6)


def test_a_sentence_may_depend_on_the_verdict() -> None:
    assert _row(sentence=lambda verdict: f"it is {verdict.label}").holds_when == "it is refuted"


def test_a_row_without_a_record_says_so() -> None:
    assert _row(key="b").recorded is None


def test_what_may_lead_is_asked_at_the_level_of_72_rows() -> None:
    assert 1.0 - level_of(primary=True) == pytest.approx(0.01 / 72)
    assert level_of(primary=False) == 0.95


def test_a_primary_row_is_refuted_only_at_the_level_of_all_of_them() -> None:
    levels: list[float] = []

    def rule(level: float) -> Verdict:
        levels.append(level)
        return Verdict("refuted" if level < 0.97 else "inconclusive", "seen", VERDICT.estimate)

    asked = [_question(key=key, primary=True, strictly=rule, verdict=rule(0.95)) for key in "ab"]
    rows = ledger_rows("X1", "s", [*asked, _question(key="c", strictly=rule, verdict=rule(0.95))], {})
    assert [row.verdict for row in rows] == ["inconclusive", "inconclusive", "refuted"]
    assert rows[0].because == "seen; not refuted at the level of 2 rows together"
    assert levels == [0.95] * 3 + [0.975] * 2


@pytest.mark.parametrize(("rows", "label"), [(1, "refuted"), (2, "inconclusive"), (3, "inconclusive")])
def test_from_two_primary_rows_on_each_must_hold_at_the_level_of_all(rows: int, label: str) -> None:
    """By a rule that refutes at no level but the row's own."""
    undecided = Verdict("inconclusive", "seen", VERDICT.estimate)
    asked = [_question(key=f"{k}", primary=True, strictly=lambda _: undecided) for k in range(rows)]
    assert [row.verdict for row in ledger_rows("X1", "s", asked, {})] == [label] * rows


@pytest.mark.parametrize("label", ["inconclusive", "supported"])
def test_a_row_that_is_not_refuted_keeps_its_reason(label: Any) -> None:
    verdict = Verdict(label, "seen", Estimate(-1.0, -2.0, 0.0, 0.99, 7))
    asked = [_question(key=key, primary=True, strictly=lambda _: verdict, verdict=verdict) for key in "ab"]
    assert [row.because for row in ledger_rows("X1", "s", asked, {})] == ["seen", "seen"]


@pytest.mark.parametrize(
    ("proved", "label"), [(None, "refuted"), ("refuted", "refuted"), ("supported", "inconclusive")]
)
def test_a_proof_leaves_no_room_for_the_opposite(proved: Any, label: str) -> None:
    found = within_proof(VERDICT, proved)
    assert found.label == label and found.estimate == VERDICT.estimate
    assert ("the opposite is proved" in found.why) == (label == "inconclusive")
    open_one = replace(VERDICT, label="inconclusive")
    assert within_proof(open_one, proved) == open_one


def test_a_control_is_the_same_question_with_a_known_answer() -> None:
    control = as_control(_question(primary=True), "refuted")
    assert (control.key, control.primary, control.kind, control.expected_label) == (
        "a/control", False, "control", "refuted",
    )  # fmt: skip


def test_a_question_whose_answer_is_known_keeps_its_key_and_answer() -> None:
    question = _question(primary=True, notes=("asked",))
    known = must_get(question, "refuted", "planted")
    assert (known.primary, known.kind, known.expected_label) == (False, "control", "refuted")
    assert known.notes == ("asked", "planted")
    same = ("key", "verdict", "sentence", "relation", "expected", "read")
    assert all(getattr(known, name) == getattr(question, name) for name in same)


@pytest.mark.parametrize(
    "label, relation, interval",
    [
        ("supported", "at_most", (0.9, 1.1)),
        ("supported", "at_least", (0.9, 1.1)),
        ("supported", "theta", (0.8, 1.1)),
        ("refuted", "at_most", (0.9, 1.1)),
        ("refuted", "at_least", (0.2, 1.0)),
        ("refuted", "equal", (1.0, 1.4)),
    ],
)
def test_a_verdict_that_the_row_itself_contradicts_is_refused(
    label: Any, relation: Any, interval: tuple[float, float]
) -> None:
    """The band that is drawn and the sentence come from (relation, expected, margin): a row judged by another set would
    be shown as something that was never judged."""
    verdict = Verdict(label, "", Estimate(sum(interval) / 2, *interval, 0.95, 5))
    with pytest.raises(InputError, match="row X1/a is"):
        _row(verdict=verdict, relation=relation, expected=1.0)
    assert _row(verdict=replace(verdict, label="inconclusive"), relation=relation, expected=1.0)
    assert _row(verdict=verdict, relation=relation, expected=1.0, composite=True)


@pytest.mark.parametrize("ends", [(12.0, None), (None, 12.0), (None, None)])
def test_an_interval_that_lacks_an_end_is_not_compared(ends: tuple[float | None, float | None]) -> None:
    """As of times to settle, where some run never does: their rule has refuted by one end alone."""
    verdict = Verdict("refuted", "", Estimate(None, *ends, 0.95, 5))
    assert _row(verdict=verdict, relation="at_most", expected=10.0).verdict == "refuted"


def test_a_verdict_of_the_rule_itself_passes() -> None:
    for value in (0.2, 1.9):
        verdict = judge_threshold(Estimate(value, value - 0.1, value + 0.1, 0.95, 5), 1.0)
        assert _row(verdict=verdict, relation="at_most", expected=1.0).verdict == verdict.label

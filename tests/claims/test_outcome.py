"""Pass and fail of one ledger row: every combination of kind, record, verdict and scale."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from dgpg_verify.claims.outcome import Outcome, not_as_recorded, require, row_outcome
from dgpg_verify.claims.question import ledger_rows
from dgpg_verify.claims.series import make_series
from dgpg_verify.core import LABELS, ClaimRefuted, Evidence, InputError, LedgerRow
from tests.claims import toy_claim as toy

DESIGN = toy.design("smoke")[0]
SERIES = make_series(DESIGN, [Evidence(cell, {"mean": 0.5}, 0.0) for cell in DESIGN.cells(0)])
ROW = ledger_rows("C99.1", "", [toy.question(SERIES)], {})[0]


def _row(verdict: str, recorded: str | None = None, **changes: object) -> LedgerRow:
    record = {"label": recorded, "reason": "by hand"} if recorded else None
    return dataclasses.replace(ROW, verdict=verdict, recorded=record, **changes)  # type: ignore[arg-type]


EARLY, LOST, ALONE = ("skip", "undecided"), ("skip", "no longer decided"), ("pass", "refuted (not compared)")
NEW, PASS, FAIL, KNOWN = ("pass", "not compared"), ("pass", ""), ("fail", ""), ("refuted", "")
TABLE = {
    # (verdict, recorded): outcome at smoke and at standard, both again with --strict; to be decided at standard
    ("supported", None): (NEW, NEW, FAIL, FAIL),
    ("refuted", None): (ALONE, ALONE, FAIL, FAIL),
    ("inconclusive", None): (EARLY, EARLY, FAIL, FAIL),
    ("supported", "supported"): (PASS, PASS, PASS, PASS),
    ("refuted", "supported"): (FAIL, FAIL, FAIL, FAIL),
    ("inconclusive", "supported"): (EARLY, LOST, EARLY, FAIL),
    ("supported", "refuted"): (FAIL, FAIL, FAIL, FAIL),
    ("refuted", "refuted"): (KNOWN, KNOWN, KNOWN, KNOWN),
    ("inconclusive", "refuted"): (EARLY, LOST, EARLY, FAIL),
    ("supported", "inconclusive"): (NEW, NEW, FAIL, FAIL),
    ("refuted", "inconclusive"): (ALONE, ALONE, FAIL, FAIL),
    ("inconclusive", "inconclusive"): (EARLY, EARLY, FAIL, FAIL),
}


def test_the_table_is_complete() -> None:
    assert set(TABLE) == set(itertools.product(LABELS, (None, *LABELS)))


@pytest.mark.parametrize("kind", ["claim", "audit"])
@pytest.mark.parametrize("verdict, recorded", TABLE)
def test_claims_and_audits(verdict: str, recorded: str | None, kind: str) -> None:
    row = _row(verdict, recorded, kind=kind)

    def outcome(*arguments: object, **options: object) -> tuple[str, str]:
        found = row_outcome(row, *arguments, **options)  # type: ignore[arg-type]
        assert found.row is row and found.as_recorded == ((found.result, found.word) not in (FAIL, LOST))
        return found.result, found.word

    at = tuple(outcome(scale, strict=strict) for strict in (False, True) for scale in ("smoke", "standard"))
    assert at == TABLE[verdict, recorded]
    assert outcome("full") == at[1]
    assert outcome("standard", decided_at="full") == at[0]


@pytest.mark.parametrize("kind", ["control", "oracle"])
@pytest.mark.parametrize("verdict, wanted", itertools.product(LABELS, LABELS))
def test_controls_and_oracles_must_get_their_label(kind: str, verdict: str, wanted: str) -> None:
    """Whatever is recorded, and at every scale."""
    for recorded, scale in itertools.product((None, "refuted"), ("smoke", "full")):
        row = _row(verdict, recorded, kind=kind, expected_label=wanted)
        assert row_outcome(row, scale).result == ("pass" if verdict == wanted else "fail")


def test_an_oracle_without_a_label_must_be_supported() -> None:
    assert row_outcome(_row("supported", kind="oracle"), "smoke").result == "pass"
    assert row_outcome(_row("inconclusive", kind="oracle"), "smoke").result == "fail"


def test_messages_say_what_happened() -> None:
    assert row_outcome(_row("refuted"), "smoke").message.startswith("no record: C99.1/one: refuted")
    assert "recorded as supported (by hand)" in row_outcome(_row("refuted", "supported"), "smoke").message
    control = _row("supported", kind="control", expected_label="refuted")
    assert "control must be refuted" in row_outcome(control, "smoke").message
    early = row_outcome(_row("inconclusive", "supported", because="too wide"), "smoke").message
    assert early == "to be decided from scale standard on: too wide"


@pytest.mark.parametrize("verdict, strict", [("refuted", False), ("inconclusive", False), ("inconclusive", True)])
def test_the_next_step_stands_where_a_record_is_not_met(verdict: str, strict: bool) -> None:
    found = row_outcome(_row(verdict, "supported"), "standard", strict=strict, next_step=lambda: "run this")
    assert found.message.splitlines()[1] == "run this"


def test_rows_that_are_not_as_recorded_are_listed() -> None:
    def never() -> str:
        raise AssertionError("a row as recorded needs no next step")

    fine = [row_outcome(_row(*row), "standard", next_step=never) for row in (("refuted",), ("refuted", "refuted"))]
    lost = [row_outcome(_row("inconclusive", "refuted"), "standard", next_step=lambda: "run this")] * 30
    assert not_as_recorded(fine) == []
    head, row, step, *rest = not_as_recorded([*fine, *lost])
    assert head == "not as recorded: 30" and row.startswith("- recorded as refuted, no longer") and step == "  run this"
    assert rest[-1] == "and 10 more; -v lists all" and len(rest) == 2 * 19 + 1
    assert len(not_as_recorded(lost, whole=True)) == 61


def test_outcomes_become_test_results() -> None:
    try:
        require(Outcome("pass", "fine"))
    except pytest.skip.Exception:  # which would end this test as skipped, not as failed
        pytest.fail("a row that passes was skipped")
    with pytest.raises(AssertionError, match="wrong") as failed:
        require(Outcome("fail", "wrong"))
    assert not isinstance(failed.value, ClaimRefuted)  # else a strict xfail would hide it
    with pytest.raises(ClaimRefuted, match="no"):
        require(Outcome("refuted", "no"))
    with pytest.raises(pytest.skip.Exception, match="later"):
        require(Outcome("skip", "later"))


@pytest.mark.parametrize("scale, decided_at", [("tiny", "full"), ("full", "tiny")])
def test_unknown_scales(scale: str, decided_at: str) -> None:
    with pytest.raises(InputError, match="'tiny' is not allowed"):
        row_outcome(ROW, scale, decided_at)

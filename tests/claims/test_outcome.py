"""Pass and fail of one ledger row: every combination of kind, record, verdict and scale."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from dgpg_verify.claims.outcome import Outcome, require, row_outcome
from dgpg_verify.claims.question import ledger_rows
from dgpg_verify.claims.series import make_series
from dgpg_verify.core import LABELS, ClaimRefuted, Evidence, InputError, LedgerRow
from tests.claims import toy_claim as toy

DESIGN = toy.design("smoke")[0]
SERIES = make_series(DESIGN, [Evidence(cell, {"mean": 0.5}, 0.0) for cell in DESIGN.cells(0)])
ROW = ledger_rows("C9.1", "", [toy.question(SERIES)], {})[0]


def _row(verdict: str, recorded: str | None = None, **changes: object) -> LedgerRow:
    record = {"label": recorded, "reason": "by hand"} if recorded else None
    return dataclasses.replace(ROW, verdict=verdict, recorded=record, **changes)  # type: ignore[arg-type]


TABLE = {
    # (verdict, recorded): outcome at smoke, outcome at standard, for a row to be decided at standard
    ("supported", None): ("pass", "pass"),
    ("refuted", None): ("pass", "pass"),
    ("inconclusive", None): ("pass", "pass"),
    ("supported", "supported"): ("pass", "pass"),
    ("refuted", "supported"): ("fail", "fail"),
    ("inconclusive", "supported"): ("skip", "fail"),
    ("supported", "refuted"): ("fail", "fail"),
    ("refuted", "refuted"): ("refuted", "refuted"),
    ("inconclusive", "refuted"): ("skip", "fail"),
    ("supported", "inconclusive"): ("fail", "fail"),
    ("refuted", "inconclusive"): ("fail", "fail"),
    ("inconclusive", "inconclusive"): ("skip", "fail"),
}


def test_the_table_is_complete() -> None:
    assert set(TABLE) == set(itertools.product(LABELS, (None, *LABELS)))


@pytest.mark.parametrize("kind", ["claim", "audit"])
@pytest.mark.parametrize("verdict, recorded", TABLE)
def test_claims_and_audits(verdict: str, recorded: str | None, kind: str) -> None:
    row = _row(verdict, recorded, kind=kind)
    at = tuple(row_outcome(row, scale).result for scale in ("smoke", "standard"))
    assert at == TABLE[verdict, recorded]
    assert row_outcome(row, "full").result == at[1]
    assert row_outcome(row, "standard", decided_at="full").result == at[0]


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
    assert row_outcome(_row("refuted"), "smoke").message.startswith("UNRECORDED C9.1 C9.1/one: refuted")
    assert "recorded as supported (by hand)" in row_outcome(_row("refuted", "supported"), "smoke").message
    assert (
        "control must be refuted"
        in row_outcome(_row("supported", kind="control", expected_label="refuted"), "smoke").message
    )


def test_outcomes_become_test_results() -> None:
    require(Outcome("pass", "fine"))
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

"""One label a claim from many rows: every rule has a hand case."""

from __future__ import annotations

import pytest

from dgpg_verify.reporting import claim_summary
from dgpg_verify.reporting.wording import relation_text
from tests.reporting.synthetic_run import ledger, ledger_row

CASES = {
    "all supported": (["supported", "supported"], "supported"),
    "one refuted": (["supported", "refuted", "inconclusive"], "refuted"),
    "one inconclusive": (["supported", "inconclusive"], "inconclusive"),
    "all refuted": (["refuted", "refuted"], "refuted"),
}


@pytest.mark.parametrize("case", CASES)
def test_label_follows_from_primary_rows(case: str) -> None:
    verdicts, label = CASES[case]
    rows = [ledger_row(f"r{k}", "C1.1", verdict) for k, verdict in enumerate(verdicts)]
    (summary,) = claim_summary(rows)
    assert summary.label == label


def test_exploratory_control_and_oracle_rows_never_count() -> None:
    rows = [
        ledger_row("a", "C1.1"),
        ledger_row("b", "C1.1", "refuted", primary=False),
        ledger_row("c", "C1.1", "refuted", kind="control", expected_label="refuted"),
        ledger_row("d", "C1.1", "inconclusive", kind="oracle"),
    ]
    (summary,) = claim_summary(rows)
    assert (summary.label, summary.exploratory) == ("supported", 1)


def test_without_primary_rows_nothing_is_decided() -> None:
    (summary,) = claim_summary([ledger_row("a", "C1.1", primary=False)])
    assert (summary.label, summary.deciding) == ("inconclusive", None)
    assert "no primary row" in summary.why


def test_a_refuted_claim_says_which_row_and_shows_the_one_furthest_off() -> None:
    rows = [
        ledger_row("C1.1/near", "C1.1", "refuted", estimate=1.3),
        ledger_row("C1.1/far", "C1.1", "refuted", estimate=0.2),
        ledger_row("C1.1/good", "C1.1"),
    ]
    (summary,) = claim_summary(rows)
    assert set(summary.rows("refuted")) == {"C1.1/near", "C1.1/far"}
    assert summary.deciding is not None and summary.deciding.row == "C1.1/far"
    assert "2 of 3 primary rows are refuted" in summary.why and "far" in summary.why


def test_of_many_deciding_rows_two_are_named_and_the_others_counted() -> None:
    rows = [ledger_row(f"C1.1/{key}", "C1.1", "refuted") for key in "abcd"]
    (summary,) = claim_summary([*rows, ledger_row("C1.1/e", "C1.1")])
    assert summary.why == "4 of 5 primary rows are refuted: a, b and 2 more"
    for count, named in ((1, "is refuted: a"), (2, "are refuted: a, b"), (3, "are refuted: a, b and 1 more")):
        (summary,) = claim_summary(rows[:count])
        assert summary.why == f"{count} of {count} primary rows {named}"


def test_of_rows_without_a_number_the_first_is_shown_and_one_with_a_number_before_them() -> None:
    rows = [ledger_row(f"C1.1/{key}", "C1.1", "inconclusive", estimate=None) for key in "ab"]
    numbered = ledger_row("C1.1/c", "C1.1", "inconclusive")
    for given, shown in ((rows, "C1.1/a"), ([*rows, numbered], "C1.1/c")):
        (summary,) = claim_summary(given)
        assert summary.deciding is not None and summary.deciding.row == shown


def test_a_supported_claim_shows_its_weakest_row() -> None:
    rows = [ledger_row("a", "C1.1", estimate=1.0), ledger_row("b", "C1.1", estimate=1.1)]
    (summary,) = claim_summary(rows)
    assert summary.deciding is not None and summary.deciding.row == "b"


def test_claims_come_first_in_natural_order() -> None:
    rows = [ledger_row(k, k) for k in ("A1", "C1.10", "C1.2")]
    assert [s.id for s in claim_summary(rows)] == ["C1.2", "C1.10", "A1"]


def test_the_synthetic_ledger_as_a_whole() -> None:
    labels = {s.id: s.label for s in claim_summary(ledger())}
    assert labels == {
        "C1.1": "supported", "C1.2": "refuted", "C1.3": "supported", "C1.4": "refuted", "A1": "supported",
        "A3": "supported",
    }  # fmt: skip


def test_where_more_is_better_the_lowest_refuting_row_is_shown() -> None:
    rows = [
        ledger_row("C2.2/low", "C2.2", "refuted", estimate=0.1, relation="at_least"),
        ledger_row("C2.2/high", "C2.2", "refuted", estimate=0.6, relation="at_least"),
    ]
    (summary,) = claim_summary(rows)
    assert summary.deciding is not None and summary.deciding.row == "C2.2/low"


def test_of_an_equality_the_row_furthest_off_on_either_side_is_shown() -> None:
    rows = [
        ledger_row("C4.4/below", "C4.4", "refuted", estimate=-0.5, relation="equal", expected=0.0, margin=0.01),
        ledger_row("C4.4/above", "C4.4", "refuted", estimate=0.2, relation="equal", expected=0.0, margin=0.01),
    ]
    (summary,) = claim_summary(rows)
    assert summary.deciding is not None and summary.deciding.row == "C4.4/below"


def test_the_rule_of_a_row_in_words() -> None:
    rules = {
        relation_text(ledger_row("r", "C1.1", relation=relation, expected=expected, margin=margin))
        for relation, expected, margin in (
            ("theta", 1.0, 0.15), ("big_o", 0.0, 0.15), ("at_least", 0.0, 0.15), ("equal", 0.0, None),
            ("at_most", None, None),
        )
    }  # fmt: skip
    assert rules == {"1 +- 0.15", "at most 0 + 0.15", "at least 0 - 0.15", "exactly 0", "at most"}

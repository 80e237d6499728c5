"""The paper's claims system by system: rows that exist, judged by the paper's exponent where the row asks another."""

from __future__ import annotations

import pytest

from dgpg_verify.core import LedgerRow
from dgpg_verify.reporting.pages.systems import CLAIMS, SYSTEMS, system_table
from tests.reporting.synthetic_run import ledger_row


def row(name: str, low: float, high: float, verdict: str = "supported", expected: float | None = None) -> LedgerRow:
    middle = (low + high) / 2
    about = {"low": low, "high": high, "estimate": middle, "expected": middle if expected is None else expected}
    return ledger_row(name, name.split("/")[0], verdict, **about)


RETURN = CLAIMS[0]


@pytest.mark.parametrize(("low", "high", "label"), [
    (0.9, 1.1, "supported"), (1.8, 2.1, "refuted"), (0.7, 1.0, "inconclusive"),
])  # fmt: skip
def test_an_exponent_is_compared_with_the_papers(low: float, high: float, label: str) -> None:
    table = system_table([row(RETURN["game"], 0.95, 1.05), row(RETURN["power"], low, high)])
    assert table is not None and [system for system, _ in table.lines] == [SYSTEMS["game"], SYSTEMS["power"]]
    assert [head[:4] for head in table.heads] == ["C1.1"]
    assert [answer.label for _, [answer] in table.lines if answer] == ["supported", label]


def test_a_row_that_bends_stays_open() -> None:
    bent = row(RETURN["power"], 0.9, 1.1, "inconclusive", expected=1.0)
    table = system_table([row(RETURN["game"], 0.95, 1.05), bent])
    assert table is not None
    assert [answer.label for _, [answer] in table.lines if answer] == ["supported", "inconclusive"]


def test_one_system_needs_no_table() -> None:
    assert system_table([row(RETURN["game"], 0.9, 1.1)]) is None


def test_a_share_is_held_against_the_papers_thresholds() -> None:
    share = next(claim for claim in CLAIMS if "at_most" in claim)
    answers = [(0.001, 0.005, "supported"), (0.02, 0.03, "inconclusive"), (0.06, 0.9, "refuted")]
    for low, high, label in answers:
        table = system_table([row(share["game"], 0.0, 0.001), row(share["warehouse"], low, high)])
        assert table is not None and [a.label for _, [a] in table.lines if a] == ["supported", label]


def test_claims_name_known_systems_and_each_row_once() -> None:
    named = [claim[name] for claim in CLAIMS for name in SYSTEMS if name in claim]
    assert len(named) == len(set(named)) > 40
    assert all(set(claim) <= {"claim", "words", "exponent", "at_most", *SYSTEMS} for claim in CLAIMS)

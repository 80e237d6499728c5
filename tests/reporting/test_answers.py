"""The first lines of the first page: what the run is about, and its headlines in one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dgpg_verify.core import LABELS
from dgpg_verify.reporting import claim_summary, write_report
from dgpg_verify.reporting.pages.answers import FEW, headline_text, page_title
from tests.reporting.synthetic_run import ENVIRONMENT, ledger, ledger_row, write_run


@pytest.mark.parametrize(
    ("claims", "title"),
    [
        (["A3", "C1.4", "C7"], "Is the gradient noise of DG-PG O(1)?"),
        (["A3", "C10", "C7"], "DG-PG: inventory, traffic"),
        (["C4.1a", "C4.5"], "DG-PG: training"),
        (["A1", "A3"], "DG-PG: cost, assumptions, instrument"),
        ([], "DG-PG"),
    ],
)
def test_the_title_is_that_of_the_claims(claims: list[str], title: str) -> None:
    assert page_title(claims) == title


def test_few_claims_are_named_with_how_much_of_each_holds() -> None:
    rows = [ledger_row("C7/a", "C7"), ledger_row("C7/b", "C7", "refuted"), ledger_row("A3/a", "A3")]
    line = headline_text(claim_summary(rows), {"C7": "Traffic", "A3": "Local influence"}, ["C7"])
    assert line.startswith("Supported: A3 Local influence (1 of 1). Refuted: C7 Traffic (1 of 2).")
    assert line.endswith("To be decided at a larger scale: C7.")


def test_many_claims_go_by_their_ids() -> None:
    rows = [ledger_row(f"C3.{k}/a", f"C3.{k}", LABELS[k % 3]) for k in range(FEW + 1)]
    assert headline_text(claim_summary(rows), {"C3.1": "Samples"}).startswith("Supported: C3.0, C3.3, C3.6. Refuted:")


@pytest.mark.parametrize(("label", "word"), [("supported", "Yes"), ("refuted", "No"), ("inconclusive", "Open")])
def test_dgpg_as_it_is_run_comes_first_and_a_yes_has_its_price(label: str, word: str) -> None:
    shares = {"both": 0.02, "joint": 0.03, "mixed": 0.004, "parts": 0.5}
    rows = [ledger_row(f"C1.4/{name}", "C1.4", label, reading=name, setting=name, return_share=share)
            for name, share in shares.items()]  # fmt: skip
    line = headline_text(claim_summary(rows), {})
    assert line.startswith(f"{word}, at the \u03b1 with which DG-PG is run")
    assert ("return's share of the update is 0.0040 \u2026 0.50 (C1.4)." in line) == (label == "supported")


def test_a_page_of_other_claims_is_not_titled_by_the_noise(tmp_path: Path) -> None:
    policy = {"holds_when": "The paired ratio is flat: a town, policy linear@best_fit:0.3.", "policy": "uniform"}
    rows = [ledger_row("C10/a", "C10", **policy), *(row for row in ledger() if row.kind == "control")]
    text = write_report(write_run(tmp_path, rows, **ENVIRONMENT, claims=["C10"])).read_text()
    assert "<h1>DG-PG: inventory</h1>" in text and "O(1)?" not in text
    assert "Empty tables: domains, declared." in text
    assert "linear policy on best fit, temperature 0.3." in text and "linear@best_fit" not in text
    assert re.search(r'<abbr title="[^"]+">paired ratio</abbr>', text)
    told = re.search(r"Of (\d+) rows, besides (\d+) checks \(controls, oracles\):([^.;]+)", text)
    assert told and int(told[1]) == sum(map(int, re.findall(r"\d+", told[3]))) == 1
    assert int(told[2]) == len(rows) - 1

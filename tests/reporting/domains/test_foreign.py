"""What other packages gave stands in the report from kept files, and nowhere without them."""

from __future__ import annotations

import html
import json
from pathlib import Path

import pytest

from dgpg_verify.reporting.domains.foreign import CASES, RUNS, SPREAD, foreign_tables, markdown

REPORTS = Path(__file__).resolve().parents[3] / "reports"


def test_nothing_is_shown_where_nothing_was_kept(tmp_path: Path) -> None:
    assert foreign_tables(tmp_path / "run") == ()


def test_they_stand_on_the_committed_page() -> None:
    """A run judged elsewhere and copied would lack them."""
    folder = REPORTS / "reference-domains"
    page = html.unescape((folder / "index.html").read_text())
    assert all(table.title in page and table.lines[0][1] in page for table in foreign_tables(folder))


def test_the_tables_hold_the_numbers_of_the_files() -> None:
    runs, spread, cases = foreign_tables(REPORTS / "reference-domains")
    records = json.loads((REPORTS / RUNS).read_text())
    assert sum(int(line[1]) for line in runs.lines) == len(records)
    exponents = json.loads((REPORTS / SPREAD).read_text())["exponents"]
    found = {line[0]: line[1] for line in spread.lines}
    for made in exponents:
        if made["quantity"] == "variance":
            assert found[made["credit"]].startswith(f"{made['exponent']['value']:.2f} [")
    solved = json.loads((REPORTS / CASES).read_text())
    assert [(line[0], float(line[4])) for line in cases.lines] == [
        (case["case"], pytest.approx(abs(case["cost"] / case["pandapower"] - 1.0), rel=0.1)) for case in solved
    ]
    assert max(case["apart"] for case in solved) < 1e-11 and max(case["seconds"] for case in solved) < 1.0
    assert markdown(spread).count("\n") == len(spread.lines) + 1

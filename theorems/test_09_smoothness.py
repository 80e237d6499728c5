"""A4: Smoothness and gradient domination.

One test a ledger row; rows are measured and judged by `pytest theorems/ --benchmark`.
"""

from __future__ import annotations

from dgpg_verify.claims.outcome import Outcome, require

CLAIM = "A4"


def test_row(ledger_row: Outcome) -> None:
    require(ledger_row)

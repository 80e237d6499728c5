"""C3.2: Samples that DG-PG needs.

One test a ledger row; rows are measured and judged by `pytest theorems/ --benchmark`.
"""

from __future__ import annotations

from dgpg_verify.claims.outcome import Outcome, require

CLAIM = "C3.2"


def test_row(ledger_row: Outcome) -> None:
    require(ledger_row)

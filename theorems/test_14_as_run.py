"""C1.4: DG-PG at the alphas it is run with has O(1) variance.

One test a ledger row; rows are measured and judged by `pytest theorems/ --benchmark`.
"""

from __future__ import annotations

from dgpg_verify.claims.outcome import Outcome, require

CLAIM = "C1.4"


def test_row(ledger_row: Outcome) -> None:
    require(ledger_row)

"""Every row of the ledger is a test of its own; `pytest theorems/ --benchmark` measures and judges them."""

from __future__ import annotations

from dgpg_verify.claims.outcome import Outcome, require


def test_row(outcome: Outcome) -> None:
    """Passes, fails, skips, or is refuted as recorded (an expected failure)."""
    require(outcome)

"""Every row of the ledger is a test of its own; `pytest theorems/ --benchmark` measures and judges them."""

from __future__ import annotations

from typing import Any

from dgpg_verify.claims.outcome import Outcome, benchmark_facts, require


def test_row(outcome: Outcome, benchmark: Any) -> None:
    """Passes, fails, skips, or is refuted as recorded (an expected failure). Nothing is run again: the row's timer says
    what measuring its cells took."""
    assert outcome.row is not None
    benchmark.pedantic(lambda: None)
    benchmark.extra_info.update(benchmark_facts(outcome.row))
    require(outcome)

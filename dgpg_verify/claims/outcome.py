"""Whether a ledger row passes: its verdict against what is recorded for it, in one fixed order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dgpg_verify.claims.design import SCALES
from dgpg_verify.core import ClaimRefuted, LedgerRow, check_choice

Result = Literal["pass", "fail", "skip", "refuted"]


@dataclass(frozen=True)
class Outcome:
    """`refuted` = refuted as recorded: raised as ClaimRefuted under a strict xfail: no crash hides."""

    result: Result
    message: str


def row_outcome(row: LedgerRow, scale: str, decided_at: str = "standard") -> Outcome:
    """The outcome of one row, by the first rule that applies.

    1 controls and oracle checks must get the label they are built for; 2 no record: pass, marked UNRECORDED;
    3 inconclusive: skip below the scale `decided_at`, else fail; 4 another label than recorded: fail;
    5 refuted as recorded; 6 supported as recorded: pass.
    """
    check_choice("scale", scale, SCALES)
    check_choice("decided_at", decided_at, SCALES)
    judged = f"{row.id} {row.row}: {row.verdict} ({row.because})"
    if row.kind in ("control", "oracle"):
        wanted = row.expected_label or "supported"
        if row.verdict == wanted:
            return Outcome("pass", judged)
        return Outcome("fail", f"{row.kind} must be {wanted}: {judged}")
    if row.recorded is None:
        return Outcome("pass", f"UNRECORDED {judged}")
    if row.verdict == "inconclusive":
        late = SCALES.index(scale) >= SCALES.index(decided_at)
        rule = f"a row must be decided at scale {decided_at}"
        return Outcome("fail", f"{rule}: {judged}") if late else Outcome("skip", f"{rule} only: {judged}")
    label, reason = row.recorded["label"], row.recorded["reason"]
    if row.verdict != label:
        return Outcome("fail", f"recorded as {label} ({reason}), measured otherwise: {judged}")
    if row.verdict == "refuted":
        return Outcome("refuted", f"refuted as recorded ({reason}): {judged}")
    return Outcome("pass", judged)


def require(outcome: Outcome) -> None:
    """Turn an outcome into a test's result: return, AssertionError, ClaimRefuted, or pytest's skip."""
    if outcome.result == "fail":
        raise AssertionError(outcome.message)
    if outcome.result == "refuted":
        raise ClaimRefuted(outcome.message)
    if outcome.result == "skip":
        import pytest

        pytest.skip(outcome.message)

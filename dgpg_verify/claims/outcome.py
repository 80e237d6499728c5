"""Whether a ledger row passes: its verdict against what is recorded for it, by the first line that applies.

| row                                            | test               | with --strict                      |
|------------------------------------------------|--------------------|------------------------------------|
| control or oracle, label it is built for       | passed             | passed                             |
| control or oracle, another label               | FAILED             | FAILED                             |
| undecided, before the scale that has to decide | skipped            | skipped; FAILED without a record   |
| undecided, recorded as supported or refuted    | no longer decided  | FAILED                             |
| undecided, no such record                      | skipped            | FAILED                             |
| supported, no record                           | not compared       | FAILED                             |
| refuted, no record                             | refuted (not compared) | FAILED                         |
| reversed: recorded supported, measured refuted, or the other way round | FAILED | FAILED                 |
| refuted as recorded                            | xfailed (strict, ClaimRefuted alone) | the same         |
| supported as recorded                          | passed             | passed                             |

A record of "inconclusive" counts as none.

How often an honest run fails by chance: a reversal needs an interval that lies as a whole on the wrong side of the
rule. Where the record is true, that happens at most as often as the interval misses the truth, and that often only if
the truth lies at the edge of the rule: 1 in 7200 for a primary row of a scaling law (72 of them together: 1 in 100), 1
in 20 for a row at 95 %, as in training, where a refuted primary row also has to be so at the level of all primary rows
of its reading together. Wide intervals leave a row undecided, which fails under --strict alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from dgpg_verify.claims.design import SCALES
from dgpg_verify.core import ClaimRefuted, LedgerRow, check_choice

Result = Literal["pass", "fail", "skip", "refuted"]
Word = Literal["", "undecided", "no longer decided", "not compared", "refuted (not compared)"]
REFUTED: Word = "refuted (not compared)"
LISTED = 20  # rows that the end of a run lists


@dataclass(frozen=True)
class Outcome:
    """`refuted` = refuted as recorded: raised as ClaimRefuted under a strict xfail: no crash hides. word: how the test
    is counted where pytest's own word for the result would say less."""

    result: Result
    message: str
    word: Word = ""
    row: LedgerRow | None = None

    @property
    def as_recorded(self) -> bool:
        """False for what the end of a run lists: failures, and verdicts that are no longer decided."""
        return self.result != "fail" and self.word != "no longer decided"


def row_outcome(
    row: LedgerRow,
    scale: str,
    decided_at: str = "standard",
    strict: bool = False,
    next_step: Callable[[], str] = str,
) -> Outcome:
    """The outcome of one row, by the table above.

    decided_at: scale from which on the row has to be decided. next_step: what would decide it, for the message.
    """
    check_choice("scale", scale, SCALES)
    check_choice("decided_at", decided_at, SCALES)
    return replace(
        _outcome(row, SCALES.index(scale) >= SCALES.index(decided_at), decided_at, strict, next_step), row=row
    )


def _outcome(row: LedgerRow, late: bool, decided_at: str, strict: bool, next_step: Callable[[], str]) -> Outcome:
    """late: the row has to be decided at the run's scale."""
    judged = f"{row.row}: {row.verdict} ({row.because})"
    if row.kind in ("control", "oracle"):
        wanted = row.expected_label or "supported"
        met = row.verdict == wanted
        return Outcome("pass", judged) if met else Outcome("fail", f"{row.kind} must be {wanted}: {judged}")
    record = None if row.recorded is None or row.recorded["label"] == "inconclusive" else row.recorded
    if strict and record is None:
        return Outcome("fail", f"a row without a record fails under --strict: {judged}")
    if row.verdict == "inconclusive":
        return _undecided(row, judged, None if late else decided_at, strict, next_step)
    if record is None:
        return Outcome("pass", f"no record: {judged}", "not compared" if row.verdict == "supported" else REFUTED)
    said = f"recorded as {record['label']} ({record['reason']})"
    if row.verdict != record["label"]:
        return Outcome("fail", _with(f"REVERSED, {said}, measured otherwise: {judged}", next_step()))
    if row.verdict == "refuted":
        return Outcome("refuted", f"refuted as recorded ({record['reason']}): {judged}")
    return Outcome("pass", judged)


def _undecided(
    row: LedgerRow, judged: str, from_scale: str | None, strict: bool, next_step: Callable[[], str]
) -> Outcome:
    """An undecided row; from_scale: the scale that has to decide it, if this one is smaller."""
    recorded = row.recorded["label"] if row.recorded else "inconclusive"
    if recorded == "inconclusive" or from_scale:
        when = f"to be decided from scale {from_scale} on: " if from_scale else ""
        return Outcome("skip", when + row.because, "undecided")  # pytest prints the row before it
    message = _with(f"recorded as {recorded}, no longer decided: {judged}", next_step())
    return Outcome("fail", message) if strict else Outcome("skip", message, "no longer decided")


def _with(message: str, step: str) -> str:
    return f"{message}\n{step}" if step else message


def not_as_recorded(outcomes: Iterable[Outcome], whole: bool = False) -> list[str]:
    """What the end of a run lists: the rows that are not as recorded, each with what would decide it; at most 20 unless
    `whole`."""
    found = [outcome.message for outcome in outcomes if not outcome.as_recorded]
    shown = found if whole else found[:LISTED]
    lines = [line for message in shown for line in ("- " + message.replace("\n", "\n  ")).splitlines()]
    more = [f"and {len(found) - len(shown)} more; -v lists all"] if len(found) > len(shown) else []
    return [f"not as recorded: {len(found)}", *lines, *more] if found else []


def benchmark_facts(row: LedgerRow) -> dict[str, Any]:
    """What stands beside the row's seconds in the files of pytest-benchmark."""
    names = ("verdict", "estimate", "low", "high", "level", "expected", "reading", "primary", "kind", "replicates")
    recorded = None if row.recorded is None else row.recorded["label"]
    return {name: getattr(row, name) for name in names} | {"N": list(row.n_values), "recorded": recorded}


def require(outcome: Outcome) -> None:
    """Turn an outcome into a test's result: return, AssertionError, ClaimRefuted, or pytest's skip."""
    if outcome.result == "fail":
        raise AssertionError(outcome.message)
    if outcome.result == "refuted":
        raise ClaimRefuted(outcome.message)
    if outcome.result == "skip":
        import pytest

        pytest.skip(outcome.message)

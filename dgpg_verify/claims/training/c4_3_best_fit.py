"""C4.3: DG-PG is at or above Best-Fit for N <= 100 and slightly below it at N = 200."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dgpg_verify.claims.training.design import AS_BEST_FIT, DGPG, EXACT, NO_LEARNING
from dgpg_verify.claims.training.questions import Question, TrainingClaim, as_control, controls_in, judged, trained_in
from dgpg_verify.claims.training.read import Trained
from dgpg_verify.claims.training.search import searches
from dgpg_verify.core import Evidence, Label, LedgerRow, Verdict
from dgpg_verify.statistics import judge_matches, judge_slightly_below

STATEMENT = "DG-PG ends at or above Best-Fit for N <= 100, and slightly below it at N = 200."
MATCHES = {
    "supported": "It ends no more than 0.05 below Best-Fit (score - 1 = {value} [{low}, {high}]): {where}, {how}.",
    "refuted": "It ends below Best-Fit (score - 1 = {value} [{low}, {high}]; Random is -1): {where}, {how}.",
    "inconclusive": "Score - 1 = {value} [{low}, {high}] does not decide whether it is at Best-Fit: {where}, {how}.",
}
BELOW = {
    "supported": "It ends slightly below Best-Fit (score {value} [{low}, {high}]): {where}, {how}.",
    "refuted": "Its score is not in [0.8, 1) but {value} [{low}, {high}]: {where}, {how}.",
    "inconclusive": "Its score {value} [{low}, {high}] does not decide: {where}, {how}.",
}
AT_BEST_FIT, SLIGHTLY_BELOW = 100, 200
BESIDE = ("guidance_only", EXACT, "dgpg/sum/shared", "mappo", "ippo", "happo", "difference", "imitation", "residual")


@dataclass(frozen=True)
class BestFitClaim(TrainingClaim):
    """Final score against the heuristic that sees the same candidates."""

    id: str = "C4.3"
    title: str = "As good as Best-Fit"
    source: str = "experiments: -46.4 against -41.0 at N = 200 in the paper's units"
    statement: str = STATEMENT
    relation: str = "at_least"
    expected: float = 0.0
    margin: float = 0.05
    controls: Sequence[Any] = ()
    decided_at: str = "full"
    parts = frozenset({"main", "tuned", "ablation", "real", "patient", "control"})

    def judge(self, evidence: Sequence[Evidence]) -> Sequence[LedgerRow]:
        trained = trained_in(evidence)
        kept = [one for one in trained.values() if _shown(one) and len(one.runs) > 1]
        answers: dict[str, Label] = {NO_LEARNING: "refuted", AS_BEST_FIT: "supported"}
        known = controls_in(trained)
        controls = [as_control(_question(known[row]), label) for row, label in answers.items() if row in known]
        return judged(self.id, [*(_question(one) for one in kept), *_tuned(trained), *controls], self.recorded)


def _shown(one: Trained) -> bool:
    return one.row.key in (*DGPG, *BESIDE) or one.row.part in ("ablation", "real", "patient")


def _tuned(trained: Mapping[tuple[str, int], Trained]) -> list[Question]:
    """Every method at the settings that did best on the other seeds."""
    return [replace(_question(one.tuned), read=one.candidates, tuning="tuned") for one in searches(trained)]


def _question(one: Trained) -> Question:
    matches = one.n != SLIGHTLY_BELOW

    def judge(level: float) -> Verdict:
        rule = judge_matches if matches else judge_slightly_below
        return rule(one.levels, one.width, level=level)

    gap = sum(run.gap_percent for run in one.runs) / len(one.runs)
    best = sorted({max(run.heuristics, key=lambda name: run.heuristics[name]) for run in one.runs})
    return Question(
        key=f"{one.row.key}/N={one.n}/score",
        statement=STATEMENT,
        statistic="score - 1" if matches else "score",
        runs=[one],
        judge=judge,
        sentences=MATCHES if matches else BELOW,
        expected=-0.05 if matches else 0.9,
        relation="at_least" if matches else "equal",
        margin=None if matches else 0.1,
        primary=one.row.key in DGPG and one.n <= SLIGHTLY_BELOW,
        extra={"how": f"{int(one.runs[0].episodes[-1])} episodes"},
        note=f"cost {gap:+.2g} % above the best heuristic's ({', '.join(best)})",
    )


CLAIM = BestFitClaim()

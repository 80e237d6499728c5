"""C4.3: DG-PG is at or above Best-Fit for N <= 100 and slightly below it at N = 200."""

from __future__ import annotations

from functools import partial
from typing import Any

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.question import Question, as_control
from dgpg_verify.claims.series import Measured
from dgpg_verify.claims.training.design import AS_BEST_FIT, DGPG, EXACT, NO_LEARNING, training_design
from dgpg_verify.claims.training.measure import measure_training, training_cost
from dgpg_verify.claims.training.questions import ask, controls_in
from dgpg_verify.claims.training.read import Runs, Trained, read_training
from dgpg_verify.claims.training.search import searches
from dgpg_verify.claims.training.tables import training_tables
from dgpg_verify.core import Label, Verdict
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


PARTS = frozenset({"main", "tuned", "ablation", "real", "patient", "control"})


def questions(measured: Measured) -> list[Question]:
    """Final score against the heuristic that sees the same candidates."""
    trained = read_training(measured)
    kept = [one for one in trained.values() if _shown(one) and len(one.runs) > 1]
    answers: dict[str, Label] = {NO_LEARNING: "refuted", AS_BEST_FIT: "supported"}
    known = controls_in(trained)
    controls = [as_control(_question(known[row]), label) for row, label in answers.items() if row in known]
    return [*(_question(one) for one in kept), *_tuned(trained), *controls]


def _shown(one: Trained) -> bool:
    return one.key in (*DGPG, *BESIDE) or one.part in ("ablation", "real", "patient")


def _tuned(trained: Runs) -> list[Question]:
    """Every method at the settings that did best on the other seeds."""
    return [_question(one.tuned, read=one.candidates, tuning="tuned") for one in searches(trained)]


def _question(one: Trained, **more: Any) -> Question:
    matches = one.n != SLIGHTLY_BELOW

    def judge(level: float) -> Verdict:
        rule = judge_matches if matches else judge_slightly_below
        return rule(one.levels, one.width, level=level)

    gap = sum(run.gap_percent for run in one.runs) / len(one.runs)
    best = sorted({max(run.heuristics, key=lambda name: run.heuristics[name]) for run in one.runs})
    return ask(
        key=f"{one.key}/N={one.n}/score",
        statistic="score - 1" if matches else "score",
        runs=[one],
        rule=judge,
        sentences=MATCHES if matches else BELOW,
        expected=-0.05 if matches else 0.9,
        relation="at_least" if matches else "equal",
        margin=None if matches else 0.1,
        primary=one.key in DGPG and one.n <= SLIGHTLY_BELOW,
        words={"how": f"{int(one.runs[0].episodes[-1])} episodes"},
        note=f"cost {gap:+.2g} % above the best heuristic's ({', '.join(best)})",
        **more,
    )


CLAIM = Claim(
    id="C4.3",
    title="As good as Best-Fit",
    source="experiments: -46.4 against -41.0 at N = 200 in the paper's units",
    statement=STATEMENT,
    family="training",
    design=partial(training_design, parts=PARTS),
    measure=measure_training,
    questions=questions,
    tables=training_tables,
    cost=training_cost,
    decided_at="full",
)

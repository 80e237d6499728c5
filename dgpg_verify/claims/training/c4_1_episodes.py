"""C4.1: DG-PG converges within 10 episodes for N = 5 ... 200, and in about 20 on average up to N = 1500."""

from __future__ import annotations

from functools import partial

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.question import Question, as_control
from dgpg_verify.claims.series import Measured
from dgpg_verify.claims.training.design import DGPG, EXACT, NO_LEARNING, training_design
from dgpg_verify.claims.training.measure import measure_training, training_cost
from dgpg_verify.claims.training.questions import ask, controls_in
from dgpg_verify.claims.training.read import Trained, read_training
from dgpg_verify.claims.training.tables import training_tables
from dgpg_verify.core import Verdict
from dgpg_verify.statistics import judge_settling

STATEMENT = (
    "DG-PG converges within 10 episodes for N = 5 to 200 (90th percentile over seeds), and in about 20 on average up "
    "to N = 1500."
)
SENTENCES = {
    "supported": "Runs settle after {value} episodes [{low}, {high}] ({statistic} over seeds): {where}.",
    "refuted": "Runs do not settle in the claimed time, {statistic} over seeds at least {low} episodes: {where}.",
    "inconclusive": "The {statistic} of the episodes to settle is {estimate}, which does not decide: {where}.",
}
WITHIN = {"percentile": 10.0, "mean": 20.0}
SMALLEST, LARGEST = 5, {"percentile": 200, "mean": 1500}
BESIDE = ("guidance_only", EXACT, "mappo", "mappo/large", "ippo", "happo", "difference", "imitation", "residual")


PARTS = frozenset({"main", "control"})


def questions(measured: Measured) -> list[Question]:
    """Episodes until a run stays at its level, with runs that never do counted as such."""
    trained = read_training(measured)
    made = [
        _question(one, statistic)
        for (key, n), one in trained.items()
        if key in (*DGPG, *BESIDE) and n >= SMALLEST - 1 and len(one.runs) > 1
        for statistic in WITHIN
        if n <= LARGEST[statistic]
    ]
    known = controls_in(trained)
    if NO_LEARNING in known:  # what never learns has not converged, however early it stops moving
        made += [as_control(_question(known[NO_LEARNING], statistic), "refuted") for statistic in WITHIN]
    return made


def _question(one: Trained, statistic: str) -> Question:
    runs = [run.convergence for run in one.runs]

    def judge(level: float) -> Verdict:
        return judge_settling(runs, statistic, WITHIN[statistic], level, law="lognormal")

    return ask(
        key=f"{one.key}/N={one.n}/{statistic}",
        statistic=f"episodes to settle, {statistic}",
        runs=[one],
        rule=judge,
        sentences=SENTENCES,
        expected=WITHIN[statistic],
        relation="at_most",
        primary=one.key in DGPG,
        words={"statistic": statistic},
    )


CLAIM = Claim(
    id="C4.1",
    title="Episodes to converge",
    source="experiments: N = 5 to 200 (v1), up to 1500 (v3)",
    statement=STATEMENT,
    family="training",
    design=partial(training_design, parts=PARTS),
    measure=measure_training,
    questions=questions,
    tables=training_tables,
    cost=training_cost,
    decided_at="full",
)

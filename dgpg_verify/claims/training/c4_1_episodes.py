"""C4.1: DG-PG converges within 10 episodes for N = 5 ... 200, and in about 20 on average up to N = 1500."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dgpg_verify.claims.training.design import DGPG, EXACT, NO_LEARNING
from dgpg_verify.claims.training.questions import Question, TrainingClaim, as_control, controls_in, judged, trained_in
from dgpg_verify.claims.training.read import Trained
from dgpg_verify.core import Evidence, LedgerRow, Verdict
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


@dataclass(frozen=True)
class EpisodesClaim(TrainingClaim):
    """Episodes until a run stays at its level, with runs that never do counted as such."""

    id: str = "C4.1"
    title: str = "Episodes to converge"
    source: str = "experiments: N = 5 to 200 (v1), up to 1500 (v3)"
    statement: str = STATEMENT
    relation: str = "at_most"
    expected: float = 10.0
    margin: float = 0.0
    controls: Sequence[Any] = ()
    decided_at: str = "full"

    def judge(self, evidence: Sequence[Evidence]) -> Sequence[LedgerRow]:
        trained = trained_in(evidence)
        questions = [
            _question(one, statistic)
            for (key, n), one in trained.items()
            if key in (*DGPG, *BESIDE) and n >= SMALLEST - 1 and len(one.runs) > 1
            for statistic in WITHIN
            if n <= LARGEST[statistic]
        ]
        known = controls_in(trained)
        if NO_LEARNING in known:  # what never learns has not converged, however early it stops moving
            questions += [as_control(_question(known[NO_LEARNING], statistic), "refuted") for statistic in WITHIN]
        return judged(self.id, questions, self.recorded)


def _question(one: Trained, statistic: str) -> Question:
    runs = [run.convergence for run in one.runs]

    def judge(level: float) -> Verdict:
        return judge_settling(runs, statistic, WITHIN[statistic], level, law="lognormal")

    return Question(
        key=f"{one.row.key}/N={one.n}/{statistic}",
        statement=STATEMENT,
        statistic=f"episodes to settle, {statistic}",
        runs=[one],
        judge=judge,
        sentences=SENTENCES,
        expected=WITHIN[statistic],
        relation="at_most",
        primary=one.row.key in DGPG,
        extra={"statistic": statistic},
    )


CLAIM = EpisodesClaim()

"""C4.1: DG-PG converges within 10 episodes for N = 5 ... 200, and in about 20 on average up to N = 1500."""

from __future__ import annotations

from functools import partial

from dgpg_verify.claims.question import Question
from dgpg_verify.claims.training.design import DGPG, EXACT, NO_LEARNING
from dgpg_verify.claims.training.questions import controls, settles, training_claim
from dgpg_verify.claims.training.read import Runs, Trained

SENTENCES = {
    "supported": "Runs settle after {value} episodes [{low}, {high}] ({over_seeds} over seeds): {where}.",
    "refuted": "Runs do not settle in the claimed time, {over_seeds} over seeds at least {low} episodes: {where}.",
    "inconclusive": "The {over_seeds} of the episodes to settle is {estimate}, which does not decide: {where}.",
}
WITHIN = {"percentile": 10.0, "mean": 20.0}
SMALLEST, LARGEST = 5, {"percentile": 200, "mean": 1500}
BESIDE = ("guidance_only", EXACT, "mappo", "mappo/large", "ippo", "happo", "difference", "imitation", "residual")


def questions(trained: Runs) -> list[Question]:
    """Episodes until a run stays at its level, with runs that never do counted as such."""
    asked = [
        _question(runs, statistic)
        for (key, n), runs in trained.items()
        if key in (*DGPG, *BESIDE) and n >= SMALLEST - 1 and len(runs.runs) > 1
        for statistic in WITHIN
        if n <= LARGEST[statistic]
    ]
    for statistic in WITHIN:  # what never learns has not converged, however early it stops moving
        asked += controls(trained, {NO_LEARNING: "refuted"}, partial(_question, statistic=statistic))
    return asked


def _question(trained: Trained, statistic: str) -> Question:
    key = f"{trained.key}/N={trained.n}/{statistic}"
    return settles(key, trained, statistic, WITHIN[statistic], SENTENCES, trained.key in DGPG)


CLAIM = training_claim(
    {"main", "control"},
    questions,
    id="C4.1",
    title="Episodes to converge",
    source="experiments: N = 5 to 200 (v1), up to 1500 (v3)",
    statement="DG-PG converges within 10 episodes for N = 5 to 200 (90th percentile over seeds), and in about 20 on "
    "average up to N = 1500.",
)

"""C4.1a: DG-PG converges within 10 episodes for N = 5 ... 200. C4.1b: in about 20 on average, up to N = 1500."""

from __future__ import annotations

from functools import partial

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.question import Question
from dgpg_verify.claims.training.design import DGPG, EXACT, NO_LEARNING
from dgpg_verify.claims.training.questions import controls, settles, training_claim
from dgpg_verify.claims.training.read import Runs, Trained

SENTENCES = {
    "supported": "Runs settle after {value} episodes [{low}, {high}] ({over_seeds} over seeds), taking it that "
    "{assumed}, as {settled} did: {where}.",
    "refuted": "Runs do not settle in the claimed time, {over_seeds} over seeds at least {low} episodes: {where}.",
    "inconclusive": "The {over_seeds} of the episodes to settle is {estimate}, which does not decide: {where}.",
}
WITHIN = {"percentile": 10.0, "mean": 20.0}
SMALLEST = 5
BESIDE = ("guidance_only", EXACT, "mappo", "mappo/large", "ippo", "happo", "difference", "difference_replay",
          "imitation", "residual")  # fmt: skip


def episodes_claim(statistic: str, largest: int, **words: str) -> Claim:
    """A claim on one statistic over seeds of the episodes to settle, for N up to `largest`."""
    return training_claim(
        {"main", "claimed", "control"}, partial(questions, statistic=statistic, largest=largest), **words
    )


def questions(trained: Runs, statistic: str, largest: int) -> list[Question]:
    """Episodes until a run stays at its level, with runs that never do counted as such."""
    asked = [
        _question(runs, statistic)
        for (key, n), runs in trained.items()
        if (key in (*DGPG, *BESIDE) or _long(runs)) and SMALLEST - 1 <= n <= largest and len(runs.runs) > 1
    ]
    # what never learns has not converged, however early it stops moving
    return asked + controls(trained, {NO_LEARNING: "refuted"}, partial(_question, statistic=statistic))


def _long(runs: Trained) -> bool:
    """DG-PG with the episodes that the paper's budget leaves for it, its schedule spread over all of them."""
    return runs.part == "claimed" and runs.asked["method"] == "dgpg"


def _question(trained: Trained, statistic: str) -> Question:
    key = f"{trained.key}/N={trained.n}/{statistic}"
    return settles(key, trained, statistic, WITHIN[statistic], SENTENCES, trained.key in DGPG)


CLAIM = (
    episodes_claim(
        "percentile",
        largest=200,
        id="C4.1a",
        title="Within ten episodes",
        source="experiments of v1: N = 5 to 200",
        statement="DG-PG converges within 10 episodes for N = 5 to 200 (90th percentile over seeds).",
    ),
    episodes_claim(
        "mean",
        largest=1500,
        id="C4.1b",
        title="About twenty episodes on average",
        source="experiments of v3: up to N = 1500",
        statement="DG-PG converges in about 20 episodes on average up to N = 1500.",
    ),
)

"""C4.1a: DG-PG converges within 10 episodes for N = 5 ... 200. C4.1b: in about 20 on average, up to N = 1500. Both in
runs of 30 episodes; C4.1c: as C4.1b, in runs of the 200 that the paper's budget leaves for it."""

from __future__ import annotations

from functools import partial

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.question import Question
from dgpg_verify.claims.training.design import DGPG, EXACT, NO_LEARNING
from dgpg_verify.claims.training.questions import controls, leads_long, settles, training_claim
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


def episodes_claim(statistic: str, largest: int, long: bool = False, **words: str) -> Claim:
    """A claim on one statistic over seeds of the episodes to settle, for N up to `largest`; in long runs or short."""
    ask = partial(questions, statistic=statistic, largest=largest, long=long)
    return training_claim({"main", "claimed", "control"}, ask, **words)


def questions(trained: Runs, statistic: str, largest: int, long: bool) -> list[Question]:
    """Episodes until a run stays at its level, with runs that never do counted as such. DG-PG leads."""
    asked = [
        _question(runs, statistic)
        for (key, n), runs in trained.items()
        if (_long(runs) if long else key in (*DGPG, *BESIDE)) and SMALLEST - 1 <= n <= largest and len(runs.runs) > 1
    ]
    # what never learns has not converged, however early it stops moving
    known = controls(trained, {NO_LEARNING: "refuted"}, partial(_question, statistic=statistic))
    return [*asked, *known] if asked or not long else []


def _long(runs: Trained) -> bool:
    """DG-PG with the episodes that the paper's budget leaves for it, its schedule spread over all of them."""
    return runs.long and runs.asked["method"] == "dgpg"


def _question(trained: Trained, statistic: str) -> Question:
    key, leads = f"{trained.key}/N={trained.n}/{statistic}", trained.key in DGPG or leads_long(trained)
    return settles(key, trained, statistic, WITHIN[statistic], SENTENCES, leads)


CLAIM = (
    episodes_claim(
        "percentile",
        largest=200,
        id="C4.1a",
        title="Within ten episodes (v1 of the paper)",
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
    episodes_claim(
        "mean",
        largest=1500,
        long=True,
        id="C4.1c",
        title="About twenty episodes of 200",
        source="experiments of v3; 500 episodes of the baselines are 2.5 times those of DG-PG",
        statement="DG-PG converges in about 20 episodes on average (here in runs of 200 episodes, N = 5, 10 and 20).",
    ),
)

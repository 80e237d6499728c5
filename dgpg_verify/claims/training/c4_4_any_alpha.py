"""C4.4: alpha in {0.2, 0.4, 0.6, 0.8} at N = 50: all converge fast, and end within 1 % of each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dgpg_verify.claims.question import Question, as_control
from dgpg_verify.claims.training.design import ALPHAS, AS_BEST_FIT, MIXTURE_LABELS, NO_LEARNING
from dgpg_verify.claims.training.questions import TrainingQuestion, controls_in, settles, training_claim
from dgpg_verify.claims.training.read import Runs, Trained
from dgpg_verify.statistics import judge_equivalent

ONE_PERCENT, FAST_WITHIN = 0.01, 10.0
SPREAD = TrainingQuestion(
    "largest relative difference of returns",
    "equal",
    0.0,
    {
        "supported": "No two values of alpha differ by more than 1 % of the mean return (largest {value} [{low}, "
        "{high}]): setting {setting}, N = {n}.",
        "refuted": "Two values of alpha differ by more than 1 % of the mean return ({value} [{low}, {high}]): setting "
        "{setting}, N = {n}.",
        "inconclusive": "Largest difference between two values of alpha {value} [{low}, {high}] of the mean return, "
        "which does not decide: setting {setting}, N = {n}.",
    },
    margin=ONE_PERCENT,
)
FAST = {
    "supported": "Runs settle after {value} episodes [{low}, {high}] (90th percentile): {where}.",
    "refuted": "Runs do not settle within 10 episodes (90th percentile at least {low}): {where}.",
    "inconclusive": "The 90th percentile of the episodes to settle is {estimate}, which does not decide: {where}.",
}


def questions(trained: Runs) -> list[Question]:
    """All pairs of alpha equivalent within 1 % of the mean return; and each of them fast."""
    asked = []
    for setting, label in (MIXTURE_LABELS | {name: name for name in ("sum", "parts", "both")}).items():
        keys = [f"dgpg/{setting}/alpha {alpha}" for alpha in ALPHAS]
        for n in sorted({n for key, n in trained if key in keys}):
            group = [trained[key, n] for key in keys if (key, n) in trained]
            complete = len(group) == len(ALPHAS) and len({len(runs.runs) for runs in group}) == 1
            if complete and len(group[0].runs) > 1:
                asked += [_spread(group, setting, label), *map(_fast, group)]
    known = controls_in(trained)
    if len(known) == 2:  # two methods that are known to differ, passed off as values of alpha
        unlike = [known[NO_LEARNING], known[AS_BEST_FIT]] * 2
        asked.append(as_control(_spread(unlike, "control", "control"), "refuted"))
    return asked


def _spread(group: Sequence[Trained], setting: str, label: str) -> Question:
    """Final returns relative to the fleet's mean over all alpha: 1 % of the return, as the paper counts."""
    returns = np.array([[run.level_return for run in trained.runs] for trained in group])
    relative, names = returns / np.abs(returns.mean(0)), [f"alpha {alpha}" for alpha in ALPHAS]
    shown = ", ".join(f"{alpha}: {trained.levels.mean():.3g}" for alpha, trained in zip(ALPHAS, group))
    return SPREAD.of(
        f"{setting}/N={group[0].n}/spread",
        group,
        lambda level: judge_equivalent(relative, ONE_PERCENT, names, level),
        primary=True,
        note=f"mean scores {shown}",
        words={"setting": label},
    )


def _fast(trained: Trained) -> Question:
    key = f"{trained.key.removeprefix('dgpg/').rpartition('/')[0]}/N={trained.n}/fast/alpha {trained.asked['alpha']}"
    return settles(key, trained, "percentile", FAST_WITHIN, FAST, False)  # "fast" is said without a number


CLAIM = training_claim(
    {"alpha", "control"},
    questions,
    id="C4.4",
    title="Any alpha does, after 30 episodes",
    source="sensitivity analysis at N = 50",
    statement="With alpha fixed at 0.2, 0.4, 0.6 or 0.8 (N = 50) all runs converge fast and end within 1 % of each "
    "other (here after 30 episodes, of which a run of the paper's has 200).",
)

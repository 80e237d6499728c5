"""C4.4: alpha in {0.2, 0.4, 0.6, 0.8} at N = 50: all converge fast, and end within 1 % of each other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.question import Question, as_control
from dgpg_verify.claims.series import Measured
from dgpg_verify.claims.training.design import ALPHAS, AS_BEST_FIT, NO_LEARNING, training_design
from dgpg_verify.claims.training.measure import measure_training, training_cost
from dgpg_verify.claims.training.questions import ask, controls_in
from dgpg_verify.claims.training.read import Trained, read_training
from dgpg_verify.claims.training.tables import training_tables
from dgpg_verify.core import Verdict
from dgpg_verify.statistics import judge_equivalent, judge_settling

STATEMENT = "With alpha fixed at 0.2, 0.4, 0.6 or 0.8 (N = 50) all runs converge fast and end within 1 % of each other."
SPREAD = {
    "supported": "No two values of alpha differ by more than 1 % of the mean return (largest {value} [{low}, {high}]): "
    "setting {setting}, N = {n}.",
    "refuted": "Two values of alpha differ by more than 1 % of the mean return ({value} [{low}, {high}]): setting "
    "{setting}, N = {n}.",
    "inconclusive": "Largest difference between two values of alpha {value} [{low}, {high}] of the mean return, which "
    "does not decide: setting {setting}, N = {n}.",
}
FAST = {
    "supported": "Runs settle after {value} episodes [{low}, {high}] (90th percentile): {where}.",
    "refuted": "Runs do not settle within 10 episodes (90th percentile at least {low}): {where}.",
    "inconclusive": "The 90th percentile of the episodes to settle is {estimate}, which does not decide: {where}.",
}
ONE_PERCENT, FAST_WITHIN = 0.01, 10.0


PARTS = frozenset({"alpha", "control"})


def questions(measured: Measured) -> list[Question]:
    """All pairs of alpha equivalent within 1 % of the mean return; and each of them fast."""
    trained = read_training(measured)
    made = []
    for setting in ("sum", "parts"):
        keys = [f"dgpg/{setting}/alpha {alpha}" for alpha in ALPHAS]
        for n in sorted({n for key, n in trained if key in keys}):
            group = [trained[key, n] for key in keys if (key, n) in trained]
            complete = len(group) == len(ALPHAS) and len({len(one.runs) for one in group}) == 1
            if complete and len(group[0].runs) > 1:
                made += [_spread(group, setting), *(_fast(one) for one in group)]
    known = controls_in(trained)
    if len(known) == 2:  # two methods that are known to differ, passed off as values of alpha
        unlike = [known[NO_LEARNING], known[AS_BEST_FIT]] * 2
        made.append(as_control(_spread(unlike, "control"), "refuted"))
    return made


def _spread(group: Sequence[Trained], setting: str) -> Question:
    """Final returns relative to the fleet's mean over all alpha: 1 % of the return, as the paper counts."""
    returns = np.array([[run.level_return for run in one.runs] for one in group])
    relative = returns / np.abs(returns.mean(0))
    scores = np.array([one.levels for one in group])

    def judge(level: float) -> Verdict:
        return judge_equivalent(relative, ONE_PERCENT, [f"alpha {alpha}" for alpha in ALPHAS], level)

    shown = ", ".join(f"{alpha}: {score:.3g}" for alpha, score in zip(ALPHAS, scores.mean(1)))
    return ask(
        key=f"{setting}/N={group[0].n}/spread",
        statistic="largest relative difference of returns",
        runs=group,
        rule=judge,
        sentences=SPREAD,
        expected=0.0,
        relation="equal",
        margin=ONE_PERCENT,
        primary=True,
        note=f"mean scores {shown}",
        words={"setting": setting},
    )


def _fast(one: Trained) -> Question:
    runs = [run.convergence for run in one.runs]

    def judge(level: float) -> Verdict:
        return judge_settling(runs, "percentile", FAST_WITHIN, level, law="lognormal")

    return ask(
        key=f"{one.setting}/N={one.n}/fast/alpha {one.alpha}",
        statistic="episodes to settle, percentile",
        runs=[one],
        rule=judge,
        sentences=FAST,
        expected=FAST_WITHIN,
        relation="at_most",
        primary=True,
    )


CLAIM = Claim(
    id="C4.4",
    title="Any alpha does",
    source="sensitivity analysis at N = 50",
    statement=STATEMENT,
    family="training",
    design=partial(training_design, parts=PARTS),
    measure=measure_training,
    questions=questions,
    tables=training_tables,
    cost=training_cost,
    decided_at="full",
)

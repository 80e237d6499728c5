"""C4.4: alpha in {0.2, 0.4, 0.6, 0.8} at N = 50: all converge fast, and end within 1 % of each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dgpg_verify.claims.training.design import ALPHAS, AS_BEST_FIT, NO_LEARNING
from dgpg_verify.claims.training.questions import Question, TrainingClaim, as_control, controls_in, judged, trained_in
from dgpg_verify.claims.training.read import Trained
from dgpg_verify.core import Evidence, LedgerRow, Verdict
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
Runs = Mapping[tuple[str, int], Trained]


@dataclass(frozen=True)
class AnyAlphaClaim(TrainingClaim):
    """All pairs of alpha equivalent within 1 % of the mean return; and each of them fast."""

    id: str = "C4.4"
    title: str = "Any alpha does"
    source: str = "sensitivity analysis at N = 50"
    statement: str = STATEMENT
    relation: str = "equal"
    expected: float = 0.0
    margin: float = ONE_PERCENT
    controls: Sequence[Any] = ()
    decided_at: str = "full"
    parts = frozenset({"alpha", "control"})

    def judge(self, evidence: Sequence[Evidence]) -> Sequence[LedgerRow]:
        trained = trained_in(evidence)
        questions = []
        for setting in ("sum", "parts"):
            keys = [f"dgpg/{setting}/alpha {alpha}" for alpha in ALPHAS]
            for n in sorted({n for key, n in trained if key in keys}):
                group = [trained[key, n] for key in keys if (key, n) in trained]
                complete = len(group) == len(ALPHAS) and len({len(one.runs) for one in group}) == 1
                if complete and len(group[0].runs) > 1:
                    questions += [_spread(group, setting), *(_fast(one) for one in group)]
        known = controls_in(trained)
        if len(known) == 2:  # two methods that are known to differ, passed off as values of alpha
            unlike = [known[NO_LEARNING], known[AS_BEST_FIT]] * 2
            questions.append(as_control(_spread(unlike, "control"), "refuted"))
        return judged(self.id, questions, self.recorded)


def _spread(group: Sequence[Trained], setting: str) -> Question:
    """Final returns relative to the fleet's mean over all alpha: 1 % of the return, as the paper counts."""
    returns = np.array([[run.level_return for run in one.runs] for one in group])
    relative = returns / np.abs(returns.mean(0))
    scores = np.array([one.levels for one in group])

    def judge(level: float) -> Verdict:
        return judge_equivalent(relative, ONE_PERCENT, [f"alpha {alpha}" for alpha in ALPHAS], level)

    shown = ", ".join(f"{alpha}: {score:.3g}" for alpha, score in zip(ALPHAS, scores.mean(1)))
    return Question(
        key=f"{setting}/N={group[0].n}/spread",
        statement=STATEMENT,
        statistic="largest relative difference of returns",
        runs=group,
        judge=judge,
        sentences=SPREAD,
        expected=0.0,
        relation="equal",
        margin=ONE_PERCENT,
        primary=True,
        note=f"mean scores {shown}",
        extra={"setting": setting},
    )


def _fast(one: Trained) -> Question:
    runs = [run.convergence for run in one.runs]

    def judge(level: float) -> Verdict:
        return judge_settling(runs, "percentile", FAST_WITHIN, level, law="lognormal")

    return Question(
        key=f"{one.row.setting}/N={one.n}/fast/alpha {one.row.alpha}",
        statement=STATEMENT,
        statistic="episodes to settle, percentile",
        runs=[one],
        judge=judge,
        sentences=FAST,
        expected=FAST_WITHIN,
        relation="at_most",
        primary=True,
    )


CLAIM = AnyAlphaClaim()

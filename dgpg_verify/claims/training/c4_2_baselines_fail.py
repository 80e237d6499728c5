"""C4.2: MAPPO and IPPO fail to converge, even with 2.5 times the episodes; IPPO collapses at N = 10."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dgpg_verify.claims.training.design import AS_BEST_FIT, BASELINES, NO_LEARNING
from dgpg_verify.claims.training.questions import Question, TrainingClaim, as_control, controls_in, judged, trained_in
from dgpg_verify.claims.training.read import Array, Trained
from dgpg_verify.claims.training.search import searches
from dgpg_verify.core import Evidence, Label, LedgerRow, Verdict
from dgpg_verify.statistics import judge_collapses, judge_fails

STATEMENT = "MAPPO and IPPO fail to converge, even with 2.5 times the episodes; IPPO collapses at N = 10."
FAILS = {
    "supported": "Most runs end below half of what Best-Fit gains on Random ({value} of the seeds, at least {low}): "
    "{where}, {how}.",
    "refuted": "Too many runs end above half of what Best-Fit gains on Random for \u2018fails\u2019 (at most {high} of "
    "the seeds fail): {where}, {how}.",
    "inconclusive": "{value} of the seeds end below half of Best-Fit's gain [{low}, {high}], which does not decide: "
    "{where}, {how}.",
}
COLLAPSES = {
    "supported": "The score falls by {value} [{low}, {high}] from N = 5 to N = 10, to below 0.2: {where}.",
    "refuted": "No collapse: from N = 5 to N = 10 the score falls by {value} [{low}, {high}] and, or, stays above 0.2: "
    "{where}.",
    "inconclusive": "The score falls by {value} [{low}, {high}] from N = 5 to N = 10, which does not decide: {where}.",
}
SMALL, LARGE = 5, 10
Runs = Mapping[tuple[str, int], Trained]


@dataclass(frozen=True)
class BaselinesFailClaim(TrainingClaim):
    """Share of failing seeds, at the preset all methods use and at each method's own tuned settings."""

    id: str = "C4.2"
    title: str = "MAPPO and IPPO fail"
    source: str = "experiments at N = 2, 5, 10"
    statement: str = STATEMENT
    relation: str = "at_least"
    expected: float = 0.8
    margin: float = 0.0
    controls: Sequence[Any] = ()
    decided_at: str = "full"
    parts = frozenset({"main", "tuned", "patient", "control"})

    def judge(self, evidence: Sequence[Evidence]) -> Sequence[LedgerRow]:
        trained = trained_in(evidence)
        questions = [*_at_preset(trained), *_tuned(trained), *_collapse(trained), *_controls(trained)]
        return judged(self.id, questions, self.recorded)


def _at_preset(trained: Runs) -> list[Question]:
    """After 2.5 times the episodes (primary with parameters per agent), after as many as DG-PG had, and many more."""
    compared = {n: one.row.episodes for (key, n), one in trained.items() if key == "dgpg/sum"}
    made = []
    for (key, n), one in trained.items():
        if one.row.part == "patient" and one.row.method in BASELINES:
            made.append(_fails(one, one.levels, "patient", f"{one.row.episodes} episodes, 10 an update", False))
        if key.removesuffix("/shared") not in BASELINES:
            continue
        own = key in BASELINES
        made.append(_fails(one, one.levels, "longer", f"{one.row.episodes} episodes, preset", own))
        if n in compared:
            levels = one.until(compared[n]).levels
            made.append(_fails(one, levels, "equal", f"{compared[n]} episodes, preset", False))
    return made


def _tuned(trained: Runs) -> list[Question]:
    """At the settings that did best on the other seeds; the default competes at as many episodes as the others."""
    made = []
    for search in searches(trained):
        if search.key in BASELINES:
            one = search.tuned
            question = _fails(one, one.levels, "tuned", f"{one.row.episodes} episodes", True)
            key = f"{search.key}/N={one.n}/fails/tuned"
            made.append(replace(question, key=key, tuning="tuned", read=search.candidates))
    return made


def _fails(one: Trained, levels: Array, name: str, how: str, primary: bool) -> Question:
    return Question(
        key=f"{one.row.key}/N={one.n}/fails/{name}",
        statement=STATEMENT,
        statistic="share of seeds that fail",
        runs=[one],
        judge=lambda level: judge_fails(levels, level=level),
        sentences=FAILS,
        expected=0.8,
        relation="at_least",
        primary=primary,
        note=f"mean score {levels.mean():.3g}, lowest {levels.min():.3g}, highest {levels.max():.3g}",
        tuning="preset",
        extra={"how": how},
    )


def _controls(trained: Runs) -> list[Question]:
    known, made = controls_in(trained), []
    answers: dict[str, Label] = {NO_LEARNING: "supported", AS_BEST_FIT: "refuted"}
    for row, expected in answers.items():
        if row in known:
            one = known[row]
            made.append(as_control(_fails(one, one.levels, "longer", one.row.label, False), expected))
    return made


def _collapse(trained: Runs) -> list[Question]:
    made = []
    for key in ("ippo", "ippo/shared", "mappo", "mappo/shared"):
        if (key, SMALL) not in trained or (key, LARGE) not in trained:
            continue
        small, large = trained[key, SMALL], trained[key, LARGE]
        if min(len(small.runs), len(large.runs)) < 2:
            continue

        def judge(level: float, small: Trained = small, large: Trained = large) -> Verdict:
            return judge_collapses(large.levels, small.levels, level=level)

        made.append(
            Question(
                key=f"{key}/collapses",
                statement=STATEMENT,
                statistic="score lost from N = 5 to N = 10",
                runs=[large, small],
                judge=judge,
                sentences=COLLAPSES,
                expected=0.3,
                relation="at_least",
                primary=key == "ippo",
                tuning="preset",
            )
        )
    return made


CLAIM = BaselinesFailClaim()

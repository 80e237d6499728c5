"""C4.2: MAPPO and IPPO fail to converge, even with 2.5 times the episodes; IPPO collapses at N = 10."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.question import Question, as_control
from dgpg_verify.claims.series import Measured
from dgpg_verify.claims.training.design import AS_BEST_FIT, BASELINES, NO_LEARNING, training_design
from dgpg_verify.claims.training.measure import measure_training, training_cost
from dgpg_verify.claims.training.questions import ask, controls_in
from dgpg_verify.claims.training.read import Array, Runs, Trained, read_training
from dgpg_verify.claims.training.search import searches
from dgpg_verify.claims.training.tables import training_tables
from dgpg_verify.core import Label, Verdict
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


PARTS = frozenset({"main", "tuned", "patient", "control"})


def questions(measured: Measured) -> list[Question]:
    """Share of failing seeds, at the preset all methods use and at each method's own tuned settings."""
    trained = read_training(measured)
    made = [*_at_preset(trained), *_tuned(trained), *_collapse(trained), *_controls(trained)]
    return made


def _at_preset(trained: Runs) -> list[Question]:
    """After 2.5 times the episodes (primary with parameters per agent), after as many as DG-PG had, and many more."""
    compared = {n: one.episodes for (key, n), one in trained.items() if key == "dgpg/sum"}
    made = []
    for (key, n), one in trained.items():
        if one.part == "patient" and one.method in BASELINES:
            made.append(_fails(one, one.levels, "patient", f"{one.episodes} episodes, 10 an update", False))
        if key.removesuffix("/shared") not in BASELINES:
            continue
        own = key in BASELINES
        made.append(_fails(one, one.levels, "longer", f"{one.episodes} episodes, preset", own))
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
            question = _fails(one, one.levels, "tuned", f"{one.episodes} episodes", True, "tuned", search.candidates)
            made.append(replace(question, key=f"{search.key}/N={one.n}/fails/tuned"))
    return made


def _fails(
    one: Trained,
    levels: Array,
    name: str,
    how: str,
    primary: bool,
    tuning: str = "preset",
    read: Sequence[Trained] = (),
) -> Question:
    return ask(
        key=f"{one.key}/N={one.n}/fails/{name}",
        statistic="share of seeds that fail",
        runs=[one],
        rule=lambda level: judge_fails(levels, level=level),
        sentences=FAILS,
        expected=0.8,
        relation="at_least",
        primary=primary,
        note=f"mean score {levels.mean():.3g}, lowest {levels.min():.3g}, highest {levels.max():.3g}",
        tuning=tuning,
        words={"how": how},
        read=read,
        composite=True,  # the share of seeds, and its lower end
    )


def _controls(trained: Runs) -> list[Question]:
    known, made = controls_in(trained), []
    answers: dict[str, Label] = {NO_LEARNING: "supported", AS_BEST_FIT: "refuted"}
    for row, expected in answers.items():
        if row in known:
            one = known[row]
            made.append(as_control(_fails(one, one.levels, "longer", one.label, False), expected))
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
            ask(
                key=f"{key}/collapses",
                statistic="score lost from N = 5 to N = 10",
                runs=[large, small],
                rule=judge,
                sentences=COLLAPSES,
                expected=0.3,
                relation="at_least",
                primary=key == "ippo",
                tuning="preset",
                composite=True,  # the drop, and the score that is left
            )
        )
    return made


CLAIM = Claim(
    id="C4.2",
    title="MAPPO and IPPO fail",
    source="experiments at N = 2, 5, 10",
    statement=STATEMENT,
    family="training",
    design=partial(training_design, parts=PARTS),
    measure=measure_training,
    questions=questions,
    tables=training_tables,
    cost=training_cost,
    decided_at="full",
)

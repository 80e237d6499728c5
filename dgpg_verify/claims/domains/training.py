"""Training on the other domains against the rules of the field; nothing was predicted."""

from __future__ import annotations

from collections.abc import Iterator

from dgpg_verify.claims.domains.design import DEFAULTS, METHODS, RULES
from dgpg_verify.claims.question import Question, level_of
from dgpg_verify.claims.series import Measured, Series
from dgpg_verify.claims.words import number, with_interval
from dgpg_verify.core import Evidence
from dgpg_verify.statistics import judge_at_least

BEST = "iterated_best_response"


def ask_training(measured: Measured, system: str) -> Iterator[Question]:
    """Does each method end at least where the rule of the field stands? At the defaults too where others are used."""
    for method in (*METHODS, f"{METHODS[0]}/{DEFAULTS}"):
        if f"{system}/training/{method}" in measured:
            yield _reached(measured[f"{system}/training/{method}"], RULES[system])


def _reached(series: Series[Evidence], rule: str) -> Question:
    estimate = series.at_largest(lambda item: score(item, "learned", rule), level_of(False))
    method, where = series.row.options["method"], series.row.notes["where"]
    words = rule.replace("_", " ")
    return Question(
        key=f"{series.key}/score",
        statistic="score after training",
        read=[series],
        verdict=judge_at_least(estimate, 1.0),
        sentence=f"Trained by {method.replace('_', ' ')}, the team ends at {with_interval(estimate)} of what {words} "
        f"gains on random actions{_best(series, rule)}: {where}.",
        statement=f"After training the team is as good as {words}.",
        relation="at_least",
        expected=1.0,
        system=where,
        policy=method,
    )


def _best(series: Series[Evidence], rule: str) -> str:
    """Where iterated best response stands, on systems that have it."""
    if f"rule/{BEST}" not in series.flat[0].values:
        return ""
    best = series.mean(lambda item: score(item, f"rule/{BEST}", rule))
    return f"; iterated best response stands at {number(best)}"


def score(item: Evidence, name: str, rule: str) -> float:
    """A mean return on the scale on which random actions are 0 and the rule is 1."""
    values = item.values
    random, reached = float(values["rule/random"]), float(values[f"rule/{rule}"])
    return (float(values[name]) - random) / (reached - random)

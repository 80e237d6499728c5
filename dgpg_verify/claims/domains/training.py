"""Training on the other domains against the rules of the field, of which nothing was predicted; and on a real network,
where it was predicted what a biased reference does."""

from __future__ import annotations

from collections.abc import Iterator

from dgpg_verify.claims.domains.design import (
    DEFAULTS,
    ENDS,
    LARGER,
    METHODS,
    REAL,
    REAL_SELFISH,
    REPLAYED,
    RULES,
    TRAFFIC,
)
from dgpg_verify.claims.question import Question, level_of
from dgpg_verify.claims.series import Measured, Series
from dgpg_verify.claims.words import number, with_interval
from dgpg_verify.core import Evidence
from dgpg_verify.statistics import judge_at_least, judge_threshold

BEST = "iterated_best_response"
NEAR = 0.02  # of the user equilibrium's travel time
ANARCHY, ROUNDED = 0.04, 0.005  # "some 4 %" that selfish drivers lose


def ask_training(measured: Measured, system: str) -> Iterator[Question]:
    """Does each method end at least where the rule of the field stands? At the defaults too where others are used."""
    for method in (*METHODS, REPLAYED, f"{METHODS[0]}/{DEFAULTS}"):
        if f"{system}/training/{method}" in measured:
            yield _reached(measured[f"{system}/training/{method}"], RULES[system])


def ask_real(measured: Measured) -> Iterator[Question]:
    """Does each method end at least at the rule of the field on the real networks, and where does guidance toward the
    user equilibrium end?"""
    keys = [f"{network}/training/{method}" for network in (REAL, LARGER) for method in METHODS]
    yield from (_reached(measured[key], RULES[TRAFFIC]) for key in keys if key in measured)
    if REAL_SELFISH in measured:
        yield from (ask(measured[REAL_SELFISH]) for ask in (_selfish, _anarchy, _no_optimum))


def _selfish(series: Series[Evidence]) -> Question:
    estimate = series.at_largest(lambda item: abs(excess(item, "learned", ENDS[1])), level_of(True))
    where = series.row.notes["where"]
    return Question(
        key=f"{series.key}/travel time",
        statistic="relative distance of travel times",
        read=[series],
        verdict=judge_threshold(estimate, NEAR, NEAR),
        sentence=f"Guided to the user equilibrium alone, travel time ends within {with_interval(estimate)} of that "
        f"equilibrium's (predicted: at most {NEAR:g}){_ends(series)}: {where}.",
        relation="at_most",
        expected=NEAR,
        system=where,
        policy="guidance_only",
        primary=True,
    )


def _anarchy(series: Series[Evidence]) -> Question:
    estimate = series.at_largest(lambda item: abs(lost_to_selfishness(item) - ANARCHY), level_of(True))
    found, where = series.mean(lost_to_selfishness), series.row.notes["where"]
    return Question(
        key=f"{series.key}/price of anarchy",
        statistic="distance from the published price of anarchy",
        read=[series],
        verdict=judge_threshold(estimate, ROUNDED, ROUNDED),
        sentence=f"Selfish drivers who may be split over the paths of their platoons lose {number(found, '.2%')} "
        f"against the system optimum (predicted: some {ANARCHY:.0%}, as published over all paths): {where}.",
        relation="at_most",
        expected=ROUNDED,
        system=where,
        policy="user equilibrium",
        primary=True,
    )


def lost_to_selfishness(item: Evidence) -> float:
    """By how much the user equilibrium's travel time is above the system optimum's, as a share."""
    return excess(item, f"end/{ENDS[1]}", ENDS[0])


def _no_optimum(series: Series[Evidence]) -> Question:
    """That it ends not at the optimum: within NEAR of what is ANARCHY above it."""
    estimate = series.at_largest(lambda item: excess(item, "learned", ENDS[0]), level_of(True))
    where = series.row.notes["where"]
    return Question(
        key=f"{series.key}/above the optimum",
        statistic="share of travel time above the system optimum's",
        read=[series],
        verdict=judge_at_least(estimate, ANARCHY - NEAR),
        sentence=f"Guided to the user equilibrium alone, travel time ends {with_interval(estimate)} above the system "
        f"optimum's (predicted: not at the optimum, at least {ANARCHY - NEAR:g}): {where}.",
        statement="Training by guidance toward the user equilibrium does not end at the system optimum.",
        relation="at_least",
        expected=ANARCHY - NEAR,
        system=where,
        policy="guidance_only",
        primary=True,
    )


def _ends(series: Series[Evidence]) -> str:
    """Where training ends between the fixed ends, on a system that has them."""
    if f"end/{ENDS[0]}" not in series.flat[0].values:
        return ""
    learned = series.mean(lambda item: excess(item, "learned", ENDS[0]))
    selfish = series.mean(lost_to_selfishness)
    return (
        f"; its travel time is {number(learned, '.2%')} above the system optimum's, the user equilibrium's "
        f"{number(selfish, '.2%')}"
    )


def excess(item: Evidence, name: str, end: str) -> float:
    """By which share a mean return costs more than an end."""
    return float(item.values[name]) / float(item.values[f"end/{end}"]) - 1.0


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
        f"gains on random actions{_best(series, rule)}{_ends(series)}: {where}.",
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

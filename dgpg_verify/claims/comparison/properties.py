"""What is asked of every method: the five properties, and what stands beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from dgpg_verify.claims.comparison.design import (
    ALIKE_N,
    CLOUD_EPISODES,
    EPISODES,
    FACTORS,
    LEARNED,
    MINIMUM_N,
    NOISE,
    is_learned,
    limit_row,
    recursion_row,
)
from dgpg_verify.claims.comparison.methods import ALPHA, MIXTURE, Compared
from dgpg_verify.claims.comparison.tables import read_cell
from dgpg_verify.claims.noise.c1_4_as_run import mixture_question
from dgpg_verify.claims.noise.design import GAME as GAME_ROW
from dgpg_verify.claims.noise.questions import exponent_question, of_credit, read_noise
from dgpg_verify.claims.noise.read import CellStats
from dgpg_verify.claims.question import Question, checked, exactly, level_of
from dgpg_verify.claims.samples.design import FLUID
from dgpg_verify.claims.samples.questions import LAST, arrival_question
from dgpg_verify.claims.samples.questions import exponent_question as samples_question
from dgpg_verify.claims.samples.read import P_NONE, Q_ONE, arrivals_in, read_runs
from dgpg_verify.claims.series import Measured, Series
from dgpg_verify.claims.words import number, with_interval
from dgpg_verify.core import Evidence, Verdict
from dgpg_verify.statistics import SampleFit, clopper_pearson, fit_samples, judge_at_least, judge_p, judge_q
from dgpg_verify.statistics.verdict import MARGIN

PROPERTIES: Mapping[str, str] = {  # as in the rows' keys, and in words
    "noise": "noise O(1)",
    "samples": "samples O(1 / eps) at any N",
    "alike": "heterogeneous policies",
    "parallel": "parallel updates",
    "learned": "no extra learned part",
}
AS_GOOD = 0.95  # on the cloud, as in the claims on training
DIFFERENT = 0.5  # of what acting differently is worth, in a run that learns it
MOST = 0.5  # of the runs
STATISTICS = ("noise_to_signal", "paired_ratio")
NO_NOISE = 1e-12  # of the difference reward's variance: rounding
SENTENCES = {
    "supported": "The {statistic} of {suffix} {growth}: {where}.",
    "refuted": "The {statistic} of {suffix} {growth}: {where}.",
    "inconclusive": "The {statistic} of {suffix} {growth}, which does not decide: {where}.",
}
GAME = "load balancing"


def _noise(method: Compared, measured: Measured) -> Iterator[Question]:
    """The exponents of noise-to-signal and of the variance over that of the difference reward."""
    if method.credit == MIXTURE:
        exact = read_noise(measured, [GAME_ROW]).values()
        return (_as_cell(method, "noise", name, mixture_question(series, name, ALPHA, method.reading))
                for series in exact for name in STATISTICS)  # fmt: skip
    row = LEARNED if is_learned(method.credit) else NOISE
    if not method.credit or row not in measured:
        return iter(())
    series = measured[row].read(read_cell)
    return (_as_cell(method, "noise", name, _exponent(method, series, name)) for name in STATISTICS)


def _exponent(method: Compared, series: Series[CellStats], name: str) -> Question:
    if all(cell[method.credit].paired_ratio < NO_NOISE for cell in series.flat):
        nothing = checked(True, "there is none", exactly(0.0, len(series.flat)))
        told = f"{method.name} has no noise: every agent's step is the same in every roll-out."
        return _row(method, "noise", series, name, nothing, told, key=name, expected=0.0, relation="at_most")
    return exponent_question(series, name, of_credit(name, method.credit), SENTENCES, suffix=method.name, primary=True)


def _as_cell(method: Compared, name: str, what: str, asked: Question) -> Question:
    """A row of the table of methods: it has no say of its own."""
    return replace(
        asked, key=f"{method.id}/{name}/{what}", primary=False, reading="", inside=True, policy=method.name,
        statement=f"{method.name}: {PROPERTIES[name]}.",
    )  # fmt: skip


def _samples(method: Compared, measured: Measured) -> Iterator[Question]:
    """Joint samples to a gap, against N and against 1 / eps, where the recursion of the method's gradient is known."""
    if method.recursion and (key := recursion_row(method)) in measured:
        [runs] = read_runs({key: measured[key]}, "run")
        for asked in (P_NONE, Q_ONE):
            question = samples_question("", runs, asked, primary=True)
            yield _as_cell(method, "samples", asked.what, question)


def ask_arrival(method: Compared, measured: Measured) -> Iterator[Question]:
    """Beside the five: samples are counted where the reference is perfect; does the method come near the optimum at all
    with the reference that the game has?"""
    if method.recursion and (key := limit_row(method)) in measured:
        asked = arrival_question(FLUID, method.recursion, read_runs({key: measured[key]}, "floor"))
        statement = f"{method.name}: comes to gap0/{LAST:g} with the game's own reference."
        yield replace(asked, key=f"{method.id}/arrives", reading="", policy=method.name, statement=statement)


def ask_learning(method: Compared, measured: Measured) -> Iterator[Question]:
    """Beside the five: the same of the method as it is trained, in the game."""
    if (series := measured.get(f"learning/{method.id}")) is None:
        return
    fit, told = samples_fit(series), _learned_in_words(method, series)
    asked: Mapping[str, tuple[str, Verdict, float]] = {
        "p": ("exponent of samples in N", judge_p(fit, 0.0, MARGIN, "big_o"), 0.0),
        "q": ("exponent of samples in 1/eps", judge_q(fit, 1.0, MARGIN, "big_o"), 1.0),
    }
    for what, (words, verdict, expected) in asked.items():
        sentence = f"{told}; {words}: {with_interval(verdict.estimate)}."
        yield _row(method, "samples", series, words, verdict, sentence, key=f"{method.id}/learning/{what}",
                   expected=expected, relation="big_o", margin=MARGIN)  # fmt: skip


def _learned_in_words(method: Compared, series: Series[Evidence]) -> str:
    closed = number(series.mean(lambda item: float(item.values["score"])), ".2f")
    never = np.mean([~np.isfinite(arrivals_in(item)[:, -1]) for item in series.flat])
    return (
        f"{method.name} closes {closed} of the gap in {EPISODES} samples at N = {max(series.n_values)}; {never:.0%} of "
        f"runs do not come to stay within 1/{FACTORS[-1]:g} of it"
    )


def samples_fit(series: Series[Evidence]) -> SampleFit:
    """p and q from the arrivals of all cells, each of which is a fleet."""

    def table(read: Any) -> np.ndarray:
        by_n = [np.concatenate([read(item) for item in items]) for items in series.items.values()]
        return np.stack(by_n, axis=1)

    low, high = table(lambda item: np.asarray(item.values["low"], dtype=np.float64)), table(arrivals_in)
    return fit_samples(series.n_values, 1.0 / np.array(FACTORS), low, high, level_of(False), minimum_n=MINIMUM_N)


def ask_alike(method: Compared, measured: Measured) -> Iterator[Question]:
    """In how many runs do agents that see the same learn most of what acting differently is worth? Runs of one game
    have few distinct ends, so that they are counted: an exact interval at 95 %. Short runs do not refute."""
    if (series := measured.get(f"alike/{method.id}")) is None:
        return
    scores = np.array([float(item.values["score"]) for item in series.largest])
    estimate = clopper_pearson(int((scores >= DIFFERENT).sum()), len(scores), level_of(False))
    verdict = judge_at_least(estimate, MOST)
    if verdict.label == "refuted" and series.row.options["episodes"] < EPISODES:
        verdict = replace(verdict, label="inconclusive", why=f"{verdict.why}, after {series.row.options['episodes']}")
    yield _row(method, "alike", series, "share of runs that learn to act differently", verdict,
               f"{ALIKE_N} agents that see the same learn more than half of what it is worth to take different servers "
               f"in {with_interval(estimate)} of {len(scores)} runs, {scores.mean():.2f} of it on average, by "
               f"{method.name}.",
               key=f"{method.id}/alike", expected=MOST, relation="at_least")  # fmt: skip


def _parallel(method: Compared, measured: Measured) -> Iterator[Question]:
    """Optimiser steps that follow one another in an iteration, at the smallest and the largest N that were run."""
    rows = [measured[key] for part in ("alike", "learning") if (key := f"{part}/{method.id}") in measured]
    steps = {item.cell.n: float(item.values["steps"]) for series in rows for item in series.flat}
    if len(steps) < 2:
        return
    small, large = min(steps), max(steps)
    grown = steps[large] / steps[small]
    yield _row(method, "parallel", rows[-1], "steps at the largest N over those at the smallest",
               checked(grown <= 1.0, f"{steps[small]:g} and {steps[large]:g}", exactly(grown, len(steps))),
               f"{method.name} takes {steps[small]:g} steps of an optimiser one after the other in an iteration at N = "
               f"{small} and {steps[large]:g} at N = {large}.",
               key=f"{method.id}/parallel", expected=1.0, relation="at_most")  # fmt: skip


def _learned(method: Compared, measured: Measured) -> Iterator[Question]:
    """Numbers that are fitted or trained beyond actors and critics of the state's value; of the credit whose noise is
    judged, where that is learned."""
    if is_learned(method.credit) and LEARNED in measured:
        series = measured[LEARNED]
        first = series.flat[0].values
        extra = float(first["extra"][list(first["measured/names"]).index(method.credit)])
    elif f"alike/{method.id}" in measured:
        series = measured[f"alike/{method.id}"]
        extra = float(series.flat[0].values["extra_parameters"])
    else:
        return
    n = min(series.n_values)
    yield _row(method, "learned", series, "learned numbers beyond actors and state values",
               checked(extra == 0.0, f"{extra:g} at N = {n}", exactly(extra, len(series.flat))),
               f"{method.name} learns {extra:g} numbers beyond its actors and critics of the state's value, N = {n}.",
               key=f"{method.id}/learned", expected=0.0, relation="at_most")  # fmt: skip


def ask_like_n(method: Compared, measured: Measured) -> Iterator[Question]:
    """Beside the five: the noise of a learned part that was fitted to more roll-outs the more agents there are."""
    key = f"{LEARNED}/pilot like N"
    if is_learned(method.credit) and key in measured:
        for name in STATISTICS:
            asked = _as_cell(method, "noise", name, _exponent(method, measured[key].read(read_cell), name))
            yield replace(asked, key=f"{method.id}/pilot like N/{name}")


def ask_on_the_cloud(method: Compared, measured: Measured) -> Iterator[Question]:
    """Beside the five: how far the method comes on the paper's task in the episodes that DG-PG has there."""
    if (series := measured.get(f"cloud/{method.id}")) is None:
        return
    for n in series.n_values:
        part = series.only(n)
        estimate = part.at_largest(_score, level_of(False))
        asked = _row(
            method, "samples", part, "score after training", judge_at_least(estimate, AS_GOOD),
            f"{method.name} ends at {with_interval(estimate)} after {CLOUD_EPISODES} episodes, N = {n} (Random 0, "
            f"Best-Fit 1); {len(part.flat)} fleets.",
            key=f"{method.id}/cloud/N={n}", expected=AS_GOOD, relation="at_least",
        )  # fmt: skip
        yield replace(asked, system="cloud scheduling", statement=f"{method.name} is as good as Best-Fit on the cloud.")


def _score(item: Evidence) -> float:
    score = item.values["score"]
    return float("nan") if score is None else float(score)


def _row(
    method: Compared, name: str, series: Series[Any], statistic: str, verdict: Verdict, sentence: str, **more: Any
) -> Question:
    return Question(
        statistic=statistic, read=[series], verdict=verdict, sentence=sentence, system=GAME, policy=method.name,
        sharing=method.sharing, statement=f"{method.name}: {PROPERTIES[name]}.", **more,
    )  # fmt: skip


ASK = {"noise": _noise, "samples": _samples, "alike": ask_alike, "parallel": _parallel, "learned": _learned}

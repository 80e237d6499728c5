"""C3.3: with the reference that can be computed (fluid limit), DG-PG comes near the optimum of J at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.claims.question import Question, level_of
from dgpg_verify.claims.samples.design import DECIDING, FLOORS, FLUID
from dgpg_verify.claims.samples.questions import (
    LAST,
    MARGINS,
    NO_FLOOR,
    SYSTEMS,
    arrival_question,
    ask,
    describe_method,
    reading_of,
    samples_claim,
    setting_of,
)
from dgpg_verify.claims.samples.read import LearningRuns, read_runs
from dgpg_verify.claims.series import Measured
from dgpg_verify.claims.words import power
from dgpg_verify.statistics import fit_scaling, judge, judge_margins
from dgpg_verify.statistics.verdict import MARGIN

TEAMS = "team/biased"
ENDS = [method for method in DECIDING if not method.endswith(":published")]  # that schedule ends where alpha = 0.2 does
STATEMENT = (
    "Our question: with the practical reference (fluid limit), which the author says need not be aligned strictly, "
    f"DG-PG comes to a per-agent gap of gap0/{LAST:g} at all, at some number of joint samples."
)


def questions(measured: Measured) -> list[Question]:
    """Whether each method comes to rest below the smallest eps, by system and alpha rule; the game with the fluid
    reference leads.

    Unbiased credits (return, difference, alpha -> 0) are here too: their floor must be none.
    """
    runs = [series for series in read_runs(measured, "limit") if series.law == TEAMS]  # in games: the same fleets again
    floors = [*read_runs(measured, "floor"), *runs]
    groups = [
        (law, method, [series for series in floors if (series.law, series.method) == (law, method)])
        for law in SYSTEMS
        for method in FLOORS
    ]
    asked = [
        arrival_question(law, method, group, primary=law == FLUID and method in DECIDING)
        for law, method, group in groups
        if group
    ]
    return [*asked, *(_growth(law, method, group[0]) for law, method, group in groups if group and method in ENDS)]


def _growth(law: str, method: str, series: LearningRuns) -> Question:
    """Beside the claim: whether what stays of the gap grows with N, as the return's share of the mixture falls."""
    shares = series.stack("floor") / series.stack("start")  # [F, G]
    fit = fit_scaling(series.n_values, shares.clip(min=NO_FLOOR).T, level_of(False))
    first, last = (f"{median:.2g} at N = {n}" for median, n in _ends(series, shares))
    grows = "" if fit.exponent is None else f" ~ {power('N', fit.exponent)}"
    return ask(
        key=f"{law}/{method}/floor",
        statement="Our question: the share of the first gap that DG-PG cannot close does not grow with N.",
        statistic="exponent of the floor in N",
        read=[series],
        verdict=judge(fit, 0.0, MARGIN, "big_o"),
        sentence=f"{describe_method(method)} on {SYSTEMS[law]}, setting {setting_of(method)}: the share of the first "
        f"gap that stays{grows}, median {first}, {last}.",
        expected=0.0,
        relation="big_o",
        setting=setting_of(method),
        reading=reading_of(method),
        margin=MARGIN,
        margins=judge_margins(fit, 0.0, "big_o", MARGINS),
    )


def _ends(series: LearningRuns, shares: NDArray[np.float64]) -> list[tuple[float, int]]:
    medians = np.median(shares, axis=0)
    return [(float(medians[place]), series.n_values[place]) for place in (0, -1)]


CLAIM = samples_claim(
    ("floor", "limit"),
    questions,
    id="C3.3",
    title="Samples with the practical reference (our question)",
    source="sample complexity theorem, applied to the fluid limit",
    statement=STATEMENT,
)

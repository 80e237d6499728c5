"""C1.5: the mean of the guidance gradient descends G."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.design import Row
from dgpg_verify.claims.noise.measure_descent import DEMAND, GAME_FORMS, TEAM_FORMS, measure_descent
from dgpg_verify.claims.question import Question, exactly, level_of
from dgpg_verify.claims.series import Measured, Series
from dgpg_verify.claims.words import number
from dgpg_verify.core import Evidence, Verdict
from dgpg_verify.statistics import judge_at_least, judge_interval

FAMILY = "C1.5"
ALONG = 0.99  # a cosine from which on a mean counts as pointing along the descent
FALSE_ALARM = 1e-4  # of the check of the measured mean against its closed form
TEAM = "linear_quadratic/toward:0.5"
# from where learning starts to near the reference, where the terms that the chain rule leaves out weigh most
POLICIES = ("uniform", "heuristic:least_committed:1", "heuristic:least_committed:0.3")
GAMES = tuple(f"load_balancing/{policy}" for policy in POLICIES)
FORMS = {TEAM: TEAM_FORMS} | dict.fromkeys(GAMES, (*GAME_FORMS, DEMAND, f"{DEMAND}/own"))
READINGS = {"guidance": "contribution", "guidance:derivative": "derivative", DEMAND: "demand"}
WORDS = {
    "guidance": "the score times (x - x~) . z, z the contribution of the action",
    "guidance:exact": "the same minus |z|^2 / 2, the exact change of the distance",
    DEMAND: "the score times (x - x~) . z, z in the units of the demand",
    f"{DEMAND}/own": "the score times (x - x~) . z, z in the units of the demand",
    "guidance:derivative": "the score times (x - x~) . dx/da",
    "reparameterised": "(x - x~) . dx/da without a score",
}
# One agent, x = a, x~ = 1, theta = 0, any sigma: grad G = theta - x~ = -1, so the descent is +1, while the mean of
# -(x - x~) (a - theta) / sigma^2 is -1 whatever x~ is.
SMALLEST = "smallest counterexample: one agent, x = a, x~ = 1, theta = 0: its mean is -1, the descent of G +1"


def design(scale: str) -> Sequence[Row]:
    """Teams half way to their optimum, games at three policies."""
    sizes, fleets = {"smoke": ((4, 16), 3), "standard": ((8, 32, 128), 20), "full": ((8, 32, 128, 512), 40)}[scale]
    return [
        Row(FAMILY, key, dict.fromkeys(sizes, fleets), {"system": system, "options": {}, "policy": policy})
        for key, system, policy in ((key, *key.split("/")) for key in FORMS)
    ]


def questions(measured: Measured) -> list[Question]:
    """The cosine of every form with the descent of G, and the instrument's check of the literal one."""
    rows = [(series, form) for key, series in measured.items() for form in FORMS[key]]
    asked = [_question(series, form) for series, form in rows]
    return [*asked, *(_check(measured[key]) for key in (TEAM,) if key in measured)]


def _question(series: Series[Evidence], form: str) -> Question:
    primary = form in READINGS
    verdict = judge_at_least(series.at_largest(lambda cell: float(cell.values[form]), level_of(primary)), ALONG)
    cosine, game = verdict.estimate, series.key in GAMES
    interval = f"{number(cosine.value, '.3f')} [{number(cosine.low, '.3f')}, {number(cosine.high, '.3f')}]"
    notes = {
        "guidance:derivative": SMALLEST,
        "guidance": "with discrete actions it descends G + (1/2) sum_j E |z_j|^2" if game else "no bias for a Gaussian",
    }
    notes[DEMAND] = notes[f"{DEMAND}/own"] = "it descends sum_m c_m (x_m - x~_m)^2 / 2 + sum_j E c |z_j|^2 / 2"
    return Question(
        key=f"{series.key}/cosine/{form}",
        statistic="cosine with the descent of G",
        read=[series],
        verdict=verdict,
        sentence=f"The mean of {WORDS[form]} has cosine {interval} with the descent of {_descended(form)}: "
        f"{_where(series)}.",
        relation="at_least",
        expected=ALONG,
        notes=(notes.get(form, ""),),
        n_values=(max(series.n_values),),
        primary=primary,
        reading=READINGS.get(form, ""),
        **_about(series),
    )


def _descended(form: str) -> str:
    return "sum_m c_m (x_m - x~_m)^2 / 2, c the capacities" if form.endswith("/own") else "G"


def _check(series: Series[Evidence]) -> Question:
    """The measured mean of the literal form against its closed form, every agent of every fleet."""
    errors = np.array([cell.values["largest_error"] for cell in series.flat])
    agents = sum(cell.cell.n for cell in series.flat)
    bound, largest = float(stats.norm.isf(FALSE_ALARM / 2 / agents)), float(errors.max())
    verdict: Verdict = judge_interval(exactly(largest, len(errors)), "at_most", bound)
    return Question(
        key=f"{series.key}/measured/guidance:derivative",
        statistic="largest error, standard errors",
        read=[series],
        verdict=verdict,
        sentence=f"The measured mean of guidance:derivative is its closed form -|dx/da_i|^2, whatever the reference: "
        f"largest error {largest:.2g} standard errors over {agents} agents.",
        relation="at_most",
        expected=bound,
        kind="oracle",
        expected_label="supported",
        **_about(series),
    )


def _about(series: Series[Evidence]) -> dict[str, Any]:
    options = series.row.options
    return {"system": options["system"], "policy": options["policy"], "setting": ""}


def _where(series: Series[Evidence]) -> str:
    options = series.row.options
    return f"{options['system'].replace('_', ' ')}, policy {options['policy']}, N = {max(series.n_values)}"


CLAIM = Claim(
    id="C1.5",
    title="The guidance's mean is the gradient of G (our question)",
    source="definition of the guidance term; tutorial of 2026-08 (z as a Jacobian)",
    statement="Our question: the mean of the guidance gradient points along the descent of G (cosine of at least 0.99; "
    "with any above 0 it descends).",
    family="noise",
    design=design,
    measure=measure_descent,
    questions=questions,
)

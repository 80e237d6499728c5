"""C3.2: DG-PG needs O(1 / eps) joint samples, up to logarithms, whatever the number of agents."""

from __future__ import annotations

from collections.abc import Sequence

from dgpg_verify.claims.question import Question, level_of
from dgpg_verify.claims.samples.design import ALIGNED, FLOORS, RULES, SCALED_RULES, THEORY
from dgpg_verify.claims.samples.questions import (
    SYSTEMS,
    ask,
    describe_method,
    exponent_question,
    exponent_questions,
    reading_of,
    samples_claim,
    setting_of,
)
from dgpg_verify.claims.samples.read import P_NONE, Q_ONE, LearningRuns, arrival_verdict, floor_share, read_runs
from dgpg_verify.claims.series import Measured
from dgpg_verify.samples import FACTORS
from dgpg_verify.samples.methods import ANNEAL

STATEMENT = "DG-PG needs O(1 / eps) joint samples, up to logarithms, to a gap of eps per agent, whatever N."
LAST = FACTORS[-1]
LEADING = (*RULES, *SCALED_RULES)
PUBLISHED, LATER = ":published", 2.0 * ANNEAL


def questions(measured: Measured) -> list[Question]:
    """p and q where J and G agree perfectly, by alpha rule; elsewhere whether the gap can be reached at all."""
    runs = [series for series in read_runs(measured, "run", "cloud") if not series.of_return]
    ended = [series for series in runs if series.to_the_end]
    floors = [*read_runs(measured, "floor"), *[series for series in runs if series.law == "team/biased"]]
    groups = [
        (law, method, [series for series in floors if (series.law, series.method) == (law, method)])
        for law in SYSTEMS
        for method in FLOORS
    ]
    return [
        *[question for series in ended for question in exponent_questions(series, _leads(series))],
        *[question for series in ended for question in _after_the_schedule(series)],
        *[_arrival(law, method, group) for law, method, group in groups if group],
    ]


def _leads(series: LearningRuns) -> bool:
    return series.law == ALIGNED and series.method in LEADING and series.step == THEORY


def _after_the_schedule(series: LearningRuns) -> list[Question]:
    """The published schedule where it has ended: before, alpha is larger at small N than at large, so that no one
    power of N holds over both regimes."""
    later = series.later_than(LATER) if series.method.endswith(PUBLISHED) else None
    if later is None:
        return []
    note = f"only eps that no fleet reaches before {LATER:g} samples, twice as long as the schedule falls"
    return [exponent_question(later.name, later, asked, note=note) for asked in (P_NONE, Q_ONE)]


def _arrival(law: str, method: str, groups: Sequence[LearningRuns]) -> Question:
    """Whether a method reaches every eps: below its floor there is no n_eps.

    Unbiased credits (difference, alpha -> 0) are here too: their floor must be none.
    """
    primary, control = method in LEADING, method in ("difference", "guided:zero")
    verdict = arrival_verdict(groups, LAST, level_of(primary))
    share, sizes = floor_share(groups), sorted({n for series in groups for n in series.n_values})
    floor = f"comes to rest at {share:.2g} of the gap at the start (median)" if share > 1e-9 else "has no floor"
    setting = setting_of(method)
    sentence = (
        f"{describe_method(method)} on {SYSTEMS[law]}, setting {setting}, {floor}, N = {sizes[0]} ... {sizes[-1]}"
    )
    ends = (
        "." if share <= 1e-9 else f": n_eps exists for eps above gap0/{1.0 / share:.3g} only, at any number of samples."
    )
    return ask(
        key=f"{law}/{method}/arrives",
        statement=STATEMENT + f" It reaches gap0/{LAST:g}.",
        statistic="share of fleets whose noise-free limit lies below the smallest eps",
        read=groups,
        verdict=verdict,
        sentence=sentence + ends,
        expected=0.99,
        relation="at_least",
        primary=primary,
        setting=setting,
        reading=reading_of(method),
        inside=law == ALIGNED,  # elsewhere grad G does not vanish where grad J does: alignment does not hold
        note="limit of the unbiased credits: exact" if control else "no n_eps (floor) where it is refuted",
    )


CLAIM = samples_claim(
    ("run", "cloud", "floor"),
    questions,
    id="C3.2",
    title="Samples that DG-PG needs",
    source="sample complexity theorem",
    statement=STATEMENT,
    # With N to 192 its p is still 0.08 [0, 0.16] (standard scale, seed 3).
    decided_at={f"C3.2/{ALIGNED}/guided:optimal/{THEORY}/p": "full"},
)

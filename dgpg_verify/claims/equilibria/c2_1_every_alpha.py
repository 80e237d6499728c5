"""C2.1: under exogeneity and descent alignment J_alpha has the equilibria of J for every alpha in (0, 1).

Universal, so one exact counterexample refutes a reading; a reading is supported only where a theorem proves it and
no fleet that satisfies its condition violates it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.equilibria.design import FEWEST, equilibrium_design
from dgpg_verify.claims.equilibria.measure.games import equilibrium_cost, measure_equilibria
from dgpg_verify.claims.equilibria.measure.shift import SHIFT_ALPHAS
from dgpg_verify.claims.equilibria.measure.tradeoff import RULES
from dgpg_verify.claims.equilibria.questions import ask, interval, what_holds
from dgpg_verify.claims.equilibria.read import DrawnFleets, judge_proof, read_fleets
from dgpg_verify.claims.equilibria.tables import equilibrium_tables
from dgpg_verify.claims.question import Question, level_of
from dgpg_verify.claims.series import Measured
from dgpg_verify.claims.words import power
from dgpg_verify.core import Estimate, Label, Verdict
from dgpg_verify.core.moments import mixed_variance
from dgpg_verify.equilibria.counterexamples.catalogue import FORMS
from dgpg_verify.equilibria.counterexamples.files import load_all
from dgpg_verify.equilibria.counterexamples.forms import INCLUSIONS, POINTS, READINGS, Form
from dgpg_verify.statistics import fit_scaling, judge, judge_at_least, judge_none, mean_interval

STATEMENT = "Under exogeneity and descent alignment J_alpha has the equilibria of J, for every alpha in (0, 1)."
TRADEOFF = "A rule alpha(N) keeps the variance of DG-PG bounded (and the equilibria where they are)."
# (reading, inclusion) of pure equilibria -> the stored form that would refute it; None: a theorem forbids one
PRIMARY: Mapping[tuple[str, str], str | None] = {
    ("visited", "lost"): "visited-lost",
    ("visited", "gained"): "visited-gained",
    ("simplex", "lost"): "simplex-lost",
    ("simplex", "gained"): "simplex-gained",
    ("softmax", "lost"): "softmax-tied-lost",
    ("softmax", "gained"): None,
}
# what does hold, by reading
HOLDS = {
    "visited": "Alignment along the path says nothing about changes of one agent that the path never weighs. ",
    "simplex": "Alignment at every profile in simplex coordinates excludes foreign interior stationary points only "
    "(T2); at pure equilibria it proves neither inclusion unless it holds agent by agent with two actions each. ",
    "softmax": "Alignment at every softmax theta implies dJ dG <= 0 for every change of one agent (T4), and so every "
    "pure equilibrium of J_alpha is one of J and every strict one of J stays (T3); equality of the pure sets holds iff "
    "no equilibrium of J has a change with dJ = 0 and dG < 0. ",
}
EXACT = 1e-9  # largest relative error of the shift law where it is exact
ORDER = 1.5  # least order of its error in alpha where it is not; 2 is proved


PARTS = ("counterexample", "quadratic", "readings", "shift", "tradeoff")


def questions(measured: Measured) -> list[Question]:
    """Three readings of alignment times two inclusions; every further form, theorem and closed form beside them."""
    examples = {str(g.options["form"]): g for g in read_fleets(measured, "counterexample")}
    readings = read_fleets(measured, "readings")
    return [
        *_primary(examples, readings),
        *_further(examples),
        *[_quadratic(group) for group in read_fleets(measured, "quadratic")],
        *_theorems(readings),
        *_controls(readings),
        *[_shift(group) for group in read_fleets(measured, "shift")],
        *_tradeoff(read_fleets(measured, "tradeoff")),
    ]


def _primary(examples: Mapping[str, DrawnFleets], readings: Sequence[DrawnFleets]) -> list[Question]:
    made = []
    for (reading, inclusion), form in PRIMARY.items():
        if form is None:
            if not readings:
                continue
            theorem = FORMS["softmax-gained"].theorem
            made.append(_among("softmax/gained", readings, "signs", "gained", theorem, True, HOLDS["softmax"]))
        elif form in examples:
            made.append(_example(FORMS[form], examples[form], f"{reading}/{inclusion}", True, HOLDS[reading]))
    return made


def _further(examples: Mapping[str, DrawnFleets]) -> list[Question]:
    """Every other stored counterexample to the claim or to a converse of its theory; the fluid reference is C2.2."""
    stored = load_all()
    shown = [name for name in examples if name in stored and name not in PRIMARY.values()]
    return [
        _example(stored[name].form, examples[name], f"counterexample/{name}", False)
        for name in shown
        if stored[name].form.claim != "C2.2"
    ]


def _example(form: Form, group: DrawnFleets, key: str, primary: bool, holds: str = "") -> Question:
    values = group.evidence[0].values
    examined = "" if values["examined"] is None else f"; the first of its range after {values['examined']} others"
    return ask(
        key=key,
        statement=f"{STATEMENT} Reading: {READINGS[form.reading]}. Would refute it: {INCLUSIONS[form.inclusion]} "
        f"({POINTS[form.points]}).",
        statistic="gain of the change that pays, exact",
        read=[group],
        verdict=judge_proof(values["failed"], float(values["gain"])),
        sentence=f"{(holds if primary else what_holds(form)).strip()} Counterexample: {values['words']}".strip(),
        expected=0.0,
        relation="equal",
        policy=f"{form.points} equilibria",
        primary=primary,
        note=f"form {form.name}, gain {values['gain_exact']} at alpha = {values['alpha']}{examined}",
    )


def _quadratic(group: DrawnFleets) -> Question:
    """The two examples of the theory without simplices: a singular Hessian, and alignment that is not necessary."""
    values = group.evidence[0].values
    return ask(
        key=f"quadratic/{group.options['form']}",
        statement=str(values["claim"]),
        statistic="size of the violation, exact",
        read=[group],
        verdict=judge_proof(values["failed"], float(values["gain"])),
        sentence=str(values["words"]),
        expected=0.0,
        relation="equal",
        policy="stationary points",
    )


def _theorems(readings: Sequence[DrawnFleets]) -> list[Question]:
    """What is proved, on every fleet that satisfies the condition; alignment in simplex coordinates beside it."""
    if not readings:
        return []
    two = [group for group in readings if group.k == 2]
    none = "nothing is proved for this reading"
    return [
        _among("theorem/signs/gained", readings, "signs", "gained", FORMS["signs-gained"].theorem),
        _among("theorem/signs/strict lost", readings, "signs", "strict_lost", FORMS["signs-strict-lost"].theorem),
        _among("theorem/signs/lost without a tie", readings, "signs", "lost_untied", "T3: equality iff no such tie"),
        _among("theorem/simplex each/gained", two, "each", "gained", FORMS["each-gained"].theorem),
        _among("theorem/simplex each/strict lost", two, "each", "strict_lost", FORMS["each-strict-lost"].theorem),
        _among("theorem/perfect/gained", readings, "perfect", "gained", FORMS["softmax-gained"].theorem),
        _among("theorem/perfect/lost", readings, "perfect", "lost", "J = -cG + const: the same table up to scale"),
        _among("fleets/simplex/gained", readings, "simplex", "gained", none),
        _among("fleets/simplex/lost", readings, "simplex", "lost", none),
    ]


CONDITIONS = {
    "signs": "sign agreement for every change of one agent (and J not -cG + const)",
    "each": "alignment in simplex coordinates agent by agent",
    "simplex": "alignment in simplex coordinates at every profile",
    "perfect": "J = -cG + const",
    "none": "no sign agreement",
}
FAILURES = {
    "gained": "an equilibrium of J_alpha that is none of J, at some alpha in (0, 1)",
    "lost": "an equilibrium of J that is none of J_alpha, at some alpha in (0, 1)",
    "lost_untied": "an equilibrium of J lost without a tied change that lowers G, or none lost although one has it",
    "strict_lost": "a strict equilibrium of J that is none of J_alpha",
}


def _among(
    key: str,
    groups: Sequence[DrawnFleets],
    condition: str,
    failure: str,
    theorem: str,
    primary: bool = False,
    holds: str = "",
    **more: Any,
) -> Question:
    """How many of the fleets that satisfy a condition violate a conclusion. holds: what does hold, said first."""
    held = _mask(groups, condition)
    failed = _mask(groups, failure) & held
    verdict = judge_none(int(failed.sum()), int(held.sum()), level_of(primary), FEWEST, "fleet")
    return ask(
        key=key,
        statement=f"{STATEMENT} Reading: {CONDITIONS[condition]}. Would refute it: {FAILURES[failure]}.",
        statistic="share of fleets that violate it",
        read=groups,
        verdict=verdict,
        sentence=f"{holds}With {CONDITIONS[condition]}, {interval(verdict)} of {int(held.sum())} fleets of two agents "
        f"have {FAILURES[failure]}.",
        expected=0.0,
        relation="universal",
        policy="pure equilibria",
        primary=primary,
        note=theorem,
        **more,
    )


def _mask(groups: Sequence[DrawnFleets], name: str) -> NDArray[np.bool_]:
    if name == "none":
        return ~_mask(groups, "agree")
    if name == "signs":  # where J = -cG + const there is nothing to see: those fleets are counted apart
        return _mask(groups, "agree") & ~_mask(groups, "perfect")
    if name == "lost_untied":
        return _mask(groups, "lost") ^ _mask(groups, "tied")
    stored = "signs" if name == "agree" else name
    return np.concatenate([group.joined(stored) for group in groups]).astype(bool)


def _controls(readings: Sequence[DrawnFleets]) -> list[Question]:
    """Without the condition both inclusions must be seen to fail: the checks above can fail."""
    if not readings:
        return []
    return [
        _among(
            f"control/no condition/{failure}",
            readings,
            "none",
            failure,
            "control: must be caught",
            kind="control",
            expected_label="refuted",
        )
        for failure in ("gained", "lost", "strict_lost")
    ]


def _shift(group: DrawnFleets) -> Question:
    """The shift law against closed forms and certified optima: an oracle check of what the figures draw."""
    kind = str(group.options["kind"])
    error, found = group.over("error"), group.over("found")
    if kind == "entropy":
        verdict = _error_order(error, group.over("certified").astype(bool))
        said = "The shift law predicts the move of the optimum with entropy up to an error of order "
        said += power("alpha", verdict.estimate.value) or "that is not measurable"
        claimed: dict[str, Any] = {"expected": 2.0, "margin": 2.0 - ORDER, "relation": "at_least"}
        statistic = "order of the error in alpha"
    else:
        worst = float((error / (1.0 + found)).max())
        label: Label = "supported" if worst <= EXACT else "refuted"
        verdict = Verdict(label, f"largest relative error {worst:.3g}, at most {EXACT:g} allowed",
                          Estimate(worst, worst, worst, 1.0, error.shape[1]))  # fmt: skip
        said = "The shift law alpha [(1 - alpha) H_J - alpha H_G]^-1 grad G is exact"
        claimed = {"expected": 0.0, "margin": EXACT, "relation": "at_most"}
        statistic = "largest relative error of the shift"
    return ask(
        key=f"shift law/{kind}",
        statement="A nondegenerate stationary point of J moves by alpha [(1 - alpha) H_J - alpha H_G]^-1 grad G.",
        statistic=statistic,
        read=[group],
        verdict=verdict,
        sentence=f"{said}: mean move {float(found[SHIFT_ALPHAS.index(0.2)].mean()):.3g} at alpha = 0.2.",
        **claimed,
        policy={"team": "stationary points", "saddle": "mixed equilibria"}.get(kind, "optima with entropy"),
        kind="oracle",
        expected_label="supported",
    )


def _error_order(error: NDArray[np.float64], certified: NDArray[np.bool_]) -> Verdict:
    """log-log slope of the error from alpha = 0.005 to 0.02, mean over certified fleets, against 1.5."""
    small, large = SHIFT_ALPHAS.index(0.005), SHIFT_ALPHAS.index(0.02)
    usable = certified[[small, large]].all(0) & (error[[small, large]] > 0.0).all(0)
    slopes = np.log(error[large, usable] / error[small, usable]) / np.log(0.02 / 0.005)
    return judge_at_least(mean_interval(slopes, level_of(False)), ORDER)


def _tradeoff(groups: Sequence[DrawnFleets]) -> list[Question]:
    """Each rule alpha(N): is its variance per agent bounded, and where does the equilibrium go meanwhile?"""
    made = []
    for kind in dict.fromkeys(str(group.options["kind"]) for group in groups):
        mine = sorted((g for g in groups if g.options["kind"] == kind), key=lambda group: group.n)
        made += [_rule(kind, rule, mine) for rule in RULES]
    return made


def _rule(kind: str, rule: str, groups: Sequence[DrawnFleets]) -> Question:
    place, last = RULES.index(rule), groups[-1]
    table = np.array([[_variance(item.values, place) / g.n for item in g.evidence] for g in groups])
    verdict = judge(fit_scaling([g.n for g in groups], table, level_of(False)), 0.0, 0.15, "big_o")
    alpha, shift, lost = (
        float(np.mean([np.asarray(item.values[name])[place] for item in last.evidence]))
        for name in ("alpha", "shift", "lost")
    )
    return ask(
        key=f"tradeoff/{kind}/{rule}",
        statement=TRADEOFF,
        statistic="exponent of the variance per agent",
        read=groups,
        verdict=verdict,
        sentence=f"Rule {rule} ({kind}): at N = {last.n} alpha = {alpha:.3g}, the equilibrium has gone "
        f"{100 * shift:.3g} % of the way from that of J to that of G and J has lost {lost:.3g} an agent; variance ~ N^"
        f"{'?' if verdict.estimate.value is None else f'{verdict.estimate.value:.2f}'}.",
        expected=0.0,
        relation="big_o",
        margin=0.15,
        policy="closed forms",
    )


def _variance(values: Mapping[str, Any], place: int) -> float:
    base, guidance, covariance = (float(values[name]) for name in ("base", "guidance", "covariance"))
    return float(mixed_variance(float(np.asarray(values["alpha"])[place]), base, guidance, covariance))


CLAIM = Claim(
    id="C2.1",
    title="Equilibria are preserved for every alpha",
    source="theorem on equilibrium preservation",
    statement=STATEMENT,
    family="equilibria",
    design=partial(equilibrium_design, parts=PARTS),
    measure=measure_equilibria,
    questions=questions,
    tables=equilibrium_tables,
    cost=equilibrium_cost,
)

"""C2.1: under exogeneity and descent alignment J_alpha has the equilibria of J for every alpha in (0, 1).

Universal, so one exact counterexample refutes a reading; a reading is supported only where a theorem proves it and
no fleet that satisfies its condition violates it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.claims.equilibria.design import FEWEST
from dgpg_verify.claims.equilibria.measure.shift import SHIFT_ALPHAS
from dgpg_verify.claims.equilibria.measure.tradeoff import RULES
from dgpg_verify.claims.equilibria.questions import ask, ask_example, ask_proof, equilibrium_claim, interval
from dgpg_verify.claims.equilibria.read import DrawnFleets, by_law, mean_at_rule, read_fleets, variance_per_agent
from dgpg_verify.claims.question import Question, checked, exactly, level_of
from dgpg_verify.claims.series import Measured
from dgpg_verify.claims.words import power
from dgpg_verify.core import Label, Verdict
from dgpg_verify.equilibria.counterexamples.catalogue import FORMS
from dgpg_verify.equilibria.counterexamples.files import load, load_all
from dgpg_verify.equilibria.counterexamples.forms import INCLUSIONS, POINTS, READINGS
from dgpg_verify.statistics import fit_scaling, judge, judge_at_least, judge_none, mean_interval
from dgpg_verify.statistics.verdict import MARGIN

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
    ("softmax", "mixed gained"): "softmax-mixed-gained",
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
        *[_shift(group) for group in read_fleets(measured, "shift")],
        *_tradeoff(read_fleets(measured, "tradeoff")),
    ]


def _primary(examples: Mapping[str, DrawnFleets], readings: Sequence[DrawnFleets]) -> Iterator[Question]:
    for (reading, inclusion), form in PRIMARY.items():
        key, holds = f"{reading}/{inclusion}", HOLDS[reading]
        if form is not None and form in examples:
            yield _example(examples[form], key, holds, primary=True)
        elif form is None and readings:
            yield _among(
                readings, key, "signs", inclusion, FORMS["softmax-gained"].theorem, holds, primary=True, reading=reading
            )


def _further(examples: Mapping[str, DrawnFleets]) -> Iterator[Question]:
    """Every other stored counterexample to the claim or to a converse of its theory; the fluid reference is C2.2."""
    stored = load_all()
    for name, group in examples.items():
        if name in stored and name not in PRIMARY.values() and stored[name].form.claim != "C2.2":
            yield _example(group, f"counterexample/{name}")


def _example(group: DrawnFleets, key: str, holds: str = "", primary: bool = False) -> Question:
    form, examined = load(group.options["form"]).form, group.evidence[0].values["examined"]
    statement = f"{STATEMENT} Reading: {READINGS[form.reading]}. Would refute it: {INCLUSIONS[form.inclusion]} "
    return ask_example(
        group,
        key,
        holds,
        statement=f"{statement}({POINTS[form.points]}).",
        primary=primary,
        reading=form.reading if primary else "",
        before=f"form {form.name}, ",
        after="" if examined is None else f"; the first of its range after {examined} others",
    )


def _quadratic(group: DrawnFleets) -> Question:
    """The two examples of the theory without simplices: a singular Hessian, and alignment that is not necessary."""
    values = group.evidence[0].values
    return ask_proof(
        group,
        f"quadratic/{group.options['form']}",
        str(values["words"]),
        "stationary points",
        "size of the violation, exact",
        statement=str(values["claim"]),
    )


NOTHING_PROVED = "nothing is proved for this reading"
# key, condition, failure, why none can be there: what is proved, on every fleet that satisfies the condition, and
# alignment in simplex coordinates beside it
THEOREMS = (
    ("theorem/signs/gained", "signs", "gained", FORMS["signs-gained"].theorem),
    ("theorem/signs/strict lost", "signs", "strict_lost", FORMS["signs-strict-lost"].theorem),
    ("theorem/signs/lost without a tie", "signs", "lost_untied", "T3: equality iff no such tie"),
    ("theorem/simplex each/gained", "each", "gained", FORMS["each-gained"].theorem),
    ("theorem/simplex each/strict lost", "each", "strict_lost", FORMS["each-strict-lost"].theorem),
    ("theorem/perfect/gained", "perfect", "gained", FORMS["softmax-gained"].theorem),
    ("theorem/perfect/lost", "perfect", "lost", "J = -cG + const: the same table up to scale"),
    ("fleets/simplex/gained", "simplex", "gained", NOTHING_PROVED),
    ("fleets/simplex/lost", "simplex", "lost", NOTHING_PROVED),
)
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


def _theorems(readings: Sequence[DrawnFleets]) -> Iterator[Question]:
    """Theorems; without the condition both inclusions must be seen to fail: the checks can fail."""
    if not readings:
        return
    for key, condition, failure, theorem in THEOREMS:  # "each" says what it says for two actions
        if groups := [group for group in readings if condition != "each" or group.k == 2]:
            yield _among(groups, key, condition, failure, theorem)
    for failure in ("gained", "lost", "strict_lost"):
        key, note = f"no condition/{failure}", "control: must be caught"
        yield _among(readings, key, "none", failure, note, control="refuted")


def _among(
    groups: Sequence[DrawnFleets],
    key: str,
    condition: str,
    failure: str,
    theorem: str,
    holds: str = "",
    primary: bool = False,
    control: Label | None = None,
    reading: str = "",
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
        policy="pure equilibria",
        primary=primary,
        reading=reading,
        note=theorem,
        control=control,
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
        why = f"largest relative error {worst:.3g}, at most {EXACT:g} allowed"
        verdict = checked(worst <= EXACT, why, exactly(worst, error.shape[1]))
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


def _tradeoff(groups: Sequence[DrawnFleets]) -> Iterator[Question]:
    """Each rule alpha(N): is its variance per agent bounded, and where does the equilibrium go meanwhile?"""
    for (kind,), series in by_law(groups, "kind").items():
        for rule in RULES:
            yield _rule(kind, rule, series)


def _rule(kind: str, rule: str, groups: Sequence[DrawnFleets]) -> Question:
    n_values = [group.n for group in groups]
    verdict = judge(fit_scaling(n_values, variance_per_agent(groups, rule), level_of(False)), 0.0, MARGIN, "big_o")
    alpha, shift, lost = (mean_at_rule(groups[-1], name, rule) for name in ("alpha", "shift", "lost"))
    return ask(
        key=f"tradeoff/{kind}/{rule}",
        statement=TRADEOFF,
        statistic="exponent of the variance per agent",
        read=groups,
        verdict=verdict,
        sentence=f"Rule {rule} ({kind}): at N = {n_values[-1]} alpha = {alpha:.3g}, the equilibrium has gone "
        f"{100 * shift:.3g} % of the way from that of J to that of G and J has lost {lost:.3g} an agent; variance ~ "
        f"{power('N', verdict.estimate.value) or 'N^?'}.",
        relation="big_o",
        margin=MARGIN,
        policy="closed forms",
    )


CLAIM = equilibrium_claim(
    PARTS,
    questions,
    id="C2.1",
    title="Equilibria are preserved for every alpha",
    source="theorem on equilibrium preservation",
    statement=STATEMENT,
)

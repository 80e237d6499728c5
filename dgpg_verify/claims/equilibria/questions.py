"""Questions of C2.1, C2.2 and A2, and their words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dgpg_verify.claims.claim import claims_of
from dgpg_verify.claims.equilibria.design import FAMILY, equilibrium_design
from dgpg_verify.claims.equilibria.measure.games import equilibrium_cost, measure_equilibria
from dgpg_verify.claims.equilibria.read import DrawnFleets, judge_proof
from dgpg_verify.claims.equilibria.tables import equilibrium_tables
from dgpg_verify.claims.question import Kind, Question
from dgpg_verify.claims.words import NOT_MEASURABLE
from dgpg_verify.core import Label, Verdict
from dgpg_verify.equilibria.counterexamples.files import load
from dgpg_verify.equilibria.counterexamples.forms import Form
from dgpg_verify.statistics import Relation

equilibrium_claim = claims_of(
    FAMILY, equilibrium_design, measure=measure_equilibria, tables=equilibrium_tables, cost=equilibrium_cost
)


def ask(
    key: str,
    statistic: str,
    read: Sequence[DrawnFleets],
    verdict: Verdict,
    sentence: str,
    expected: float = 0.0,
    relation: Relation = "universal",
    *,
    note: str = "",
    control: Label | None = None,
    kind: Kind = "claim",
    **more: Any,
) -> Question:
    """A question on fleets, its system in words; control: the label that a control must get; more: of a Question."""
    systems = list(dict.fromkeys(describe_fleets(fleets) for fleets in read))
    system = systems[0] if len(systems) == 1 else f"{systems[0]} and {len(systems) - 1} more laws"
    if control:
        key, kind, more = f"control/{key}", "control", more | {"expected_label": control}
    leads = more.get("primary") or kind in ("control", "oracle")
    notes = (note, "" if leads else "exploratory")
    return Question(
        key, statistic, read, verdict, sentence, relation, expected, system=system, notes=notes, kind=kind, **more
    )


def ask_proof(
    group: DrawnFleets,
    key: str,
    sentence: str,
    policy: str,
    statistic: str = "gain of the change that pays, exact",
    **more: Any,
) -> Question:
    """A stored counterexample: it refutes unless one of its statements is false."""
    values = group.evidence[0].values
    verdict = judge_proof(values["failed"], float(values["gain"]))
    return ask(key, statistic, [group], verdict, sentence, 0.0, "equal", policy=policy, **more)


def ask_example(
    group: DrawnFleets, key: str, holds: str = "", before: str = "", after: str = "", **more: Any
) -> Question:
    """A stored counterexample to an inclusion of equilibria.

    holds: what does hold, said first, the nearest true sentence unless given; before, after: around its gain.
    """
    form, values = load(group.options["form"]).form, group.evidence[0].values
    sentence = f"{holds.strip() or what_holds(form)} Counterexample: {values['words']}"
    note = f"{before}gain {values['gain_exact']} at alpha = {values['alpha']}{after}"
    return ask_proof(group, key, sentence, f"{form.points} equilibria", note=note, **more)


def describe_fleets(group: DrawnFleets) -> str:
    """The law of a group's fleets in words."""
    if group.part == "team":
        return f"linear_quadratic (alignment {group.options['alignment']}, bias {group.options['bias']})"
    if not group.cost:
        return str(group.options.get("kind", "stored game"))
    return f"load_balancing ({group.cost}, reference {group.reference}, K = {group.k})"


def what_holds(form: Form) -> str:
    """The nearest true sentence beside a counterexample, by kind of point and inclusion."""
    if form.inclusion not in ("lost", "gained"):
        return "Alignment at every profile is sufficient for no foreign stationary points, not necessary."
    if form.points in ("full", "regular", "mixed"):
        return (
            "An equilibrium in which agents mix stays one for every alpha iff each mixing agent is indifferent in G "
            "too; a nondegenerate one moves by alpha [(1 - alpha) H_J - alpha H_G]^-1 grad G otherwise."
        )
    if form.inclusion == "lost":
        return (
            "A pure equilibrium of J stays one iff alpha <= alpha_c = min |dJ| / (|dJ| + |dG|) over the changes of one "
            "agent with dG < 0; every strict one stays for all alpha iff it has no such change."
        )
    return (
        "No foreign pure equilibrium arises at any alpha if every joint action that is none of J has a change of one "
        "agent with dJ > 0 and dG <= 0."
    )


def percent(value: float | None) -> str:
    return NOT_MEASURABLE if value is None else f"{100 * value:.3g} %"


def interval(verdict: Verdict) -> str:
    """A rate with its interval in percent."""
    e = verdict.estimate
    if e.value is None:
        return "an unknown share"
    return f"{percent(e.value)} [{percent(e.low)}, {percent(e.high)}]"

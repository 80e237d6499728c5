"""Questions of C3 and A4, and their words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dgpg_verify.claims.claim import claims_of
from dgpg_verify.claims.question import Question, level_of, within_proof
from dgpg_verify.claims.samples.design import ALIGNED, RETURN, SHARE, THEORY, samples_design
from dgpg_verify.claims.samples.measure.cells import measure_samples, samples_cost
from dgpg_verify.claims.samples.read import Asked, LearningRuns, arrival_verdict, fit_of, floor_share
from dgpg_verify.claims.samples.tables import samples_tables
from dgpg_verify.claims.words import power
from dgpg_verify.core import Label, Verdict
from dgpg_verify.samples import FACTORS, SCALED
from dgpg_verify.statistics import Relation, SampleFit
from dgpg_verify.statistics.verdict import MARGIN

MARGINS = (0.10, 0.25)
LAST = FACTORS[-1]  # gap at the start over the smallest eps
NO_FLOOR = 1e-9  # as a share of the gap at the start: rounding
UNBIASED = (RETURN, "difference", "guided:zero")
EXPECTED_LABEL = {"control": "refuted", "oracle": "supported"}
STEPS = {"theory": "the theory's step", "greedy": "the greedy oracle step", "tuned": "a schedule tuned on pilot fleets",
         "adam": "clipped surrogate with Adam"}  # fmt: skip
SYSTEMS = {
    "team/aligned": "linear-quadratic teams with J = -cG + const",
    "team/biased": "linear-quadratic teams (alignment 0.5, bias 0.3)",
    "game/fluid": "entropy-regularised load balancing, fluid reference",
    "game/biased": "entropy-regularised load balancing, reference biased by 30 %",
    "game/plain": "load balancing without entropy",
    "cloud": "cloud scheduling (gap to Best-Fit, estimated on held-out workloads)",
}


samples_claim = claims_of("samples", samples_design, measure=measure_samples, tables=samples_tables, cost=samples_cost)


def ask(
    key: str,
    statistic: str,
    read: Sequence[LearningRuns],
    verdict: Verdict,
    sentence: str,
    expected: float | None,
    relation: Relation,
    *,
    note: str = "",
    **more: Any,
) -> Question:
    """A question on learning runs, their system and step in words; more: further fields of a Question.

    A key that begins with control/ or oracle/ names its kind; an oracle check must be supported, a control refuted
    unless told otherwise.
    """
    kind = key.partition("/")[0]
    if kind in EXPECTED_LABEL:
        more = {"kind": kind, "expected_label": EXPECTED_LABEL[kind], **more}
    system = " and ".join(dict.fromkeys(describe_law(runs) for runs in read))
    policy = "learning run, " + ", ".join(dict.fromkeys(runs.step for runs in read))
    leads = more.get("primary") or more.get("kind") in ("control", "oracle")
    notes = (note, "" if leads else "exploratory")
    return Question(
        key, statistic, read, verdict, sentence, relation, expected, system=system, policy=policy, notes=notes, **more
    )


def exponent_questions(series: LearningRuns, primary: bool) -> list[Question]:
    """p and q, which lead where `primary`, and their sum."""
    p, q, total = series.exponents
    leading = [exponent_question(series.name, series, asked, primary=primary) for asked in (p, q)]
    return [*leading, exponent_question(series.name, series, total, note="p + q")]


def exponent_question(
    key: str, series: LearningRuns, asked: Asked, *, primary: bool = False, note: str = "", **more: Any
) -> Question:
    """p or q of one series, its sentence naming the alpha rule, the step, the setting and the eps."""
    fit = fit_of(series, level_of(primary))
    setting = setting_of(series.method)
    dropped = f"smaller eps do not enter: {fit.dropped}" if fit.dropped else ""
    censored = f"{100 * fit.censored:.3g} % of arrivals censored" if fit.censored else ""
    return ask(
        key=f"{key}/{asked.what}",
        statistic={"p": "exponent of samples in N", "q": "exponent of samples in 1/eps"}.get(
            asked.what, "exponent of samples in N at a fixed total gap"
        ),
        read=[series],
        verdict=within_proof(asked.verdict(fit), proved_of(series, asked)),
        sentence=f"{describe_method(series.method)} on {describe_law(series)}, {STEPS[series.step]}, "
        f"setting {setting}, {eps_words(fit, series)}: {law_words(fit)}, "
        f"N = {', '.join(str(n) for n in series.n_values)}.",
        expected=asked.expected,
        relation=asked.relation,
        primary=primary,
        note="; ".join(part for part in (note, dropped, censored) if part),
        setting=setting,
        reading=reading_of(series.method),
        margin=MARGIN,
        margins={f"{m:.2f}": asked.verdict(fit, m).label for m in MARGINS},
        **more,
    )


def arrival_question(
    law: str, method: str, groups: Sequence[LearningRuns], *, primary: bool = False, **more: Any
) -> Question:
    """Whether a method's noise-free run, all N pooled, comes to rest below the smallest eps; above its floor there is
    no n_eps."""
    share, sizes = floor_share(groups), sorted({n for series in groups for n in series.n_values})
    setting = setting_of(method)
    floor = (
        f"comes to rest at {share:.2g} of the gap at the start (median)"
        if share > NO_FLOOR
        else "comes to rest at the optimum"
    )
    ends = f": no number of samples leads below gap0/{1.0 / share:.3g}" if share > NO_FLOOR else ""
    return ask(
        key=f"{law}/{method}/arrives",
        statistic="share of fleets whose noise-free limit lies below the smallest eps",
        read=groups,
        verdict=arrival_verdict(groups, LAST, level_of(primary)),
        sentence=f"{describe_method(method)} on {SYSTEMS[law]}, setting {setting}, {floor}, N = {sizes[0]} ... "
        f"{sizes[-1]}{ends}.",
        expected=SHARE,
        relation="at_least",
        primary=primary,
        setting=setting,
        reading=reading_of(method),
        note="limit of the unbiased credits: exact" if method in UNBIASED else "",
        **more,
    )


def eps_words(fit: SampleFit, series: LearningRuns) -> str:
    """The accuracies that entered."""
    used = [1.0 / eps for eps in fit.eps] or series.factors
    return f"eps from gap0/{used[0]:.3g}" + (f" to gap0/{used[-1]:.3g}" if len(used) > 1 else "")


def law_words(fit: SampleFit) -> str:
    """How samples grow, as far as it is known."""
    of_eps = None if fit.q.exponent is None else -fit.q.exponent
    grows = " ".join(part for part in (power("N", fit.p.exponent), power("eps", of_eps)) if part)
    total = power("N", fit.p_total.exponent)
    return (
        f"samples ~ {grows} per agent{f' (total gap: {total})' if total else ''}" if grows else "no exponent measurable"
    )


def proved_of(series: LearningRuns, asked: Asked) -> Label | None:
    """What holds of p in the limit of many agents on teams: where the return's part of the mixture's variance stays
    bounded, as it does in every scaled setting, samples do not grow with N."""
    scaled = series.law == ALIGNED and setting_of(series.method) in SCALED and series.step == THEORY
    return "supported" if scaled and asked.what == "p" else None


def reading_of(method: str) -> str:
    """The reading of the mixture, that is its setting; "" where nothing is mixed, in the limit, and at alpha*, which is
    the same mixture in every setting."""
    mixes = method.startswith(("guided:", "dgpg", *SCALED)) and method not in ("guided:zero", "guided:optimal")
    return setting_of(method) if mixes else ""


def setting_of(method: str) -> str:
    """Scales of J and G: `parts` of parts:0.2 and of dgpg/parts, else sum."""
    setting = method.partition("/")[2] or method.partition(":")[0]
    return setting if setting in SCALED else "sum"


def describe_law(series: LearningRuns) -> str:
    return SYSTEMS.get(series.law, "teams with injected noise")


def describe_method(method: str) -> str:
    """A method in words, its alpha rule included; its setting is not said."""
    name, _, base = method.partition("/")[0].partition("@")
    words = {
        "return": "The shared return",
        "difference": "The difference reward",
        "guidance": "Guidance alone (alpha = 1)",
        "guidance:exact": "Exact guidance alone (alpha = 1)",
        "guided:optimal": "Guided, alpha = alpha*(state) of least variance",
        "guided:sqrt": "Guided, 1 - alpha = N^-1/2",
        "guided:published": "Guided, alpha 0.9 -> 0.2 over 1 000 samples",
        "guided:zero": "Guided, alpha -> 0",
        "mappo": "MAPPO (shared return, central critic)",
        "guidance_only": "Guidance alone (alpha = 1)",
        "difference_replay": "The difference reward, replayed",
        "dgpg": "DG-PG, alpha 0.9 -> 0.2 over the run",
        "growing": "The exact gradient with noise that grows as N",
        "constant": "The exact gradient with the same noise at every N",
    }
    kind, _, value = name.partition(":")
    name = f"guided:{value}" if kind in SCALED else name
    return words.get(name, f"Guided, alpha = {value}") + (f" on the {base} reward" if base else "")

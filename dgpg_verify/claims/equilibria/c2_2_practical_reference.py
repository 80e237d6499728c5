"""C2.2: with the practical reference (fluid limit) the equilibria are those of the original game."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from dgpg_verify.claims.equilibria.design import CONTROL_RATE, EVERY, PERFECT, PRACTICAL, RATE, SCHEDULE, SHUFFLED, SIZE
from dgpg_verify.claims.equilibria.questions import ask, ask_example, equilibrium_claim, interval, percent
from dgpg_verify.claims.equilibria.read import DrawnFleets, alpha_place, judge_rate, judge_unequal_seen, read_fleets
from dgpg_verify.claims.question import Question, level_of
from dgpg_verify.claims.series import Measured
from dgpg_verify.core import Label, Verdict
from dgpg_verify.equilibria.counterexamples.files import load_all
from dgpg_verify.statistics import judge_none, judge_threshold

STATEMENT = (
    "Our question: with the practical reference (fluid limit), which the author says need not be aligned strictly, "
    "J_alpha has the equilibria of J, for every alpha in (0, 1)."
)
STATISTIC = "share of fleets with equal sets"
RATES: Mapping[str, Any] = {"expected": RATE, "relation": "at_least"}
MIXED_ALPHA = 0.5
SAME_AS_FLUID = "for this cost speed_aware is fluid itself wherever jobs can be split that evenly"


PARTS = ("pure", "mixed", "team", "counterexample")


def questions(measured: Measured) -> list[Question]:
    """Rate of equal sets by cost, reference and alpha; what is lost in J; controls of known answer."""
    pure = read_fleets(measured, "pure")
    examples = {str(group.options["form"]): group for group in read_fleets(measured, "counterexample")}
    fluid = [name for name, example in load_all().items() if example.form.claim == "C2.2"]
    lead = [group for group in pure if (group.n, group.k) == SIZE]
    return [
        *[_rate(group, EVERY) for group in lead if group.reference not in (PERFECT, SHUFFLED)],
        *[_rate(group, alpha) for group in lead if group.reference == PRACTICAL for alpha in SCHEDULE],
        *[_rate(group, EVERY) for group in pure if (group.n, group.k) != SIZE],
        *[_mixed(group) for group in read_fleets(measured, "mixed") if group.reference == PRACTICAL],
        *[_team(group) for group in read_fleets(measured, "team")],
        *[ask_example(examples[name], f"counterexample/{name}") for name in examples if name in fluid],
        *_controls(lead),
        *_mixed_controls([g for g in read_fleets(measured, "mixed") if g.reference == PERFECT]),
    ]


def _rate(group: DrawnFleets, alpha: float | str) -> Question:
    """Pure sets, primary for the practical reference at every alpha and the leading size."""
    primary = group.reference == PRACTICAL and alpha == EVERY and (group.n, group.k) == SIZE
    verdict = judge_rate(group.over("relations")[alpha_place(alpha)], level_of(primary))
    return ask(
        key=f"{group.cost}/{group.reference}/N={group.n},K={group.k}/pure/{_alpha_name(alpha)}",
        statistic=STATISTIC,
        read=[group],
        verdict=verdict,
        sentence=_sentence(group, alpha, verdict),
        **RATES,
        policy="pure equilibria",
        primary=primary,
        note=SAME_AS_FLUID if group.reference == "speed_aware" and group.cost != "mm1" else "",
    )


def _alpha_name(alpha: float | str) -> str:
    return "every alpha" if alpha == EVERY else f"alpha {alpha:g}"


def _sentence(group: DrawnFleets, alpha: float | str, verdict: Verdict) -> str:
    """What does hold: the rate, up to which alpha most fleets keep their equilibria, and what is lost in J."""
    where = "for every alpha in (0, 1)" if alpha == EVERY else f"at alpha = {alpha:g}"
    said = f"The pure sets are equal {where} in {interval(verdict)} of fleets ({group.cost} cost, {group.reference} "
    said += f"reference, N = {group.n}, K = {group.k})"
    if alpha == EVERY:
        low, middle = np.quantile(group.over("limits"), [0.05, 0.5])
        said += ", whatever the scale of G; an equilibrium of J stays one iff alpha <= alpha_c = min |dJ| / (|dJ| + "
        said += f"|dG|) over the changes with dG < 0, whose 5 % and 50 % quantiles are {low:.3g} and {middle:.3g} over "
        said += f"{len(group.over('limits'))} of their equilibria"
    elif (losses := group.valued("loss")) is not None and (convs := group.valued("nash_conv")) is not None:
        place = alpha_place(alpha)
        loss, conv = losses[:, place], convs[2, place]
        said += f"; in the first {loss.shape[1]} of them the equilibrium reached from uniform policies loses "
        said += f"{percent(float(loss[2].mean()))} of J's range "
        said += f"on average (best against best {percent(float(loss[0].mean()))}, worst against worst "
        said += f"{percent(float(loss[1].mean()))}), its NashConv in J is {percent(float(conv.mean()))} of the range"
    return said + "."


def _mixed(group: DrawnFleets) -> Question:
    """All equilibria, mixed ones too: exact for two agents; for three, points of one side tested on the other."""
    codes = group.over("relations")[alpha_place(MIXED_ALPHA)]
    two = group.n == 2
    verdict = judge_rate(codes, level_of(False)) if two else judge_unequal_seen(codes, level_of(False))
    undecided = int((codes == -1).sum())
    how = "pure and mixed, nondegenerate games" if two else "certified points of either side tested on the other"
    kind = "are equal" if two else "are equal in at most"
    return ask(
        key=f"{group.cost}/{group.reference}/N={group.n},K={group.k}/mixed/alpha {MIXED_ALPHA:g}",
        statistic=STATISTIC,
        read=[group],
        verdict=verdict,
        sentence=f"The sets of all equilibria ({how}) {kind} {'in ' * two}{interval(verdict)} of fleets "
        f"({group.cost} cost, N = {group.n}, K = {group.k}, alpha = {MIXED_ALPHA:g}).",
        **RATES,
        policy="pure and mixed equilibria",
        note=f"{undecided} of {len(codes)} fleets not decided" + (" (degenerate)" if two else ""),
    )


def _team(group: DrawnFleets) -> Question:
    """Stationary sets of quadratic teams in closed form, worst over the declared alphas."""
    alignment, bias = group.options["alignment"], group.options["bias"]
    verdict = judge_rate(group.over("relations").max(0), level_of(False))  # 0 only where equal at all alphas
    distance, lost = (float(group.over(name)[alpha_place(0.2)].mean()) for name in ("distance", "lost"))
    return ask(
        key=f"linear_quadratic/alignment={alignment:g}/bias={bias:g}/N={group.n}/stationary",
        statistic=STATISTIC,
        read=[group],
        verdict=verdict,
        sentence=f"The stationary point is the same at all declared alphas in {interval(verdict)} of teams "
        f"(alignment {alignment:g}, reference {bias:g} standard deviations from the optimum, N = {group.n}); "
        f"at alpha = 0.2 it is {distance:.3g} away and J loses {lost:.3g} on average. It is the same iff "
        "grad G vanishes at the optimum of J.",
        **RATES,
        policy="stationary points",
    )


def _controls(lead: Sequence[DrawnFleets]) -> list[Question]:
    """J = -cG + const must leave every set as it is; a reference of other servers must break most."""
    made = []
    perfect = [group for group in lead if group.reference == PERFECT]
    if perfect:
        codes = np.concatenate([group.over("relations") for group in perfect], axis=1)
        worst = codes.max(0)  # equal at every alpha of the grid and at all alphas at once
        verdict = judge_rate(worst, level_of(False))
        if int((worst != 0).sum()):
            verdict = Verdict("refuted", f"sets differ in {int((worst != 0).sum())} fleets", verdict.estimate)
        made.append(_control("perfect", perfect, verdict, "supported"))
    for group in lead:
        if group.reference == SHUFFLED:
            seen = judge_rate(group.over("relations")[alpha_place(EVERY)], level_of(False))
            most = judge_threshold(seen.estimate, CONTROL_RATE)
            label = "refuted" if seen.label == "refuted" and most.label == "supported" else "inconclusive"
            found = Verdict(label, f"{seen.why}; wanted: at most {CONTROL_RATE:g}", seen.estimate)  # type: ignore[arg-type]
            made.append(_control(f"shuffled/{group.cost}", [group], found, "refuted"))
    return made


def _mixed_controls(groups: Sequence[DrawnFleets]) -> list[Question]:
    """All equilibria of J = -cG + const: no decided fleet may differ, for two agents and for three."""
    made = []
    for n in sorted({group.n for group in groups}):
        mine = [group for group in groups if group.n == n]
        codes = np.concatenate([group.over("relations").max(0) for group in mine])
        decided = codes if n > 2 else codes[codes != -1]  # three agents: only differences are ever seen
        made.append(_control(f"perfect/mixed/N={n}", mine, _no_difference(decided), "supported"))
    return made


def _no_difference(codes: np.ndarray) -> Verdict:
    different = int((codes > 0).sum())
    verdict = judge_none(different, len(codes), level_of(False), case="fleet")
    estimate = verdict.estimate
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return verdict
    equal = replace(estimate, value=1.0 - estimate.value, low=1.0 - estimate.high, high=1.0 - estimate.low)
    return replace(verdict, estimate=equal)


def _control(name: str, read: Sequence[DrawnFleets], verdict: Verdict, label: Label) -> Question:
    everywhere = name.startswith("perfect")  # one fleet that differs is too many
    words = {"perfect": "With J = -cG + const", "shuffled": "With the reference of other servers"}
    return ask(
        key=name,
        statistic=STATISTIC,
        read=read,
        verdict=verdict,
        sentence=f"{words[name.partition('/')[0]]} the pure sets are equal at every alpha in {interval(verdict)} of "
        "fleets.",
        expected=1.0 if everywhere else RATE,
        relation="universal" if everywhere else "at_least",
        policy="pure equilibria",
        control=label,
    )


CLAIM = equilibrium_claim(
    PARTS,
    questions,
    id="C2.2",
    title="Equilibria with the practical reference (our question)",
    source="equilibrium preservation, applied to the fluid limit",
    statement=STATEMENT,
)

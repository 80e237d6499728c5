"""A2: moving the state toward the reference improves J: the cosine of grad J and -grad G is not negative."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.claims.equilibria.design import PERFECT, PRACTICAL, SHUFFLED
from dgpg_verify.claims.equilibria.measure.alignment import POLICIES, TEAM_POINTS, UNDEFINED
from dgpg_verify.claims.equilibria.questions import ask, equilibrium_claim, interval
from dgpg_verify.claims.equilibria.read import DrawnFleets, by_law, judge_audit, read_fleets
from dgpg_verify.claims.question import Question, level_of
from dgpg_verify.claims.series import Measured
from dgpg_verify.core import Label
from dgpg_verify.equilibria.arrays import flat

STATEMENT = (
    "Moving the state toward its reference improves J: <grad J, -grad G> >= 0 (assumption: descent alignment; the "
    "author: it need not hold strictly in practice. What that costs: the value lost in C2.2, the floors of C3.3)."
)
WHO = {"joint": "of all agents together", "agent": "of some agent"}
EVERYWHERE = {
    "simplex": ("simplex_negative", "simplex", "in simplex coordinates at some profile"),
    "softmax": ("misaligned", "perfect", "in softmax coordinates at some theta"),
}
Law = tuple[float, ...]


PARTS = ("aligned", "team", "readings")


def questions(measured: Measured) -> list[Question]:
    """Share of fleets with a certified negative cosine, at declared policies; quadratic teams in closed form."""
    games = read_fleets(measured, "aligned")
    fluid = [group for group in games if group.reference == PRACTICAL]
    teams = by_law(read_fleets(measured, "team"), "alignment", "bias")
    readings = [g for g in read_fleets(measured, "readings") if g.reference == PRACTICAL]
    return [
        # the stated condition is joint; agent by agent is more
        *[_game([group], who, primary=who == "joint") for group in fluid for who in WHO],
        *[_game([group], "joint", name) for group in fluid for name in POLICIES],
        *[_game([g], "joint") for g in games if g.reference not in (PERFECT, PRACTICAL, SHUFFLED)],
        *[_everywhere(group, name) for group in readings for name in EVERYWHERE],
        *[question for law, groups in teams.items() if law != (1.0, 0.0) for question in _team(law, groups)],
        *_controls(games, teams),
    ]


def _game(
    groups: Sequence[DrawnFleets], who: str, policy: str = "", primary: bool = False, control: Label | None = None
) -> Question:
    """One-shot games: all declared policies, or one of them."""
    chosen = [POLICIES.index(policy)] if policy else range(len(POLICIES))
    violated, defined, share, lowest = _violations(groups, who, list(chosen))
    verdict = judge_audit(violated, level_of(primary), defined)
    cost, reference = groups[0].cost, groups[0].reference
    named = f"at the policy {policy}" if policy else f"at the policies {', '.join(POLICIES)}"
    law = f"{cost}, reference {reference}" if len(groups) == 1 else f"all costs, reference {reference}"
    key = f"load_balancing/{cost if len(groups) == 1 else 'all'}/{reference}/{policy or 'all policies'}/{who}"
    sentence = f"The cosine {WHO[who]} is negative somewhere among them in {interval(verdict)} of fleets ({law}, "
    sentence += f"N = {groups[0].n}, K = {groups[0].k}), {named}; {100 * share:.3g} % of the cosines are negative, "
    sentence += f"the least joint one is {lowest:.2f}. Elsewhere nothing is said."
    return ask(
        key=key,
        statistic="share of fleets with a negative cosine",
        read=groups,
        verdict=verdict,
        sentence=sentence,
        policy=policy or ", ".join(POLICIES),
        primary=primary,
        kind="audit",
        control=control,
    )


def _violations(
    groups: Sequence[DrawnFleets], who: str, policies: list[int]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], float, float]:
    """Per fleet whether any certified cosine is negative, and whether there is any; share of all cosines; least joint
    cosine."""
    rows, has, counts, totals, lowest = [], [], 0.0, 0.0, 1.0
    for group in groups:
        here = np.isin(np.asarray(group.evidence[0].values["policy"]), policies)
        joint = group.joined("joint")[:, here]
        known = joint[joint != UNDEFINED]
        lowest = min(lowest, float(known.min())) if len(known) else lowest
        if who == "joint":
            bad, defined = group.joined("negative")[:, here], joint != UNDEFINED
        else:
            bad, defined = group.joined("agents_negative")[:, here], group.joined("agents_defined")[:, here]
        rows.append((bad > 0).any(1))
        has.append((defined > 0).any(1))
        counts, totals = counts + float(bad.sum()), totals + float(defined.sum())
    return np.concatenate(rows), np.concatenate(has), counts / max(totals, 1.0), lowest


def _everywhere(group: DrawnFleets, name: str) -> Question:
    """Two agents, every profile: certainly misaligned somewhere, certainly aligned, or not decided."""
    against, sure, words = EVERYWHERE[name]
    violated, aligned = group.joined(against).astype(bool), group.joined(sure).astype(bool)
    verdict = judge_audit(violated, level_of(False))
    if verdict.label == "supported" and not aligned.all():
        undecided = f"no witness, but only {int(aligned.sum())} of {len(aligned)} fleets are certified"
        verdict = type(verdict)("inconclusive", undecided, verdict.estimate)
    return ask(
        key=f"load_balancing/{group.cost}/{group.reference}/N={group.n},K={group.k}/every profile/{name}",
        statistic="share of fleets with a negative inner product",
        read=[group],
        verdict=verdict,
        sentence=f"Certainly misaligned {words}: {interval(verdict)} of fleets of two agents ({group.cost}, reference "
        f"{group.reference}, K = {group.k}); aligned at every profile: {int(aligned.sum())} of {len(aligned)}.",
        policy="every profile",
        kind="audit",
    )


AT_POINTS = "at theta = 0, half and nine tenths of the way to the optimum of J, and random theta"
# what is asked of a team -> the stored field, in words, where
TEAM_QUESTIONS = {
    "joint": ("negative", f"The joint cosine is negative {AT_POINTS}", ", ".join(TEAM_POINTS)),
    "agent": ("agents_negative", f"Some agent's product is negative {AT_POINTS}", ", ".join(TEAM_POINTS)),
    "anywhere": ("witness", "A misaligned theta was found by closed form", "every theta"),
}


def _team(law: Law, groups: Sequence[DrawnFleets], control: Label | None = None) -> Iterator[Question]:
    """Quadratic teams: at the declared points jointly and by agent, and a witness anywhere."""
    sizes = " and ".join(str(group.n) for group in groups)
    for name, (field, words, where) in TEAM_QUESTIONS.items():
        violated = np.concatenate([flat(group.joined(field) > 0).any(1) for group in groups])
        verdict = judge_audit(violated, level_of(False))
        yield ask(
            key=f"linear_quadratic/alignment={law[0]:g}/bias={law[1]:g}/{name}",
            statistic="share of teams with a negative inner product",
            read=groups,
            verdict=verdict,
            sentence=f"{words}: {interval(verdict)} of teams (alignment {law[0]:g}, reference {law[1]:g} standard "
            f"deviations from the optimum, N = {sizes}). Sufficient for alignment at every theta: J = -cG + const.",
            policy=where,
            kind="audit",
            control=control,
        )


def _controls(games: Sequence[DrawnFleets], teams: Mapping[Law, Sequence[DrawnFleets]]) -> list[Question]:
    """J = -cG + const must pass everywhere, a reference of other servers must be caught."""
    perfect = [group for group in games if group.reference == PERFECT]
    made = [_game(perfect, who, control="supported") for who in WHO] if perfect else []
    made += [_game([group], "joint", control="refuted") for group in games if group.reference == SHUFFLED]
    return made + [q for law, groups in teams.items() if law == (1.0, 0.0) for q in _team(law, groups, "supported")]


CLAIM = equilibrium_claim(
    PARTS,
    questions,
    id="A2",
    title="Descent alignment (the author: not needed strictly)",
    source="assumption of the equilibrium and convergence theorems",
    statement=STATEMENT,
)

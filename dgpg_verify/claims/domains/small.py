"""What the equilibria of small games of a domain say of the paper's claims C2.2 and A2; nothing was predicted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dgpg_verify.claims.domains.design import SMALL_GAMES
from dgpg_verify.claims.domains.measure import POLICIES
from dgpg_verify.claims.equilibria.design import EVERY, RATE
from dgpg_verify.claims.equilibria.measure.alignment import UNDEFINED
from dgpg_verify.claims.equilibria.questions import interval, percent
from dgpg_verify.claims.equilibria.read import DrawnFleets, alpha_place, judge_audit, judge_rate
from dgpg_verify.claims.question import Question, level_of
from dgpg_verify.claims.series import Measured

SCHEDULE_END = 0.2


def ask_small(measured: Measured) -> Iterator[Question]:
    """For each kind of small games: are the pure equilibria equal at every alpha, is grad J aligned with -grad G?"""
    for key in SMALL_GAMES:
        if key in measured:
            series = measured[key]
            group = DrawnFleets(series.row, series.items, series.evidence)
            yield _equal(group)
            yield _aligned(group)


def _equal(group: DrawnFleets) -> Question:
    verdict = judge_rate(group.over("relations")[alpha_place(EVERY)], level_of(False))
    loss = group.over("loss")[:, alpha_place(SCHEDULE_END)].mean(-1)
    where = group.row.notes["where"]
    return Question(
        key=f"{group.key}/pure/every alpha",
        statistic="share of games with equal sets",
        read=[group],
        verdict=verdict,
        sentence=f"The pure equilibria of J and J_alpha are equal for every alpha in (0, 1) in {interval(verdict)} of "
        f"games; at alpha = {SCHEDULE_END:g} the best one loses {percent(float(loss[0]))} of J's range, the worst "
        f"{percent(float(loss[1]))}, the one reached from uniform policies {percent(float(loss[2]))}: {where}.",
        statement="The equilibria of J_alpha are those of J, for every alpha in (0, 1) (C2.2, here).",
        relation="at_least",
        expected=RATE,
        system=where,
        policy="pure equilibria",
    )


def _aligned(group: DrawnFleets) -> Question:
    negative, joint = np.asarray(group.joined("negative")), np.asarray(group.joined("joint"))
    known = joint != UNDEFINED
    verdict = judge_audit(np.asarray(negative.any(1)), level_of(False), known.any(1))
    where = group.row.notes["where"]
    return Question(
        key=f"{group.key}/alignment",
        statistic="share of games with a negative cosine",
        read=[group],
        verdict=verdict,
        sentence=f"The cosine of grad J and -grad G is negative at some policy in {interval(verdict)} of games, and in "
        f"{percent(float(negative.mean()))} of all; the least is {joint.min(where=known, initial=1.0):.2f}: {where}.",
        statement="Moving the state toward its reference improves J (A2, here).",
        relation="universal",
        expected=0.0,
        system=where,
        policy=", ".join(POLICIES),
        kind="audit",
    )

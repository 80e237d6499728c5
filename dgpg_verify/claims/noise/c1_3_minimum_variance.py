"""C1.3: the smallest variance over alpha is O(1) (the paper's Theorem 5.2).

min over alpha of V(alpha) <= V(1) = V_G, so the exponent of the guidance's own variance decides: raw, paired
with the exact difference reward, and to its own signal. The theorem's closed form is the minimum over all real alpha:
it is that over (0, 1) only where C < min(V_PG, V_G), which is counted fleet by fleet: exactly where there are closed
forms, on the cloud from roll-outs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from dgpg_verify.claims.noise import design as grid
from dgpg_verify.claims.noise.claims import noise_claim
from dgpg_verify.claims.noise.questions import describe, exponent_question, noise_questions, of_credit, read_noise
from dgpg_verify.claims.noise.read import CellStats, return_share
from dgpg_verify.claims.question import Question
from dgpg_verify.claims.series import Measured, Series
from dgpg_verify.claims.words import number
from dgpg_verify.statistics import judge_none, mean_interval

SENTENCES = {
    "supported": "The {statistic} of guidance ({suffix}) {growth}, so its minimum over "
    "alpha, which is never above the guidance's own variance, is bounded; at the minimising alpha the return's share "
    "of the update is {share}: {where}.",
    "refuted": "The {statistic} of guidance ({suffix}) {growth}: {where}.",
    "inconclusive": "The {statistic} of guidance ({suffix}) {growth}, which does not decide: {where}.",
}
RIVAL = {
    label: f"The {{statistic}} of the difference reward replayed to the end of the episode, which needs no reference, "
    f"{{growth}}{ending}: {{where}}."
    for label, ending in (("supported", ""), ("refuted", ""), ("inconclusive", ", which does not decide"))
}
RAW = (*grid.GAMES, *grid.TEAMS)  # bounded job sizes, 60 fleets, N >= 64: raw variance may be a verdict
PAIRED = (*grid.GAMES, grid.DENSE_GAME, *grid.TEAMS)
NSR = (*grid.CLOUDS, grid.DENSE_CLOUD)
EXPLORED = (grid.DELAY_GAME, grid.LOGNORMAL, grid.RECORDED, grid.SHOCK, grid.MLP, *grid.SENSITIVE, *grid.FAULTY)
KEYS = tuple(dict.fromkeys((*RAW, *PAIRED, *NSR, *EXPLORED)))


def _share(cells: Sequence[CellStats]) -> float | None:
    return return_share([cell.guided() for cell in cells])


def _at_one(series: Series[CellStats], name: str, credit: str = "guidance", **more: Any) -> Question:
    about: dict[str, Any] = {"suffix": "alpha 1", "share": _share, "sparse": True} | more
    return exponent_question(series, name, of_credit(name, credit), SENTENCES, **about)


def _exponents(series: Series[CellStats]) -> list[Question]:
    key, asked = series.key, []
    note = _alignment_note(series) if key in grid.FAULTY else ""
    if key in (*RAW, *grid.FAULTY, grid.DELAY_GAME, grid.DENSE_GAME):
        asked.append(_at_one(series, "variance", primary=key in RAW, note=note))
    if key in PAIRED:
        asked.append(_at_one(series, "paired_ratio", primary=key in (*grid.GAMES, grid.DENSE_GAME)))
    if key in (*NSR, *EXPLORED):
        asked.append(_at_one(series, "noise_to_signal", primary=key in NSR, note=note))
    if key == grid.CLOUD and grid.REPLAYED in series.flat[0].names:
        asked += [_rival(series, name) for name in ("noise_to_signal", "paired_ratio")]
    if key in (grid.GAME, grid.TEAMS[1]):
        least: dict[str, Any] = {"suffix": "alpha*", "share": _share}
        asked.append(exponent_question(series, "variance", lambda c: c.guided().variance, SENTENCES, **least))
    if key == grid.GAME:
        must = "control: the shared return must not pass as O(1)"
        asked.append(_at_one(series, "variance", "return", suffix="return", note=must, kind="control"))
    return asked


def _rival(series: Series[CellStats], name: str) -> Question:
    """The same question of a credit that is not the paper's: is a reference needed for O(1) noise?"""
    return exponent_question(series, name, of_credit(name, grid.REPLAYED), RIVAL, suffix="difference:replay")


def questions(measured: Measured) -> list[Question]:
    """The exponents, and where the theorem's closed form is the minimum it is said to be."""
    asked = {key: series for key, series in read_noise(measured, (*RAW, *grid.CLOUDS)).items()
             if series.row.options["exact"] or key in grid.CLOUDS}  # fmt: skip
    return [*noise_questions(KEYS, _exponents, measured), *(_closed_form(series) for series in asked.values())]


def _closed_form(series: Series[CellStats]) -> Question:
    """Whether the alpha of least variance lies in (0, 1), of every fleet of every N."""
    outside = {n: [not 0.0 < cell.alpha_star() < 1.0 for cell in cells] for n, cells in series.items.items()}
    violations, trials = sum(map(sum, outside.values())), sum(map(len, outside.values()))
    shares = ", ".join(f"{1.0 - sum(found) / len(found):.2g} at N = {n}" for n, found in outside.items())
    verdict, how = judge_none(violations, trials, case="fleet"), ""
    if not series.row.options["exact"]:
        how = f" (estimated from {series.flat[0].rollouts} roll-outs of each fleet)"
        if violations and not _surely_outside(series):
            why = f"{verdict.why}, as estimated; no mean over fleets is told from the edge of (0, 1)"
            verdict = replace(verdict, label="inconclusive", why=why)
    return Question(
        key=f"{series.key}/closed form",
        statistic="share of fleets whose alpha* lies outside (0, 1)",
        read=[series],
        verdict=verdict,
        sentence="The closed form of the minimum holds where C < min(V_PG, V_G); alpha* lies in (0, 1) in a share of "
        f"fleets of {shares}{how}. What always holds is min over alpha <= V_G: {describe(series.row)}.",
        relation="universal",
        expected=0.0,
        system=describe(series.row),
        policy=series.row.options["policy"],
    )


def _surely_outside(series: Series[CellStats]) -> bool:
    """Whether V_G - C or V_PG - C is below 0 in the mean over the fleets of some N, so that some fleet violates C <
    min(V_PG, V_G) whatever the noise of single fleets; 95 % for all N and both together."""
    level = 1.0 - 0.05 / len(series.items)  # of two ends, of which one is read, for two differences
    parts = [np.array([cell.mixed_parts() for cell in cells]) for cells in series.items.values() if len(cells) > 1]
    highs = [mean_interval(found[:, k] - found[:, 2], level).high for found in parts for k in (0, 1)]
    return any(high is not None and high < 0.0 for high in highs)


def _alignment_note(series: Series[CellStats]) -> str:
    alignment = series.mean(lambda cell: cell["guidance"].alignment)
    shown = number(alignment, ".2f")
    return f"a small variance says nothing about direction: cos(E guidance, grad J) = {shown} at the largest N"


CLAIM = noise_claim(
    KEYS,
    questions,
    id="C1.3",
    title="The smallest variance over alpha is O(1)",
    source="Theorem 5.2",
    statement="min over alpha of the per-agent variance of the DG-PG gradient is O(1), independent of N (Theorem 5.2).",
    # twenty dense fleets of at most 256 agents: the interval may straddle the margin
    decided_at={f"C1.3/{grid.DENSE_GAME}/paired_ratio/alpha 1": "full"},
)

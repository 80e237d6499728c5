"""C1.2: the guidance gradient is noise-free, that is, free of the other agents' randomness."""

from __future__ import annotations

from collections.abc import Sequence

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.design import Row
from dgpg_verify.claims.noise import design as grid
from dgpg_verify.claims.noise.measure import measure_noise, noise_cost
from dgpg_verify.claims.noise.questions import Statistic, read_noise, threshold_question
from dgpg_verify.claims.noise.read import CellStats
from dgpg_verify.claims.noise.tables import noise_tables
from dgpg_verify.claims.question import Question
from dgpg_verify.claims.series import Measured, Series

SUPPORT_AT, REFUTE_ABOVE = 0.01, 0.05
SENTENCES = {
    "supported": "Others' randomness causes {exponent} [{low}, {high}] of the guidance gradient's variance: {where}.",
    "refuted": "Noise-free only given the state seen before acting; once agents act at the same time, others' "
    "randomness causes {exponent} [{low}, {high}] of the guidance gradient's variance: {where}.",
    "inconclusive": "Others' randomness causes {exponent} [{low}, {high}] of the guidance gradient's variance, which "
    "does not decide: {where}.",
}
PRIMARY = (*grid.GAMES, grid.DENSE_GAME, *grid.TEAMS[:2], *grid.CLOUDS, grid.DENSE_CLOUD)
EXPLORED = (grid.DELAY_GAME, grid.TEAMS[2], grid.RECORDED)
CREDITS = ("guidance", "guidance:exact", "return")


def design(scale: str) -> Sequence[Row]:
    return [row for row in grid.noise_design(scale) if row.key in (*PRIMARY, *EXPLORED)]


def questions(measured: Measured) -> list[Question]:
    """Cross-agent share of the guidance gradient at the largest N."""
    series = read_noise(measured, (*PRIMARY, *EXPLORED))
    return [
        threshold_question(one, _share_of(credit, key), SUPPORT_AT, REFUTE_ABOVE)
        for key, one in series.items()
        for credit in CREDITS
        if _offers(one, credit)
    ]


def _offers(series: Series[CellStats], credit: str) -> bool:
    return series.flat[0].has(credit)


def _share_of(credit: str, key: str) -> Statistic:
    control = credit == "return"
    return Statistic(
        "cross_agent_share",
        lambda cell: cell.cross_share(credit),
        SENTENCES,
        suffix=credit,
        primary=key in PRIMARY and credit == "guidance",
        kind="control" if control else "claim",
        expected_label="refuted" if control else None,
        note="control: the shared return must not pass as noise-free" if control else "",
    )


CLAIM = Claim(
    id="C1.2",
    title="Guidance is free of cross-agent noise",
    source="abstract (noise-free per-agent guidance gradients)",
    statement="The guidance gradient is noise-free: it does not depend on the other agents' random actions.",
    family="noise",
    design=design,
    measure=measure_noise,
    questions=questions,
    tables=noise_tables,
    cost=noise_cost,
)

"""C1.2: the guidance gradient is noise-free, that is, free of the other agents' randomness."""

from __future__ import annotations

from dgpg_verify.claims.noise import design as grid
from dgpg_verify.claims.noise.claims import noise_claim
from dgpg_verify.claims.noise.questions import of_credit, read_noise, threshold_question
from dgpg_verify.claims.noise.read import CellStats
from dgpg_verify.claims.question import Question
from dgpg_verify.claims.series import Measured, Series

SUPPORT_AT, REFUTE_ABOVE = 0.01, 0.05
SENTENCES = {
    "supported": "Others' randomness causes {value} [{low}, {high}] of the guidance gradient's variance: {where}.",
    "refuted": "Noise-free only given the state seen before acting; once agents act at the same time, others' "
    "randomness causes {value} [{low}, {high}] of the guidance gradient's variance: {where}.",
    "inconclusive": "Others' randomness causes {value} [{low}, {high}] of the guidance gradient's variance, which "
    "does not decide: {where}.",
}
PRIMARY = (*grid.GAMES, grid.DENSE_GAME, *grid.TEAMS[:2], *grid.CLOUDS, grid.DENSE_CLOUD)
KEYS = (*PRIMARY, grid.DELAY_GAME, grid.TEAMS[2], grid.RECORDED)
CREDITS = ("guidance", "guidance:exact", "return")


def questions(measured: Measured) -> list[Question]:
    """Cross-agent share of the guidance gradient at the largest N."""
    return [
        _share_of(credit, series)
        for series in read_noise(measured, KEYS).values()
        for credit in CREDITS
        if credit in series.flat[0].names
    ]


def _share_of(credit: str, series: Series[CellStats]) -> Question:
    control, name = credit == "return", "cross_agent_share"
    return threshold_question(
        series,
        name,
        of_credit(name, credit),
        SENTENCES,
        SUPPORT_AT,
        REFUTE_ABOVE,
        primary=series.key in PRIMARY and credit == "guidance",
        suffix=credit,
        sparse=True,
        kind="control" if control else "claim",
        notes=("control: the shared return must not pass as noise-free" if control else "",),
    )


CLAIM = noise_claim(
    KEYS,
    questions,
    id="C1.2",
    title="Guidance is free of cross-agent noise",
    source="abstract (noise-free per-agent guidance gradients)",
    statement="The guidance gradient is noise-free: it does not depend on the other agents' random actions.",
)

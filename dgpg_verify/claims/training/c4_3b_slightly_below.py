"""C4.3b: DG-PG ends slightly below Best-Fit at N = 200."""

from __future__ import annotations

from dgpg_verify.claims.training.design import NO_LEARNING
from dgpg_verify.claims.training.final_score import BELOW, score_claim
from dgpg_verify.statistics import judge_slightly_below

CLAIM = score_claim(
    BELOW,
    judge_slightly_below,
    lambda n: n == 200,
    {NO_LEARNING: "refuted"},
    id="C4.3b",
    title="Slightly below Best-Fit at N = 200",
    source="experiments: -46.4 against -41.0 at N = 200 in the paper's units",
    statement="DG-PG ends slightly below Best-Fit at N = 200.",
)

"""C4.3a: DG-PG ends at or above Best-Fit for N <= 100."""

from __future__ import annotations

from dgpg_verify.claims.training.design import AS_BEST_FIT, NO_LEARNING
from dgpg_verify.claims.training.final_score import MATCHES, score_claim
from dgpg_verify.statistics import judge_matches

CLAIM = score_claim(
    MATCHES,
    judge_matches,
    lambda n: n != 200,
    {NO_LEARNING: "refuted", AS_BEST_FIT: "supported"},
    id="C4.3a",
    title="As good as Best-Fit",
    source="experiments to N = 100",
    statement="DG-PG ends at or above Best-Fit for N <= 100.",
)

"""C4.1a: DG-PG converges within 10 episodes for N = 5 ... 200, in nine runs of ten."""

from __future__ import annotations

from dgpg_verify.claims.training.episodes import episodes_claim

CLAIM = episodes_claim(
    "percentile",
    largest=200,
    id="C4.1a",
    title="Within ten episodes",
    source="experiments of v1: N = 5 to 200",
    statement="DG-PG converges within 10 episodes for N = 5 to 200 (90th percentile over seeds).",
)

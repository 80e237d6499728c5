"""C4.1b: DG-PG converges in about 20 episodes on average, up to N = 1500."""

from __future__ import annotations

from dgpg_verify.claims.training.episodes import episodes_claim

CLAIM = episodes_claim(
    "mean",
    largest=1500,
    id="C4.1b",
    title="About twenty episodes on average",
    source="experiments of v3: up to N = 1500",
    statement="DG-PG converges in about 20 episodes on average up to N = 1500.",
)

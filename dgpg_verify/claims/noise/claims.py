"""What the claims of this family have in common: they read the same cells and draw the same tables."""

from __future__ import annotations

from dgpg_verify.claims.claim import claims_of
from dgpg_verify.claims.noise.design import noise_design
from dgpg_verify.claims.noise.measure import measure_noise, noise_cost
from dgpg_verify.claims.noise.tables import noise_tables

noise_claim = claims_of("noise", noise_design, measure=measure_noise, tables=noise_tables, cost=noise_cost)

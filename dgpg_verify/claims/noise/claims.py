"""What the claims of this family have in common: they read the same cells and draw the same tables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Any

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.noise.design import noise_design
from dgpg_verify.claims.noise.measure import measure_noise, noise_cost
from dgpg_verify.claims.noise.questions import Statistic, noise_questions
from dgpg_verify.claims.noise.read import CellStats
from dgpg_verify.claims.noise.tables import noise_tables
from dgpg_verify.claims.series import Series

noise_claim = partial(Claim, family="noise", measure=measure_noise, tables=noise_tables, cost=noise_cost)


def exponent_claim(
    keys: Collection[str], statistics: Callable[[str, Series[CellStats]], Iterable[Statistic]], **words: Any
) -> Claim:
    """A claim on the exponents of statistics in N, on the rows of these keys."""
    words.setdefault("design", partial(noise_design, keys=keys))
    return noise_claim(questions=partial(noise_questions, keys, statistics), **words)

"""What C2.1, C2.2 and A2 have in common: cells, costs and tables."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.equilibria.design import FAMILY, equilibrium_design
from dgpg_verify.claims.equilibria.measure.games import equilibrium_cost, measure_equilibria
from dgpg_verify.claims.equilibria.tables import equilibrium_tables


def equilibrium_claim(parts: Sequence[str], **named: Any) -> Claim:
    """A claim of this family, judged from the named parts of its design; named: the other fields of a Claim."""
    return Claim(
        family=FAMILY,
        design=partial(equilibrium_design, parts=parts),
        measure=measure_equilibria,
        tables=equilibrium_tables,
        cost=equilibrium_cost,
        **named,
    )

"""C1.2: the guidance gradient is noise-free, that is, free of the other agents' randomness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dgpg_verify.claims.noise import design as grid
from dgpg_verify.claims.noise.claim import GradientClaim
from dgpg_verify.claims.noise.questions import Measured, Statement, rows_in, series_of, threshold_row
from dgpg_verify.core import Evidence, LedgerRow

SUPPORT_AT, REFUTE_ABOVE = 0.01, 0.05
STATEMENT = Statement(
    id="C1.2",
    statement="The guidance gradient is noise-free: it does not depend on the other agents' random actions.",
    expected=SUPPORT_AT,
    relation="at_most",
    margin=None,
    sentences={
        "supported": "Others' randomness causes {exponent} [{low}, {high}] of the guidance gradient's variance: "
        "{where}.",
        "refuted": "Noise-free only given the state seen before acting; once agents act at the same time, others' "
        "randomness causes "
        "{exponent} [{low}, {high}] of the guidance gradient's variance: {where}.",
        "inconclusive": "Others' randomness causes {exponent} [{low}, {high}] of the guidance gradient's variance, "
        "which does not "
        "decide: {where}.",
    },
)
PRIMARY = (*grid.GAMES, grid.DENSE_GAME, *grid.TEAMS[:2], *grid.CLOUDS, grid.DENSE_CLOUD)
EXPLORED = (grid.DELAY_GAME, grid.TEAMS[2], grid.RECORDED)


@dataclass(frozen=True)
class NoiseFreeClaim(GradientClaim):
    """Cross-agent share of the guidance gradient at the largest N."""

    id: str = STATEMENT.id
    title: str = "Guidance is free of cross-agent noise"
    source: str = "abstract (noise-free per-agent guidance gradients)"
    statement: str = STATEMENT.statement
    relation: str = "at_most"
    expected: float = SUPPORT_AT
    margin: float = 0.0
    controls: Sequence[Any] = ()
    row_keys = frozenset({*PRIMARY, *EXPLORED})

    def judge(self, evidence: Sequence[Evidence]) -> Sequence[LedgerRow]:
        rows = rows_in(evidence)
        out = []
        for key, series in series_of(evidence, rows, [k for k in (*PRIMARY, *EXPLORED) if k in rows]).items():
            for credit in ("guidance", "guidance:exact", "return"):
                if not next(iter(series.cells.values()))[0].has(credit):
                    continue
                item = Measured(
                    series,
                    rows[key],
                    "cross_agent_share",
                    lambda cell, credit=credit: float(cell.cross_share(credit)),  # type: ignore[misc]
                    suffix=credit,
                    primary=key in PRIMARY and credit == "guidance",
                    kind="control" if credit == "return" else "claim",
                    expected_label="refuted" if credit == "return" else None,
                    note="control: the shared return must not pass as noise-free" if credit == "return" else "",
                )
                out.append(threshold_row(STATEMENT, item, self.recorded, SUPPORT_AT, REFUTE_ABOVE))
        return out


CLAIM = NoiseFreeClaim()

"""C1.3: the smallest variance over alpha is O(1) (the paper's Theorem 5.2).

min over alpha of V(alpha) <= V(1) = V_G, so the exponent of the guidance's own variance decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dgpg_verify.claims.noise import design as grid
from dgpg_verify.claims.noise.claim import GradientClaim
from dgpg_verify.claims.noise.measure import Row
from dgpg_verify.claims.noise.questions import Measured, Statement, exponent_row, rows_in, series_of
from dgpg_verify.claims.noise.read import CellStats, return_share
from dgpg_verify.claims.noise.series import Series
from dgpg_verify.core import Evidence, LedgerRow

STATEMENT = Statement(
    id="C1.3",
    statement="min over alpha of the per-agent variance of the DG-PG gradient is O(1), independent of N (Theorem 5.2).",
    expected=0.0,
    relation="big_o",
    margin=0.15,
    sentences={
        "supported": "The {statistic} of guidance ({suffix}) grows like N^{exponent} [{low}, {high}], so its "
        "minimum over alpha is "
        "bounded; at the minimising alpha the return's share of the update is {share}: {where}.",
        "refuted": "The {statistic} of guidance ({suffix}) grows like N^{exponent} [{low}, {high}]: {where}.",
        "inconclusive": "The {statistic} of guidance ({suffix}) grows like N^{exponent} [{low}, {high}], which does "
        "not decide: {where}.",
    },
)
RAW = (*grid.GAMES, *grid.TEAMS)  # bounded job sizes, 60 fleets, N >= 64: raw variance may be a verdict
PAIRED = (*grid.GAMES, grid.DENSE_GAME, *grid.TEAMS)
NSR = (*grid.CLOUDS, grid.DENSE_CLOUD)
FAULTY = tuple(f"{grid.GAME}/{reference}" for reference in grid.REFERENCES)
SENSITIVITY = tuple(f"{grid.CLOUD}/{key}" for key in grid.SENSITIVITY)  # at full scale
EXPLORED = (grid.DELAY_GAME, grid.LOGNORMAL, grid.RECORDED, grid.SHOCK, grid.MLP, *SENSITIVITY, *FAULTY)
# twenty dense fleets of at most 256 agents: the interval may straddle the margin
DECIDED_AT = {f"C1.3/{grid.DENSE_GAME}/paired_ratio/alpha 1": "full"}


@dataclass(frozen=True)
class MinimumVarianceClaim(GradientClaim):
    """Exponent of the guidance's variance: raw, paired with the exact difference reward, and to its own signal."""

    id: str = STATEMENT.id
    title: str = "The smallest variance over alpha is O(1)"
    source: str = "Theorem 5.2"
    statement: str = STATEMENT.statement
    relation: str = "big_o"
    expected: float = 0.0
    margin: float = 0.15
    controls: Sequence[Any] = ()
    decided_at: Mapping[str, str] = field(default_factory=lambda: dict(DECIDED_AT))
    row_keys = frozenset({*RAW, *PAIRED, *NSR, *EXPLORED})

    def judge(self, evidence: Sequence[Evidence]) -> Sequence[LedgerRow]:
        rows = rows_in(evidence)
        keys = [k for k in dict.fromkeys((*RAW, *PAIRED, *NSR, *EXPLORED)) if k in rows]
        series = series_of(evidence, rows, keys)
        items = [item for key, one in series.items() for item in _items(key, one, rows[key])]
        return [exponent_row(STATEMENT, item, self.recorded) for item in items]


def _items(key: str, series: Series, row: Row) -> list[Measured]:
    def share(cells: Sequence[CellStats]) -> float | None:
        return return_share([cell.guided(cell.alpha_star()) for cell in cells])

    def item(name: str, statistic: Any, primary: bool, suffix: str = "alpha 1", **more: Any) -> Measured:
        return Measured(series, row, name, statistic, suffix=suffix, primary=primary, return_share=share, **more)

    items = []
    note = _alignment_note(series) if key in FAULTY else ""
    if key in RAW or key in (*FAULTY, grid.DELAY_GAME, grid.DENSE_GAME):
        items.append(item("variance", lambda c: c.variance("guidance"), key in RAW, note=note))
    if key in PAIRED:
        items.append(
            item("paired_ratio", lambda c: c.paired_ratio("guidance"), key in grid.GAMES or key == grid.DENSE_GAME)
        )
    if key in NSR or key in EXPLORED:
        items.append(item("noise_to_signal", lambda c: c.noise_to_signal("guidance"), key in NSR, note=note))
    if key in (grid.GAME, grid.TEAMS[1]):
        items.append(item("variance", lambda c: c.guided(c.alpha_star()).variance, False, suffix="alpha*"))
    if key == grid.GAME:
        control = "control: the shared return must not pass as O(1)"
        items.append(
            item("variance", lambda c: c.variance("return"), False, suffix="return", kind="control",
                 expected_label="refuted", note=control)
        )  # fmt: skip
    return items


def _alignment_note(series: Series) -> str:
    alignment = series.mean(lambda cell: cell.alignment("guidance"))
    shown = "not measurable" if alignment is None else f"{alignment:.2f}"
    return f"a small variance says nothing about direction: cos(E guidance, grad J) = {shown} at the largest N"


CLAIM = MinimumVarianceClaim()

"""C1.1: with a shared return, each agent's gradient variance grows like N."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dgpg_verify.claims.noise import design as grid
from dgpg_verify.claims.noise.claim import GradientClaim
from dgpg_verify.claims.noise.measure import Row
from dgpg_verify.claims.noise.questions import Measured, Statement, exponent_row, rows_in, series_of
from dgpg_verify.claims.noise.series import Series, Statistic
from dgpg_verify.core import Evidence, LedgerRow

STATEMENT = Statement(
    id="C1.1",
    statement="With a shared return, the per-agent variance of the policy gradient is Theta(N) (v1, v2; O(N) in v3).",
    expected=1.0,
    relation="theta",
    margin=0.15,
    sentences={
        "supported": "The {statistic} of the centred shared return grows like N^{exponent} [{low}, {high}]: {where}.",
        "refuted": "The {statistic} grows like N^{exponent} [{low}, {high}], not like N: {where}.",
        "inconclusive": "The {statistic} grows like N^{exponent} [{low}, {high}], which does not decide: {where}.",
    },
)
SENSITIVITY = tuple(f"{grid.CLOUD}/{key}" for key in grid.SENSITIVITY)  # at full scale
EXPLORED = (grid.SHOCK, grid.SHOCK_BLIND, grid.RECORDED, grid.MLP, *SENSITIVITY)
PAIRED = (*grid.GAMES, grid.DENSE_GAME, grid.LOGNORMAL, *grid.TEAMS, *grid.CLOUDS, grid.DENSE_CLOUD, *EXPLORED)
NSR = (*grid.GAMES, grid.DENSE_GAME, grid.DELAY_GAME, grid.LOGNORMAL, *grid.TEAMS, *grid.CLOUDS, grid.DENSE_CLOUD)
PRIMARY_NSR = (*grid.GAMES, *grid.TEAMS)
PRIMARY_PAIRED = (*grid.GAMES, grid.DENSE_GAME, *grid.TEAMS, *grid.CLOUDS, grid.DENSE_CLOUD)
# Monte Carlo on few fleets: at standard scale an interval may still straddle the margin
DECIDED_AT = {f"C1.1/{key}/paired_ratio": "full" for key in (*grid.CLOUDS, grid.DENSE_CLOUD)}
SHARED = (grid.SHARED_GAME, grid.SHARED_CLOUD)


@dataclass(frozen=True)
class SharedReturnClaim(GradientClaim):
    """Exponent of noise-to-signal and of the paired ratio of the centred shared return."""

    id: str = STATEMENT.id
    title: str = "Shared-return gradient variance grows like N"
    source: str = "abstract of v1 and v2 (Theta), of v3 (O)"
    statement: str = STATEMENT.statement
    relation: str = STATEMENT.relation
    expected: float = 1.0
    margin: float = 0.15
    controls: Sequence[Any] = ()
    decided_at: Mapping[str, str] = field(default_factory=lambda: dict(DECIDED_AT))

    def judge(self, evidence: Sequence[Evidence]) -> Sequence[LedgerRow]:
        rows = rows_in(evidence)
        series = series_of(evidence, rows, [k for k in (*NSR, *EXPLORED, *SHARED) if k in rows])
        items = [item for key, one in series.items() for item in _items(key, one, rows[key])]
        return [exponent_row(STATEMENT, item, self.recorded) for item in items]


def _items(key: str, series: Series, row: Row) -> list[Measured]:
    def nsr(cell: Any) -> float:
        return float(cell.noise_to_signal("return"))

    def paired(cell: Any) -> float:
        return float(cell.paired_ratio("return"))

    if key in SHARED:
        note = "shared parameters change the question: the sum of N scores has its own signal, expected exponent 0"
        return [Measured(series, row, "noise_to_signal", nsr, expected=0.0, suffix="team", note=note)]
    if key in (grid.SHOCK, grid.SHOCK_BLIND):
        return _shock_items(key, series, row, paired)
    items = []
    # the team's A = Z'HZ has all eigenvalues in a fixed interval, so tr A^2 and with it V lie between multiples of N
    proved = row.system == "linear_quadratic"
    if key in NSR:
        items.append(Measured(series, row, "noise_to_signal", nsr, primary=key in PRIMARY_NSR, proved_bound=proved))
    if key in PAIRED:
        items.append(Measured(series, row, "paired_ratio", paired, primary=key in PRIMARY_PAIRED, proved_bound=proved))
    if key in (grid.GAME, grid.CLOUD):
        items.append(Measured(series, row, "paired_ratio", paired, relation="big_o", suffix="O(N)"))
    if key == grid.GAME:
        items.append(Measured(series, row, "variance", lambda cell: float(cell.variance("return"))))
    return items


def _shock_items(key: str, series: Series, row: Row, paired: Statistic) -> list[Measured]:
    """One burst state for all. With R - b = level(U_0) + rest, the cross-agent part is E[Var(R | U_0, U_i) |psi_i|^2]
    ~ N, plus E[level^2 tr Cov(psi_i | U_0, U_i)] ~ N^2 wherever the score reads a state that the others change."""

    def part(cell: Any) -> float:
        return float(cell.cross_share("return") * cell.paired_ratio("return"))

    note = "one burst state for all: the environment's own noise adds up coherently, theory expects 2"
    wide = "the score reads queues that the others fill, and the common level of the return multiplies it"
    items = [
        Measured(series, row, "paired_ratio", paired, note=note),
        Measured(series, row, "paired_ratio", paired, expected=2.0, suffix="expected 2", note=note),
    ]
    if key == grid.SHOCK_BLIND:
        return [*items, Measured(series, row, "cross_agent_part", part, note="the score reads no state: expects 1")]
    return [
        *items,
        Measured(series, row, "cross_agent_part", part, note=wide),
        Measured(series, row, "cross_agent_part", part, expected=2.0, suffix="expected 2", note=wide),
    ]


CLAIM = SharedReturnClaim()

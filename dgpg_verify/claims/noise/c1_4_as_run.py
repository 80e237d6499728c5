"""C1.4: DG-PG as it is run, at the alphas its schedule uses, reduces the variance from Theta(N) to O(1)."""

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
    id="C1.4",
    statement="DG-PG as run (alpha from 0.9 to 0.2, the same for every N) reduces the per-agent variance from "
    "Theta(N) to O(1).",
    expected=0.0,
    relation="big_o",
    margin=0.15,
    sentences={
        "supported": "At {suffix} in setting {setting} the {statistic} grows like N^{exponent} [{low}, {high}]; the "
        "return's share of "
        "the update is {share}: {where}.",
        "refuted": "At {suffix} in setting {setting} the {statistic} still grows like N^{exponent} [{low}, {high}] "
        "(return share "
        "{share}): a fixed alpha only divides the return's noise by a constant: {where}.",
        "inconclusive": "At {suffix} in setting {setting} the {statistic} grows like N^{exponent} [{low}, {high}], "
        "which does not "
        "decide: {where}.",
    },
)
KEYS = (grid.GAME, grid.TEAMS[1], *grid.CLOUDS)
PRIMARY_ALPHAS = {grid.GAME: (0.9, 0.55, 0.2), grid.CLOUD: (0.55,)}
# A curve that bends in log-log is still decided, because every setting has a proved bound:
# sum, mean: V(alpha) >= ((1 - alpha) sqrt V_PG - alpha sqrt V_G)^2 grows with V_PG;
# mixed, parts: the scaled return has V_PG / N^2 -> 0, or V_PG / Var(R) <= max |psi|^2 <= 2, so V(alpha) stays bounded.
PROVED = grid.SETTING_NAMES
# Monte Carlo on few fleets: at standard scale an interval may still straddle the margin
DECIDED_AT = {f"C1.4/{grid.CLOUD}/paired_ratio/{setting}/alpha 0.55": "full" for setting in grid.SETTING_NAMES}


@dataclass(frozen=True)
class AsRunClaim(GradientClaim):
    """Exponent of the mixture's noise-to-signal at every alpha of the schedule, in four settings."""

    id: str = STATEMENT.id
    title: str = "DG-PG as run has O(1) variance"
    source: str = "abstract and training schedule"
    statement: str = STATEMENT.statement
    relation: str = "big_o"
    expected: float = 0.0
    margin: float = 0.15
    controls: Sequence[Any] = ()
    decided_at: Mapping[str, str] = field(default_factory=lambda: dict(DECIDED_AT))
    row_keys = frozenset(KEYS)

    def judge(self, evidence: Sequence[Evidence]) -> Sequence[LedgerRow]:
        rows = rows_in(evidence)
        series = series_of(evidence, rows, [k for k in KEYS if k in rows])
        items = [item for key, one in series.items() for item in _items(key, one, rows[key])]
        return [exponent_row(STATEMENT, item, self.recorded) for item in items]


def _items(key: str, series: Series, row: Row) -> list[Measured]:
    alphas = grid.CURVE_ALPHAS if key in (grid.GAME, grid.CLOUD) else tuple(grid.SCHEDULE.values())
    return [_item(key, series, row, alpha, setting) for setting in grid.SETTING_NAMES for alpha in alphas]


def _item(key: str, series: Series, row: Row, alpha: float, setting: str) -> Measured:
    def nsr(cell: CellStats) -> float:
        return cell.guided(alpha, setting).noise_to_signal

    def paired(cell: CellStats) -> float:
        """On the guidance's scale, so that dividing both parts by N changes nothing."""
        return cell.guided(alpha, setting).paired_ratio(cell.scales(setting)[1])

    def share(cells: Sequence[CellStats]) -> float | None:
        return return_share([cell.guided(alpha, setting) for cell in cells])

    cloud = row.system == "cloud"  # its signal is too faint for a ratio at every N; the yardstick is not
    return Measured(
        series,
        row,
        "paired_ratio" if cloud else "noise_to_signal",
        paired if cloud else nsr,
        setting=setting,
        suffix=f"{setting}/alpha {alpha:g}",
        primary=alpha in PRIMARY_ALPHAS.get(key, ()),
        proved_bound=setting in PROVED,
        return_share=share,
    )


CLAIM = AsRunClaim()

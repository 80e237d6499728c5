"""C1.4: DG-PG as it is run, at the alphas its schedule uses, reduces the variance from Theta(N) to O(1)."""

from __future__ import annotations

from collections.abc import Sequence

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.design import Row
from dgpg_verify.claims.noise import design as grid
from dgpg_verify.claims.noise.measure import measure_noise, noise_cost
from dgpg_verify.claims.noise.questions import Statistic, exponent_question, read_noise
from dgpg_verify.claims.noise.read import CellStats, return_share
from dgpg_verify.claims.noise.tables import noise_tables
from dgpg_verify.claims.question import Question
from dgpg_verify.claims.series import Measured

SENTENCES = {
    "supported": "At {suffix} in setting {setting} the {statistic} grows like N^{exponent} [{low}, {high}]; the "
    "return's share of the update is {share}: {where}.",
    "refuted": "At {suffix} in setting {setting} the {statistic} still grows like N^{exponent} [{low}, {high}] (return "
    "share {share}): a fixed alpha only divides the return's noise by a constant: {where}.",
    "inconclusive": "At {suffix} in setting {setting} the {statistic} grows like N^{exponent} [{low}, {high}], which "
    "does not decide: {where}.",
}
KEYS = (grid.GAME, grid.TEAMS[1], *grid.CLOUDS)
PRIMARY_ALPHAS = {grid.GAME: (0.9, 0.55, 0.2), grid.CLOUD: (0.55,)}
# A curve that bends in log-log is still decided, because every setting has a proved bound:
# sum, mean: V(alpha) >= ((1 - alpha) sqrt V_PG - alpha sqrt V_G)^2 grows with V_PG;
# mixed, parts: the scaled return has V_PG / N^2 -> 0, or V_PG / Var(R) <= max |psi|^2 <= 2, so V(alpha) stays bounded.
PROVED = grid.SETTING_NAMES


def design(scale: str) -> Sequence[Row]:
    return [row for row in grid.noise_design(scale) if row.key in KEYS]


def questions(measured: Measured) -> list[Question]:
    """Exponent of the mixture's noise at every alpha of the schedule, in four settings."""
    return [
        exponent_question(one, _mixture(key, one.row, alpha, setting), 0.0, "big_o")
        for key, one in read_noise(measured, KEYS).items()
        for setting in grid.SETTING_NAMES
        for alpha in (grid.CURVE_ALPHAS if key in (grid.GAME, grid.CLOUD) else tuple(grid.SCHEDULE.values()))
    ]


def _mixture(key: str, row: Row, alpha: float, setting: str) -> Statistic:
    def noise_to_signal(cell: CellStats) -> float:
        return cell.guided(alpha, setting).noise_to_signal

    def paired_ratio(cell: CellStats) -> float:
        """On the guidance's scale, so that dividing both parts by N changes nothing."""
        return cell.guided(alpha, setting).paired_ratio(cell.scales(setting)[1])

    def share(cells: Sequence[CellStats]) -> float | None:
        return return_share([cell.guided(alpha, setting) for cell in cells])

    cloud = row.options["system"] == "cloud"  # its signal is too faint for a ratio at every N; the yardstick is not
    return Statistic(
        "paired_ratio" if cloud else "noise_to_signal",
        paired_ratio if cloud else noise_to_signal,
        SENTENCES,
        suffix=f"{setting}/alpha {alpha:g}",
        setting=setting,
        primary=alpha in PRIMARY_ALPHAS.get(key, ()),
        proved_bound=setting in PROVED,
        share=share,
    )


CLAIM = Claim(
    id="C1.4",
    title="DG-PG as run has O(1) variance",
    source="abstract and training schedule",
    statement="DG-PG as run (alpha from 0.9 to 0.2, the same for every N) reduces the per-agent variance from Theta(N) "
    "to O(1).",
    family="noise",
    design=design,
    measure=measure_noise,
    questions=questions,
    tables=noise_tables,
    cost=noise_cost,
    # Monte Carlo on few fleets: at standard scale an interval may still straddle the margin
    decided_at={f"C1.4/{grid.CLOUD}/paired_ratio/{setting}/alpha 0.55": "full" for setting in grid.SETTING_NAMES},
)

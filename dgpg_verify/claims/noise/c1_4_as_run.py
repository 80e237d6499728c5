"""C1.4: DG-PG as it is run, at the alphas its schedule uses, reduces the variance from Theta(N) to O(1)."""

from __future__ import annotations

from functools import partial

from dgpg_verify.claims.noise import design as grid
from dgpg_verify.claims.noise.claims import noise_claim
from dgpg_verify.claims.noise.questions import exponent_question, noise_questions
from dgpg_verify.claims.noise.read import CellStats, return_share
from dgpg_verify.claims.question import Question
from dgpg_verify.claims.series import Series
from dgpg_verify.core import Label

SENTENCES = {
    "supported": "At {suffix} in setting {setting} the {statistic} {growth}; the "
    "return's share of the update is {share}: {where}.",
    "refuted": "At {suffix} in setting {setting} the {statistic} still grows like N^{value} [{low}, {high}] (return "
    "share {share}): a fixed alpha only divides the return's noise by a constant: {where}.",
    "inconclusive": "At {suffix} in setting {setting} the {statistic} {growth}, which does not decide: {where}.",
}
KEYS = (grid.GAME, grid.TEAMS[1], *grid.CLOUDS)
PRIMARY_ALPHAS = {grid.GAME: (0.9, 0.55, 0.2), grid.TEAMS[1]: (0.2,), grid.CLOUD: (0.55, 0.2)}
# Monte Carlo or few sizes: at standard scale an interval may still straddle the margin
AT_FULL = (
    *(f"{grid.CLOUD}/paired_ratio/{setting}/alpha {alpha}" for setting in grid.SETTINGS for alpha in (0.55, 0.2)),
    *(f"{grid.TEAMS[1]}/noise_to_signal/{setting}/alpha 0.2" for setting in grid.SETTINGS),
)


def _questions(series: Series[CellStats]) -> list[Question]:
    """The mixture's noise at every alpha of the schedule, in every setting."""
    # the cloud's signal is too faint for a ratio at every N; the yardstick is not
    name = "paired_ratio" if series.row.options["system"] == "cloud" else "noise_to_signal"
    alphas = grid.CURVE_ALPHAS if series.key in (grid.GAME, grid.CLOUD) else tuple(grid.SCHEDULE.values())
    return [mixture_question(series, name, alpha, setting) for setting in grid.SETTINGS for alpha in alphas]


def mixture_question(series: Series[CellStats], name: str, alpha: float, setting: str) -> Question:
    """How a statistic of the mixture grows with N at one alpha in one setting."""
    return exponent_question(
        series,
        name,
        lambda cell: float(getattr(cell.guided(alpha, setting), name)),
        SENTENCES,
        suffix=f"{setting}/alpha {alpha:g}",
        setting=setting,
        reading=setting,
        sparse=True,
        primary=alpha in PRIMARY_ALPHAS.get(series.key, ()),
        proved=_proved(series, setting),
        share=lambda cells: return_share([cell.guided(alpha, setting) for cell in cells]),
    )


def _proved(series: Series[CellStats], setting: str) -> Label | None:
    """What holds in the limit of many agents in the game and on the team, whose scores have bounded moments.

    sum, mean: V(alpha) >= ((1 - alpha) sqrt V_PG - alpha sqrt V_G)^2 grows with V_PG. mixed: the return's part has
    V_PG / N^2 -> 0. parts: it has V_PG / Var R, bounded, |psi|^2 being at most 2 in the game and R's Gaussian forms
    having bounded kurtosis on the team; both: likewise V_G / Var g. joint: both statistics are free of the factor
    1 / sd, which leaves `mixed` minus the constant m = alpha E g, and sqrt V <= sqrt V_mixed + m sqrt(E |psi|^2). The
    statistics' divisors, signal and yardstick, stay above a positive bound. Over several steps none of this is shown.
    """
    if series.row.options["system"] == "cloud":
        return None
    return "refuted" if setting in ("sum", "mean") else "supported"


CLAIM = noise_claim(
    KEYS,
    partial(noise_questions, KEYS, _questions),
    id="C1.4",
    title="DG-PG as run has O(1) variance (our question)",
    source="abstract and training schedule",
    statement="Our question: DG-PG as run (alpha from 0.9 to 0.2, the same for every N) reduces the per-agent variance "
    "from Theta(N) to O(1).",
    decided_at={f"C1.4/{row}": "full" for row in AT_FULL},
)

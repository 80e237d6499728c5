"""C1.1: with a shared return, each agent's gradient variance grows like N."""

from __future__ import annotations

from functools import partial

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.noise import design as grid
from dgpg_verify.claims.noise.measure import measure_noise, noise_cost
from dgpg_verify.claims.noise.questions import Statistic, exponent_question, read_noise
from dgpg_verify.claims.noise.read import CellStats
from dgpg_verify.claims.noise.tables import noise_tables
from dgpg_verify.claims.question import Question
from dgpg_verify.claims.series import Measured, Series

SENTENCES = {
    "supported": "The {statistic} of the centred shared return grows like N^{exponent} [{low}, {high}]: {where}.",
    "refuted": "The {statistic} grows like N^{exponent} [{low}, {high}], not like N: {where}.",
    "inconclusive": "The {statistic} grows like N^{exponent} [{low}, {high}], which does not decide: {where}.",
}
SENSITIVITY = tuple(f"{grid.CLOUD}/{key}" for key in grid.SENSITIVITY)  # at full scale
EXPLORED = (grid.SHOCK, grid.SHOCK_BLIND, grid.RECORDED, grid.MLP, *SENSITIVITY)
PAIRED = (*grid.GAMES, grid.DENSE_GAME, grid.LOGNORMAL, *grid.TEAMS, *grid.CLOUDS, grid.DENSE_CLOUD, *EXPLORED)
NSR = (*grid.GAMES, grid.DENSE_GAME, grid.DELAY_GAME, grid.LOGNORMAL, *grid.TEAMS, *grid.CLOUDS, grid.DENSE_CLOUD)
PRIMARY_NSR = (*grid.GAMES, *grid.TEAMS)
PRIMARY_PAIRED = (*grid.GAMES, grid.DENSE_GAME, *grid.TEAMS, *grid.CLOUDS, grid.DENSE_CLOUD)
SHARED = (grid.SHARED_GAME, grid.SHARED_CLOUD)
named = partial(Statistic, sentences=SENTENCES)


def noise_to_signal(cell: CellStats) -> float:
    return cell.noise_to_signal("return")


def paired_ratio(cell: CellStats) -> float:
    return cell.paired_ratio("return")


def cross_agent_part(cell: CellStats) -> float:
    return cell.cross_share("return") * cell.paired_ratio("return")


def questions(measured: Measured) -> list[Question]:
    """Exponent of noise-to-signal and of the paired ratio of the centred shared return."""
    series = read_noise(measured, (*NSR, *EXPLORED, *SHARED))
    return [question for key, one in series.items() for question in _of_row(key, one)]


def _of_row(key: str, series: Series[CellStats]) -> list[Question]:
    if key in SHARED:
        note = "shared parameters change the question: the sum of N scores has its own signal, expected exponent 0"
        team = named("noise_to_signal", noise_to_signal, suffix="team", note=note)
        return [exponent_question(series, team, 0.0, "theta")]
    if key in (grid.SHOCK, grid.SHOCK_BLIND):
        return _of_shocks(key, series)
    # the team's A = Z'HZ has all eigenvalues in a fixed interval, so tr A^2 and with it V lie between multiples of N
    proved = {"proved_bound": series.row.options["system"] == "linear_quadratic"}
    asked = []
    if key in NSR:
        nsr = named("noise_to_signal", noise_to_signal, primary=key in PRIMARY_NSR, **proved)
        asked.append(exponent_question(series, nsr, 1.0, "theta"))
    if key in PAIRED:
        paired = named("paired_ratio", paired_ratio, primary=key in PRIMARY_PAIRED, **proved)
        asked.append(exponent_question(series, paired, 1.0, "theta"))
    if key in (grid.GAME, grid.CLOUD):
        asked.append(exponent_question(series, named("paired_ratio", paired_ratio, suffix="O(N)"), 1.0, "big_o"))
    if key == grid.GAME:
        raw = named("variance", lambda cell: cell.variance("return"))
        asked.append(exponent_question(series, raw, 1.0, "theta"))
    return asked


def _of_shocks(key: str, series: Series[CellStats]) -> list[Question]:
    """One burst state for all. With R - b = level(U_0) + rest, the cross-agent part is E[Var(R | U_0, U_i) |psi_i|^2]
    ~ N, plus E[level^2 tr Cov(psi_i | U_0, U_i)] ~ N^2 wherever the score reads a state that the others change."""
    note = "one burst state for all: the environment's own noise adds up coherently, theory expects 2"
    wide = "the score reads queues that the others fill, and the common level of the return multiplies it"
    blind = "the score reads no state: expects 1"
    asked = [
        (named("paired_ratio", paired_ratio, note=note), 1.0),
        (named("paired_ratio", paired_ratio, suffix="expected 2", note=note), 2.0),
    ]
    if key == grid.SHOCK_BLIND:
        asked.append((named("cross_agent_part", cross_agent_part, note=blind), 1.0))
    else:
        asked.append((named("cross_agent_part", cross_agent_part, note=wide), 1.0))
        asked.append((named("cross_agent_part", cross_agent_part, suffix="expected 2", note=wide), 2.0))
    return [exponent_question(series, statistic, expected, "theta") for statistic, expected in asked]


CLAIM = Claim(
    id="C1.1",
    title="Shared-return gradient variance grows like N",
    source="abstract of v1 and v2 (Theta), of v3 (O)",
    statement="With a shared return, the per-agent variance of the policy gradient is Theta(N) (v1, v2; O(N) in v3).",
    family="noise",
    design=grid.noise_design,
    measure=measure_noise,
    questions=questions,
    tables=noise_tables,
    cost=noise_cost,
    # Monte Carlo on few fleets: at standard scale an interval may still straddle the margin
    decided_at={f"C1.1/{key}/paired_ratio": "full" for key in (*grid.CLOUDS, grid.DENSE_CLOUD)},
)

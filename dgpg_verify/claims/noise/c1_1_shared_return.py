"""C1.1: with a shared return, each agent's gradient variance grows like N.

Asked are the exponents of noise-to-signal and of the paired ratio of the centred shared return.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from dgpg_verify.claims.noise import design as grid
from dgpg_verify.claims.noise.claims import noise_claim
from dgpg_verify.claims.noise.questions import exponent_question, noise_questions, of_credit
from dgpg_verify.claims.noise.read import CellStats
from dgpg_verify.claims.question import Question
from dgpg_verify.claims.series import Series

SENTENCES = {
    "supported": "The {statistic} of the centred shared return {growth}: {where}.",
    "refuted": "The {statistic} {growth}, not like N: {where}.",
    "inconclusive": "The {statistic} {growth}, which does not decide: {where}.",
}
EXPLORED = (grid.SHOCK, grid.SHOCK_BLIND, grid.RECORDED, grid.MLP, *grid.SENSITIVE)
PAIRED = (*grid.GAMES, grid.DENSE_GAME, grid.LOGNORMAL, *grid.TEAMS, *grid.CLOUDS, grid.DENSE_CLOUD, *EXPLORED)
NSR = (*grid.GAMES, grid.DENSE_GAME, grid.DELAY_GAME, grid.LOGNORMAL, *grid.TEAMS, *grid.CLOUDS, grid.DENSE_CLOUD)
PRIMARY_NSR = (*grid.GAMES, *grid.TEAMS)
PRIMARY_PAIRED = (*grid.GAMES, grid.DENSE_GAME, *grid.TEAMS, *grid.CLOUDS, grid.DENSE_CLOUD)
SHARED = (grid.SHARED_GAME, grid.SHARED_CLOUD)
BIG_O: dict[str, Any] = {"suffix": "O(N)", "relation": "big_o", "reading": "big_o"}


def _of_return(series: Series[CellStats], name: str, **more: Any) -> Question:
    claimed: dict[str, Any] = {"expected": 1.0, "relation": "theta", "reading": "theta"} | more
    return exponent_question(series, name, of_credit(name, "return"), SENTENCES, **claimed)


def _questions(series: Series[CellStats]) -> list[Question]:
    key = series.key
    if key in SHARED:
        note = "shared parameters change the question: the sum of N scores has its own signal, expected exponent 0"
        return [_of_return(series, "noise_to_signal", suffix="team", note=note, expected=0.0)]
    if key in (grid.SHOCK, grid.SHOCK_BLIND):
        return _of_shocks(series)
    # the team's A = Z'HZ has all eigenvalues in a fixed interval, so tr A^2 and with it V lie between multiples of N
    proved = {"proved": "supported" if series.row.options["system"] == "linear_quadratic" else None}
    asked: list[tuple[bool, str, dict[str, Any]]] = [
        (key in NSR, "noise_to_signal", {"primary": key in PRIMARY_NSR} | proved),
        (key in PAIRED, "paired_ratio", {"primary": key in PRIMARY_PAIRED} | proved),
        (key in PRIMARY_PAIRED, "paired_ratio", BIG_O | {"primary": True} | proved),
        (key == grid.GAME, "variance", {}),
    ]
    return [_of_return(series, name, **more) for is_asked, name, more in asked if is_asked]


def _of_shocks(series: Series[CellStats]) -> list[Question]:
    """One burst state for all. With R - b = level(U_0) + rest, the cross-agent part is E[Var(R | U_0, U_i) |psi_i|^2]
    ~ N, plus E[level^2 tr Cov(psi_i | U_0, U_i)] ~ N^2 wherever the score reads a state that the others change."""
    blind = series.key == grid.SHOCK_BLIND
    notes = {
        "paired_ratio": "one burst state for all: the environment's own noise adds up coherently, theory expects 2",
        "cross_agent_part": "the score reads no state: expects 1"
        if blind
        else "the score reads queues that the others fill, and the common level of the return multiplies it",
    }
    asked = [(name, expected) for name in notes for expected in (1.0, 2.0)]
    return [
        _of_return(series, name, expected=expected, suffix="expected 2" if expected == 2.0 else "", note=notes[name])
        for name, expected in (asked[:-1] if blind else asked)
    ]


CLAIM = noise_claim(
    None,  # it measures every row that any claim or figure reads
    partial(noise_questions, (*NSR, *EXPLORED, *SHARED), _questions),
    id="C1.1",
    title="Shared-return gradient variance grows like N",
    source="abstract of v1 and v2 (Theta), of v3 (O)",
    statement="With a shared return, the per-agent variance of the policy gradient is Theta(N) (v1, v2; O(N) in v3).",
    # Monte Carlo on few fleets: at standard scale an interval may still straddle the margin
    decided_at={
        f"C1.1/{key}/paired_ratio{suffix}": "full"
        for key in (*grid.CLOUDS, grid.DENSE_CLOUD)
        for suffix in ("", "/O(N)")
    },
)

"""The fleets, methods and steps that the cells of C3 and A4 name in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from zlib import crc32

import numpy as np
import torch

from dgpg_verify.core import Cell, InputError
from dgpg_verify.samples import (
    Curve,
    ScheduledCredit,
    TeamProblem,
    Try,
    cell_generator,
    samples_to_gap,
    start_fractions,
    theory_numbers,
    tune,
)
from dgpg_verify.samples.game.plain import PlainGame
from dgpg_verify.samples.game.problem import GameProblem, random_fleets
from dgpg_verify.samples.problems import Array, Problem
from dgpg_verify.systems import LoadBalancingGame
from dgpg_verify.systems.references import alter_reference

# alignment 1 and no bias: J = -cG + const, so that every alpha has the optimum of J
LAWS: Mapping[str, Mapping[str, Any]] = {
    "team/aligned": {"alignment": 1.0, "reference_bias": 0.0},
    "team/biased": {"alignment": 0.5, "reference_bias": 0.3},
    "game/fluid": {"reference": "fluid"},
    "game/biased": {"reference": "biased:0.3"},
    "game/plain": {"reference": "fluid"},
}
PLAIN = "game/plain"
THEORY, GREEDY, TUNED = "theory", "greedy", "tuned"
JOB_CAP = 2.0  # jobs of the game are cut here, so that one temperature serves every fleet at every N
TEMPERATURE = 16.0  # 2 max h max z^2 of that law: weights h <= 2, shares z <= JOB_CAP / least capacity 1
FIRST_BUDGET, BUDGET_PER_AGENT = 100_000, 2_000  # joint samples after which a run that has not arrived is censored
PILOT_BUDGET, PILOT_PER_AGENT = 4_000, 100  # of each try of the tuned schedule
QUANTILES = (0.5, 0.1, 0.9)
NEVER = -1.0  # kept in place of infinity: a fleet that never arrived, a run that diverged
PILOT_KEY = 77  # pilot fleets are apart from those that are judged

AnyGame = GameProblem | TeamProblem


def make_problem(law: str, n: int, fleets: int, seed: int) -> AnyGame:
    """The fleets of a law at one N. Raises InputError on an unknown law."""
    if law not in LAWS:
        raise InputError(f"law = {law!r} is not allowed: it must be one of {', '.join(LAWS)}")
    if law.startswith("team"):
        return TeamProblem.random(n, fleets, seed=seed, **LAWS[law])
    games = bounded_fleets(n, fleets, seed, **LAWS[law])
    return PlainGame(games) if law == PLAIN else GameProblem(games, temperature=TEMPERATURE)


def bounded_fleets(n: int, fleets: int, seed: int, reference: str) -> list[LoadBalancingGame]:
    """Fleets with jobs cut at JOB_CAP, target and reference drawn anew for the load that is left."""
    fleets_cut = []
    for game in random_fleets(n, fleets, seed):
        jobs = game.jobs.clamp(max=JOB_CAP)
        level = (jobs.sum() + (game.background * game.capacity).sum()) / game.capacity.sum()
        target = torch.full_like(game.target, float(level))
        state = alter_reference(reference, target, game.capacity, seed)
        fleets_cut.append(replace(game, jobs=jobs, target=target, reference_state=state, recipe=None))
    return fleets_cut


def tune_on_pilots(cell: Cell, method: ScheduledCredit) -> tuple[float, list[Try]]:
    """The scale of a cell's tuned schedule, chosen on pilot fleets of the same law, and all that were tried."""
    pilot_seed = int(np.random.SeedSequence(cell.seed, spawn_key=(PILOT_KEY,)).generate_state(1)[0])
    pilots = make_problem(cell.options["law"], cell.n, cell.options["pilots"], pilot_seed)
    return tune(pilots, method, PILOT_BUDGET + PILOT_PER_AGENT * cell.n, pilot_seed)


def theory_steps(problem: Problem, credit: str, alpha: Array, count: int) -> Array:
    """eta_k [R, K] of the theory's schedule at a fixed alpha."""
    mu, offset = theory_numbers(problem, credit, alpha)
    return np.asarray(2.0 / (mu[:, None] * (np.arange(count) + offset[:, None])))


def noise_of(cell: Cell) -> np.random.Generator:
    """The noise of a cell's runs: another one for every row, as equal laws share the cell's seed."""
    return cell_generator(cell.seed, crc32(cell.row.encode()))


def finite_or_never(values: Array) -> Array:
    """Numbers that a cell may hold: NEVER where they are not finite."""
    return np.where(np.isfinite(values), values, NEVER)


def shares_of(curve: Curve) -> Array:
    """QUANTILES over fleets of gap / start [3, C], NEVER where they diverged."""
    with np.errstate(invalid="ignore"):  # diverged runs are infinite
        share = np.quantile(curve.gaps / curve.gaps[:, :1], QUANTILES, axis=0, method="lower")
    return finite_or_never(share)


def arrivals_of(curve: Curve, factors: list[float]) -> dict[str, Any]:
    """Arrivals at start / factors."""
    arrivals = samples_to_gap(curve, start_fractions(curve, factors))
    return {"start": curve.gaps[:, 0], "low": arrivals.low, "high": finite_or_never(arrivals.high)}


def kept_of(curve: Curve, factors: list[float]) -> dict[str, Any]:
    """What is kept of a curve: arrivals, and QUANTILES over fleets of gap / start."""
    return {
        **arrivals_of(curve, factors), "samples": curve.samples, "share": shares_of(curve),
        "alpha": curve.alphas.mean(0), "diverged": curve.diverged >= 0, "roll_outs": curve.roll_outs,
    }  # fmt: skip


def budget_of(cell: Cell) -> int:
    """Joint samples per run."""
    options: Mapping[str, Any] = cell.options
    return int(options.get("budget", FIRST_BUDGET + BUDGET_PER_AGENT * cell.n))

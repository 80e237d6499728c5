"""A tuned step for every (method, N): the same grid, pilot fleets, budget and noise for all, chosen once.

The theory's schedule is cautious, and more so for some methods than for others. So beside it stands eta_k = c times
the theory's, with the c of one declared grid that reaches the target first on pilot fleets, which are apart from the
fleets that are judged. Every try is recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dgpg_verify.core import InputError, check_real, check_unique
from dgpg_verify.samples.arrival import samples_to_gap, start_fractions
from dgpg_verify.samples.learner import Curve, learn
from dgpg_verify.samples.methods import ScheduledCredit
from dgpg_verify.samples.problems import Array, Problem, cell_generator
from dgpg_verify.samples.steps import TheoryStep

GRID = (0.25, 0.5, 1.0, 2.0, 4.0)
TARGET = 55.0  # the pilot's eps = gap at the start / TARGET: the middle of the range that is judged


@dataclass(frozen=True)
class Try:
    """One scale on the pilot fleets: median n_eps over runs (None: fewer than half arrived), median gap at the end
    over the gap at the start (None: infinite), runs that diverged."""

    scale: float
    median_samples: float | None
    median_gap: float | None
    diverged: int


def tune(
    problem: Problem, method: ScheduledCredit, budget: int, seed: int, grid: Sequence[float] = GRID
) -> tuple[float, list[Try]]:
    """Choose the scale of the theory's schedule for one method and N on pilot fleets, never those that are judged.

    Parameters
    ----------
    budget, seed : int
        Joint samples per run and try; seed of the noise, the same for every scale (common random numbers).
    grid : sequence of float
        Scales to try; the gap to reach is the gap at the start / TARGET.

    Returns
    -------
    The chosen scale, and all tries for the record. It is the scale with the least median n_eps; if none reached it
    in half its runs, the one with the least median gap at the end; ties go to the scale nearest the theory's. Cost:
    at most len(grid) runs of `learn`.

    Raises
    ------
    InputError on an empty grid, repeated or non-positive scales, and where half the runs diverge at every scale.
    """
    scales = [check_real("scale", scale, 0.0, open_low=True) for scale in check_unique("grid", grid)]
    stop = problem.gap(problem.start()) / TARGET
    tries = [
        _judge_scale(scale, learn(problem, method, TheoryStep(scale), budget, cell_generator(seed), stop_below=stop))
        for scale in scales
    ]
    usable = [t for t in tries if t.median_samples is not None or t.median_gap is not None]
    if not usable:
        raise InputError(f"grid = {scales} is not allowed: half the runs of {method.name} diverged at every scale")
    return min(usable, key=_rank).scale, tries


def _judge_scale(scale: float, curve: Curve) -> Try:
    arrivals = samples_to_gap(curve, start_fractions(curve, [TARGET]))
    return Try(
        scale=scale,
        median_samples=_upper_median(arrivals.high[:, 0]),
        median_gap=_upper_median(curve.gaps[:, -1] / curve.gaps[:, 0]),
        diverged=int((curve.diverged >= 0).sum()),
    )


def _rank(trial: Try) -> tuple[float, float, float]:
    """Sort key: median samples, then median gap where half the runs did not arrive, then the distance from scale 1."""
    samples = np.inf if trial.median_samples is None else trial.median_samples
    gap = np.inf if trial.median_gap is None else trial.median_gap
    return (samples, gap if np.isinf(samples) else 0.0, abs(np.log(trial.scale)))


def _upper_median(values: Array) -> float | None:
    """The upper median, defined also where some values are infinite; None where it is infinite itself."""
    median = float(np.sort(values)[len(values) // 2])
    return median if np.isfinite(median) else None

"""Floors: the gap at which a method without noise comes to rest, because it follows J_alpha and not J.

A biased method reaches only gaps well above its floor, so that only such epsilon may enter a fit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.core import check_int, check_real
from dgpg_verify.samples.methods import ScheduledCredit
from dgpg_verify.samples.problems import Array, IntArray, Problem, check_alphas, per_run


@dataclass(frozen=True, eq=False)
class Floor:
    """gap [R]: per-agent gap where the noise-free run came to rest; residual [R]: length of the direction there over
    its length at the start; settled [R]: whether that is at most the tolerance; steps taken; fleets int64 [R]."""

    gap: Array
    residual: Array
    settled: NDArray[np.bool_]
    steps: int
    fleets: IntArray


def noise_free_floor(
    problem: Problem, method: ScheduledCredit, tolerance: float = 1e-7, max_steps: int = 20_000
) -> Floor:
    """Follow the expected direction with step 1 / smoothness at the schedule's last alpha until it vanishes.

    Args:
        problem: R runs; method: its alpha at an infinite number of samples is used (alpha* at the present state).
        tolerance: length of the direction, relative to the start's, at which a run has come to rest.

    Returns:
        Floor. On a quadratic the gap is within (tolerance)^2 of the start's gap times the condition number of the
        closed form; where J_alpha is J (alpha = 0, or the same optimum) the floor is rounding.

    Raises:
        InputError: tolerance not in (0, 1), max_steps < 1.

    Cost: about (smoothness / mu) log(1 / tolerance) calls of `problem.mean_direction`.
    """
    small = check_real("tolerance", tolerance, 0.0, 1.0, open_low=True)
    limit = check_int("max_steps", max_steps, 1)
    state = problem.start()
    length, residual, steps = None, np.ones(problem.runs), 0
    while True:
        alpha = check_alphas(method.alpha_at(problem, state, math.inf), problem.runs)
        direction = problem.mean_direction(state, method.credit, alpha)
        now = np.sqrt((direction.reshape(problem.runs, -1) ** 2).sum(1))
        length = now if length is None else length
        residual = np.where(length > 0, now / np.where(length > 0, length, 1.0), 0.0)
        if bool((residual <= small).all()) or steps == limit:
            break
        eta = 1.0 / problem.constants(method.credit, alpha).smoothness
        state = state + per_run(eta, state) * direction
        steps += 1
    return Floor(problem.gap(state), residual, residual <= small, steps, problem.fleets)

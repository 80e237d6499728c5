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
from dgpg_verify.samples.problems import Array, Problem, check_alphas, per_run


@dataclass(frozen=True, eq=False)
class Floor:
    """gap [R]: per-agent gap where the noise-free run came to rest; settled [R]: whether the length of the direction
    there is at most the tolerance times its length at the start."""

    gap: Array
    settled: NDArray[np.bool_]


def noise_free_floor(
    problem: Problem, method: ScheduledCredit, tolerance: float = 1e-7, max_steps: int = 20_000
) -> Floor:
    """Follow the expected direction with step 1 / smoothness at the schedule's last alpha until it vanishes.

    Parameters
    ----------
    method : ScheduledCredit
        Its alpha at an infinite number of samples is used (alpha* at the present state).
    tolerance : float
        Length of the direction, relative to the start's, at which a run has come to rest.

    Returns
    -------
    Floor
        On a quadratic the gap is within (tolerance)^2 of the start's gap times the condition number of the closed
        form; where J_alpha is J (alpha = 0, or the same optimum) the floor is rounding.
        Cost: about (smoothness / mu) log(1 / tolerance) calls of `problem.mean_direction`.

    Raises
    ------
    InputError
        tolerance not in (0, 1), max_steps < 1.
    """
    small = check_real("tolerance", tolerance, 0.0, 1.0, open_low=True)
    limit = check_int("max_steps", max_steps, 1)
    state, first = problem.start(), None
    for step in range(limit + 1):
        alpha = check_alphas(method.alpha_at(problem, state, math.inf), problem.runs)
        direction = problem.mean_direction(state, method.credit, alpha)
        length = np.sqrt((direction.reshape(problem.runs, -1) ** 2).sum(1))
        first = length if first is None else first
        settled = length <= small * first
        if settled.all() or step == limit:
            break
        eta = 1.0 / problem.constants(method.credit, alpha).smoothness
        state = state + per_run(eta, state) * direction
    return Floor(problem.gap(state), settled)

"""Step sizes: the theory's schedule, the greedy oracle step that needs no tuning, and a scaled schedule for tuning.

At every checkpoint a rule gives a plan, (step k, state) -> eta [R], at the alpha in force.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dgpg_verify.core import check_int, check_real
from dgpg_verify.samples.problems import Array, Problem

Plan = Callable[[int, Array], Array]  # (k = 0, 1, ..., state) -> eta [R]
CURVATURE_FACTOR = 3.0  # Lbar = (1 - alpha)^2 tr A + 3 lambda_max, see oracles/teams/constants.py


class StepRule(Protocol):
    def plan(self, problem: Problem, credit: str, alpha: Array, roll_outs: int) -> Plan:
        """The step sizes to use from now on, at this alpha [R]."""
        ...


@dataclass(frozen=True)
class TheoryStep:
    """eta_k = scale * 2 / (mu (k + k0)), k0 = 2 Lbar / mu, Lbar = (1 - alpha)^2 tr A / n + 3 lambda_max.

    Source: the induction in oracles/teams/constants.py; scale = 1 is the theory's, other values are what `tuning`
    tries. n is the roll-outs per step; mu, tr A and lambda_max come from `Problem.constants`. Where alpha moves they
    move with it.
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        check_real("scale", self.scale, 0.0, open_low=True)

    def plan(self, problem: Problem, credit: str, alpha: Array, roll_outs: int) -> Plan:
        mu, offset = theory_numbers(problem, credit, alpha, roll_outs)
        top = 2.0 * self.scale / mu
        return lambda step, state: top / (step + offset)


@dataclass(frozen=True)
class GreedyStep:
    """The oracle's step: the eta with the best guaranteed (for a quadratic J: expected) next J, at every state.

    Source: last line of F5, generalised to every credit in `Problem.best_step`. A learner cannot know it; it
    needs no constant and no tuning, so that no result depends on a badly chosen step.
    """

    def plan(self, problem: Problem, credit: str, alpha: Array, roll_outs: int) -> Plan:
        return lambda step, state: problem.best_step(state, credit, alpha, roll_outs)


def theory_numbers(problem: Problem, credit: str, alpha: Array, roll_outs: int = 1) -> tuple[Array, Array]:
    """(mu, k0) of the theory's schedule, each [R]. InputError if roll_outs < 1."""
    count = check_int("roll_outs", roll_outs, 1)
    constants = problem.constants(credit, alpha)
    noise = (1.0 - alpha) ** 2 * constants.noise_trace / count
    bound = noise + CURVATURE_FACTOR * constants.smoothness
    return constants.mu, np.asarray(2.0 * bound / constants.mu)

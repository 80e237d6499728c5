"""One learner for every problem, method and step rule: stochastic gradient ascent with the exact gap written down.

    state <- state + eta_k * mean of `roll_outs` sampled directions of the method's credit

One step costs `roll_outs` joint samples in every run. The gap is exact and is taken at checkpoints only; alpha and
the constants of the step are refreshed there too. Memory does not grow with the number of steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dgpg_verify.core import InputError, check_int
from dgpg_verify.samples.methods import ScheduledCredit
from dgpg_verify.samples.problems import Array, IntArray, Problem, check_alphas, per_run
from dgpg_verify.samples.steps import StepRule

RATIO = 1.05  # checkpoints are at most 5 % apart, once steps are fine enough
STAY = 2.0  # a gap counts as reached when it is kept until this many times the samples


@dataclass(frozen=True, eq=False)
class Curve:
    """What one batch of runs did.

    roll_outs: per step; samples int64 [C]: joint samples per run at each checkpoint, samples[0] = 0; gaps [R, C]:
    per-agent gap there, exact but for the curves of `cloud`, infinity from a run's divergence on; alphas [R, C];
    diverged int64 [R]: first checkpoint's samples at which the run was seen to be no longer finite, -1 if never.
    """

    roll_outs: int
    samples: IntArray
    gaps: Array
    alphas: Array
    diverged: IntArray


def log_checkpoints(budget: int, roll_outs: int = 1) -> IntArray:
    """Samples 0, n, 2n, ... growing by at most RATIO where whole steps of n = roll_outs allow it, up to budget.

    Returns int64 [C], multiples of roll_outs, ending at the last whole step. InputError unless budget >= roll_outs
    >= 1.
    """
    count = check_int("roll_outs", roll_outs, 1)
    last = check_int("budget", budget, count) // count
    steps = [0, 1]
    while steps[-1] < last:
        steps.append(min(max(steps[-1] + 1, int(steps[-1] * RATIO)), last))
    return np.array(steps, dtype=np.int64) * count


def learn(
    problem: Problem,
    method: ScheduledCredit,
    step_rule: StepRule,
    budget: int,
    generator: np.random.Generator,
    *,
    roll_outs: int = 1,
    checkpoints: ArrayLike | None = None,
    stop_below: ArrayLike | None = None,
) -> Curve:
    """Run every run of the problem for at most `budget` joint samples.

    Parameters
    ----------
    budget, roll_outs : int
        Joint samples per run, and per step, where they are averaged.
    generator : numpy.random.Generator
        The only source of randomness.
    checkpoints : int array [C], optional
        Samples at which to write the gap, increasing multiples of roll_outs; `log_checkpoints` by default.
    stop_below : float or array [R], optional
        Per-agent gap; the curve ends once every run that did not diverge has stayed at or below it from some n to
        STAY n (see `arrival`). By default the whole budget is used.

    Returns
    -------
    Curve
        A run whose state or gap is no longer finite is put back to its start, shown with an infinite gap from then
        on and named in `diverged`; the other runs go on. Cost: budget / roll_outs calls of `problem.step_direction`.

    Raises
    ------
    InputError
        budget, roll_outs, checkpoints or stop_below not allowed, alpha outside [0, 1].
    """
    marks = log_checkpoints(budget, roll_outs) if checkpoints is None else _check_marks(checkpoints, budget, roll_outs)
    limit = None if stop_below is None else _check_limit(stop_below, problem.runs)
    return _Ascent(problem, method, step_rule, roll_outs, generator).climb(marks, limit)


@dataclass(eq=False)
class _Ascent:
    """The states of all runs, and which of them have diverged (`Curve.diverged`)."""

    problem: Problem
    method: ScheduledCredit
    step_rule: StepRule
    roll_outs: int
    generator: np.random.Generator

    def __post_init__(self) -> None:
        self.first, self.state = self.problem.start(), self.problem.start()
        self.diverged = np.full(self.problem.runs, -1, dtype=np.int64)

    def climb(self, marks: IntArray, limit: Array | None) -> Curve:
        """Go through the checkpoints, or until every run has arrived at `limit` [R] or diverged."""
        runs = self.problem.runs
        gaps, alphas = [self.problem.gap(self.state)], []
        since = np.zeros(runs)  # first checkpoint of the present stay below the limit
        arrived = np.zeros(runs, dtype=bool)
        for before, after in pairwise(marks.tolist()):
            alpha, gap = self.advance(before, after)
            alphas.append(alpha)
            gaps.append(gap)
            if limit is not None:
                since = np.where(gap <= limit, np.where(since > 0, since, after), 0.0)
                arrived |= (since > 0) & (after >= STAY * since)
                if (arrived | (self.diverged >= 0)).all():
                    break
        alphas.append(alphas[-1])
        return Curve(
            roll_outs=self.roll_outs,
            samples=marks[: len(gaps)],
            gaps=np.stack(gaps, axis=1),
            alphas=np.stack(alphas, axis=1),
            diverged=self.diverged,
        )

    def advance(self, before: int, after: int) -> tuple[Array, Array]:
        """Take the steps between two checkpoints; returns the alpha in force and the gap at the end, each [R]."""
        problem, credit = self.problem, self.method.credit
        alpha = check_alphas(self.method.alpha_at(problem, self.state, float(before)), problem.runs)
        alpha.setflags(write=False)
        plan = self.step_rule.plan(problem, credit, alpha, self.roll_outs)
        with np.errstate(over="ignore", invalid="ignore"):  # found below, and reported as a divergence
            for step in range(before // self.roll_outs, after // self.roll_outs):
                direction = problem.step_direction(self.state, credit, alpha, self.roll_outs, self.generator)
                direction *= per_run(plan(step, self.state), self.state)
                direction += self.state
                self.state = direction
                if not np.isfinite(self.state.sum()):
                    self._restart(after, np.asarray(~np.isfinite(self.state).reshape(problem.runs, -1).all(1)))
            gap = problem.gap(self.state)
        self._restart(after, ~np.isfinite(gap))
        return alpha, np.where(self.diverged >= 0, np.inf, gap)

    def _restart(self, samples: int, bad: NDArray[np.bool_]) -> None:
        """Put bad runs back to their start and note them as diverged."""
        self.state[bad] = self.first[bad]
        self.diverged[bad & (self.diverged < 0)] = samples


def _check_marks(checkpoints: ArrayLike, budget: int, roll_outs: int) -> IntArray:
    count = check_int("roll_outs", roll_outs, 1)
    last = check_int("budget", budget, count)
    marks = np.asarray(checkpoints)
    rising = marks.ndim == 1 and len(marks) > 1 and marks[0] == 0 and bool((np.diff(marks) > 0).all())
    if not rising or marks[-1] > last or bool((marks % count != 0).any()):
        raise InputError(
            f"checkpoints = {marks.tolist()} is not allowed: they must rise from 0 to at most the budget {last}, "
            f"in multiples of roll_outs = {count}"
        )
    return marks.astype(np.int64)


def _check_limit(stop_below: ArrayLike, runs: int) -> Array:
    limit = np.asarray(stop_below, dtype=np.float64)
    if limit.shape not in ((), (runs,)) or not bool((limit > 0).all()):
        raise InputError(f"stop_below = {limit.tolist()} is not allowed: it must be a number > 0 or [R] = ({runs},)")
    return np.broadcast_to(limit, (runs,))

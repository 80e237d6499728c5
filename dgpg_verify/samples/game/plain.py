"""The plain softmax game (no entropy): learning runs beside their own noise-free gradient flow, without a verdict on q.

Without the entropy J = -E C is not a concave function of p (its maxima are pure, and there are many), and in the logits
every vertex of the simplices is flat: gradient domination fails, the flow itself needs time of order 1 / eps at the
end, and n_eps mixes that slowness with sampling noise. So no J* is known. The level here is the value that
the noise-free flow d theta / dt = grad J reaches from the same start (the uniform policy) in a declared time, and
what it still gained in the second half of that time is reported with it. A run that finds a better equilibrium than
the flow has a negative gap, and is not corrected.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from dgpg_verify.core import NonFiniteError, check_int, check_real
from dgpg_verify.samples.game.path import path_constants
from dgpg_verify.samples.game.potential import Potential, softmax
from dgpg_verify.samples.game.problem import GameProblem
from dgpg_verify.samples.problems import Array, Constants
from dgpg_verify.systems import LoadBalancingGame

HORIZON = 1e4  # of the flow, in its own time: a step of gradient ascent of size 1 is a time of 1
TOLERANCE = 1e-2  # error of one step of the flow, in the logits
GROW, SHRINK, SAFETY = 2.0, 0.2, 0.9  # usual limits of an adaptive step
FAR = 1.0 / 300.0  # constants are measured until the gap is this share of the first one: the smallest eps of C3


def gradient_flow(
    objective: Potential, time: float, tolerance: float = TOLERANCE, max_steps: int = 20_000
) -> tuple[Array, Array]:
    """d theta / dt = grad of the potential in the logits, from the uniform policy, until `time`.

    Heun's method with Euler as the embedded lower order; each fleet has its own step, with its error below
    `tolerance` in every logit.

    Parameters
    ----------
    objective : Potential
        One run per fleet.

    Returns
    -------
    logits [F, N, K], values [F] on the sum scale
        Cost: O(F N K) per step; some hundred steps for times up to 1e4, as the flow slows down.

    Raises
    ------
    InputError
        time < 0, tolerance <= 0, max_steps < 1.
    NonFiniteError
        max_steps do not reach the time.
    """
    end, accuracy = check_real("time", time, 0.0), check_real("tolerance", tolerance, 0.0, open_low=True)
    state = np.zeros((len(objective.fleets.z), 1, *objective.fleets.z.shape[1:]))
    clock, step = np.zeros((len(state), 1)), np.full((len(state), 1), 0.1)
    slope = objective.gradient(*softmax(state))
    for _ in range(check_int("max_steps", max_steps, 1) + 1):
        if bool((clock >= end).all()):
            return state[:, 0], objective.value(*softmax(state))[:, 0]
        last = step >= end - clock
        tried = np.where(last, end - clock, step)
        state, slope, error = _heun(objective, state, slope, tried, accuracy)
        good = error <= 1.0
        factor = np.clip(SAFETY / np.sqrt(np.maximum(error, 1e-12)), SHRINK, GROW)
        step = factor * tried
        clock = np.where(good, np.where(last, end, clock + tried), clock)
    raise NonFiniteError(f"max_steps = {max_steps} steps of the flow ended at time {clock.min():g} of {end:g}")


def _heun(
    objective: Potential, state: Array, slope: Array, tried: Array, accuracy: float
) -> tuple[Array, Array, Array]:
    """(state, slope, error / accuracy) after one step of each fleet; where the error is above 1 nothing moves."""
    euler = state + tried[..., None, None] * slope
    change = 0.5 * tried[..., None, None] * (objective.gradient(*softmax(euler)) - slope)
    error = np.abs(change).max((-1, -2)) / accuracy
    good = (error <= 1.0)[..., None, None]
    moved = np.where(good, euler + change, state)
    return moved, np.where(good, objective.gradient(*softmax(moved)), slope), error


class PlainGame(GameProblem):
    """The game without entropy as a `Problem`: gap = (value its noise-free flow reaches - J) / N, of either sign.

    The flow is followed for time HORIZON. `remaining` [F]: per-agent value it still gained in the second half of it.
    Constants are measured along the flow's path until the gap is 1 / 300 of the first one (or 2 000 steps): they
    describe that path only.
    """

    def __init__(self, games: Sequence[LoadBalancingGame], seeds_per_fleet: int = 1) -> None:
        super().__init__(games, seeds_per_fleet)
        _, half = gradient_flow(self.objective, 0.5 * HORIZON)
        self.remaining: Array = (self.best - half) / self.n_agents

    def _temperatures(self, given: ArrayLike | None) -> Array:
        return np.zeros(len(self.data.z))

    def _solve(self, objective: Potential) -> tuple[Array, Array]:
        return gradient_flow(objective, HORIZON)

    def _measure(self, objective: Potential) -> Constants:
        return path_constants(objective, self._solve(objective)[1], None, FAR)

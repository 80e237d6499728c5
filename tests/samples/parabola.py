"""A toy problem whose learning curve is known by hand: J = -1/2 mu sum theta_i^2, noise of standard deviation s."""

from __future__ import annotations

import numpy as np

from dgpg_verify.samples.problems import Array, Constants

METHODS = (
    "return",
    "difference",
    "guidance",
    "guidance:exact",
    "guided:0.2",
    "guided:0.4",
    "guided:0.6",
    "guided:0.8",
    "guided:published",
    "guided:optimal",
    "guided:sqrt",
    "guided:zero",
)


class Parabola:
    """R runs of N agents from theta = 1; the direction is -mu (theta - alpha shift) + s xi. Optimum 0, J* = 0."""

    def __init__(self, n_agents: int, runs: int, mu: float = 1.0, noise: float = 1.0, shift: float = 0.0) -> None:
        self.n_agents, self.runs = n_agents, runs
        self.mu, self.noise, self.shift = mu, noise, shift

    def start(self) -> Array:
        return np.ones((self.runs, self.n_agents))

    def gap(self, state: Array) -> Array:
        return np.asarray(0.5 * self.mu * (state**2).sum(1) / self.n_agents)

    def mean_direction(self, state: Array, credit: str, alpha: Array) -> Array:
        return np.asarray(-self.mu * (state - alpha[:, None] * self.shift))

    def step_direction(
        self, state: Array, credit: str, alpha: Array, roll_outs: int, generator: np.random.Generator
    ) -> Array:
        noise = generator.standard_normal((roll_outs, *state.shape)).mean(0)
        return self.mean_direction(state, credit, alpha) + self.noise * noise

    def constants(self, credit: str, alpha: Array) -> Constants:
        return Constants(np.full(self.runs, self.mu), np.full(self.runs, self.mu), np.zeros(self.runs))

    def optimal_alpha(self, state: Array, credit: str) -> Array:
        return np.full(self.runs, 0.5)

    def deviations(self, state: Array) -> tuple[Array, Array]:
        return np.full(self.runs, 4.0), np.full(self.runs, 0.5)

    def best_step(self, state: Array, credit: str, alpha: Array, roll_outs: int) -> Array:
        square = self.mu**2 * (state**2).sum(1)
        return np.asarray(square / (self.mu * (square + self.n_agents * self.noise**2 / roll_outs)))

    def expected_gaps(self, etas: Array, roll_outs: int = 1) -> Array:
        """E per-agent gap after each step: m+ = (1 - eta mu)^2 m + eta^2 s^2 / n."""
        second, values = 1.0, []
        for eta in etas:
            second = (1.0 - eta * self.mu) ** 2 * second + eta**2 * self.noise**2 / roll_outs
            values.append(0.5 * self.mu * second)
        return np.array(values)

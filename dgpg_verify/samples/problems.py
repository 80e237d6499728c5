"""What a learner needs of a problem: sampled and exact ascent directions, and the exact distance to the optimum.

A problem holds R independent runs as one batch (run r belongs to fleet r // seeds_per_fleet) of N agents each. Its
state is a float64 array [R, ...], finite at every call; nothing is kept inside between calls, so a learner is the
loop `state + eta * step_direction(state)` and no more. J is maximised on the sum scale; every direction is an ascent
direction of J_alpha = (1 - alpha) J - alpha G. alpha is always an array [R] in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dgpg_verify.core import InputError, check_int

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Constants:
    """Constants of J_alpha for the theory's step, each [R] and > 0 (noise_trace may be 0).

    mu: strong concavity (or Polyak-Lojasiewicz) constant, a lower bound; smoothness: largest curvature, an upper
    bound; noise_trace: growth of the credit's noise with the gradient, noise <= noise_trace ||grad J||^2 / smoothness
    + const (tr A for the shared return, 0 for credits whose noise is local). All at n = 1 roll-out.
    """

    mu: Array
    smoothness: Array
    noise_trace: Array


class Problem(Protocol):
    """R runs of a cooperative problem whose optimum J* is known. Credits: see `methods.CREDITS`."""

    @property
    def n_agents(self) -> int:
        """N, the same in every run."""
        ...

    @property
    def runs(self) -> int:
        """R, fleets times seeds."""
        ...

    def start(self) -> Array:
        """The declared first state [R, ...] (a fresh array)."""
        ...

    def gap(self, state: Array) -> Array:
        """Exact per-agent gap (J* - J(state)) / N >= 0, [R]; no sampling error."""
        ...

    def step_direction(
        self, state: Array, credit: str, alpha: Array, roll_outs: int, generator: np.random.Generator
    ) -> Array:
        """Mean over `roll_outs` sampled roll-outs of the score times the credit, like state; a fresh array.

        Unbiased for `mean_direction` (exact baseline for the return). Memory must not grow with roll_outs.
        """
        ...

    def mean_direction(self, state: Array, credit: str, alpha: Array) -> Array:
        """Expectation of `step_direction`, exact, like state: the noise-free run follows it."""
        ...

    def constants(self, credit: str, alpha: Array) -> Constants:
        """Constants of J_alpha under this credit, each [R]."""
        ...

    def optimal_alpha(self, state: Array, credit: str) -> Array:
        """alpha* [R] in [0, 1] that minimises the variance of the mixture, pooled over agents, at this state: an
        oracle. Each run has its own, from its own state. InputError if the credit is not a mixture."""
        ...

    def deviations(self, state: Array) -> tuple[Array, Array]:
        """Standard deviations of the return and of the agents' guidance values (pooled about one mean), [R] each and
        > 0, exact: what the settings parts and both divide by."""
        ...

    def best_step(self, state: Array, credit: str, alpha: Array, roll_outs: int) -> Array:
        """Step eta [R] >= 0 that maximises the (lower bound of the) expected next J: an oracle, greedy.

        max(0, <grad J, E g>) / (curvature-weighted second moment of g). 0 where no step helps.
        """
        ...


def fleets_of_runs(n_fleets: int, seeds_per_fleet: int) -> IntArray:
    """Fleet of each run [R] = [0] * seeds + [1] * seeds + ... InputError unless both are >= 1."""
    count = check_int("n_fleets", n_fleets, 1)
    return np.repeat(np.arange(count), check_int("seeds_per_fleet", seeds_per_fleet, 1))


def fleet_seeds(stream: int, n_agents: int, n_fleets: int, seed: int) -> list[int]:
    """Seeds of independent fleets [F]. The first ones do not depend on n_fleets; streams and sizes keep apart.

    InputError unless n_agents and n_fleets are >= 1 and seed >= 0.
    """
    count = check_int("n_fleets", n_fleets, 1)
    key = (stream, check_int("n_agents", n_agents, 1))
    drawn = np.random.SeedSequence(check_int("seed", seed, 0), spawn_key=key).generate_state(count, np.uint64)
    return [int(s) for s in drawn]


def per_run(values: Array, state: Array) -> Array:
    """values [R] with as many axes as state [R, ...], to be multiplied with it."""
    return values.reshape(-1, *[1] * (state.ndim - 1))


def check_alphas(alpha: ArrayLike, runs: int) -> Array:
    """alpha as a float64 array [R] in [0, 1], from a number or an array. InputError on anything else."""
    values = np.asarray(alpha, dtype=np.float64)
    if values.shape not in ((), (runs,)):
        raise InputError(f"alpha has shape {values.shape}: it must be a number or [R] = ({runs},)")
    inside = (values >= 0.0) & (values <= 1.0)
    if not inside.all():
        bad = float(values[~inside].ravel()[0]) if values.ndim else float(values)
        raise InputError(f"alpha = {bad:g} is not allowed: it must be a finite number in [0, 1]")
    return np.broadcast_to(values, (runs,)).astype(np.float64)


def cell_generator(seed: int, *key: int) -> np.random.Generator:
    """A generator from a cell's seed and key (method, purpose, ...): all randomness of a batch of runs comes from it.

    SFC64 and not Philox: normals are half of a step's cost, and take two thirds of the time. InputError if seed < 0.
    """
    check_int("seed", seed, 0)
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=key)))

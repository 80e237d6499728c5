"""The entropy-regularised load-balancing game as a `Problem`: how many joint samples does a credit need?

J_tau(theta) = -E C + tau sum_i H(p_i), p_i = softmax(theta_i), quadratic cost, tabular logits theta [N, K]; one-shot.

Coordinates. J_tau is strongly concave (constant tau / 2 at least) in the PROBABILITIES p when tau >= 2 max h max z^2,
so its maximiser is unique. It is not concave in the logits, in which learners move: there the Hessian is P B P plus a
term that vanishes at the optimum, P = diag(p) - p p^T and B >= tau / 2 minus its p-Hessian, and
J* - J <= |grad_theta J|^2 / (tau min_i lambda(P_i)^2), lambda the least eigenvalue of P_i on the tangent space. That
Polyak-Lojasiewicz bound is rigorous at every point and goes to 0 at the vertices (softmax plateaus), so no constant
holds everywhere. Therefore mu and L are MEASURED in the logits, along the noise-free run from the declared start (the
uniform policy) to the optimum of J_alpha: mu = the least of |grad J_alpha|^2 / (2 (J_alpha* - J_alpha)) over the run
and of the least curvature at its end; L = the largest curvature over the run. Noisy runs leave that path: the tuned
schedule and the greedy step stand beside the theory's.

tau differs between fleets and grows slowly with N by default, because max z does (a larger fleet holds a larger job);
give `temperature` to hold it fixed over all N. The entropy's gradient is added exactly (it needs no sample) and whole,
at every alpha: a method climbs (1 - alpha) J - alpha G + tau H, and its distance is always taken in J_tau.

Samples. One joint action of all N agents and its shared cost is one joint sample. n roll-outs of a mini-batch count as
n joint samples, never as one; the exact baseline E C and the entropy's gradient cost none, for every method alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dgpg_verify.core import InputError, NonFiniteError, check_int
from dgpg_verify.samples.game.noise import PairPlaces, deviations, noise
from dgpg_verify.samples.game.optimum import game_optimum, quadratic_temperatures
from dgpg_verify.samples.game.path import path_constants
from dgpg_verify.samples.game.potential import Potential, potential, softmax, stack_games, sum_actions
from dgpg_verify.samples.game.sampler import Sampler
from dgpg_verify.samples.methods import base_of, check_mixture, check_shares
from dgpg_verify.samples.problems import Array, Constants, IntArray, fleet_seeds, fleets_of_runs
from dgpg_verify.samples.traces import NoiseTraces
from dgpg_verify.systems import LoadBalancingGame

FLEET_KEY = 53  # stream of the fleets' seeds, apart from those of the noise
GRID = 10  # constants are measured at alpha = 0, 1/10, ..., 1


def random_fleets(n_agents: int, n_fleets: int = 16, seed: int = 0, **options: Any) -> list[LoadBalancingGame]:
    """Independent fleets of `LoadBalancingGame.random` with its options, their seeds drawn from `seed`.

    The first fleets do not depend on `n_fleets`, nor any of their sizes and graphs on `reference`. Raises InputError
    on any value outside its range.
    """
    seeds = fleet_seeds(FLEET_KEY, n_agents, n_fleets, seed)
    return [LoadBalancingGame.random(n_agents, fleet_seed, **options) for fleet_seed in seeds]


class GameProblem:
    """Runs of learners on F regularised games, `seeds_per_fleet` runs each. State: logits [R, N, K], 0 at the start."""

    def __init__(
        self, games: Sequence[LoadBalancingGame], seeds_per_fleet: int = 1, temperature: ArrayLike | None = None
    ) -> None:
        """Solve for the optimum of every fleet. Cost: O(F N K) per step of the optimum's iteration.

        Parameters
        ----------
        games : sequence of LoadBalancingGame [F]
            Games of one (N, K, M) with quadratic cost, as drawn by LoadBalancingGame.random.
        temperature : float or array [F]
            tau, at least 2 max(max h, 1) max z^2 of its fleet; that bound by default.

        Raises
        ------
        InputError
            Sizes that differ, another cost, tau below the bound.
        NonFiniteError
            An optimum that could not be certified (never seen; no distance exists without it).
        """
        self.data = stack_games(games)
        _, self.n_agents, self.n_actions = self.data.slots.shape
        if self.n_actions < 2:
            raise InputError("n_candidates = 1 is not allowed: agents without a choice have nothing to learn")
        self.tau = self._temperatures(temperature)
        self.fleets: IntArray = fleets_of_runs(len(games), seeds_per_fleet)
        self.seeds_per_fleet, self.runs = seeds_per_fleet, len(self.fleets)
        self.objective = potential(self.data, self.tau)
        self.best_logits, self.best = self._solve(self.objective)
        self._constants: dict[tuple[float, int], Constants] = {}

    def start(self) -> Array:
        """Logits 0, the uniform policy: [R, N, K]."""
        return np.zeros((self.runs, self.n_agents, self.n_actions))

    def value(self, state: Array) -> Array:
        """J_tau on the sum scale, exact: [R]. Cost O(R N K)."""
        return self.objective.value(*softmax(self._split(state))).reshape(-1)

    def gap(self, state: Array) -> Array:
        """(J_tau* - J_tau) / N, exact but for rounding (1e-14 of J / N): [R]. Cost O(R N K)."""
        best = np.repeat(self.best, self.seeds_per_fleet)
        return np.asarray((best - self.value(state)) / self.n_agents)

    def step_direction(
        self, state: Array, credit: str, alpha: Array, roll_outs: int, generator: np.random.Generator
    ) -> Array:
        """Mean over roll-outs of psi w, plus the entropy's gradient: [R, N, K], unbiased for `mean_direction`.

        Baseline of the return: the exact E C at this state. Cost O(R N K roll_outs); memory O(R N K) whatever
        roll_outs is.
        Raises InputError: unknown credit, alpha outside [0, 1], roll_outs < 1.
        """
        mix = self._mix(credit, alpha)
        count = check_int("roll_outs", roll_outs, 1)
        p, log_p = softmax(self._split(state))
        sampler, base = Sampler(self.data, p), base_of(credit)
        expected = self.objective.cost(p) if base == "return" else None
        total, weight = np.zeros_like(p), np.zeros(p.shape[:-1])
        for _ in range(count):
            chosen, w = sampler.credit(generator, base, mix, _half(credit), expected)
            w /= count
            total.reshape(-1)[chosen] += w
            weight += w
        # psi w = (e_chosen - p) w, and the entropy's tau p_k (sum p log p - log p_k)
        tau = self.tau[:, None, None]
        rest = (tau * sum_actions(p * log_p) - weight)[..., None] - tau[..., None] * log_p
        rest *= p
        total += rest
        return total.reshape(state.shape)

    def mean_direction(self, state: Array, credit: str, alpha: Array) -> Array:
        """Gradient of (1 - alpha) J - alpha G + tau H in the logits, with the bias of the chain rule: [R, N, K]."""
        ascent = self._of(credit, self._mix(credit, alpha))
        return ascent.gradient(*softmax(self._split(state))).reshape(state.shape)

    def noise(self, state: Array, credit: str) -> NoiseTraces:
        """Pooled variances and covariance [F, S] of the credit's parts at this state and one roll-out (F6)."""
        p, _ = softmax(self._split(state))
        return noise(self.data, self._pairs, p, base_of(credit), _half(credit))

    @cached_property
    def _pairs(self) -> PairPlaces:
        return PairPlaces(self.data)

    def optimal_alpha(self, state: Array, credit: str) -> Array:
        """alpha* [R] of the mixture at this state, pooled over agents. InputError if the credit is not a mixture."""
        check_mixture(credit)
        return self.noise(state, credit).best_alpha().reshape(-1)

    def deviations(self, state: Array) -> tuple[Array, Array]:
        p, _ = softmax(self._split(state))
        of_cost, of_guidance = deviations(self.data, self._pairs, p)
        return of_cost.reshape(-1), of_guidance.reshape(-1)

    def best_step(self, state: Array, credit: str, alpha: Array, roll_outs: int) -> Array:
        """max(0, <grad J_tau, E g>) / (L (|E g|^2 + V / n)), [R]: the best step of the quadratic lower bound of J_tau.

        L: largest curvature of J_tau measured along its own noise-free run (see above); V the exact noise here.
        """
        mix = self._mix(credit, alpha)
        count = check_int("roll_outs", roll_outs, 1)
        p, log_p = softmax(self._split(state))
        slope = self.objective.gradient(p, log_p)
        mean = self._of(credit, mix).gradient(p, log_p)
        second = (mean**2).sum((-1, -2)) + self.noise(state, credit).mixed(mix) / count
        curvature = self.constants("difference", np.zeros(self.runs)).smoothness.reshape(mix.shape)
        step = np.maximum((slope * mean).sum((-1, -2)), 0.0) / (curvature * np.where(second > 0.0, second, 1.0))
        return step.reshape(-1)

    def constants(self, credit: str, alpha: Array) -> Constants:
        """mu, L and growth of the noise of J_alpha [R], measured along its noise-free run (see the module).

        Between the alphas 0, 0.1, ..., 1 the worse of the two neighbours is taken (least mu, largest L and growth), so
        that an alpha that moves with the state costs no new run; measured once each and kept.
        noise_trace, for the return: L sum_i (1 - |p_i|^2) / min_i lambda(P_i), the largest over the run; sum_j Var f_j
        <= |grad E C|^2 / min lambda(P), and each agent's step carries the whole of it. Else 0, as the noise is local.
        """
        half, place = _half(credit), self._mix(credit, alpha).reshape(-1) * GRID
        place = np.where(np.abs(place - place.round()) < 1e-9, place.round(), place)
        neighbours = np.stack([np.floor(place), np.ceil(place)]).astype(np.int64)
        table = np.zeros((3, GRID + 1, len(self.data.z)))
        for node in np.unique(neighbours).tolist():
            if (half, node) not in self._constants:
                self._constants[half, node] = self._measure(potential(self.data, self.tau, node / GRID, half))
            measured = self._constants[half, node]
            table[:, node] = measured.mu, measured.smoothness, measured.noise_trace
        low, high = (table[:, nodes, self.fleets] for nodes in neighbours)
        growth = np.maximum(low[2], high[2]) if base_of(credit) == "return" else np.zeros(self.runs)
        return Constants(np.minimum(low[0], high[0]), np.maximum(low[1], high[1]), growth)

    def stationary_gap(self, credit: str, alpha: Array) -> Array:
        """Gap of J_tau at the optimum of J_alpha, [R]: what a method with this credit and a fixed alpha settles at."""
        mix = self._mix(credit, alpha)
        columns = range(1 if (mix == mix[:, :1]).all() else mix.shape[1])
        ends = [self._solve(self._of(credit, mix[:, s : s + 1]))[0] for s in columns]
        copies = self.seeds_per_fleet // len(ends)
        return self.gap(np.repeat(np.stack(ends, axis=1), copies, axis=1).reshape(self.start().shape))

    def _temperatures(self, given: ArrayLike | None) -> Array:
        least = quadratic_temperatures(self.data)
        if given is None:
            return least
        tau = np.asarray(given, dtype=np.float64)
        if tau.shape not in ((), least.shape) or not (np.isfinite(tau) & (tau >= least)).all():
            raise InputError(
                f"temperature = {tau.tolist()} is not allowed: it must be a number or [F] = {least.shape}, and at "
                f"least 2 max(max h, 1) max z^2, here up to {least.max():g}"
            )
        return np.broadcast_to(tau, least.shape).copy()

    def _solve(self, objective: Potential) -> tuple[Array, Array]:
        """Logits [F, N, K] and value [F] of the maximiser."""
        optimum = game_optimum(objective)
        if not optimum.certified.all():
            fleet = int((~optimum.certified).argmax())
            residual = optimum.residual[fleet]
            raise NonFiniteError(f"fleet {fleet}: no certified optimum, residual {residual:g} of the range")
        return optimum.logits, optimum.value

    def _measure(self, objective: Potential) -> Constants:
        logits, value = self._solve(objective)
        return path_constants(objective, value, logits)

    def _split(self, state: Array) -> Array:
        shape = (len(self.data.z), self.seeds_per_fleet, self.n_agents, self.n_actions)
        if state.shape != (self.runs, *shape[2:]):
            raise InputError(f"state has shape {state.shape}: it must be [R, N, K] = {(self.runs, *shape[2:])}")
        return state.reshape(shape)

    def _mix(self, credit: str, alpha: Array) -> Array:
        """alpha [F, S] of the mixture. InputError where a single credit is given another alpha than its own, 0 or 1."""
        return check_shares(credit, alpha, self.runs).reshape(len(self.data.z), self.seeds_per_fleet)

    def _of(self, credit: str, mix: Array) -> Potential:
        """What the credit climbs at alpha `mix` [F, S], one run per fleet where all its runs agree."""
        same = bool((mix == mix[:, :1]).all())
        return potential(self.data, self.tau, mix[:, :1] if same else mix, _half(credit))


def _half(credit: str) -> float:
    """c of the guidance credit -(z (x - x~) - c z^2)."""
    return 0.5 if credit.endswith(":exact") else 0.0

"""Many linear-quadratic teams as one batch: R runs of N agents, exact gaps, sampled directions at O(non-zeros) each.

Per run: a = theta + sigma xi, x = Z a, J = -1/2 (e'He + sigma^2 tr A), A = Z'HZ, B = Z'Z, e = Z theta - x*,
u = -grad J = Z'He, v = grad G = Z'(Z theta - x~) (F0). The matrices of all runs stand on the diagonal of one sparse
matrix, so that a step is a few sparse products. Defaults are theta_i: the credit's contribution is Z_i sigma xi_i.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from scipy import sparse

from dgpg_verify.core import InputError, check_int, check_real
from dgpg_verify.oracles.teams.linear_quadratic import stationary_point, team_arrays
from dgpg_verify.samples.methods import base_of, uses_return
from dgpg_verify.samples.problems import Array, Constants, IntArray, check_alphas, fleets_of_runs
from dgpg_verify.samples.team.noise import TeamNoise, extreme_curvatures, team_noise, trace_cov
from dgpg_verify.systems import LinearQuadraticTeam

SIGMA = 0.5  # standard deviation of the Gaussian policies, as in every other claim
FLEET_KEY = 31  # keeps the fleets' seeds apart from other uses of the same seed


class TeamProblem:
    """A `Problem` on linear-quadratic teams; state: means theta [R, N], from theta = 0.

    Args:
        teams: one team a fleet, all with the same N; seeds_per_fleet: runs of each; sigma > 0.

    Raises:
        InputError: no team, different N, sigma <= 0, or A or B singular (then J has no unique optimum).
    """

    def __init__(self, teams: Sequence[LinearQuadraticTeam], seeds_per_fleet: int = 1, sigma: float = SIGMA) -> None:
        if not teams or len({(team.n_agents, team.state_size) for team in teams}) != 1:
            raise InputError(f"teams holds {len(teams)} teams: there must be at least one, all of one size")
        self.sigma = check_real("sigma", sigma, 0.0, open_low=True)
        self.teams = tuple(teams)
        self.seeds_per_fleet = check_int("seeds_per_fleet", seeds_per_fleet, 1)
        self.n_agents, self._rows = teams[0].n_agents, teams[0].state_size
        self.fleets: IntArray = fleets_of_runs(len(teams), self.seeds_per_fleet)
        self.runs = len(self.fleets)
        parts = [team_arrays(team, np.zeros(self.n_agents)) for team in teams]
        self._z = sparse.csr_array(sparse.block_diag([parts[f].z for f in self.fleets], format="csr"))
        self._zt = sparse.csr_array(self._z.T)
        self._h = np.stack([part.weights for part in parts])[self.fleets]
        self._optimum = np.stack([-part.error for part in parts])[self.fleets]
        self._reference = np.stack([-part.distance for part in parts])[self.fleets]
        self._a_ii = np.stack([part.a.diagonal() for part in parts])[self.fleets]
        self._b_ii = np.stack([part.b.diagonal() for part in parts])[self.fleets]
        self._curvature_j = np.stack([extreme_curvatures(part.a, "J") for part in parts])[self.fleets]
        self._curvature_g = np.stack([extreme_curvatures(part.b, "G") for part in parts])[self.fleets]
        self._optimal_x = self._states(np.stack([stationary_point(team, 0.0) for team in teams])[self.fleets])
        self._parts = parts

    @classmethod
    def random(
        cls,
        n_agents: int,
        n_fleets: int = 16,
        seeds_per_fleet: int = 1,
        seed: int = 0,
        alignment: float = 1.0,
        reference_bias: float = 0.0,
        sigma: float = SIGMA,
    ) -> TeamProblem:
        """Independent fleets of `LinearQuadraticTeam.random`, their seeds drawn from `seed`."""
        count = check_int("n_fleets", n_fleets, 1)
        key = (FLEET_KEY, check_int("n_agents", n_agents, 1))
        seeds = np.random.SeedSequence(check_int("seed", seed, 0), spawn_key=key).generate_state(count, np.uint64)
        teams = [LinearQuadraticTeam.random(n_agents, int(s), alignment, reference_bias) for s in seeds]
        return cls(teams, seeds_per_fleet, sigma)

    def start(self) -> Array:
        return np.zeros((self.runs, self.n_agents))

    def gap(self, state: Array) -> Array:
        """1/2 (theta - theta_J)' A (theta - theta_J) / N, [R]."""
        return np.asarray(0.5 * (self._h * (self._states(state) - self._optimal_x) ** 2).sum(1) / self.n_agents)

    def step_direction(
        self, state: Array, credit: str, alpha: Array, roll_outs: int, generator: np.random.Generator
    ) -> Array:
        base, on_base, on_guidance = self._shares(credit, alpha)
        level = None  # half cost whose excess, times (1 - alpha) / sigma, is minus the centred return over sigma
        if base == "return":
            expected = self._half_cost(self._states(state) - self._optimum)
            level = expected + 0.5 * self.sigma**2 * self._a_ii.sum(1)
        own = self._own(credit, base, on_base, on_guidance)
        total = self._roll_out(state, level, own, on_base, on_guidance, generator)
        for _ in range(roll_outs - 1):
            total += self._roll_out(state, level, own, on_base, on_guidance, generator)
        return total if roll_outs == 1 else total / roll_outs

    def _own(self, credit: str, base: str | None, on_base: Array | None, on_guidance: Array | None) -> Array | None:
        """What exact credits add for the square of the agent's own deviation, sigma D_i [R, N]; None if nothing."""
        own = None
        if base == "difference" and on_base is not None:
            own = 0.5 * self.sigma * on_base * self._a_ii
        if credit.endswith(":exact") and on_guidance is not None:
            own = 0.5 * self.sigma * on_guidance * self._b_ii
        return own

    def _roll_out(
        self,
        state: Array,
        level: Array | None,
        own: Array | None,
        on_base: Array | None,
        on_guidance: Array | None,
        generator: np.random.Generator,
    ) -> Array:
        """One sampled direction xi / sigma times the credit [R, N]; credit = shared - sigma xi (local - sigma xi D)."""
        noise = generator.standard_normal(state.shape)
        actions = self.sigma * noise
        actions += state
        x = self._states(actions)
        shared = None
        if level is not None and on_base is not None:
            shared = on_base * ((level - self._half_cost(x - self._optimum)) / self.sigma)[:, None]
            if on_guidance is None:
                noise *= shared
                return noise
        local = self._gradients(self._pull(x, None if shared is not None else on_base, on_guidance))
        if own is not None:
            local -= own * noise
        local *= noise
        if shared is not None:
            local -= shared
        local *= noise
        return np.negative(local, out=local)

    def mean_direction(self, state: Array, credit: str, alpha: Array) -> Array:
        """-(1 - alpha) u - alpha v, the same for every credit with the same alpha (F1)."""
        _, on_base, on_guidance = self._shares(credit, alpha)
        return np.asarray(-self._gradients(self._pull(self._states(state), on_base, on_guidance)))

    def constants(self, credit: str, alpha: Array) -> Constants:
        """Chords between alpha = 0 and 1: the least eigenvalue of (1 - alpha) A + alpha B is concave in alpha and the
        largest convex, so these are a lower and an upper bound, exact at both ends and for perfect alignment."""
        self._shares(credit, alpha)
        mixed = (1.0 - alpha)[:, None] * self._curvature_j + alpha[:, None] * self._curvature_g
        trace = self._a_ii.sum(1) if uses_return(credit) else np.zeros(self.runs)
        return Constants(mu=mixed[:, 0], smoothness=mixed[:, 1], noise_trace=trace)

    def optimal_alpha(self, state: Array, credit: str) -> Array:
        base = base_of(credit)
        if base is None or not credit.startswith("guided"):
            raise InputError(f"credit = {credit!r} is not allowed: alpha* is that of a mixture, guided or its variants")
        u, v = self._slopes(state)
        parts = trace_cov(self._variance, base, False, u, v, None)
        denominator = parts.base + parts.guidance - 2.0 * parts.cross
        safe = np.where(denominator > 0.0, denominator, 1.0)
        return np.where(denominator > 0.0, np.clip((parts.base - parts.cross) / safe, 0.0, 1.0), 0.0)

    def best_step(self, state: Array, credit: str, alpha: Array, roll_outs: int) -> Array:
        """<u, m> / (m'Am + tr(A Cov) / n), m = (1 - alpha) u + alpha v (last line of F5, for every credit), [R]."""
        base, on_base, on_guidance = self._shares(credit, alpha)
        u, v = self._slopes(state)
        first, second = (np.zeros(1) if w is None else w[:, 0] for w in (on_base, on_guidance))
        mean = first[:, None] * u + second[:, None] * v
        curved = 2.0 * self._half_cost(self._states(u))  # u'Au
        parts = trace_cov(self._curvature, base, credit.endswith(":exact"), u, v, curved)
        spread = first**2 * parts.base + second**2 * parts.guidance + 2.0 * first * second * parts.cross
        second_moment = 2.0 * self._half_cost(self._states(mean)) + spread / roll_outs
        return np.maximum((u * mean).sum(1), 0.0) / second_moment

    def stationary_gap(self, credit: str, alpha: Array) -> Array:
        """Per-agent gap of J at the stationary point of J_alpha, closed form (F5), [R]: the floor of a fixed alpha."""
        self._shares(credit, alpha)
        shares = check_alphas(alpha, self.runs)
        points = [stationary_point(self.teams[f], a) for f, a in zip(self.fleets.tolist(), shares.tolist())]
        return self.gap(np.stack(points))

    def _states(self, theta: Array) -> Array:
        return np.asarray((self._z @ theta.ravel()).reshape(self.runs, self._rows))

    def _gradients(self, pull: Array) -> Array:
        return np.asarray((self._zt @ pull.ravel()).reshape(self.runs, self.n_agents))

    def _half_cost(self, error: Array) -> Array:
        return np.asarray(0.5 * np.vecdot(self._h * error, error))

    def _pull(self, x: Array, on_base: Array | None, on_guidance: Array | None) -> Array:
        """(1 - alpha) H (x - x*) + alpha (x - x~) [R, M], whose image under Z' is the mixed slope."""
        if on_base is None:
            return np.asarray((x - self._reference) * (1.0 if on_guidance is None else on_guidance))
        pull = np.asarray(on_base * self._h * (x - self._optimum))
        if on_guidance is not None:
            pull += on_guidance * (x - self._reference)
        return pull

    def _slopes(self, state: Array) -> tuple[Array, Array]:
        """u = -grad J and v = grad G at a state, each [R, N]."""
        x = self._states(state)
        return self._gradients(self._h * (x - self._optimum)), self._gradients(x - self._reference)

    @cached_property
    def _variance(self) -> TeamNoise:
        return team_noise(self._parts, self.fleets, self.sigma, curvature=False)

    @cached_property
    def _curvature(self) -> TeamNoise:
        return team_noise(self._parts, self.fleets, self.sigma, curvature=True)

    def _shares(self, credit: str, alpha: Array) -> tuple[str | None, Array | None, Array | None]:
        """(base, 1 - alpha [R, 1] or None where it is 0 throughout, alpha likewise)."""
        base = base_of(credit)
        if alpha.shape != (self.runs,):
            raise InputError(f"alpha has shape {alpha.shape}: it must be [R] = ({self.runs},)")
        if not credit.startswith("guided"):
            forced = 1.0 if base is None else 0.0
            if not bool((alpha == forced).all()):
                raise InputError(f"alpha must be {forced:g} for the credit {credit!r}")
        none_of_base, none_of_guidance = bool((alpha == 1.0).all()), bool((alpha == 0.0).all())
        on_base = None if none_of_base else (1.0 - alpha)[:, None]
        return (None if none_of_base else base), on_base, (None if none_of_guidance else alpha[:, None])

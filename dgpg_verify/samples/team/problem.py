"""Many linear-quadratic teams as one batch: R runs of N agents, exact gaps, sampled directions at O(non-zeros) each.

Per run: a = theta + sigma xi, x = Z a, J = -1/2 (e'He + sigma^2 tr A), A = Z'HZ, B = Z'Z, e = Z theta - x*,
u = -grad J = Z'He, v = grad G = Z'(Z theta - x~) (F0). The matrices of all runs stand on the diagonal of one sparse
matrix, so that a step is a few sparse products. Defaults are theta_i: the credit's contribution is Z_i sigma xi_i.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from scipy import sparse

from dgpg_verify.core import InputError, check_real
from dgpg_verify.samples.methods import base_of, check_mixture, check_shares
from dgpg_verify.samples.problems import Array, Constants, IntArray, fleet_seeds, fleets_of_runs
from dgpg_verify.samples.team.noise import TeamNoise, extreme_curvatures, spread_constants, team_noise
from dgpg_verify.samples.team.squares import TeamSquares, team_squares
from dgpg_verify.systems import LinearQuadraticTeam

SIGMA = 0.5  # standard deviation of the Gaussian policies, as in every other claim
FLEET_KEY = 31  # keeps the fleets' seeds apart from other uses of the same seed


class TeamProblem:
    """A `Problem` on linear-quadratic teams; state: means theta [R, N], from theta = 0.

    Parameters
    ----------
    teams : sequence of LinearQuadraticTeam
        One team per fleet, all with the same N and M.
    seeds_per_fleet : int
        Runs per team.
    sigma : float
        Standard deviation of the Gaussian policies, > 0.

    Raises
    ------
    InputError
        No team, different sizes, sigma <= 0, or A or B singular (then J or G has no unique optimum).
    """

    def __init__(self, teams: Sequence[LinearQuadraticTeam], seeds_per_fleet: int = 1, sigma: float = SIGMA) -> None:
        if not teams or len({(team.n_agents, team.state_size) for team in teams}) != 1:
            raise InputError(f"teams holds {len(teams)} teams: there must be at least one, all of one size")
        self.sigma = check_real("sigma", sigma, 0.0, open_low=True)
        self.teams = tuple(teams)
        self.n_agents, self._rows = teams[0].n_agents, teams[0].state_size
        self.fleets: IntArray = fleets_of_runs(len(teams), seeds_per_fleet)
        self.runs = len(self.fleets)
        self._squares = [team_squares(team) for team in teams]
        self._z = sparse.csr_array(sparse.block_diag([self._squares[f].z for f in self.fleets], format="csr"))
        self._zt = sparse.csr_array(self._z.T)
        self._h = self._per_run(lambda squares: squares.weights)
        self._optimum = self._per_run(lambda squares: squares.optimum)
        self._reference = self._per_run(lambda squares: squares.reference)
        self._a_ii = self._per_run(lambda squares: squares.a.diagonal())
        self._b_ii = self._per_run(lambda squares: squares.b.diagonal())
        self._curvature_j = self._per_run(lambda squares: extreme_curvatures(squares.a, "J"))
        self._curvature_g = self._per_run(lambda squares: extreme_curvatures(squares.b, "G"))
        self._known: tuple[str, Array, tuple[Array | None, Array | None]] | None = None
        self._optimal_x = self._states(self._per_run(lambda squares: squares.maximiser(0.0)))

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
        seeds = fleet_seeds(FLEET_KEY, n_agents, n_fleets, seed)
        teams = [LinearQuadraticTeam.random(n_agents, s, alignment, reference_bias) for s in seeds]
        return cls(teams, seeds_per_fleet, sigma)

    def start(self) -> Array:
        return np.zeros((self.runs, self.n_agents))

    def gap(self, state: Array) -> Array:
        """1/2 (theta - theta_J)' A (theta - theta_J) / N, [R]."""
        return np.asarray(0.5 * (self._h * (self._states(state) - self._optimal_x) ** 2).sum(1) / self.n_agents)

    def step_direction(
        self, state: Array, credit: str, alpha: Array, roll_outs: int, generator: np.random.Generator
    ) -> Array:
        roll_out = self._roll_outs(state, credit, alpha)
        total = roll_out(generator)
        for _ in range(roll_outs - 1):
            total += roll_out(generator)
        return total if roll_outs == 1 else total / roll_outs

    def mean_direction(self, state: Array, credit: str, alpha: Array) -> Array:
        """-(1 - alpha) u - alpha v, the same for every credit with the same alpha (F1)."""
        return np.asarray(-self._gradients(self._pull(self._states(state), *self._shares(credit, alpha))))

    def constants(self, credit: str, alpha: Array) -> Constants:
        """Chords between alpha = 0 and 1: the least eigenvalue of (1 - alpha) A + alpha B is concave in alpha and the
        largest convex, so these are a lower and an upper bound, exact at both ends and for perfect alignment."""
        share = check_shares(credit, alpha, self.runs)[:, None]
        mixed = (1.0 - share) * self._curvature_j + share * self._curvature_g
        trace = self._a_ii.sum(1) if base_of(credit) == "return" else np.zeros(self.runs)
        return Constants(mu=mixed[:, 0], smoothness=mixed[:, 1], noise_trace=trace)

    def optimal_alpha(self, state: Array, credit: str) -> Array:
        check_mixture(credit)
        u, v = self._slopes(state)
        return self._variance.traces(base_of(credit), False, u, v, (u**2).sum(1)).best_alpha()

    def deviations(self, state: Array) -> tuple[Array, Array]:
        u, v = self._slopes(state)
        rest = self.sigma**4 * self._spread
        squares = (self.sigma**2 * (u**2).sum(1) + rest[:, 0], self.sigma**2 * (v**2).mean(1) + rest[:, 1])
        return np.sqrt(squares[0]), np.sqrt(squares[1])

    def best_step(self, state: Array, credit: str, alpha: Array, roll_outs: int) -> Array:
        """<u, m> / (m'Am + tr(A Cov) / n), m = (1 - alpha) u + alpha v (last line of F5, for every credit), [R]."""
        share = check_shares(credit, alpha, self.runs)
        base = None if (share == 1.0).all() else base_of(credit)
        u, v = self._slopes(state)
        mean = (1.0 - share)[:, None] * u + share[:, None] * v
        noise = self._curvature.traces(base, credit.endswith(":exact"), u, v, self._curved(u))
        second_moment = self._curved(mean) + noise.mixed(share) / roll_outs
        return np.maximum((u * mean).sum(1), 0.0) / second_moment

    def stationary_gap(self, credit: str, alpha: Array) -> Array:
        """Per-agent gap of J at the stationary point of J_alpha, closed form (F5), [R]: the floor of a fixed alpha."""
        shares = check_shares(credit, alpha, self.runs)
        return self.gap(np.stack([self._squares[f].maximiser(a) for f, a in zip(self.fleets, shares.tolist())]))

    def _per_run(self, value: Callable[[TeamSquares], Array]) -> Array:
        """A fleet's array, repeated for each of its runs: [R, ...]."""
        return np.stack([value(squares) for squares in self._squares])[self.fleets]

    def _shares(self, credit: str, alpha: Array) -> tuple[Array | None, Array | None]:
        """1 - alpha and alpha, [R, 1], None where they are 0 in every run. Those of an array that nobody can write to,
        such as the learner's between two checkpoints, are worked out once: they took a fifth of a small step."""
        known = self._known
        if known is not None and known[0] == credit and known[1] is alpha:
            return known[2]
        share = check_shares(credit, alpha, self.runs)[:, None]
        shares = (None if (share == 1.0).all() else 1.0 - share), (None if (share == 0.0).all() else share)
        flags = np.asarray(alpha).flags
        self._known = (credit, alpha, shares) if flags.owndata and not flags.writeable else None
        return shares

    def _roll_outs(self, state: Array, credit: str, alpha: Array) -> Callable[[np.random.Generator], Array]:
        """Draws one sampled direction xi / sigma times the credit [R, N]; minus it is
        xi (local - own_square xi) - xi shared.

        local = Z' pull; own_square [R, N]: what exact credits add for the square of the agent's own deviation, sigma
        D_i; shared [R, 1]: the centred return over sigma, from the half cost whose excess over `level` it is.
        """
        base, sigma = base_of(credit), self.sigma
        on_base, on_guidance = self._shares(credit, alpha)
        on_return, on_local = (on_base, None) if base == "return" else (None, on_base)  # the return has no local part
        level: Array | float = 0.0
        own_square: Array | float = 0.0
        if on_return is not None:
            level = self._half_cost(self._states(state) - self._optimum) + 0.5 * sigma**2 * self._a_ii.sum(1)
        if on_local is not None:
            own_square = 0.5 * sigma * on_local * self._a_ii
        if on_guidance is not None and credit.endswith(":exact"):
            own_square = 0.5 * sigma * on_guidance * self._b_ii

        def roll_out(generator: np.random.Generator) -> Array:
            noise = generator.standard_normal(state.shape)
            x = self._states(state + sigma * noise)
            shared: Array | float = 0.0
            if on_return is not None:
                shared = on_return * ((level - self._half_cost(x - self._optimum)) / sigma)[:, None]
                if on_guidance is None:
                    return np.asarray(noise * shared)
            local = self._gradients(self._pull(x, on_local, on_guidance)) - own_square * noise
            return noise * (shared - local * noise)

        return roll_out

    def _states(self, theta: Array) -> Array:
        return np.asarray((self._z @ theta.ravel()).reshape(self.runs, self._rows))

    def _gradients(self, pull: Array) -> Array:
        return np.asarray((self._zt @ pull.ravel()).reshape(self.runs, self.n_agents))

    def _half_cost(self, error: Array) -> Array:
        return np.asarray(0.5 * np.vecdot(self._h * error, error))

    def _curved(self, direction: Array) -> Array:
        """d'A d for d [R, N]: [R]."""
        return 2.0 * self._half_cost(self._states(direction))

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
    def _spread(self) -> Array:
        return self._per_run(spread_constants)

    @cached_property
    def _variance(self) -> TeamNoise:
        return team_noise(self._squares, self.fleets, self.sigma, curvature=False)

    @cached_property
    def _curvature(self) -> TeamNoise:
        return team_noise(self._squares, self.fleets, self.sigma, curvature=True)

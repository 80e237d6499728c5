"""A team's objectives as one weighted least-squares problem: the matrices and optima that the learning runs use.

J and G weigh the same rows z_m of Z, so every mixture is a single sum of squares,

    (1 - alpha) J - alpha G = -1/2 sum_m w_m (z_m' theta - t_m)^2 + const,
    w = (1 - alpha) h + alpha,   t = ((1 - alpha) h x* + alpha x~) / w.

With R = diag(w)^(1/2) Z its curvature is R'R (A at alpha = 0, B at alpha = 1), and its maximiser is the least-squares
solution of R theta = diag(w)^(1/2) t, found on R itself. `oracles.teams.linear_quadratic` assembles Z'HZ and solves
the normal equations instead. The two share no code, as the gaps of the learning runs are checked against that oracle.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.linalg import lstsq
from scipy.sparse.linalg import lsqr

from dgpg_verify.core import InputError
from dgpg_verify.samples.problems import Array
from dgpg_verify.systems import LinearQuadraticTeam

ROUNDING = 1e-15  # relative accuracy that the iteration aims at; it ends earlier where rounding stops its progress
RESIDUAL = 1e-9  # largest gradient accepted at a maximiser, relative to the one at theta = 0
DENSE_AGENTS = 64  # up to here a factorisation takes a tenth to a fifth of the iteration's time
MAX_ITERATIONS = 10_000  # about sqrt(largest / least curvature) times 40 are needed


@dataclass(frozen=True, eq=False)
class TeamSquares:
    """z sparse [M, N]; weights h, optimum x*, reference x~, each [M]."""

    z: sparse.csr_array
    weights: Array
    optimum: Array
    reference: Array

    @cached_property
    def a(self) -> sparse.csr_array:
        """A = Z'HZ, the curvature of -J, sparse [N, N]."""
        return self._curvature(0.0)

    @cached_property
    def b(self) -> sparse.csr_array:
        """B = Z'Z, the curvature of G, sparse [N, N]."""
        return self._curvature(1.0)

    def _curvature(self, alpha: float) -> sparse.csr_array:
        """R'R, sparse [N, N]."""
        rows, _ = self._rows(alpha)
        return sparse.csr_array(rows.T @ rows)

    def maximiser(self, alpha: float) -> Array:
        """theta [N] at which (1 - alpha) J - alpha G is largest.

        Raises InputError where no such point is found (a quadratic that is flat, or nearly so, in some direction).
        Cost: O(N) per iteration, and about 10 to 100 iterations; for up to 64 agents one factorisation.
        """
        rows, values = self._rows(alpha)
        if rows.shape[1] <= DENSE_AGENTS:
            point = np.asarray(lstsq(rows.toarray(), values, check_finite=False, lapack_driver="gelsy")[0])
        else:
            point = np.asarray(lsqr(rows, values, ROUNDING, ROUNDING, 0.0, MAX_ITERATIONS)[0])
        slope, first = np.abs(rows.T @ (rows @ point - values)).max(), np.abs(rows.T @ values).max()
        if not slope <= RESIDUAL * max(1.0, first):
            raise InputError(f"the mixed objective at alpha = {alpha:g} has no unique maximiser")
        return point

    def _rows(self, alpha: float) -> tuple[sparse.csr_array, Array]:
        """R [M, N] and diag(w)^(1/2) t [M]."""
        weights = (1.0 - alpha) * self.weights + alpha
        target = (1.0 - alpha) * self.weights * self.optimum + alpha * self.reference
        root = np.sqrt(weights)
        return sparse.csr_array(self.z * root[:, None]), target / np.where(root > 0.0, root, 1.0)


def team_squares(team: LinearQuadraticTeam) -> TeamSquares:
    """The team's own parameters as arrays; agent i's entries of `index` and `value` are column i of Z."""
    rows, values = team.index.cpu().numpy(), team.value.double().cpu().numpy()
    ends = np.arange(team.n_agents + 1) * rows.shape[1]
    columns = sparse.csc_array((values.ravel(), rows.ravel(), ends), shape=(team.state_size, team.n_agents))
    vectors = (team.weights, team.optimum, team.reference_state)
    return TeamSquares(columns.tocsr(), *(vector.double().cpu().numpy() for vector in vectors))

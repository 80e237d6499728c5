"""The theory's schedule, and the expected gap of the shared return in the eigenbasis, for tests: derived apart from
`oracles.teams.descent`."""

from __future__ import annotations

import numpy as np

from dgpg_verify.equilibria.teams.stationary import team_matrices
from dgpg_verify.oracles.teams.constants import DescentConstants
from dgpg_verify.systems import LinearQuadraticTeam


def schedule(constants: DescentConstants, count: int) -> np.ndarray:
    """eta_k = 2 / (mu (k + k0)) for k = 0 ... count - 1."""
    return 2.0 / (constants.gradient_domination * (np.arange(count) + constants.offset))


def recursion(team: LinearQuadraticTeam, sigma: float, steps: int) -> np.ndarray:
    """E per-agent gap of the return after 1 ... steps theory steps from theta = 0, eigenbasis form of F5."""
    m = team_matrices(team)
    values, vectors = np.linalg.eigh(m.a)
    start = np.linalg.solve(m.a, m.z.T @ (m.weights * m.optimum))
    second, gaps, mu = (vectors.T @ start) ** 2, [], values[0]
    offset = 2.0 * (values.sum() + 3.0 * values[-1]) / mu
    for k in range(steps):
        eta = 2.0 / (mu * (k + offset))
        noise = (values**2 * second).sum() + values**2 * second
        noise = noise + 0.5 * sigma**2 * (values**2).sum() + 2.0 * sigma**2 * values**2
        second = (1.0 - eta * values) ** 2 * second + eta**2 * noise
        gaps.append(0.5 * (values * second).sum() / len(values))
    return np.array(gaps)

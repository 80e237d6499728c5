"""Smoothness, Polyak-Lojasiewicz and noise constants of the linear-quadratic team, and the samples they promise.

J_alpha is a concave quadratic with curvature F = (1 - alpha) A + alpha B, so L = lambda_max(F) and mu = lambda_min^+(F)
(closed form F5). With eta_k = 2 / (mu (k + k0)), k0 = 2 Lbar / mu, one step gives
    E gap+ <= (1 - eta mu) gap + 1/2 eta^2 S    whenever    1/2 eta^2 E[g' F g] <= 1/2 eta^2 (Lbar ||grad||^2 + S),
hence E gap_k <= max(k0 gap_0, 2 S / mu^2) / (k + k0) by induction. Gaps are totals (sum scale) unless stated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.sparse.linalg import eigsh

from dgpg_verify.core import InputError, check_int, check_real
from dgpg_verify.oracles.teams.descent import DescentModel, check_share, least_stationary
from dgpg_verify.oracles.teams.linear_quadratic import Array, team_arrays
from dgpg_verify.systems import LinearQuadraticTeam

DENSE_AGENTS = 128  # up to here eigenvalues come from the dense matrix, beyond from Lanczos iterations
NULL = 1e-10  # an eigenvalue below this part of the largest is taken to be 0


@dataclass(frozen=True)
class DescentConstants:
    """smoothness L and gradient_domination mu of J_alpha; trace = tr A; noisy_smoothness Lbar, the curvature that a
    step of one roll-out meets. Sum scale."""

    smoothness: float
    gradient_domination: float
    trace: float
    noisy_smoothness: float

    @property
    def offset(self) -> float:
        """k0 = 2 Lbar / mu of the schedule."""
        return 2.0 * self.noisy_smoothness / self.gradient_domination


@dataclass(frozen=True)
class ScheduleBound:
    """E gap_k of J_alpha <= level / (k + offset) under the schedule of `constants`, a total gap (sum scale).

    noise: S, what is left of E[g' F g] where the gradient vanishes.
    """

    constants: DescentConstants
    level: float
    noise: float

    def samples(self, gap: float) -> int:
        """Joint roll-outs that suffice for an expected total gap, at every later step too."""
        return max(0, math.ceil(self.level / check_real("gap", gap, 0.0, open_low=True) - self.constants.offset))


def descent_constants(team: LinearQuadraticTeam, credit: str = "return", alpha: float = 0.0) -> DescentConstants:
    """Constants of J_alpha and of the schedule for one of DESCENT_CREDITS.

    Lbar = (1 - alpha)^2 tr A + 3 L where the base is the return, 3 L where no credit holds the shared return.
    alpha in [0, 1]: 0 for a base alone and 1 for a guidance alone.
    Raises InputError otherwise. Cost: O(N^3) up to DENSE_AGENTS, then Lanczos.
    """
    share = check_share(credit, alpha)
    zero = team_arrays(team, np.zeros(team.n_agents))
    low, high = _spectrum(sparse.csr_array((1.0 - share) * zero.a + share * zero.b))
    trace = float(zero.a.trace())
    shared = 0.0 if "difference" in credit else (1.0 - share) ** 2 * trace
    return DescentConstants(high, low, trace, shared + 3.0 * high)


def sampled_curvature(
    team: LinearQuadraticTeam, alpha: float, generator: np.random.Generator, points: int = 8, sweeps: int = 400
) -> tuple[float, float]:
    """Lowest and highest ||grad J_alpha||^2 / (2 (J_alpha* - J_alpha)) on random points: a check of mu and L.

    Uses values and gradients of J and G only, no matrix of curvature. Points drift to the extremes by `sweeps` gradient
    steps (power iteration), so the pair closes in on [mu, L] from inside. Cost: O(points sweeps N).
    """
    share = check_real("alpha", alpha, 0.0, 1.0)
    check_int("points", points, 1)
    check_int("sweeps", sweeps, 1)
    centre = least_stationary(team, share)
    z = team_arrays(team, centre).z
    h, optimum, reference = (np.asarray(x)[:, None] for x in (team.weights, team.optimum, team.reference_state))

    def value_and_slope(away: Array) -> tuple[Array, Array]:
        state = z @ (centre[:, None] + away)
        error, distance = state - optimum, state - reference
        value = 0.5 * ((1.0 - share) * (h * error**2).sum(0) + share * (distance**2).sum(0))
        return value, z.T @ ((1.0 - share) * h * error + share * distance)

    least, _ = value_and_slope(np.zeros((team.n_agents, 1)))
    away = _unit(generator.normal(size=(team.n_agents, points)))
    low, high = math.inf, 0.0
    for shrink in (False, True):  # first towards the steepest direction, then towards the flattest
        for _ in range(sweeps):
            value, slope = value_and_slope(away)
            ratios = (slope**2).sum(0) / (2.0 * (value - least))
            low, high = min(low, float(ratios.min())), max(high, float(ratios.max()))
            away = _unit(away - slope / high if shrink else slope)
        away = _unit(generator.normal(size=away.shape))
    return low, high


def schedule_bound(
    team: LinearQuadraticTeam, sigma: float, credit: str, alpha: float, start: ArrayLike
) -> ScheduleBound:
    """Closed bound of E (J_alpha* - J_alpha) under the schedule of `descent_constants`, one roll-out per step.

    Raises InputError also where A and B differ so much that Lbar does not cover the growth of the noise.
    Cost: O(N^3).
    """
    constants, model = descent_constants(team, credit, alpha), DescentModel(team, sigma, credit, alpha)
    f = np.asarray(model.f @ np.eye(team.n_agents))  # dense, also where the model keeps it sparse
    delta = least_stationary(team, model.alpha) - model.origin
    noise = float((f * model.noise(delta, np.outer(delta, delta))).sum())
    slope, growth = _growth(model, f, delta)
    slack = constants.noisy_smoothness - constants.smoothness - max(0.0, float(np.linalg.eigvalsh(growth)[-1]))
    tilt = float(slope @ slope)
    covered = slack > NULL * constants.smoothness
    if slack < -NULL * constants.smoothness or (not covered and tilt > (NULL * noise) ** 2):
        raise InputError(f"no bound at alpha = {model.alpha:g}: A and B differ too much for the schedule's first step")
    noise += tilt / (4.0 * slack) if covered else 0.0
    away = model.centre(start) - delta
    level = max(constants.offset * 0.5 * float(away @ f @ away), 2.0 * noise / constants.gradient_domination**2)
    return ScheduleBound(constants, level, noise)


def _spectrum(matrix: sparse.csr_array) -> tuple[float, float]:
    """Smallest positive and largest eigenvalue of a positive semi-definite matrix. InputError if it vanishes."""
    n = matrix.shape[0]
    if n > DENSE_AGENTS:
        first = np.random.default_rng(n).normal(size=n)  # any vector: Lanczos would draw one from the global state
        high, low = (float(eigsh(matrix, 1, which=end, v0=first, return_eigenvectors=False)[0]) for end in ("LA", "SA"))
        if low > NULL * high:
            return low, high
    values = np.linalg.eigvalsh(matrix.toarray())
    positive = values[values > NULL * values[-1]]
    if values[-1] <= 0.0:
        raise InputError("the team's objective is constant: it has no constants of descent")
    return float(positive[0]), float(values[-1])


def _growth(model: DescentModel, f: Array, delta: Array) -> tuple[Array, Array]:
    """l [N] and Q [N, N]: tr(F Cov) of one roll-out minus its value at theta_alpha is l'y + y'Qy, y = -grad J_alpha."""
    base, guidance = 1.0 - model.alpha, model.alpha
    inverse = np.linalg.pinv(f, rcond=NULL, hermitian=True)
    to_u, to_v, d = model.a @ inverse, model.b @ inverse, np.diag(f)[:, None]
    u, v = model.a @ delta, model.b @ delta - model.pull
    form = d * np.eye(len(f)) * 2.0
    base_kernel = np.trace(f) * np.eye(len(f)) + f if model.by_return else form
    pairs = ((base**2, base_kernel, to_u, u, to_u, u), (guidance**2, form, to_v, v, to_v, v),
             (2.0 * base * guidance, form, to_u, u, to_v, v))  # fmt: skip
    slope, growth = np.zeros(len(f)), np.zeros_like(f)
    for weight, kernel, left, at_left, right, at_right in pairs:
        slope += weight * (left.T @ (kernel @ at_right) + right.T @ (kernel @ at_left))
        growth += weight * 0.5 * (left.T @ kernel @ right + right.T @ kernel @ left)
    return slope, growth


def _unit(columns: Array) -> Array:
    return np.asarray(columns / np.sqrt((columns**2).sum(0)))

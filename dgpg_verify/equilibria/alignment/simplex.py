"""The least inner product of grad J and -grad G over ALL profiles, in simplex coordinates.

Agent i's projected gradients are linear in the distribution P of the others' joint action, so its term is a quadratic
form P' M_i P. For two agents P is the other's mixture and runs over a whole simplex: the minimum is exact, agent by
agent and jointly (the two terms share no variable). For more agents P is a product, and there is an upper bound (a
profile found by block descent, each block exact) and a lower one (least eigenvalue or least symmetrised entry).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dgpg_verify.core import InputError, check_int
from dgpg_verify.equilibria.alignment.points import alignment_at
from dgpg_verify.equilibria.alignment.quadratic_forms import minimum_on_simplex
from dgpg_verify.equilibria.arrays import EPS, Array, Mask
from dgpg_verify.equilibria.games.derivatives import hessian
from dgpg_verify.equilibria.games.profiles import uniform_profile
from dgpg_verify.equilibria.games.tables import Tables

RESOLUTION = 2e-8  # of the largest entries of the forms: a minimum this close to 0 counts as 0
MAX_FORM = 729  # K^(N-1): the forms of more than two agents have this many rows


@dataclass(frozen=True, eq=False)
class SimplexAlignment:
    """lower <= min over profiles of <grad J, -grad G> <= upper, [F], upper attained at `point` [F, N, K] (rounding
    included). agent_lower, agent_upper [F, N]: the same for one agent's part, at a profile of its
    own. resolution [F]: below it the sign of a minimum is not decided. exact: the bounds meet by a theorem (one or two
    agents)."""

    point: Array
    upper: Array
    lower: Array
    agent_upper: Array
    agent_lower: Array
    resolution: Array
    exact: bool

    @property
    def negative(self) -> Mask:
        """Certainly not aligned somewhere, [F]."""
        return np.asarray(self.upper < 0.0)

    @property
    def aligned(self) -> Mask:
        """Aligned everywhere up to the resolution, [F]; not the opposite of `negative`, both may be unknown."""
        return np.asarray(~self.negative & (self.lower >= -self.resolution))

    @property
    def agent_negative(self) -> Mask:
        """Certainly not aligned somewhere for this agent alone, [F, N]."""
        return np.asarray(self.agent_upper < 0.0)


def simplex_alignment(tables: Tables, starts: int = 4, seed: int = 0) -> SimplexAlignment:
    """Bounds on the least <grad J, -grad G> over the product of simplices; exact for one or two agents.

    Parameters
    ----------
    tables
        The games.
    starts, seed
        Random starts of the descent for three agents or more (no effect below).

    Raises
    ------
    InputError
        More than 12 actions, or K^(N-1) > 729 with three agents or more.

    Notes
    -----
    Cost for two agents O(F 2^K K^3); for more O(F N (K^(3N-3) + sweeps 2^K K^3)).
    """
    size = tables.n_actions ** (tables.n_agents - 1)
    if tables.n_agents > 2 and size > MAX_FORM:
        raise InputError(f"K^(N-1) = {size} is not allowed: it must be in [1, {MAX_FORM}]")
    starts, seed = check_int("starts", starts, 0), check_int("seed", seed, 0)
    forms, bounds = zip(*(_form(*_by_agent(tables, agent)) for agent in range(tables.n_agents)))
    errors = np.stack(bounds, axis=1)
    resolution = RESOLUTION * np.stack([np.abs(form).max((1, 2)) for form in forms], axis=1).sum(1)
    if tables.n_agents <= 2:
        return _exact(list(forms), errors, resolution, uniform_profile(tables.reward))
    lower = np.stack([_product_bound(form, tables.n_actions) for form in forms], axis=1) - errors
    point = _descent(tables, starts, seed)
    at_point = alignment_at(tables, point, "simplex")
    pure = np.stack([np.diagonal(form, axis1=1, axis2=2).min(1) for form in forms], axis=1) + errors
    agent_upper = np.minimum(at_point.agent_inner + at_point.agent_rounding, pure)
    upper = at_point.inner + at_point.rounding
    return SimplexAlignment(point, upper, lower.sum(1), agent_upper, lower, resolution, exact=False)


def _by_agent(tables: Tables, agent: int) -> tuple[Array, Array]:
    """Reward and guidance with the agent's own action last, [F, R, K] each."""
    reward, guidance = (
        np.moveaxis(table, 1 + agent, -1).reshape(tables.fleets, -1, tables.n_actions)
        for table in (tables.reward, tables.guidance)
    )
    return reward, guidance


def _form(reward: Array, guidance: Array) -> tuple[Array, Array]:
    """M [F, R, R] of one agent from its tables [F, R, K], and a bound [F] on the error of P'MP (tables' own too)."""
    u, v = (values - values.mean(-1, keepdims=True) for values in (reward, guidance))
    form = -(u @ v.swapaxes(1, 2))
    actions = reward.shape[-1]
    du, dv = (2.0 * (16.0 + actions) * EPS * np.abs(values).max((1, 2)) for values in (reward, guidance))
    large_u, large_v = np.abs(u).max((1, 2)), np.abs(v).max((1, 2))
    error = actions * (large_u * dv + large_v * du + du * dv + (actions + 2) * EPS * large_u * large_v)
    return 0.5 * (form + form.swapaxes(1, 2)), error


def _exact(forms: list[Array], errors: Array, resolution: Array, uniform: Array) -> SimplexAlignment:
    """Agent 0's term depends on agent 1's mixture alone, and the other way round; a lone agent's on nothing."""
    minima = [minimum_on_simplex(form) for form in forms]
    upper = np.stack([minimum.upper for minimum in minima], axis=1) + errors
    lower = np.stack([minimum.lower for minimum in minima], axis=1) - errors
    # a lone agent's inner product is the same at every profile
    point = np.stack([minimum.point for minimum in reversed(minima)], axis=1) if len(forms) == 2 else uniform
    return SimplexAlignment(point, upper.sum(1), lower.sum(1), upper, lower, resolution, exact=True)


def _product_bound(form: Array, actions: int) -> Array:
    """Lower bound [F] of P'MP over products P: its least eigenvalue (as |P| <= 1), or the least coefficient of the
    polynomial with the two copies of each agent's mixture symmetrised (Bernstein), whichever is higher."""
    fleets, rows = form.shape[:2]
    agents = round(np.log(rows) / np.log(actions)) if actions > 1 else 1
    bernstein = form.reshape(fleets, *(actions,) * (2 * agents))
    for j in range(agents):
        bernstein = 0.5 * (bernstein + bernstein.swapaxes(1 + j, 1 + agents + j))
    slack = 8.0 * rows * EPS * np.abs(form).max((1, 2))
    spectral = np.minimum(np.linalg.eigvalsh(form)[:, 0], 0.0)
    return np.asarray(np.maximum(spectral, bernstein.reshape(fleets, -1).min(1)) - slack)


def _descent(tables: Tables, starts: int, seed: int, sweeps: int = 3) -> Array:
    """The best profile [F, N, K] of block descents from the uniform profile and random ones."""
    uniform = uniform_profile(tables.reward)
    agents, actions = uniform.shape[1:]
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(12,)))
    first = [uniform[0], *(rng.dirichlet(np.full(actions, 0.5), agents) for _ in range(starts))]
    best, value = np.zeros_like(uniform), np.full(len(uniform), np.inf)
    for profile in first:
        p = np.broadcast_to(profile, uniform.shape).copy()
        for j in list(range(agents)) * sweeps:
            p[:, j] = minimum_on_simplex(_block(tables, p, j)).point
        inner = alignment_at(tables, p, "simplex").inner
        better = inner < value
        best[better], value[better] = p[better], inner[better]
    return best


def _block(tables: Tables, p: Array, j: int) -> Array:
    """The inner product as a quadratic form in agent j's mixture alone, [F, K, K] (its own term is constant)."""
    pairs = [hessian(table, p) for table in (tables.reward, tables.guidance)]
    form = np.zeros((tables.fleets, tables.n_actions, tables.n_actions))
    for i in range(tables.n_agents):
        if i != j:
            u, v = (values[:, i, :, j, :] for values in pairs)
            u, v = u - u.mean(1, keepdims=True), v - v.mean(1, keepdims=True)
            form -= u.swapaxes(1, 2) @ v
    return form

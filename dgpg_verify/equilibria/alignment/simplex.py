"""The least inner product of grad J and -grad G over ALL profiles, in simplex coordinates, for one or two agents.

Agent i's projected gradients are linear in the other's mixture q, so its term is a quadratic form q' M_i q over a whole
simplex: the minimum is exact, agent by agent and jointly (the two terms share no variable).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.alignment.quadratic_forms import minimum_on_simplex
from dgpg_verify.equilibria.arrays import EPS, Array, Mask
from dgpg_verify.equilibria.games.profiles import uniform_profile
from dgpg_verify.equilibria.games.tables import Tables

RESOLUTION = 2e-8  # of the largest entries of the forms: a minimum this close to 0 counts as 0


@dataclass(frozen=True, eq=False)
class SimplexAlignment:
    """agent_lower <= min over profiles of <grad_i J, -grad_i G> <= agent_upper, [F, N], rounding included; the joint
    minimum, bounded by their sums, is attained at `point` [F, N, K]. resolution [F]: below it the sign of a minimum is
    not decided."""

    point: Array
    agent_upper: Array
    agent_lower: Array
    resolution: Array

    @property
    def upper(self) -> Array:
        """Upper bound of the joint minimum, [F]."""
        return np.asarray(self.agent_upper.sum(1))

    @property
    def lower(self) -> Array:
        """Lower bound of the joint minimum, [F]."""
        return np.asarray(self.agent_lower.sum(1))

    @property
    def negative(self) -> Mask:
        """Certainly not aligned somewhere, [F]."""
        return np.asarray(self.upper < 0.0)

    @property
    def aligned(self) -> Mask:
        """Aligned everywhere up to the resolution, [F]; not the opposite of `negative`, both may be unknown."""
        return np.asarray(~self.negative & (self.lower >= -self.resolution))


def simplex_alignment(tables: Tables) -> SimplexAlignment:
    """Bounds on the least <grad J, -grad G> over the product of simplices.

    Raises InputError for more than two agents or 12 actions. Cost O(F 2^K K^3).
    """
    if tables.n_agents > 2:
        raise InputError(f"n_agents = {tables.n_agents} is not allowed: exact minima are known for 1 or 2 agents")
    # [F, R, K] of each agent, its own action last
    own_tables = [
        [np.moveaxis(table, axis, -1).reshape(tables.fleets, -1, tables.n_actions) for table in
         (tables.reward, tables.guidance)]
        for axis in range(1, tables.n_agents + 1)
    ]  # fmt: skip
    forms, errors = zip(*(_form(reward, guidance) for reward, guidance in own_tables))
    minima, bound = [minimum_on_simplex(form) for form in forms], np.stack(errors, axis=1)
    # agent 0's term depends on agent 1's mixture alone, and the other way round; a lone agent's on nothing
    lone = len(minima) == 1
    point = np.stack([minimum.point for minimum in reversed(minima)], axis=1)
    return SimplexAlignment(
        point=uniform_profile(tables.reward) if lone else point,
        agent_upper=np.stack([minimum.upper for minimum in minima], axis=1) + bound,
        agent_lower=np.stack([minimum.lower for minimum in minima], axis=1) - bound,
        resolution=RESOLUTION * np.stack([np.abs(form).max((1, 2)) for form in forms], axis=1).sum(1),
    )


def _form(reward: Array, guidance: Array) -> tuple[Array, Array]:
    """M [F, R, R] of one agent from its tables [F, R, K], and a bound [F] on the error of q'Mq (tables' own too)."""
    u, v = (values - values.mean(-1, keepdims=True) for values in (reward, guidance))
    form = -(u @ v.swapaxes(1, 2))
    actions = reward.shape[-1]
    du, dv = (2.0 * (16.0 + actions) * EPS * np.abs(values).max((1, 2)) for values in (reward, guidance))
    large_u, large_v = np.abs(u).max((1, 2)), np.abs(v).max((1, 2))
    error = actions * (large_u * dv + large_v * du + du * dv + (actions + 2) * EPS * large_u * large_v)
    return 0.5 * (form + form.swapaxes(1, 2)), error

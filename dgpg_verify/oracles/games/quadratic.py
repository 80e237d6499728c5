"""Exact moments in any resource game whose costs are quadratic, at any N (closed form F6); slow and plain.

C = sum_m phi_m(x_m) + sum_i kappa_i splits into a constant, one term f_j for each agent and one F_jl for each pair, all
uncorrelated: the Hoeffding decomposition. Quantities of agent i live on its K S "slots", the places where its K actions
add something; several slots may be one coordinate. Everything around i is a total minus i's own part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from dgpg_verify.core import InputError
from dgpg_verify.oracles.games.conditional import (
    CREDITS,
    AddedCosts,
    Array,
    check_probabilities,
    moments_around_agents,
    norm_weights,
)
from dgpg_verify.oracles.moments import OracleMoments, check_credits
from dgpg_verify.systems.resource_game import ResourceGame

NODES = 9  # states between the least and the most that actions can add up to, at which a cost is compared
NOT_QUADRATIC = 1e-9  # of a coordinate's largest cost there


def quadratic_moments(
    game: ResourceGame, probabilities: ArrayLike, credits: Sequence[str] | None = None
) -> OracleMoments:
    """Exact moments of every credit for independent softmax choices.

    Parameters
    ----------
    game : ResourceGame
        phi quadratic wherever actions can take x; kappa and W as they are.
    probabilities : array [N, K]
        Softmax of the tabular logits, which are the parameters.
    credits : sequence of str, optional
        Some of `CREDITS`, all by default.

    Returns
    -------
    OracleMoments with P = K, on the sum scale. Cost: O(N (K S)^2) memory, (K S)^3 time where slots share coordinates.

    Raises
    ------
    InputError on a cost that is not quadratic, bad probabilities, or an unknown credit.
    """
    p = check_probabilities(probabilities, (game.n_agents, game.n_actions))
    return moments_around_agents(game, p, check_credits(credits, CREDITS), quadratic_added_costs(game, p))


def quadratic_added_costs(game: ResourceGame, p: Array) -> AddedCosts:
    """The moments around each agent. There L_k is u_k . X + const with u = phi'' z on the slots of action k, and C
    without what i's choice touches is B + sum_k p_k L_k."""
    slots, x_mean = Slots.of(game), game.mean_state(torch.as_tensor(p)).cpu().numpy()
    costs, slope, curvature = expansion(game, x_mean)
    fees = np.zeros_like(p) if game.action_costs is None else game.action_costs.cpu().numpy()
    at, z, bend = slots.at, slots.z, curvature[slots.at]
    u, v = bend * z, norm_weights(game)[at] * z  # what L and the pull of the reference are linear in
    chance = p.repeat(slots.each, axis=1)
    mean, expected = slots.gathered(chance * z), chance * u  # E Z_i, and sum_k p_k L_k's coefficients
    sigma = own_covariance(p, z, slots.each)
    around = pair_totals(at, sigma, game.state_size)
    variance = np.zeros(game.state_size)
    variance[at] = np.diagonal(around, axis1=1, axis2=2)
    around = around - slots.gathered(sigma)  # Cov of the others' load

    f = agent_terms(p, fees + slots.of_actions(slope[at] * z), slots.between(u, slots.same, z))
    own = chance * z * f.repeat(slots.each, axis=1)  # Cov(f_i, Z_i), slot by slot
    with_f = np.bincount(at.ravel(), own.ravel(), minlength=game.state_size)[at] - slots.gathered(own)
    mean_added = (around @ expected[..., None])[..., 0]  # Cov(sum_k p_k L_k, X)
    with_b = with_f - mean_added
    pairs = (bend[:, :, None] * sigma * bend[:, None, :] * around).sum((1, 2))
    f_variance = (p * f**2).sum(1)
    untouched = (f_variance.sum() - f_variance) + (0.5 * pairs.sum() - pairs)
    return AddedCosts(
        added=fees + slots.of_actions(z * (slope[at] - bend * mean + 0.5 * u)),
        x_others=slots.of_actions(v * (x_mean[at] - mean)),
        ll=slots.between(u, around, u),
        lx=slots.between(u, around, v),
        xx=slots.between(v, around, v),
        bl=slots.of_actions(u * with_b),
        bx=slots.of_actions(v * with_b),
        b=untouched + (expected * (mean_added - 2.0 * with_f)).sum(1),
        cost=float(costs.sum() + 0.5 * (curvature * variance).sum() + (p * fees).sum()),
        x_mean=x_mean,
        x_variance=variance,
    )


@dataclass(frozen=True)
class Slots:
    """What each agent's actions add: coordinates `at` and amounts z [N, K S], `each` = S to an action."""

    at: NDArray[np.int64]
    z: Array
    each: int

    @classmethod
    def of(cls, game: ResourceGame) -> Slots:
        at, z = (part.cpu().numpy() for part in (game.additions.index, game.additions.value))
        return cls(at.reshape(len(at), -1), z.reshape(len(z), -1), z.shape[2])

    @cached_property
    def same(self) -> NDArray[np.bool_]:
        """Whether two slots of an agent are one coordinate, [N, K S, K S]."""
        return np.asarray(self.at[:, :, None] == self.at[:, None, :])

    @cached_property
    def distinct(self) -> bool:
        """Whether no agent has two slots of one coordinate."""
        return bool(np.count_nonzero(self.same) == self.at.size)

    def gathered(self, values: Array) -> Array:
        """What slots [N, K S] or pairs of them [N, K S, K S] hold, summed over those of one coordinate."""
        if self.distinct:
            return values
        return np.asarray(
            self.same @ values @ self.same if values.ndim == 3 else (self.same @ values[..., None])[..., 0]
        )

    def of_actions(self, values: Array) -> Array:
        """Sums over the slots of an action, [N, K]."""
        return np.asarray(values.reshape(len(values), -1, self.each).sum(2))

    def between(self, left: Array, table: NDArray[Any], right: Array) -> Array:
        """left_k' table right_k', [N, K, K]."""
        products, s = left[:, :, None] * table * right[:, None, :], self.each
        if s == 1:
            return products
        n, k = len(products), products.shape[1] // s
        return np.asarray(products.reshape(n, k, s, k, s).sum((2, 4)))


def expansion(game: ResourceGame, x: Array) -> tuple[Array, Array, Array]:
    """phi, phi' and phi'' of each coordinate at x [M]; InputError where phi is not quadratic between the least and the
    most that actions can add up to."""
    here = torch.as_tensor(x).requires_grad_()
    costs = game.coordinate_costs(here)
    (slope,) = torch.autograd.grad(costs.sum(), here, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), here, allow_unused=True, materialize_grads=True)
    costs, slope, curvature = (part.detach() for part in (costs, slope, curvature))
    least, most = (torch.as_tensor(end) for end in reachable(game))
    for share in np.linspace(0.0, 1.0, NODES):
        step = least + float(share) * (most - least) - here.detach()
        found = game.coordinate_costs(here.detach() + step)
        apart = (found - (costs + (slope + 0.5 * curvature * step) * step)).abs()
        worst = int((apart - NOT_QUADRATIC * (1.0 + found.abs())).argmax())
        if not bool(apart[worst] <= NOT_QUADRATIC * (1.0 + found[worst].abs())):
            raise InputError(f"the cost of coordinate {worst} is not quadratic: use enumerate_moments at small N")
    return costs.numpy(), slope.numpy(), curvature.numpy()


def reachable(game: ResourceGame) -> tuple[Array, Array]:
    """Least and most of each coordinate of x [M], whoever acts and whoever is absent."""
    at, z = (part.cpu().numpy() for part in (game.additions.index, game.additions.value))
    idle, size = game.idle_state.cpu().numpy(), game.state_size
    owner = np.arange(len(z)).repeat(z[0].size)
    places, where = np.unique(owner * size + at.ravel(), return_inverse=True)
    ends: list[Array] = []
    for pick in (np.minimum, np.maximum):
        each = np.zeros(len(places))
        pick.at(each, where, z.ravel())
        ends.append(idle + np.bincount(places % size, each, minlength=size))
    return ends[0], ends[1]


def own_covariance(p: Array, z: Array, s: int) -> Array:
    """Cov of what agent i adds at its slots, [N, K S, K S]: only the slots of the action that it takes get anything."""
    (n, k), mean = p.shape, p.repeat(s, axis=1) * z
    sigma = -mean[:, :, None] * mean[:, None, :]
    taken, actions = z.reshape(n, k, s), np.arange(k)
    sigma.reshape(n, k, s, k, s)[:, actions, :, actions] += np.moveaxis(
        p[..., None, None] * taken[..., :, None] * taken[..., None, :], 1, 0
    )
    return sigma


def agent_terms(p: Array, linear: Array, gram: Array) -> Array:
    """f_i(k) = E C given k and the others' mean load, less its mean: linear_k + |z_k - E z|^2 / 2 in the norm of phi'',
    whose products of actions are gram [N, K, K]; [N, K]."""
    size, with_mean = np.diagonal(gram, axis1=1, axis2=2), (gram @ p[..., None])[..., 0]
    f = linear + 0.5 * size - with_mean
    return np.asarray(f - (p * f).sum(1, keepdims=True))


def pair_totals(slots: NDArray[np.int64], sigma: Array, size: int) -> Array:
    """sum_j Sigma_j of two coordinates, of `size` ones, looked up on each agent's slots: [N, Q, Q]."""
    keys = (slots[:, :, None] * size + slots[:, None, :]).ravel()
    if size**2 <= keys.size:  # dense graph: one bincount; sparse graph: sort the pairs that occur
        total = np.bincount(keys, sigma.ravel(), minlength=size**2)
        return np.asarray(total[keys].reshape(sigma.shape), dtype=np.float64)
    _, place = np.unique(keys, return_inverse=True)
    return np.asarray(np.bincount(place, sigma.ravel())[place].reshape(sigma.shape), dtype=np.float64)

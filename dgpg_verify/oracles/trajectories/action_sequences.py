"""Exact moments over all action sequences of a small finite system on one fixed environment stream; slow and plain.

The oracle of everything that only exists over several steps: reward-to-go, GAE, gamma, one-step differences. It uses
the system's own `step`, so it checks estimators and not the environment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dgpg_verify.core import (
    Influence,
    InputError,
    Noise,
    Observation,
    Policy,
    Rollout,
    System,
    check_finite,
    check_real,
)
from dgpg_verify.oracles.moments import OracleMoments, check_credits, pair_table
from dgpg_verify.oracles.trajectories.history_tree import Array, Indices, Level, Score, grow_tree, take

RETURNS = ("return", "return:raw", "return:to_go")
TRAJECTORY_CREDITS = (*RETURNS, "guidance", "guidance:exact", "guidance:observed", "difference", "score")
STEPS = ("reward", "x_observed", "x", "reference")  # of a roll-out, read along the sequences


@dataclass(frozen=True, eq=False)
class Trajectories:
    """All Q action sequences that can happen, one row each. probability [Q]; edge [T][Q] into the levels of the tree.

    Everything else is looked up in the tree: actions, active [Q, T, N]; score [Q, T, N, P]; reward [Q, T]; x,
    x_observed, reference [Q, T, D]; z [Q, T, N, D]; difference [Q, T, N].
    """

    system: System
    policy: Policy
    environment: Tensor
    levels: list[Level]
    edge: list[Indices]

    @property
    def probability(self) -> Array:
        return self.levels[-1].probability

    def along(self, name: str) -> Array:
        """A field of the edges along each sequence, time axis 1: [Q, T, ...]."""
        return np.stack([level.of_edges(name)[edge] for level, edge in zip(self.levels, self.edge)], axis=1)

    @cached_property
    def nodes(self) -> list[Indices]:
        """Node of each sequence at each step, [T][Q]."""
        return [level.parent[edge] for level, edge in zip(self.levels, self.edge)]

    @cached_property
    def active(self) -> NDArray[np.bool_]:
        return self.along("actions") >= 0

    @cached_property
    def score(self) -> Array:
        return self.along("score")

    @cached_property
    def discounts(self) -> Array:
        """gamma^t, [T]."""
        return np.asarray(float(self.system.discount) ** np.arange(len(self.levels)), dtype=np.float64)

    @cached_property
    def returns(self) -> Array:
        """sum_t gamma^t r_t, [Q]."""
        return np.asarray(self.along("reward") @ self.discounts)

    @cached_property
    def distances(self) -> Array:
        """sum_t gamma^t 1/2 ||x_t - x~_t||^2, [Q]."""
        return np.asarray(0.5 * ((self.along("x") - self.along("reference")) ** 2).sum(2) @ self.discounts)

    def values(self) -> Array:
        """V(s_t) = E[sum_{s >= t} gamma^{s-t} r_s given the history], exact, [Q, T]."""
        gamma, following = float(self.system.discount), np.zeros(len(self.probability))
        columns = []
        for level in reversed(self.levels):
            total = level.probability * (level.of_edges("reward") + gamma * following)
            nodes = len(level.policy)
            following = np.bincount(level.parent, total, nodes) / np.bincount(level.parent, level.probability, nodes)
            columns.append(following)
        return np.stack([v[node] for v, node in zip(reversed(columns), self.nodes)], axis=1)

    def credit(self, name: str) -> Array:
        """One credit by its definition on each sequence, ascent sign, 0 where inactive: [Q, T, N]."""
        discount, ones = self.discounts[:, None], np.ones(self.active.shape)
        if name == "difference":
            w = discount * self.along("difference")
        elif name == "score":
            w = ones
        elif name.startswith("guidance"):
            x, z = self.along("x_observed" if name == "guidance:observed" else "x"), self.along("z")
            w = -discount * ((x - self.along("reference"))[:, :, None] * z).sum(3)
            w = w + (0.5 * discount * (z**2).sum(3) if name == "guidance:exact" else 0.0)
        elif name == "return:to_go":
            to_go = (self.along("reward") * self.discounts)[:, ::-1].cumsum(1)[:, ::-1]
            w = (to_go - self.probability @ to_go)[:, :, None] * ones
        else:
            baseline = self.probability @ self.returns if name == "return" else 0.0
            w = (self.returns - baseline)[:, None, None] * ones
        return np.asarray(np.where(self.active, w, 0.0))

    def gae(self, values: Array, lam: float) -> Array:
        """sum_l (gamma lambda)^l delta_{t+l} for a given value function [Q, T] or [Q, T, N]: [Q, T, N].

        As learners use it: no factor gamma^t, V = 0 after the last step.
        """
        weight, gamma = check_real("lambda", lam, 0.0, 1.0), float(self.system.discount)
        v = np.broadcast_to(values if values.ndim == 3 else values[:, :, None], self.active.shape)
        reward, horizon = self.along("reward")[:, :, None], len(self.levels)
        ahead = np.concatenate([v[:, 1:], np.zeros_like(v[:, :1])], axis=1)
        delta = reward + gamma * ahead - v
        w = np.stack(
            [sum((gamma * weight) ** (s - t) * delta[:, s] for s in range(t, horizon)) for t in range(horizon)],
            axis=1,
        )
        return np.asarray(np.where(self.active, w, 0.0))

    def as_rollout(self) -> Rollout:
        """Every sequence as one row of a roll-out, so that any credit or critic can be evaluated on all of them.

        The agents' noise is set to zeros: the actions are given, not drawn.
        """
        seen = [take(level.seen, node) for level, node in zip(self.levels, self.nodes)]
        size, horizon = len(self.probability), len(self.levels)
        influence = [take(level.transition.influence, edge) for level, edge in zip(self.levels, self.edge)]
        chance = [
            np.take_along_axis(level.policy[node], np.maximum(level.actions[edge], 0)[..., None], 2)[..., 0]
            for level, node, edge in zip(self.levels, self.nodes, self.edge)
        ]
        log_prob = torch.as_tensor(np.log(np.where(self.active, np.stack(chance, 1), 1.0)))
        agents = torch.zeros(size, horizon, self.system.n_agents, self.policy.noise_size, dtype=torch.float64)
        return Rollout(
            system=self.system,
            policy=self.policy,
            noise=Noise(self.environment.expand(size, -1, -1), agents),
            seen=Observation(*(torch.stack([getattr(o, f) for o in seen], 1) for f in ("features", "mask", "active"))),
            active=torch.as_tensor(self.active),
            actions=torch.as_tensor(self.along("actions")),
            log_prob=log_prob,
            **{name: torch.as_tensor(self.along(name)) for name in STEPS},
            influence=Influence(*(torch.stack([getattr(z, f) for z in influence], 1) for f in ("index", "value"))),
            states=[take(level.state, node) for level, node in zip(self.levels, self.nodes)],
        )


def enumerate_trajectories(
    system: System, policy: Policy, environment: Tensor | None = None, score: Score | None = None
) -> Trajectories:
    """All action sequences of a finite system on one environment stream, with their exact probabilities.

    Parameters
    ----------
    system : System
        K^(N T) <= 10^6, episodes of exactly `horizon` steps; -1 must be accepted as "no action".
    policy : Policy
        With probabilities(seen) [B, N, K].
    environment : Tensor [T, E], optional
        Uniforms; 1/2 each by default.
    score : Score, optional
        (seen, actions [C, N]) -> [C, N, P]; by automatic differentiation of log_prob by default.

    Raises
    ------
    InputError
        See `grow_tree`.

    Notes
    -----
    Cost: N + 1 steps of the system per history, at most 10^6 leaves.
    """
    if environment is None:
        environment = torch.full((system.horizon, system.noise_size), 0.5, dtype=torch.float64)
    levels = grow_tree(system, policy, environment, score)
    edge = [np.arange(len(levels[-1].probability))]
    for level in reversed(levels[1:]):
        edge.append(level.parent[edge[-1]])
    return Trajectories(system, policy, environment, levels, edge[::-1])


def trajectory_moments(
    paths: Trajectories, credits: Sequence[str] | Mapping[str, Array] | None = None
) -> OracleMoments:
    """Exact moments of credits over all sequences, given the environment stream.

    Parameters
    ----------
    paths : Trajectories
        From `enumerate_trajectories`.
    credits : sequence of str, or mapping from str to array [Q, T, N], optional
        Names of TRAJECTORY_CREDITS (all by default), or weights under any name, for example
        `{"gae": paths.gae(paths.values(), 0.95)}` or a credit evaluated on `paths.as_rollout()`.

    Returns
    -------
    OracleMoments without cross. With shared parameters the means [N, P] are the agents' parts, and `shared` holds the
    moments of their sum. Cost: O(C^2 Q N P).

    Raises
    ------
    InputError on an unknown name, or a weight of another shape.
    """
    weights = _weights(paths, credits)
    q, count, whole = paths.probability, len(weights), paths.score.sum(1)
    g = [np.einsum("qtnp,qtn->qnp", paths.score, w) for w in weights.values()]
    means = np.stack([np.tensordot(q, part, axes=1) for part in g])
    g = [part - mean for part, mean in zip(g, means)]
    value_means, values = _value_tables(paths, list(weights.values()))
    shared = pair_table(count, (), lambda a, b: np.einsum("q,qp,qp->", q, g[a].sum(1), g[b].sum(1)))
    return OracleMoments(
        names=tuple(weights),
        means=means,
        covariances=pair_table(count, means.shape[1:2], lambda a, b: np.einsum("q,qnp,qnp->n", q, g[a], g[b])),
        cross=None,
        value_means=value_means,
        value_covariances=values,
        objective=float(q @ paths.returns),
        objective_gradient=np.tensordot(q * paths.returns, whole, axes=1),
        guidance_objective=float(q @ paths.distances),
        guidance_gradient=np.tensordot(q * paths.distances, whole, axes=1),
        shared=shared,
    )


def _weights(paths: Trajectories, credits: Sequence[str] | Mapping[str, Array] | None) -> dict[str, Array]:
    """Checked weights [Q, T, N] by name."""
    if isinstance(credits, Mapping):
        weights = {name: np.asarray(w, dtype=np.float64) for name, w in credits.items()}
    else:
        weights = {name: paths.credit(name) for name in check_credits(credits, TRAJECTORY_CREDITS)}
    for name, w in weights.items():
        if w.shape != paths.active.shape:
            raise InputError(f"weights of {name!r} have shape {w.shape}: it must be [Q, T, N] = {paths.active.shape}")
        check_finite(name, w)
    return weights


def _value_tables(paths: Trajectories, weights: list[Array]) -> tuple[Array, Array]:
    """Means [C] and covariances [C, C] of credits over all live (sequence, step, agent), weighted by probability."""
    chance = paths.probability[:, None, None] * paths.active
    chance = chance / chance.sum()
    means = np.array([(chance * w).sum() for w in weights])
    centred = [w - mean for w, mean in zip(weights, means)]
    return means, pair_table(len(weights), (), lambda a, b: float((chance * centred[a] * centred[b]).sum()))

"""Exact moments of a load-balancing game whose cost is any sum over servers, by enumerating the agents around each
pair of servers; slow and plain.

B_i is the cost of the others alone and L_ik what i's job adds to the cost of its server. Costs of two servers are
dependent only through agents that can choose both or either, so every covariance is a finite sum over their choices.
Needs a modest in-degree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from dgpg_verify.core import InputError
from dgpg_verify.oracles.games.conditional import CREDITS, AddedCosts, Array, moments_around_agents
from dgpg_verify.oracles.moments import OracleMoments
from dgpg_verify.systems import LoadBalancingGame

MAX_STATES = 1 << 20


def separable_moments(
    system: LoadBalancingGame, probabilities: Array, names: tuple[str, ...] = CREDITS
) -> OracleMoments:
    """Exact moments for cost quadratic, delay or mm1 by subsets of the agents around each pair of servers.

    Parameters
    ----------
    system : LoadBalancingGame
        Cost quadratic, delay or mm1.
    probabilities : array [N, K]
        Already checked.
    names : tuple of str
        Credits of CREDITS.

    Raises
    ------
    InputError when a pair of servers has more than 2^20 joint states.

    Notes
    -----
    Cost: O(pairs of servers sharing an agent * agents * 3^shared 2^rest).
    """
    return moments_around_agents(system, probabilities, names, added_costs(system, probabilities))


def added_costs(system: LoadBalancingGame, p: Array) -> AddedCosts:
    """Walk over all pairs of servers that share an agent and collect the moments around each agent."""
    servers: NDArray[np.int64] = system.candidates.cpu().numpy()
    n, k = servers.shape
    at = [dict[int, int]() for _ in range(system.n_servers)]  # server -> {agent: slot}
    for i, k_i in np.ndindex(n, k):
        at[servers[i, k_i]][i] = k_i
    neighbours = {(int(m), int(o)) for row in servers for m in row for o in row if m <= o}
    loads = Loads(system, p)
    added, x_others, bl, bx, b_shift = np.zeros((n, k)), *np.zeros((2, n, k)), np.zeros((n, k)), np.zeros(n)
    ll, lx, xx = np.zeros((3, n, k, k))
    total = cost = 0.0
    x_mean, x_variance = system.background.cpu().numpy().astype(np.float64), np.zeros(system.n_servers)
    for m in (m for m in range(system.n_servers) if not at[m]):
        cost += float(loads.costs(x_mean[m : m + 1], m)[0])
    for m, o in sorted(neighbours):
        twice = 1.0 if m == o else 2.0
        whole = loads.pair(m, o, at, None)
        total += twice * whole.cov("cost", "cost")
        if m == o:
            cost += whole.mean("cost")
            x_mean[m], x_variance[m] = whole.mean("x"), whole.cov("x", "x")
        for i in at[m].keys() | at[o].keys():
            part = loads.pair(m, o, at, i)
            b_shift[i] += twice * (part.cov("cost", "cost") - whole.cov("cost", "cost"))
            slot_m, slot_o = at[m].get(i), at[o].get(i)
            if slot_m is not None:
                bl[i, slot_m] += part.cov("added", "cost")
                bx[i, slot_m] += part.cov("x", "cost")
            if slot_o is not None and m != o:
                bl[i, slot_o] += part.cov("cost", "added")
                bx[i, slot_o] += part.cov("cost", "x")
            if slot_m is not None and slot_o is not None:
                ll[i, slot_m, slot_o] = ll[i, slot_o, slot_m] = part.cov("added", "added")
                xx[i, slot_m, slot_o] = xx[i, slot_o, slot_m] = part.cov("x", "x")
                lx[i, slot_m, slot_o], lx[i, slot_o, slot_m] = part.cov("added", "x"), part.cov("x", "added")
            if m == o and slot_m is not None:
                added[i, slot_m], x_others[i, slot_m] = part.mean("added"), part.mean("x")
    pull = loads.z  # the guidance is linear in z x
    by_pull = lx * pull[:, None, :], xx * pull[:, :, None] * pull[:, None, :]
    return AddedCosts(added, pull * x_others, ll, *by_pull, bl, pull * bx, total + b_shift, cost, x_mean, x_variance)


@dataclass(frozen=True)
class PairStates:
    """All joint states of two servers: probability [Q], and named values of the first and the second server."""

    probability: Array
    first: dict[str, Array]
    second: dict[str, Array]

    def mean(self, name: str) -> float:
        return float(self.probability @ self.first[name])

    def cov(self, a: str, b: str) -> float:
        left, right = self.first[a], self.second[b]
        left = left - self.probability @ left
        return float(self.probability @ (left * (right - self.probability @ right)))


class Loads:
    """Enumerates the joint loads of two servers under independent choices."""

    def __init__(self, system: LoadBalancingGame, p: Array) -> None:
        self.system, self.p, self.z = system, p, system.shares.cpu().numpy()
        self.background = system.background.cpu().numpy()

    def costs(self, x: Array, server: int) -> Array:
        """Cost of one server at loads x [Q]."""
        index = torch.full((len(x),), server, dtype=torch.int64)
        return np.asarray(self.system.coordinate_costs(torch.as_tensor(x), index).numpy())

    def pair(self, m: int, o: int, at: list[dict[int, int]], removed: int | None) -> PairStates:
        """Joint states of servers m and o with agent `removed` taken out; "added" is what its job would cost."""
        x_m, x_o, weight = np.array([self.background[m]]), np.array([self.background[o]]), np.ones(1)
        for j in sorted((at[m].keys() | at[o].keys()) - {removed}):
            steps = [(at[m][j], 1.0, float(m == o))] if j in at[m] else []
            steps += [(at[o][j], 0.0, 1.0)] if j in at[o] and m != o else []
            stay = max(0.0, 1.0 - sum(self.p[j, s] for s, _, _ in steps))
            if len(weight) * (len(steps) + 1) > MAX_STATES:
                raise InputError(
                    f"servers {m} and {o} have more than {MAX_STATES} joint states: the in-degree is too large"
                )
            x_m, x_o = (
                np.concatenate([x] + [x + on[side] * self.z[j, s] for s, *on in steps])
                for side, x in enumerate((x_m, x_o))
            )
            weight = np.concatenate([weight * stay] + [weight * self.p[j, s] for s, _, _ in steps])
        values = [self._values(m, x_m, at, removed), self._values(o, x_o, at, removed)]
        return PairStates(weight, values[0], values[1])

    def _values(self, m: int, x: Array, at: list[dict[int, int]], removed: int | None) -> dict[str, Array]:
        values = {"x": x, "cost": self.costs(x, m)}
        if removed is not None and removed in at[m]:
            values["added"] = self.costs(x + self.z[removed, at[m][removed]], m) - values["cost"]
        return values

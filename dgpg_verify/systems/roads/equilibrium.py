"""Flows at which nobody gains by another path (Wardrop 1952), and those of least total time.

An equilibrium minimises sum_l integral of t_l up to the flow of l (Beckmann, McGuire & Winsten 1956), a convex
programme over the flows of paths; with marginal times in place of times it is the system optimum. A primal-dual
interior-point method solves it; each Newton step is a linear system in the links, which is all that couples the pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse.csgraph import reverse_cuthill_mckee
from scipy.sparse.linalg import splu

from dgpg_verify.core import NonFiniteError
from dgpg_verify.systems.roads.links import Array, Ints, Links

GAP = 1e-8  # relative gap that an answer has at most
AIM = 1e-12  # and the one at which the method stops; rounding may stop it before where paths tie at the optimum
STEPS = 150
PATIENCE = 3  # steps without a smaller gap after which there is none to be had
CENTRING = 0.1  # each step aims at this share of the complementarity left
BOUNDARY = 0.99  # and goes at most this share of the way to the boundary
DENSE = 0.1  # share of non-zeros from which a dense factorisation is the faster one


@dataclass(frozen=True, eq=False)
class Equilibrium:
    """flow [L] of links; split [G, K], the flow of each path; gap: the share of all travel time by which travellers
    would be faster if each took the fastest of its paths at these times."""

    flow: Array
    split: Array
    gap: float


def equilibrium(links: Links, paths: Ints, amount: ArrayLike) -> Equilibrium:
    """User equilibrium among given paths; the system optimum with `links.with_marginal_times()`.

    Parameters
    ----------
    paths : int64 [G, K, S], link numbers padded with -1; a path of -1 alone is not there.
    amount : [G], what travels > 0.

    Raises
    ------
    NonFiniteError when a relative gap of 1e-8 is not reached.

    Notes
    -----
    The gap is 1e-12 where no unused path ties with the used ones, else some 1e-11. Link flows are unique where times
    increase; the split need not be. Cost: 20 to 50 steps of O(G K^2 S^2) and one factorisation in the links that are
    used, dense where they interact with many others, else sparse (linear in a long narrow network).
    """
    there = (paths >= 0).any(-1)
    programme = _Programme(links, paths[there], np.nonzero(there)[0], np.asarray(amount, dtype=np.float64))
    flow, gap = programme.solve()
    split = np.zeros(there.shape)
    split[there] = flow
    used = np.zeros(len(links))
    used[programme.used] = programme.incidence @ flow
    return Equilibrium(used, split, gap)


class _Programme:
    """Paths [P] of groups [G] over the links that they use."""

    def __init__(self, links: Links, paths: Ints, group: Ints, amount: Array) -> None:
        used, place = np.unique(paths[paths >= 0], return_inverse=True)
        on = np.nonzero(paths >= 0)[0]
        crossed = sparse.csr_array((np.ones(len(on)), (on, place)), shape=(len(paths), len(used)))
        self.group, self.amount = group, amount
        self.members = sparse.csr_array((np.ones(len(group)), (group, np.arange(len(group)))))
        near = self.members @ crossed
        order = reverse_cuthill_mckee((near.T @ near).tocsr(), symmetric_mode=True)  # near links get near numbers
        self.used, self.crossed = used[order], crossed[:, order]
        self.incidence = self.crossed.T.tocsr()
        columns = {name: getattr(links, name)[self.used] for name in vars(links) if name != "first_through"}
        self.links = Links(**columns)

    def least(self, times: Array) -> Array:
        """The fastest path of each group, [G]."""
        fastest = np.full(len(self.amount), np.inf)
        np.minimum.at(fastest, self.group, times)
        return fastest

    def times(self, flow: Array) -> Array:
        """Travel time of each path, [P]."""
        return np.asarray(self.crossed @ self.links.times(self.incidence @ flow))

    def gap(self, flow: Array) -> float:
        times = self.times(flow)
        total = float(flow @ times)
        return (total - float(self.amount @ self.least(times))) / total

    def solve(self) -> tuple[Array, float]:
        """Path flows, their gap: Newton steps on times - price = slack, sum of a group = amount, flow slack = aim."""
        flow = (self.amount / np.bincount(self.group))[self.group]
        times = self.times(flow)
        price = self.least(times)
        slack = times - price[self.group] + 0.1 * times.mean()
        best, found, waited = self.gap(flow), flow, 0
        for _ in range(STEPS):
            if best <= AIM or (best <= GAP and waited == PATIENCE):
                break
            d_flow, d_slack, d_price = self.direction(flow, slack, price)
            length = min(_longest(flow, d_flow), _longest(slack, d_slack))
            flow, slack, price = flow + length * d_flow, slack + length * d_slack, price + length * d_price
            flow *= (self.amount / (self.members @ flow))[self.group]  # rounding would let a group lose a little
            reached, waited = self.gap(flow), waited + 1
            if reached < best:
                best, found, waited = reached, flow, 0
        if not best <= GAP:
            raise NonFiniteError(
                f"an equilibrium has a relative gap of {best:g} after {STEPS} steps: it must be {GAP:g}"
            )
        return found, best

    def direction(self, flow: Array, slack: Array, price: Array) -> tuple[Array, Array, Array]:
        """One Newton step; paths and prices are eliminated, what is left are the links."""
        aim = CENTRING * float(flow @ slack) / len(flow)
        room = flow / slack
        total = self.members @ room
        wanted = room * (aim / flow - self.times(flow) + price[self.group])
        missing = self.amount - self.members @ flow
        plain = wanted + room * ((missing - self.members @ wanted) / total)[self.group]
        root = np.sqrt(self.links.slopes(self.incidence @ flow))
        pull = self.crossed @ (root * self._solved(room, total, root, root * (self.incidence @ plain)))
        d_price = (missing - self.members @ (wanted - room * pull)) / total
        d_flow = wanted + room * (d_price[self.group] - pull)
        return d_flow, aim / flow - slack - d_flow / room, d_price

    def _solved(self, room: Array, total: Array, root: Array, right: Array) -> Array:
        """(1 + root S root)^-1 right, S = what link times move link flows when each group keeps its amount."""
        mean = sparse.diags_array(1.0 / total) @ self.members @ sparse.diags_array(room) @ self.crossed
        apart = (self.crossed - self.members.T @ mean) @ sparse.diags_array(root)  # each path minus its group's mean
        scaled = apart.T @ (sparse.diags_array(room) @ apart) + sparse.eye_array(len(root))
        if scaled.nnz >= DENSE * len(root) ** 2:
            return np.asarray(cho_solve(cho_factor(scaled.toarray(), overwrite_a=True), right))
        options = {"SymmetricMode": True}
        return np.asarray(
            splu(scaled.tocsc(), permc_spec="NATURAL", diag_pivot_thresh=0.0, options=options).solve(right)
        )


def _longest(values: Array, change: Array) -> float:
    """The longest step in (0, 1] that keeps values + step change above 0."""
    falling = change < 0.0
    return min(1.0, BOUNDARY * float(np.min(-values[falling] / change[falling], initial=np.inf)))

"""Rate control (Kelly, Maulloo & Tan 1998): N flows choose how fast they send over links that they share.

x_l = load / capacity; phi_l = penalty_l (x_l - 1)^2 above capacity, kappa_i = -w_i log(rate). The reference is the load
of Kelly's system problem, the rates > 0 of least cost. Our declared choice: weights log-uniform in [1/2, 2], capacities
log-uniform in [1, 4], penalty beta times the number of flows on the link, rates that are a quarter, half, one and two
of the flow's equal share of its tightest link. Topology: "sparse", each flow on 3 of N links at random, 3 flows a link;
"bottleneck", all on one link of capacity N; "fat_tree", between pods of a data centre's network, six links of capacity
1 each (`graphs.fat_tree_routes`), about one flow a link where N = k^3 / 4 (16, 54, 128, 250, 432 ...); "abilene",
between cities of a research backbone (`graphs.backbone_routes`) whose 28 links are alike and as wide as N flows of rate
1 need on average.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import aslinearoperator, cg
from torch import Tensor

from dgpg_verify.core import Influence, NonFiniteError, check_choice, check_int, check_real
from dgpg_verify.systems.graphs import backbone_routes, fat_tree_routes, random_candidates
from dgpg_verify.systems.one_shot import check_entries, check_vectors
from dgpg_verify.systems.resource_game import JOINT_RULES, ResourceGame, check_additions

Array = NDArray[np.float64]
TOPOLOGIES = ("sparse", "bottleneck", "fat_tree", "abilene")
LEVELS = (0.25, 0.5, 1.0, 2.0)
HOPS = 3
STEPS = 200
TOLERANCE = 1e-9  # relative error of rate * price = weight


@dataclass(frozen=True, eq=False)
class RateControl(ResourceGame):
    """routes int64 [N, S]: links of each flow, -1 after the last; weights [N]; rates [N, K]; capacity, penalty,
    reference_state [L]."""

    routes: Tensor
    weights: Tensor
    rates: Tensor
    capacity: Tensor
    penalty: Tensor
    reference_state: Tensor
    recipe: dict[str, Any] | None = None

    kind = "rate_control"
    joint_rules = ("equal_share", "proportional_fairness", *JOINT_RULES)

    def __post_init__(self) -> None:
        check_vectors(self, ("penalty", "reference_state"), len(self.capacity))
        check_entries(self, dict.fromkeys(("capacity", "rates", "weights", "penalty"), "finite and > 0"))
        check_additions(self)

    @classmethod
    def random(cls, n_agents: int, seed: int = 0, topology: str = "sparse", beta: float = 10.0) -> RateControl:
        """Draw flows. Raises InputError for another topology or beta <= 0. Cost O(N) and that of `kelly_rates`."""
        n, beta = check_int("n_agents", n_agents, 1), check_real("beta", beta, 0.0, open_low=True)
        check_choice("topology", topology, TOPOLOGIES)
        rng = np.random.default_rng(np.random.SeedSequence(check_int("seed", seed, 0), spawn_key=(6,)))
        weights = np.exp(rng.uniform(-np.log(2.0), np.log(2.0), n))
        routes, capacity = _network(topology, n, rng)
        flows = np.maximum(np.bincount(routes[routes >= 0], minlength=len(capacity)), 1)
        share = np.where(routes >= 0, (capacity / flows)[routes], np.inf).min(1)
        penalty = beta * flows
        best = kelly_rates(routes, weights, capacity, penalty, share)
        sent = np.repeat(best, routes.shape[1])[routes.ravel() >= 0]
        load = np.bincount(routes[routes >= 0], sent, len(capacity)) / capacity
        recipe = {"n_agents": n, "seed": seed, "topology": topology, "beta": beta}
        parts = {"routes": routes, "weights": weights, "rates": share[:, None] * np.array(LEVELS), "capacity": capacity,
                 "penalty": penalty, "reference_state": load}  # fmt: skip
        return cls(**{name: torch.as_tensor(part) for name, part in parts.items()}, recipe=recipe)

    @cached_property
    def additions(self) -> Influence:
        links = self.routes.clamp(min=0)
        share = self.rates[:, :, None] / self.capacity[links][:, None]
        share = torch.where(self.routes[:, None] >= 0, share, torch.zeros_like(share))
        return Influence(links[:, None].expand(share.shape), share)

    @property
    def action_costs(self) -> Tensor:
        return -self.weights[:, None] * self.rates.log()

    def coordinate_costs(self, x: Tensor, at: Tensor | None = None) -> Tensor:
        return (self.penalty if at is None else self.penalty[at]) * (x - 1.0).clamp(min=0.0) ** 2

    @cached_property
    def equal_share(self) -> Tensor:
        """What each flow gets where those on its tightest link share it equally, [N]."""
        there = self.routes >= 0
        flows = torch.bincount(self.routes[there], minlength=len(self.capacity)).clamp(min=1)
        shares = (self.capacity / flows)[self.routes.clamp(min=0)]
        return torch.where(there, shares, torch.full_like(shares, torch.inf)).amin(1)

    @cached_property
    def best_rates(self) -> Tensor:
        """Kelly's rates, the proportionally fair ones of the soft capacities, [N]. Cost: that of `kelly_rates`."""
        given = (self.routes, self.weights, self.capacity, self.penalty, self.equal_share)
        return torch.as_tensor(kelly_rates(*(part.cpu().numpy() for part in given)))

    def planned(self, name: str) -> Tensor:
        """equal_share, proportional_fairness: the level that is nearest in ratio to `equal_share`, `best_rates`."""
        if name not in ("equal_share", "proportional_fairness"):
            return super().planned(name)
        aim = self.equal_share if name == "equal_share" else self.best_rates.to(self.rates)
        return (self.rates / aim[:, None]).log().abs().argmin(1)


def _network(topology: str, n: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], Array]:
    """Routes [N, S] and capacities [L]."""
    if topology == "bottleneck":
        return np.zeros((n, 1), dtype=np.int64), np.array([float(n)])
    if topology == "fat_tree":
        routes, links = fat_tree_routes(n, rng)
        return routes, np.ones(links)
    if topology == "abilene":
        routes, links, hops = backbone_routes(n, rng)
        return routes, np.full(links, n * hops / links)
    capacity = np.exp(rng.uniform(0.0, np.log(4.0), n))
    return random_candidates(n, n, min(HOPS, n), rng), capacity


def kelly_rates(routes: NDArray[np.int64], weights: Array, capacity: Array, penalty: Array, start: Array) -> Array:
    """The rates [N] > 0 at which sum penalty (x - 1)^2+ - sum w log(rate) is least: rate times price = w to 1e-9, the
    price of a flow being what its links cost more with one more unit of rate.

    Newton's method in log(rate), where the problem is convex, with w for that part of the curvature that ends as w.
    Raises NonFiniteError when 200 steps do not suffice. Cost: O(N S) for each step of conjugate gradients, some 100.
    """
    uses, rate = _uses(routes, capacity), start
    for _ in range(STEPS):
        over = np.maximum(uses.T @ rate - 1.0, 0.0)
        excess = rate * (uses @ (2.0 * penalty * over)) - weights
        if (np.abs(excess) <= TOLERANCE * weights).all():
            return rate
        felt = aslinearoperator(
            sparse.diags_array(rate) @ uses @ sparse.diags_array(np.sqrt(2.0 * penalty) * (over > 0.0))
        )
        step = cg(aslinearoperator(sparse.diags_array(weights)) + felt @ felt.T, -excess, rtol=1e-8)[0]
        rate = _shortened(rate, step, lambda r: penalty @ np.maximum(uses.T @ r - 1.0, 0.0) ** 2 - weights @ np.log(r))
    raise NonFiniteError(
        f"Kelly's rates have an excess of {float(np.abs(excess / weights).max()):g} after {STEPS} steps"
    )


def _uses(routes: NDArray[np.int64], capacity: Array) -> sparse.csr_array:
    """What one unit of a flow's rate adds to each link's load, [N, L]."""
    flow, hop = np.nonzero(routes >= 0)
    at = routes[flow, hop]
    return sparse.csr_array((1.0 / capacity[at], (flow, at)), shape=(len(routes), len(capacity)))


def _shortened(rate: Array, step: Array, cost: Callable[[Array], float]) -> Array:
    """rate exp(step), the step halved until the cost does not rise beyond rounding."""
    while cost(rate * np.exp(step)) > cost(rate) + 1e-12 * abs(cost(rate)):
        step = 0.5 * step
    return rate * np.exp(step)

"""Road networks: N platoons choose among the K shortest paths of their trips, and share the total travel time.

The state x [L] is the links' load, flow / capacity; J is minus the total travel time, G the distance to a
system-optimal load. With the Wardrop user equilibrium as reference the model is plausible and biased: what selfish
drivers would do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from dgpg_verify.core import Influence, InputError, check_int, check_real
from dgpg_verify.systems import references
from dgpg_verify.systems.best_response import Price, iterated_best_response
from dgpg_verify.systems.inputs import digests, within_range
from dgpg_verify.systems.one_shot import check_entries, check_vectors
from dgpg_verify.systems.resource_game import JOINT_RULES, ResourceGame, check_additions
from dgpg_verify.systems.roads.classics import CLASSICS
from dgpg_verify.systems.roads.equilibrium import equilibrium
from dgpg_verify.systems.roads.grid import MOST_PATHS, street_grid
from dgpg_verify.systems.roads.links import Array, Ints, Links, Trips
from dgpg_verify.systems.roads.paths import shortest_paths
from dgpg_verify.systems.roads.tntp import PUBLISHED, network_path, read_links, read_trips

NETWORKS = ("grid", *CLASSICS, *PUBLISHED, "path/to/NAME_net.tntp")
REFERENCES = ("system_optimum", "user_equilibrium", *references.VARIANTS[1:])
DEFAULT_PATHS = 4
ALLOWED = {
    **dict.fromkeys(("weights", "capacity"), "finite and > 0"),
    **dict.fromkeys(("free_time", "congestion", "power"), "finite and >= 0"),
    "reference_state": "finite",
}
Drawn = tuple[Links, Ints, Ints, Array]  # links [L]; paths [G, K, S]; of each platoon its pair and its weight [N]


@dataclass(frozen=True, eq=False)
class RoadNetwork(ResourceGame):
    """links int64 [N, K, S]: the paths of each platoon, padded with -1, a path of -1 alone is not there; weights [N];
    capacity, free_time, congestion, power, reference_state [L] (see `Links`). inputs: the options that name files, with
    the digest of what was read."""

    links: Tensor
    weights: Tensor
    capacity: Tensor
    free_time: Tensor
    congestion: Tensor
    power: Tensor
    reference_state: Tensor
    recipe: dict[str, Any] | None = None
    inputs: dict[str, dict[str, str]] | None = None

    kind = "road_network"
    joint_rules = ("shortest_path", "user_equilibrium", *JOINT_RULES)

    def __post_init__(self) -> None:
        size = len(self.capacity)
        check_vectors(self, ("free_time", "congestion", "power", "reference_state"), size)
        check_entries(self, ALLOWED)
        if self.links.ndim != 3 or self.weights.shape != self.links.shape[:1]:
            raise InputError(
                f"links {tuple(self.links.shape)} and weights {tuple(self.weights.shape)} do not fit: "
                "they must be [N, K, S] and [N]"
            )
        if int(self.links.min()) < -1 or int(self.links.max()) >= size:
            raise InputError(f"links must name links in [0, {size - 1}], or -1 for none")
        check_additions(self)

    @classmethod
    def random(
        cls,
        n_agents: int,
        seed: int = 0,
        network: str = "grid",
        n_paths: int | None = None,
        demand: float = 1.0,
        reference: str = "system_optimum",
        trips: str | None = None,
    ) -> RoadNetwork:
        """Platoons on a network.

        Parameters
        ----------
        network
            "grid" grows with N and has trips of random weights; "braess" and "pigou" have N equal drivers and one unit
            of demand; a TNTP file is shared out to N platoons of equal weight, pairs in proportion to their trips:
            its path, or "sioux_falls" or "anaheim" where DGPG_TRACES names their folder.
        n_paths
            K; default 3 on the grid, else 4. Pairs may have fewer.
        demand
            Multiplies all trips.
        reference
            system_optimum or user_equilibrium, of the platoons' trips when these may be split over their K paths; or a
            faulty variant of the first (`systems/references.py`).
        trips
            The file of trips of a TNTP network; default the same name with _trips for _net.

        Raises InputError on any value outside its range. Cost: that of `shortest_paths` and `equilibrium`.
        """
        n_agents, seed = check_int("n_agents", n_agents, 1), check_int("seed", seed, 0)
        check_real("demand", demand, 0.0, open_low=True)
        references.parse_reference(reference, REFERENCES)
        recipe = {"n_agents": n_agents, "seed": seed, "network": network, "n_paths": n_paths, "demand": demand,
                  "reference": reference, "trips": trips}  # fmt: skip
        with within_range(f"network = {network!r}"):
            links, paths, pair, weights = _drawn(network, n_agents, seed, n_paths, trips)
            weights = demand * weights
            guided_to = _reference(reference, links, paths, np.bincount(pair, weights, len(paths)), seed)
        columns = {
            name: torch.as_tensor(getattr(links, name)) for name in ("capacity", "free_time", "congestion", "power")
        }
        read = digests(dict(zip(("network", "trips"), _files(network, trips))))
        chosen = torch.as_tensor(paths[pair])
        return cls(chosen, torch.as_tensor(weights), **columns, reference_state=guided_to, recipe=recipe, inputs=read)

    @property
    def state_units(self) -> Tensor:
        return self.capacity

    @cached_property
    def allowed(self) -> Tensor | None:
        there = (self.links >= 0).any(-1)
        return None if bool(there.all()) else there

    @cached_property
    def additions(self) -> Influence:
        index = self.links.clamp(min=0)
        share = self.weights[:, None, None] / self.capacity[index]
        return Influence(index, torch.where(self.links >= 0, share, torch.zeros_like(share)))

    def coordinate_costs(self, x: Tensor, at: Tensor | None = None) -> Tensor:
        """Flow times travel time of each link at load x."""
        capacity, free_time, congestion, power = (
            column if at is None else column[at]
            for column in (self.capacity, self.free_time, self.congestion, self.power)
        )
        return capacity * x * (free_time + congestion * x.clamp(min=0.0) ** power)

    def planned(self, name: str) -> Tensor:
        """shortest_path: at free flow. user_equilibrium: from there on, one platoon after another takes the path on
        which it is fastest itself, until nobody can be faster (Wardrop's first principle, of platoons)."""
        if name not in ("shortest_path", "user_equilibrium"):
            return super().planned(name)
        there = self.links >= 0
        free = torch.where(there, self.free_time[self.links.clamp(min=0)], 0.0).sum(-1)
        fastest = free.masked_fill(~there.any(-1), torch.inf).argmin(1)
        return fastest if name == "shortest_path" else iterated_best_response(self, self._own_time(), fastest)

    def _own_time(self) -> Price:
        """Travel time of links at a load, for who is on them."""
        free, congestion, power = (part.cpu().numpy() for part in (self.free_time, self.congestion, self.power))
        return lambda before, after, at: free[at] + congestion[at] * np.maximum(after, 0.0) ** power[at]


def _files(network: str, trips: str | None) -> tuple[Path, ...]:
    """The files of a TNTP network, () for any other."""
    path = network_path(str(network))
    if path is None:
        return ()
    return path, path.with_name(path.name.replace("_net", "_trips")) if trips is None else Path(trips)


def _drawn(network: str, n_agents: int, seed: int, n_paths: int | None, trips: str | None) -> Drawn:
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(5,)))
    if network == "grid":
        count = MOST_PATHS if n_paths is None else check_int("n_paths on the grid", n_paths, 1, MOST_PATHS)
        links, paths, weights = street_grid(n_agents, count, rng)
        return links, paths, np.arange(n_agents), weights
    count = DEFAULT_PATHS if n_paths is None else check_int("n_paths", n_paths, 1)
    files = _files(network, trips)
    if files:
        links, demand = read_links(files[0]), read_trips(files[1])
        dealt = _dealt(demand.amount, n_agents, float(rng.uniform()))
        travelled, pair = np.unique(dealt, return_inverse=True)
        kept = Trips(demand.origin[travelled], demand.destination[travelled], demand.amount[travelled])
        return links, shortest_paths(links, kept, count), pair, np.full(n_agents, demand.amount.sum() / n_agents)
    if network not in CLASSICS:
        raise InputError(f"network = {network!r} is not allowed: it must be one of {', '.join(NETWORKS)}")
    links, paths = CLASSICS[network]()
    return links, paths[:, :count], np.zeros(n_agents, dtype=np.int64), np.full(n_agents, 1.0 / n_agents)


def _dealt(amount: Array, n: int, offset: float) -> Ints:
    """n equal platoons to pairs [n]: each pair gets its share of them up to less than one (systematic sampling)."""
    ends = amount.cumsum() / amount.sum() * n
    return np.searchsorted(ends[:-1], np.arange(n) + offset, side="right")


def _reference(name: str, links: Links, paths: Ints, amount: ArrayLike, seed: int) -> Tensor:
    """The reference load [L]."""
    selfish = name == "user_equilibrium"
    solved = equilibrium(links if selfish else links.with_marginal_times(), paths, amount)
    load, capacity = torch.as_tensor(solved.flow / links.capacity), torch.as_tensor(links.capacity)
    if name in REFERENCES[:2]:
        return load
    return references.alter_reference(name, load, capacity, seed)

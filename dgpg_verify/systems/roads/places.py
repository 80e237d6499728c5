"""Where the nodes of a network lie, for its map: of a file beside it, of the town itself, or by travel times."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from dgpg_verify.core import InputError
from dgpg_verify.systems.roads.classics import CLASSICS
from dgpg_verify.systems.roads.grid import streets
from dgpg_verify.systems.roads.links import Array, Ints, Links
from dgpg_verify.systems.roads.paths import TINY, node_count
from dgpg_verify.systems.roads.road_network import RoadNetwork
from dgpg_verify.systems.roads.tntp import network_path, read_links, read_places

CLASSIC_PLACES = {"braess": [(0.0, 0.5), (1.0, 1.0), (1.0, 0.0), (2.0, 0.5)], "pigou": [(0.0, 0.0), (1.0, 0.0)]}
CITY = 5.0  # degrees that longitudes and latitudes of one region span at most


@dataclass(frozen=True, eq=False)
class RoadMap:
    """start, end: the nodes of each link [L]; places [nodes, 2], x to the right and y upwards in one unit of length;
    source: where the places come from, in words."""

    start: Ints
    end: Ints
    places: Array
    source: str


def road_map(game: RoadNetwork) -> RoadMap:
    """The map of a network made by `RoadNetwork.random`.

    A TNTP network NAME_net.tntp takes the places of NAME_node.tntp beside it; without one nodes lie so that distances
    are near travel times at free flow. Raises InputError for a network given by its parts, which holds no nodes.
    """
    if game.recipe is None:
        raise InputError("a road network given by its parts has no map: it must be made by its name or file")
    network = str(game.recipe["network"])
    if network == "grid":
        return RoadMap(*streets(game.n_agents), source="the town's streets")
    if network in CLASSICS:
        links = CLASSICS[network]()[0]
        return RoadMap(links.start, links.end, np.array(CLASSIC_PLACES[network]), "as in textbooks")
    path = network_path(network) or Path(network)
    links, beside = read_links(path), path.with_name(path.name.replace("_net", "_node"))
    if beside != path and beside.is_file():
        places, source = _upright(read_places(beside, node_count(links))), beside.name
    else:
        places, source = places_by_time(links), "by travel times at free flow, without a file of nodes"
    return RoadMap(links.start, links.end, places, source)


def places_by_time(links: Links) -> Array:
    """Places [nodes, 2] whose distances are near the travel times at free flow either way: classical multidimensional
    scaling (Torgerson 1952). Cost O(nodes^3)."""
    size = node_count(links)
    times = np.maximum(links.free_time, TINY * max(float(links.free_time.mean()), TINY))
    apart = csgraph.shortest_path(sparse.csr_array((times, (links.start, links.end)), (size, size)), directed=False)
    apart[~np.isfinite(apart)] = apart[np.isfinite(apart)].max(initial=1.0)
    centre = np.eye(size) - 1.0 / size
    values, vectors = np.linalg.eigh(-0.5 * centre @ apart**2 @ centre)
    return np.asarray(vectors[:, :-3:-1] * np.sqrt(np.maximum(values[:-3:-1], 0.0)))


def _upright(places: Array) -> Array:
    """Longitudes and latitudes of a region in one unit of length; other coordinates as they are."""
    degrees = (np.abs(places) <= (180.0, 90.0)).all() and (np.ptp(places, axis=0) < CITY).all()
    east = np.cos(np.radians(places[:, 1].mean())) if degrees else 1.0
    return np.asarray(places * (east, 1.0))

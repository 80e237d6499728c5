"""Which paths a traveller may choose: the K shortest at free flow."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from dgpg_verify.core import InputError
from dgpg_verify.systems.roads.links import Array, Ints, Links, Trips

TINY = 1e-12  # share of the mean link time that stands for a time of 0, which a shortest-path search takes for no link


def shortest_paths(links: Links, trips: Trips, count: int) -> Ints:
    """The `count` shortest distinct loopless paths of every pair, by travel time at free flow.

    Returns
    -------
    int64 [G, K, S]: link numbers in order of travel, shortest path first, padded with -1. K <= count and S are the most
    that any pair has; a path that is not there is -1 throughout.

    Raises
    ------
    InputError for pairs without any path, all named, node numbers from 1.

    Notes
    -----
    Cost: Yen's algorithm for each pair, O(K S (L + nodes log nodes)) at most.
    """
    graph = travel_graph(links, links.free_time)
    number = {pair: k for k, pair in enumerate(zip(sources(links, links.start).tolist(), links.end.tolist()))}
    found, lost = [], []
    for origin, start, end in zip(trips.origin, sources(links, trips.origin), trips.destination):
        _, before = csgraph.yen(graph, int(start), int(end), count, return_predecessors=True)
        found.append([_traced(row, int(start), int(end), number) for row in before])
        if not len(before):
            lost.append(f"{origin + 1} to {end + 1}")
    if lost:
        raise InputError(f"there is no path from node {', '.join(lost[:50])}: every pair with trips needs one")
    return padded(found)


def sources(links: Links, nodes: Ints) -> Ints:
    """Where what leaves these nodes begins in `travel_graph`: of a zone in its second copy, which nothing enters."""
    return np.where(nodes < links.first_through, nodes + node_count(links), nodes)


def node_count(links: Links) -> int:
    return int(max(links.start.max(), links.end.max(), links.first_through)) + 1


def travel_graph(links: Links, times: Array) -> sparse.csr_array:
    """Adjacency matrix of travel times > 0, in which no zone can be passed through."""
    size, least = 2 * node_count(links), TINY * max(float(times.mean()), TINY)
    ends = sources(links, links.start).astype(np.int32), links.end.astype(np.int32)  # the only kind that yen() reads
    return sparse.csr_array((np.maximum(times, least), ends), shape=(size, size))


def padded(paths: Iterable[list[list[int]]]) -> Ints:
    """Lists of paths as int64 [G, K, S], padded with -1."""
    listed = list(paths)
    count = max(len(own) for own in listed)
    length = max(len(path) for own in listed for path in own)
    table = np.full((len(listed), count, length), -1, dtype=np.int64)
    for g, own in enumerate(listed):
        for k, path in enumerate(own):
            table[g, k, : len(path)] = path
    return table


def _traced(before: Ints, start: int, end: int, number: dict[tuple[int, int], int]) -> list[int]:
    """The links of one path, from the node before each node."""
    path, at = [], end
    while at != start:
        path.append(number[int(before[at]), at])
        at = int(before[at])
    return path[::-1]

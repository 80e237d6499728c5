"""Which servers an agent may choose, random bipartite graphs with bounded in-degree; and routes through a fat tree and
through a backbone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import shortest_path

from dgpg_verify.core import InputError, check_int

MAX_REPAIR_ROUNDS = 1_000

MOST_SERVERS = 10_000_000  # rows of a table that can still be held


def count_candidates(value: Any, servers: int, default: int) -> int:
    """K: min(default, M) for None, M for "all" (the dense graph), else an integer in [1, M]."""
    if value is None:
        return min(default, servers)
    return servers if value == "all" else check_int("n_candidates", value, 1, servers)


def random_candidates(n_agents: int, n_servers: int, n_candidates: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw a random graph in which every agent has K distinct servers and no server has many agents.

    Parameters
    ----------
    n_agents, n_servers, n_candidates
        N, M, K with 1 <= K <= M. K = M gives the dense graph.
    rng
        Explicit generator.

    Returns
    -------
    int64 [N, K], no repeats in a row, in-degree of every server <= ceil(N K / M), rows in random order.

    Raises
    ------
    InputError
        When such a graph cannot exist.

    Notes
    -----
    Cost: O(N K); collisions are repaired by random swaps, which keep every in-degree.
    """
    n_agents = check_int("n_agents", n_agents, 1)
    n_servers = check_int("n_servers", n_servers, 1)
    check_int("n_candidates", n_candidates, 1)
    if n_candidates > n_servers:
        raise InputError(
            f"n_candidates = {n_candidates} is not allowed: it must be an integer in [1, {n_servers}] "
            f"(an agent cannot see more servers than there are)"
        )
    if n_candidates == n_servers:
        dense = np.tile(np.arange(n_servers, dtype=np.int64), (n_agents, 1))
        return rng.permuted(dense, axis=1)
    if 2 * n_candidates > n_servers:
        # almost dense: dealing out the few servers an agent does not see collides far less often
        unseen = random_candidates(n_agents, n_servers, n_servers - n_candidates, rng)
        visible = np.ones((n_agents, n_servers), dtype=bool)
        np.put_along_axis(visible, unseen, False, axis=1)
        return rng.permuted(np.nonzero(visible)[1].reshape(n_agents, n_candidates).astype(np.int64), axis=1)
    slots = n_agents * n_candidates
    deck = np.arange(slots, dtype=np.int64) % n_servers
    return _repair(rng.permutation(deck).reshape(n_agents, n_candidates), rng)


def _repair(graph: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Swap repeated entries with random places until every row holds distinct servers."""
    if graph.shape[1] == 1:
        return graph
    flat = graph.reshape(-1)
    for _ in range(MAX_REPAIR_ROUNDS):
        repeats = _repeated(graph)
        if not len(repeats):
            return graph
        for place in repeats:
            other = int(rng.integers(flat.size))
            flat[place], flat[other] = flat[other], flat[place]
    raise InputError(
        f"no graph with {graph.shape[1]} distinct candidates for each of {graph.shape[0]} agents was found "
        f"in {MAX_REPAIR_ROUNDS} repair rounds: choose fewer candidates, or all of them"
    )


def _repeated(graph: NDArray[np.int64]) -> NDArray[np.int64]:
    """Flat places that repeat a server already named in their row."""
    order = np.argsort(graph, axis=1, kind="stable")
    ranked = np.take_along_axis(graph, order, axis=1)
    again = np.zeros(graph.shape, dtype=bool)
    np.put_along_axis(again, order[:, 1:], ranked[:, 1:] == ranked[:, :-1], axis=1)
    return np.flatnonzero(again)


def fat_tree_routes(n_flows: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], int]:
    """Routes of N flows between hosts of a fat tree of k-port switches (Al-Fares, Loukissas & Vahdat 2008).

    k is the least even number with k^3 / 4 >= N hosts. No two flows leave one host; each goes to a random host of
    another pod by a random core switch. Links have a direction, and k^3 / 4 lie on each of six stages: host to edge,
    edge to aggregation, aggregation to core, and down again.

    Returns
    -------
    int64 [N, 6], the links of each flow in order; the number of links. Cost O(N).
    """
    k = 2
    while k**3 // 4 < n_flows:
        k += 2
    half, hosts = k // 2, k**3 // 4
    in_pod = half * half
    start = rng.permutation(hosts)[:n_flows]
    pod = start // in_pod
    to = (pod + rng.integers(1, k, n_flows)) % k
    end = to * in_pod + rng.integers(in_pod, size=n_flows)
    middle, core = rng.integers(half, size=(2, n_flows))  # which aggregation switch of either pod, which of its cores
    edges = [at % in_pod // half for at in (start, end)]
    stages = [start, pod * in_pod + edges[0] * half + middle, pod * in_pod + middle * half + core,
              to * in_pod + middle * half + core, to * in_pod + edges[1] * half + middle, end]  # fmt: skip
    return np.stack([stage * hosts + link for stage, link in enumerate(stages)], axis=1), 6 * hosts


# The trunks of Abilene, the backbone of Internet2, by its public map of 2004: eleven routers, lines of 10 Gbit/s
ABILENE = (
    ("Seattle", "Sunnyvale"), ("Seattle", "Denver"), ("Sunnyvale", "Los Angeles"), ("Sunnyvale", "Denver"),
    ("Los Angeles", "Houston"), ("Denver", "Kansas City"), ("Kansas City", "Houston"), ("Kansas City", "Indianapolis"),
    ("Houston", "Atlanta"), ("Indianapolis", "Chicago"), ("Indianapolis", "Atlanta"), ("Chicago", "New York"),
    ("Atlanta", "Washington"), ("Washington", "New York"),
)  # fmt: skip


def backbone_routes(n_flows: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], int, float]:
    """Routes of N flows between random pairs of Abilene's cities, each with as few trunks as possible.

    Returns
    -------
    int64 [N, 5], the links of each flow in order and -1 after the last; the number of links, a trunk having one each
    way; the mean number of links of a route over all pairs. Cost O(N).
    """
    cities = sorted({city for trunk in ABILENE for city in trunk})
    ends = [tuple(cities.index(city) for city in trunk) for trunk in ABILENE]
    links = {pair: k for k, pair in enumerate([*ends, *(pair[::-1] for pair in ends)])}
    graph = sparse.csr_array((np.ones(len(links)), tuple(np.array(list(links)).T)), shape=(len(cities),) * 2)
    hops, before = shortest_path(graph, unweighted=True, return_predecessors=True)
    routes = np.full((len(cities), len(cities), int(hops.max())), -1)
    for start, end in np.argwhere(hops > 0.0).tolist():
        at = end
        for place in range(int(hops[start, end]) - 1, -1, -1):
            routes[start, end, place] = links[int(before[start, at]), at]
            at = int(before[start, at])
    pairs = routes[hops > 0.0]
    return pairs[rng.integers(len(pairs), size=n_flows)], len(links), float(hops.sum() / len(pairs))

"""What equilibria and optima of road networks must satisfy, link by link and path by path; slow and plain.

Nothing of the solver is used: shortest paths are found here over all paths of the network, marginal times are
derivatives of the total travel time itself, and the two textbook networks are solved by hand.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np

from dgpg_verify.systems.roads.links import Array, Ints, Links, Trips

STEP = 1e-30  # of a complex derivative, which loses no digits
PRICE_OF_ANARCHY = 4.0 / 3.0  # of Pigou's network and of Braess's: equilibrium 1 against 3/4, and 2 against 3/2


def travel_times(links: Links, flow: Array) -> list[float]:
    """Time of each link, one after the other."""
    return [float(_time(links, k, flow[k]).real) for k in range(len(links))]


def marginal_times(links: Links, flow: Array) -> list[float]:
    """Derivative of flow times time of each link."""
    raised = [complex(flow[k], STEP) for k in range(len(links))]
    return [(v * _time(links, k, v)).imag / STEP for k, v in enumerate(raised)]


def total_time(links: Links, flow: Array) -> float:
    """What all travellers spend together."""
    return float(sum(v * t for v, t in zip(flow.tolist(), travel_times(links, flow))))


def relative_gap(links: Links, trips: Trips, flow: Array) -> float:
    """The share of all travel time by which travellers would be faster on the fastest of all paths: 0 at a user
    equilibrium of the whole network, whatever paths a solver knows. flow [L] must carry the trips."""
    times = travel_times(links, flow)
    total = sum(v * t for v, t in zip(flow.tolist(), times))
    fastest = {int(origin): distances(links, times, int(origin)) for origin in np.unique(trips.origin)}
    pairs = zip(trips.origin.tolist(), trips.destination.tolist(), trips.amount.tolist())
    return float((total - sum(amount * fastest[o][d] for o, d, amount in pairs)) / total)


def distances(links: Links, times: Sequence[float], origin: int) -> dict[int, float]:
    """Dijkstra's algorithm: the least time to every node that can be reached; no zone is passed through."""
    leaving: dict[int, list[tuple[int, float]]] = {}
    for start, end, time in zip(links.start.tolist(), links.end.tolist(), times):
        leaving.setdefault(start, []).append((end, time))
    found: dict[int, float] = {}
    waiting = [(0.0, origin)]
    while waiting:
        time, node = heapq.heappop(waiting)
        if node in found:
            continue
        found[node] = time
        if node == origin or node >= links.first_through:
            for end, further in leaving.get(node, []):
                heapq.heappush(waiting, (time + further, end))
    return found


def optimality_residual(links: Links, paths: Ints, amount: Array, split: Array) -> float:
    """How far a split [G, K] over paths [G, K, S] is from least total time: the largest violation of the conditions of
    Karush, Kuhn & Tucker. Amounts are carried, no flow is negative, and a path whose marginal time exceeds the least of
    its pair by a share r carries no flow: max of r (flow / amount), of missing and of negative shares."""
    marginal = marginal_times(links, link_flows(links, paths, split))
    worst = 0.0
    for g in range(len(paths)):
        there = [k for k in range(paths.shape[1]) if paths[g, k, 0] >= 0]
        times = [sum(marginal[l] for l in paths[g, k] if l >= 0) for k in there]
        shares = [float(split[g, k] / amount[g]) for k in there]
        worst = max(worst, abs(1.0 - sum(shares)), -min(shares))
        worst = max([worst, *(share * (time / min(times) - 1.0) for share, time in zip(shares, times))])
    return worst


def link_flows(links: Links, paths: Ints, split: Array) -> Array:
    """Flow of each link [L] when pair g sends split[g, k] over its path k."""
    flow = np.zeros(len(links))
    for g, k, s in np.ndindex(*paths.shape):
        if paths[g, k, s] >= 0:
            flow[paths[g, k, s]] += split[g, k]
    return flow


def pigou_load(alpha: float) -> float:
    """Load x of Pigou's second link where (1 - alpha) x (total time) + alpha G is least, x~ = user equilibrium (0, 1):
    total time x^2 + 1 - x and G = (1 - x)^2 give x = (1 + alpha) / 2, alpha^2 / 4 above the least total time."""
    return (1.0 + alpha) / 2.0


def _time(links: Links, k: int, flow: complex) -> complex:
    free, steep = float(links.free_time[k]), float(links.congestion[k])
    return free + (steep * (flow / float(links.capacity[k])) ** float(links.power[k]) if steep else 0.0) + 0j

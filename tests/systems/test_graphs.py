"""Random candidate graphs: distinct candidates, bounded in-degree, seeded, impossible ones refused."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from dgpg_verify.core import InputError
from dgpg_verify.systems import random_candidates
from dgpg_verify.systems.graphs import ABILENE, backbone_routes, fat_tree_routes
from dgpg_verify.testing import EXACT


def drawn(n: int, m: int, k: int, seed: int = 0) -> np.ndarray:
    return random_candidates(n, m, k, np.random.default_rng(seed))


@EXACT
@given(n=st.integers(1, 12), m=st.integers(1, 9), k=st.integers(1, 9), seed=st.integers(0, 9_999))
def test_rows_are_distinct_and_degrees_bounded(n: int, m: int, k: int, seed: int) -> None:
    assume(k <= m)
    graph = drawn(n, m, k, seed)
    assert graph.shape == (n, k) and graph.dtype == np.int64
    assert graph.min() >= 0 and graph.max() < m
    assert all(len(set(row)) == k for row in graph.tolist())
    degrees = np.bincount(graph.ravel(), minlength=m)
    assert degrees.max() <= math.ceil(n * k / m) and degrees.min() >= n * k // m


def test_large_graph_has_equal_degrees() -> None:
    assert set(np.bincount(drawn(5_000, 5_000, 8).ravel()).tolist()) == {8}


def test_dense_graph_sees_everything_in_random_order() -> None:
    graph = drawn(50, 6, 6)
    assert (np.sort(graph, axis=1) == np.arange(6)).all()
    assert len({tuple(row) for row in graph.tolist()}) > 10


def test_same_seed_same_graph_other_seed_other_graph() -> None:
    assert np.array_equal(drawn(30, 30, 4, 1), drawn(30, 30, 4, 1))
    assert not np.array_equal(drawn(30, 30, 4, 1), drawn(30, 30, 4, 2))


def test_every_server_is_equally_likely_in_every_place(seed: int) -> None:
    """First candidate of the first agent over 3 000 graphs: chi-square on 6 servers, false-alarm rate 1e-4."""
    rng = np.random.default_rng(seed)
    first = [random_candidates(4, 6, 3, rng)[0, 0] for _ in range(3_000)]
    counts = np.bincount(first, minlength=6)
    assert stats.chisquare(counts).pvalue > 1e-4
    assert stats.chisquare(counts + np.array([150, 0, 0, 0, 0, -150])).pvalue < 1e-4  # control: 5 % moved is seen


@pytest.mark.parametrize(
    ("n", "m", "k", "word"),
    [(0, 3, 1, "n_agents"), (3, 0, 1, "n_servers"), (3, 3, 0, "n_candidates"), (3, 3, 4, "n_candidates"),
     (2.5, 3, 1, "n_agents"), (True, 3, 1, "n_agents"), ("x", 3, 1, "n_agents")],
)  # fmt: skip
def test_impossible_graphs_are_refused(n: int, m: int, k: int, word: str) -> None:
    with pytest.raises(InputError, match=word):
        drawn(n, m, k)


@pytest.mark.parametrize("n", [1, 2, 3, 16, 17, 54, 60])
def test_routes_of_a_fat_tree_go_up_and_down_between_pods(n: int, seed: int) -> None:
    """Told from the ends of links, which are counted here from the textbook: k pods of k/2 edge and k/2 aggregation
    switches, (k/2)^2 cores, of which aggregation switch a of every pod meets those from a k/2 on."""
    routes, links = fat_tree_routes(n, np.random.default_rng(seed))
    k = next(k for k in itertools.count(2, 2) if k**3 // 4 >= n)
    half, hosts = k // 2, k**3 // 4
    assert routes.shape == (n, 6) and links == 6 * hosts
    assert len(set(routes[:, 0].tolist())) == n  # no two from one host
    for stage, place in itertools.product(range(6), range(n)):
        assert routes[place, stage] // hosts == stage
    for up1, up2, up3, down3, down2, down1 in (routes % hosts).tolist():
        pods = [up1 // half**2, up2 // half**2, up3 // half**2, down3 // half**2, down2 // half**2, down1 // half**2]
        assert len({*pods[:3]}) == len({*pods[3:]}) == 1 and pods[0] != pods[3]
        edge_up, middle_up = up2 % half**2 // half, up2 % half
        assert edge_up == up1 % half**2 // half and middle_up == up3 % half**2 // half
        assert up3 % half**2 == down3 % half**2  # one core switch
        assert down2 % half == down3 % half**2 // half and down2 % half**2 // half == down1 % half**2 // half


def test_routes_of_the_backbone_join_their_cities_by_as_few_trunks_as_possible(seed: int) -> None:
    """Hops of all pairs told by growing sets of cities, one trunk at a time."""
    routes, links, hops = backbone_routes(4000, np.random.default_rng(seed))
    ends = [*ABILENE, *((b, a) for a, b in ABILENE)]  # of every link, in order
    assert links == len(ends) == 28
    distance = {}
    for start in {city for trunk in ABILENE for city in trunk}:
        reached, step = {start}, 0
        while len(reached) < 11:
            reached, step = reached | {b for a, b in sorted(ends) if a in reached}, step + 1
            for city in reached:
                distance.setdefault((start, city), step if city != start else 0)
    seen = set()
    for route in routes.tolist():
        used = [ends[link] for link in route if link >= 0]
        assert route == [*(link for link in route if link >= 0), *[-1] * (len(route) - len(used))]
        assert all(first[1] == second[0] for first, second in itertools.pairwise(used))
        seen.add((used[0][0], used[-1][1]))
        assert len(used) == distance[used[0][0], used[-1][1]]
    assert len(seen) == 110 == len([pair for pair in distance if pair[0] != pair[1]])
    assert hops == pytest.approx(sum(distance.values()) / 110)

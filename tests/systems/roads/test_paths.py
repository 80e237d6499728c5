"""Shortest paths against a plain search over all of them; the town's paths are the shortest, and it grows with N."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from dgpg_verify.core import InputError
from dgpg_verify.systems.roads.classics import braess
from dgpg_verify.systems.roads.grid import MEAN_LOAD, ROWS, street_grid
from dgpg_verify.systems.roads.links import Links, Trips
from dgpg_verify.systems.roads.paths import shortest_paths


def all_paths(links: Links, start: int, end: int, visited: tuple[int, ...] = ()) -> Iterator[list[int]]:
    """Every path that visits no node twice, by depth-first search; a zone only begins or ends a path."""
    if start == end:
        yield []
        return
    if visited and start < links.first_through:
        return
    for k in np.flatnonzero(links.start == start):
        if int(links.end[k]) not in (*visited, start):
            for rest in all_paths(links, int(links.end[k]), end, (*visited, start)):
                yield [int(k), *rest]


def some_links(seed: int, nodes: int = 7, through: int = 2) -> Links:
    rng = np.random.default_rng(seed)
    pairs = np.array([(a, b) for a in range(nodes) for b in range(nodes) if a != b and rng.uniform() < 0.5])
    ones = np.ones(len(pairs))
    return Links(pairs[:, 0], pairs[:, 1], ones, rng.uniform(0.1, 1.0, len(pairs)), ones, ones, through)


@pytest.mark.parametrize("seed", range(6))
def test_paths_are_the_shortest_of_all(seed: int) -> None:
    links = some_links(seed)
    pairs = [pair for pair in ((0, 1), (1, 6), (3, 0), (5, 4)) if any(all_paths(links, *pair))]
    trips = Trips(*np.array(pairs).T, np.ones(len(pairs)))
    table = shortest_paths(links, trips, 4)
    for own, start, end in zip(table.tolist(), trips.origin, trips.destination):
        times = sorted(float(links.free_time[path].sum()) for path in all_paths(links, int(start), int(end)))
        found = [[k for k in path if k >= 0] for path in own]
        np.testing.assert_allclose([links.free_time[path].sum() for path in found if path], times[:4], rtol=1e-12)
        assert len({tuple(path) for path in found if path}) == min(4, len(times))
        assert all(path in list(all_paths(links, int(start), int(end))) for path in found if path)


def test_fewer_paths_than_asked_are_padded_and_none_is_refused() -> None:
    links, paths = braess()
    trips = Trips(np.array([0]), np.array([3]), np.ones(1))
    assert shortest_paths(links, trips, 9).shape == (1, 3, 3)
    assert sorted(shortest_paths(links, trips, 9)[0].tolist()) == sorted(paths[0].tolist())
    with pytest.raises(InputError, match="no path from node 4 to 1, 3 to 1: every"):
        shortest_paths(links, Trips(np.array([3, 0, 2]), np.array([0, 3, 0]), np.ones(3)), 2)


@pytest.mark.parametrize("seed", range(3))
def test_a_towns_paths_are_its_shortest(seed: int) -> None:
    """Against Yen's algorithm on the whole town."""
    links, paths, weights = street_grid(30, 3, np.random.default_rng(seed))
    ends = np.array([(links.start[own[0, 0]], links.end[own[0][own[0] >= 0][-1]]) for own in paths])
    searched = shortest_paths(links, Trips(ends[:, 0], ends[:, 1], weights), 3)
    times = [np.where(table >= 0, links.free_time[table], 0.0).sum(-1) for table in (paths, searched)]
    np.testing.assert_allclose(times[0], times[1], rtol=1e-12)
    for own in paths:
        for path in own:
            path = path[path >= 0]
            assert (links.end[path[:-1]] == links.start[path[1:]]).all() and len(path) in (3, 4)
        assert len({tuple(path) for path in own.tolist()}) == 3


@pytest.mark.parametrize("n", [1, 16, 64, 1024])
def test_a_town_grows_with_its_travellers(n: int) -> None:
    links, paths, weights = street_grid(n, 2, np.random.default_rng(0))
    columns = max(4, n // ROWS)
    assert len(links) == 2 * ((ROWS - 1) * columns + ROWS * (columns - 1)) and paths.shape == (n, 2, 4)
    flow = np.bincount(
        paths[paths >= 0], np.broadcast_to(weights[:, None, None] / 2, paths.shape)[paths >= 0], len(links)
    )
    assert float((flow / links.capacity).mean()) == pytest.approx(MEAN_LOAD, rel=0.35 if n > 1 else 5.0)
    assert float(links.capacity.max() / links.capacity.min()) <= 2.0

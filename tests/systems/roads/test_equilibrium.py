"""Equilibria and optima: closed forms, conditions checked path by path, published flows, and answers that must fail."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csgraph

from dgpg_verify.core import NonFiniteError
from dgpg_verify.systems.roads.classics import CLASSICS, braess, pigou
from dgpg_verify.systems.roads.equilibrium import Equilibrium, equilibrium
from dgpg_verify.systems.roads.grid import street_grid
from dgpg_verify.systems.roads.links import Ints, Links, Trips
from dgpg_verify.systems.roads.paths import padded, shortest_paths, sources, travel_graph
from dgpg_verify.systems.roads.tntp import read_links, read_trips
from tests.oracles.games import roads as oracle

FOLDER = Path(os.environ.get("DGPG_TRACES", "") or "/nowhere") / "traffic"
needs_networks = pytest.mark.skipif(
    not (FOLDER / "SiouxFalls_net.tntp").is_file(),
    reason="published networks are not part of the project: DGPG_TRACES names a folder with traffic/*.tntp",
)
NEAR = 1e-5  # of a load: what a relative gap of 1e-11 leaves open where paths tie, sqrt(1e-11), three times


def published(name: str) -> tuple[Links, Trips, np.ndarray]:
    """Network, trips and best known equilibrium flows, in the order of the links."""
    links, trips = read_links(FOLDER / f"{name}_net.tntp"), read_trips(FOLDER / f"{name}_trips.tntp")
    rows = [line.split() for line in (FOLDER / f"{name}_flow.tntp").read_text().splitlines()[1:] if line.strip()]
    flows = {(int(row[0]) - 1, int(row[1]) - 1): float(row[2]) for row in rows}
    return links, trips, np.array([flows[pair] for pair in zip(links.start.tolist(), links.end.tolist())])


def over_all_paths(links: Links, trips: Trips) -> Equilibrium:
    """The user equilibrium of the whole network: shortest paths at the last times are added until none is new."""
    known = [{tuple(l for l in path if l >= 0) for path in own} for own in shortest_paths(links, trips, 1).tolist()]
    while True:
        paths = padded([[list(path) for path in sorted(own)] for own in known])
        found = equilibrium(links, paths, trips.amount)
        new = [path not in own for own, path in zip(known, fastest(links, trips, links.times(found.flow)))]
        if not any(new) or oracle.relative_gap(links, trips, found.flow) < 1e-9:
            return found
        for own, path in zip(known, fastest(links, trips, links.times(found.flow))):
            own.add(path)


def fastest(links: Links, trips: Trips, times: np.ndarray) -> list[tuple[int, ...]]:
    graph = travel_graph(links, times)
    number = {pair: k for k, pair in enumerate(zip(sources(links, links.start).tolist(), links.end.tolist()))}
    starts = sources(links, trips.origin)
    origins, row = np.unique(starts, return_inverse=True)
    before = csgraph.dijkstra(graph, indices=origins, return_predecessors=True)[1]
    paths = []
    for r, start, end in zip(row, starts, trips.destination):
        path, at = [], int(end)
        while at != start:
            path.append(number[int(before[r, at]), at])
            at = int(before[r, at])
        paths.append(tuple(path[::-1]))
    return paths


@needs_networks
def test_selfish_drivers_of_sioux_falls_lose_four_percent() -> None:
    """Best known: total times 7 480 225 and 7 194 256, a ratio of 1.0397."""
    links, trips, _ = published("SiouxFalls")
    paths = shortest_paths(links, trips, 16)
    selfish, best = (equilibrium(net, paths, trips.amount) for net in (links, links.with_marginal_times()))
    ratio = oracle.total_time(links, selfish.flow) / oracle.total_time(links, best.flow)
    assert ratio == pytest.approx(1.0397, abs=0.004)


@pytest.mark.parametrize("name", CLASSICS)
def test_textbook_networks_have_their_price_of_anarchy(name: str) -> None:
    links, paths = CLASSICS[name]()
    selfish, best = (equilibrium(net, paths, [1.0]) for net in (links, links.with_marginal_times()))
    ratio = oracle.total_time(links, selfish.flow) / oracle.total_time(links, best.flow)
    assert ratio == pytest.approx(oracle.PRICE_OF_ANARCHY, abs=NEAR)
    assert selfish.split[0, -1] == pytest.approx(1.0, abs=NEAR)
    np.testing.assert_allclose(best.split[0, :2], 0.5, atol=NEAR)


def networks() -> dict[str, tuple[Links, Ints, np.ndarray]]:
    """Paths and amounts: textbook networks, a town of 40 travellers, and one with a constant, a root and a square."""
    town = street_grid(40, 3, np.random.default_rng(3))
    powers = np.resize([0.0, 0.5, 2.0, 4.0], len(town[0]))
    return {
        "pigou": (*pigou(), np.ones(1)),
        "braess": (*braess(), np.ones(1)),
        "town": town,
        "jam": (town[0], town[1], 5.0 * town[2]),
        "powers": (replace(town[0], power=powers), town[1], town[2]),
    }


@pytest.mark.parametrize("name", networks())
def test_optima_satisfy_their_conditions(name: str) -> None:
    """With a relative gap g over all pairs no share times relative excess is above g times total / own; 1e-8 is far
    above that, and what an even split or a 1 % shift leaves is far above 1e-8."""
    links, paths, amount = networks()[name]
    best = equilibrium(links.with_marginal_times(), paths, amount)
    assert best.gap <= 1e-8
    np.testing.assert_allclose(oracle.link_flows(links, paths, best.split), best.flow, rtol=1e-9, atol=1e-12)
    assert oracle.optimality_residual(links, paths, amount, best.split) < 1e-8
    shifted = best.split.copy()
    shifted[0, 0] -= 0.01 * amount[0]
    shifted[0, 1] += 0.01 * amount[0]
    assert oracle.optimality_residual(links, paths, amount, shifted) > 1e-4


def test_equilibria_are_no_optima() -> None:
    """Control: flows of the user equilibrium violate the conditions of the optimum, and the other way round."""
    links, paths, amount = networks()["jam"]
    selfish = equilibrium(links, paths, amount)
    assert oracle.optimality_residual(links, paths, amount, selfish.split) > 1e-3
    flat = replace(links, congestion=links.congestion / (1.0 + links.power))
    assert oracle.optimality_residual(flat, paths, amount, selfish.split) < 1e-8


def test_marginal_times_are_derivatives_of_the_total() -> None:
    links, _, _ = networks()["powers"]
    flow = np.random.default_rng(0).uniform(0.5, 2.0, len(links))
    np.testing.assert_allclose(links.with_marginal_times().times(flow), oracle.marginal_times(links, flow), rtol=1e-12)
    higher, lower = (links.times(flow + h) for h in (1e-6, -1e-6))
    np.testing.assert_allclose(links.slopes(flow), (higher - lower) / 2e-6, rtol=1e-6, atol=1e-8)


def test_a_town_is_solved_by_the_sparse_and_the_dense_way(monkeypatch: pytest.MonkeyPatch) -> None:
    links, paths, amount = street_grid(120, 3, np.random.default_rng(1))
    flows = []
    for share in (0.0, 2.0):
        monkeypatch.setattr("dgpg_verify.systems.roads.equilibrium.DENSE", share)
        flows.append(equilibrium(links, paths, amount).flow)
    np.testing.assert_allclose(
        flows[0], flows[1], atol=1e-4
    )  # strictly convex but flat: 1e-12 of the total leaves 1e-5


def test_an_answer_that_is_not_good_enough_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dgpg_verify.systems.roads.equilibrium.STEPS", 3)
    links, paths, amount = networks()["jam"]
    with pytest.raises(NonFiniteError, match=r"relative gap of .* after 3 steps"):
        equilibrium(links, paths, amount)


@needs_networks
@pytest.mark.parametrize("name", ["SiouxFalls", "Anaheim"])
def test_published_equilibrium_flows_are_found(name: str) -> None:
    """Best known flows: their gap is rounding, ours is below 1e-8, and both are the same flows; with a tenth of the
    congestion they would not be."""
    links, trips, flows = published(name)
    found = over_all_paths(links, trips)
    assert abs(oracle.relative_gap(links, trips, flows)) < 1e-8
    assert abs(oracle.relative_gap(links, trips, found.flow)) < 1e-8
    assert float(np.abs(found.flow - flows).max() / flows.max()) < 1e-4
    mild = replace(links, congestion=0.1 * links.congestion)
    assert oracle.relative_gap(mild, trips, flows) > 1e-4


@needs_networks
@pytest.mark.parametrize("name", ["SiouxFalls", "Anaheim"])
def test_optima_of_published_networks_satisfy_their_conditions(name: str) -> None:
    links, trips, _ = published(name)
    paths = shortest_paths(links, trips, 4)
    best = equilibrium(links.with_marginal_times(), paths, trips.amount)
    assert oracle.optimality_residual(links, paths, trips.amount, best.split) < 1e-6
    assert oracle.total_time(links, best.flow) < oracle.total_time(links, equilibrium(links, paths, trips.amount).flow)

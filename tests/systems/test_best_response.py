"""Rules that choose for all at once: equilibria against every single deviation, dispatch and rates by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from dgpg_verify.core import InputError
from dgpg_verify.systems import PowerDispatch, RateControl, RoadNetwork, make_system
from dgpg_verify.systems.best_response import distance_price, iterated_best_response, iterated_best_responses
from dgpg_verify.systems.resource_game import ResourceGame
from tests.systems.roads.test_road_network import DIAMOND, write_network, write_trips

TEAMS: list[tuple[str, int, dict[str, Any]]] = [
    ("road_network", 40, {}), ("road_network", 8, {"network": "braess"}), ("road_network", 7, {"network": "pigou"}),
    ("power_dispatch", 30, {}), ("power_dispatch", 9, {"normalised": True, "gamma": 1.0, "n_levels": 2}),
    ("rate_control", 25, {}), ("rate_control", 12, {"topology": "bottleneck"}),
]  # fmt: skip


def chosen(game: ResourceGame, name: str) -> Tensor:
    """Actions [N]."""
    return game.joint_actions(name, game.observe(game.start(torch.empty(1, 1, 0))))[0]


def rewards(game: ResourceGame, actions: Tensor) -> Tensor:
    return game.step(game.start(torch.empty(len(actions), 1, 0)), actions).reward


def deviations(game: ResourceGame, actions: Tensor) -> Tensor:
    """Every joint action in which one agent does something else that it may do, [D, N]."""
    found = []
    for agent in range(game.n_agents):
        for action in range(game.n_actions):
            if game.allowed is None or bool(game.allowed[agent, action]):
                found.append(actions.clone())
                found[-1][agent] = action
    return torch.stack(found)


def travel_times(game: RoadNetwork, actions: Tensor) -> list[float]:
    """How long each platoon is on its way: link by link, from its flow."""
    flow = [0.0] * len(game.capacity)
    paths = [[link for link in game.links[k, a].tolist() if link >= 0] for k, a in enumerate(actions.tolist())]
    for path, weight in zip(paths, game.weights.tolist()):
        for link in path:
            flow[link] += weight
    times = [
        float(game.free_time[k] + game.congestion[k] * (flow[k] / game.capacity[k]) ** game.power[k])
        for k in range(len(flow))
    ]
    return [sum(times[link] for link in path) for path in paths]


@pytest.mark.parametrize(("system", "n", "options"), TEAMS)
def test_after_iterated_best_response_no_single_agent_can_raise_the_reward(
    system: str, n: int, options: dict[str, Any]
) -> None:
    game: Any = make_system(system, n, 3, **options)
    end = chosen(game, "iterated_best_response")
    reached = float(rewards(game, end[None]))
    assert float(rewards(game, deviations(game, end)).max()) <= reached + 1e-8 * abs(reached)
    others = [
        float(rewards(game, chosen(game, name)[None])) for name in game.joint_rules if name != "iterated_best_response"
    ]
    assert reached >= max(others) - 1e-8 * abs(reached)


def platoons(folder: Path, n: int) -> RoadNetwork:
    """Equal platoons over two pairs of zones; one of them has a path less."""
    file = write_network(folder, *DIAMOND, "2 3 1 1 1 0 0;", "3 1 1 1 1 0 0;")
    write_trips(folder, "2 : 7.0;", "Origin 2", "1 : 3.0;", total="10")
    return RoadNetwork.random(n, 1, network=str(file))


def gains(game: RoadNetwork, actions: Tensor) -> list[float]:
    """How much faster each platoon could be by another path, all others as they are."""
    here = travel_times(game, actions)
    options = [(int((row != actions).nonzero()[0]), row) for row in deviations(game, actions) if (row != actions).any()]
    return [here[agent] - travel_times(game, row)[agent] for agent, row in options]


def test_in_the_user_equilibrium_no_platoon_can_be_faster(tmp_path: Path) -> None:
    game = platoons(tmp_path, 20)
    assert max(gains(game, chosen(game, "user_equilibrium"))) <= 1e-8
    assert max(gains(game, chosen(game, "shortest_path"))) > 0.1, "the same check tells another rule from it"


@pytest.mark.parametrize("seed", range(3))
def test_a_platoon_counts_the_delay_that_it_causes_itself(seed: int) -> None:
    """Each is a good part of the flow on its links; the weights differ, and yet nobody can be faster here."""
    town = RoadNetwork.random(15, seed, demand=2.0)
    assert max(gains(town, chosen(town, "user_equilibrium"))) <= 1e-8


def test_many_small_platoons_come_near_wardrops_equilibrium(tmp_path: Path) -> None:
    """Flows of 500 platoons are within two platoons of those of drivers without number."""
    game = platoons(tmp_path, 500)
    other = RoadNetwork.random(500, 1, network=str(tmp_path / "small_net.tntp"), reference="user_equilibrium")
    flow = []
    for name in ("user_equilibrium", "shortest_path"):
        z = game.influence(chosen(game, name)[None])
        flow.append(game.idle_state.index_add(0, z.index.flatten(), z.value.flatten()) * game.capacity)
    wardrop = other.reference_state * game.capacity
    off = [float((some - wardrop).abs().max()) / float(game.weights[0]) for some in flow]
    assert off[0] <= 2.0 < off[1]


def test_braess_and_pigou_by_hand() -> None:
    """All cross the bridge, each 2; half on either way together 1.5. All on the second link of Pigou's, half best."""
    braess, pigou = RoadNetwork.random(4, network="braess"), RoadNetwork.random(6, network="pigou")
    assert chosen(braess, "user_equilibrium").tolist() == [2, 2, 2, 2]
    assert float(rewards(braess, chosen(braess, "iterated_best_response")[None])) == pytest.approx(-1.5)
    assert chosen(pigou, "shortest_path").tolist() == chosen(pigou, "user_equilibrium").tolist() == [1] * 6
    assert int(chosen(pigou, "iterated_best_response").sum()) == 3


def test_merit_order_by_hand() -> None:
    """Levels 1, 2, 3 with steps of incremental cost (q = 1): 1.5 + b and 2.5 + b. Demand 5.5 of least 3: three steps,
    two of the first generator and one of the second; the third is the dearest."""
    game = PowerDispatch.random(3, n_levels=3)
    plain = replace(
        game, levels=torch.tensor([[1.0, 2.0, 3.0]] * 3).double(), quadratic=torch.ones(3).double(),
        linear=torch.tensor([0.0, 1.5, 9.0]).double(), demand=torch.tensor(5.5).double(),
    )  # fmt: skip
    assert chosen(plain, "merit_order").tolist() == [2, 1, 0]
    assert chosen(replace(plain, demand=torch.tensor(5.0).double()), "merit_order").tolist() == [2, 0, 0]
    turned = replace(plain, levels=plain.levels.flip(1))
    assert chosen(turned, "merit_order").tolist() == [0, 1, 2], "levels may stand in any order"
    assert chosen(replace(plain, demand=torch.tensor(99.0).double()), "merit_order").tolist() == [2, 2, 2]


@pytest.mark.parametrize("seed", range(3))
def test_merit_order_meets_the_demand_and_no_more(seed: int) -> None:
    game = PowerDispatch.random(50, seed)
    output = game.levels.gather(1, chosen(game, "merit_order")[:, None])[:, 0]
    largest = float(game.levels.diff(dim=1).max())
    assert 0.0 <= float(output.sum() - game.demand) < largest


def test_rates_by_hand() -> None:
    """On one link of capacity N the equal share is 1, the third level. Kelly's rates are w load N / sum w, where with
    penalty N beta the price 2 beta (load - 1) times load N must be sum w; eight times the weight is three levels more,
    of which there are two."""
    game = RateControl.random(4, topology="bottleneck", beta=100.0)
    assert chosen(game, "equal_share").tolist() == [2, 2, 2, 2]
    heavy = replace(game, weights=torch.tensor([8.0, 1.0, 1.0, 1.0]).double())
    load = 0.5 + (0.25 + 11.0 / 800.0) ** 0.5  # 200 (load - 1) 4 load = 11
    expected = [4.0 * load * weight / 11.0 for weight in (8.0, 1.0, 1.0, 1.0)]
    assert heavy.best_rates.tolist() == pytest.approx(expected, rel=1e-8)
    assert chosen(heavy, "proportional_fairness").tolist() == [3, 1, 1, 1]
    sparse = RateControl.random(10, seed=1)
    torch.testing.assert_close(sparse.equal_share, sparse.rates[:, 2])  # levels are 1/4, 1/2, 1 and 2 of it


def test_other_names_are_refused() -> None:
    with pytest.raises(InputError, match=r"joint rule = 'merit_order'.*shortest_path, user_equilibrium"):
        chosen(RoadNetwork.random(4), "merit_order")
    game: Any = make_system("load_balancing", 3)
    assert tuple(game.joint_rules) == ()


@pytest.mark.parametrize(("system", "n", "options"), TEAMS)
def test_by_distance_no_single_agent_can_come_closer_to_the_reference(
    system: str, n: int, options: dict[str, Any], seed: int
) -> None:
    game = make_system(system, n, seed, **options)
    assert isinstance(game, ResourceGame)
    end = iterated_best_response(game, distance_price(game), torch.zeros(n, dtype=torch.int64))

    def distance(actions: Tensor) -> Tensor:
        step = game.step(game.start(torch.empty(len(actions), 1, 0)), actions)
        return ((step.x - step.reference) ** 2).sum(1)

    here = float(distance(end[None]))
    assert float(distance(deviations(game, end)).min()) >= here - 1e-9 * max(1.0, here)


@pytest.mark.parametrize(("system", "n", "options"), [one for one in TEAMS if one[0] != "road_network"])
def test_side_by_side_each_game_ends_as_it_does_alone(system: str, n: int, options: dict[str, Any], seed: int) -> None:
    made = [make_system(system, n, seed + k, **options) for k in range(3)]
    games = [game for game in made if isinstance(game, ResourceGame)]
    generator = torch.Generator().manual_seed(seed)
    start = torch.randint(games[0].n_actions, (3, n), generator=generator)
    alone = [iterated_best_response(game, distance_price(game), first) for game, first in zip(games, start)]
    assert len({tuple(end.tolist()) for end in alone}) > 1  # or mixing games up would go unseen
    together = iterated_best_responses(games, distance_price(*games), start)
    assert together.tolist() == [end.tolist() for end in alone]

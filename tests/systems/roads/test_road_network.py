"""The game: travel times by hand, credits against enumeration, references and their bias, files, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from scipy.optimize import minimize_scalar

from dgpg_verify.claims.subjects import one_shot_probabilities
from dgpg_verify.contracts import check_system
from dgpg_verify.core import InputError
from dgpg_verify.samples.rest import ExpectedGame, ascend
from dgpg_verify.systems import RoadNetwork, make_system
from dgpg_verify.systems.best_response import distance_price, iterated_best_response
from dgpg_verify.systems.inputs import TRACES
from dgpg_verify.systems.roads.places import road_map
from dgpg_verify.systems.roads.road_network import REFERENCES
from dgpg_verify.training import train
from dgpg_verify.training.settings import usual_episodes
from tests.oracles.games.roads import PRICE_OF_ANARCHY, pigou_load
from tests.systems.enumerated import CREDITS, check_credits
from tests.systems.roads.test_equilibrium import FOLDER, needs_networks
from tests.systems.roads.test_tntp import network as write_network
from tests.systems.roads.test_tntp import trips as write_trips

NEAR = 1e-5  # of a load, as in test_equilibrium
DIAMOND = ["1 3 2 1 1 1 1;", "1 4 4 1 2 0.5 2;", "3 2 2 1 3 0 1;", "4 2 2 1 1 1 1;"]


def played(game: RoadNetwork, *actions: int) -> Any:
    return game.step(game.start(torch.empty(1, 1, 0)), torch.tensor([actions]))


def test_travel_times_by_hand() -> None:
    """Two drivers of weight 1/2: both over the bridge take 1 + 0 + 1 each; one either way 1/2 + 1 each."""
    game = RoadNetwork.random(2, network="braess")
    assert float(played(game, 2, 2).reward) == -2.0 and float(played(game, 0, 1).reward) == -1.5
    assert played(game, 2, 0).x.tolist() == [[1.0, 0.5, 0.0, 0.5, 0.5]]
    assert game.removal_rewards(game.start(torch.empty(1, 1, 0)), torch.tensor([[2, 2]])).tolist() == [[-0.5, -0.5]]
    assert RoadNetwork.random(3, network="pigou").links.shape == (3, 2, 1)


GAMES: dict[str, dict[str, Any]] = {
    "braess": {"n_agents": 4, "network": "braess"},
    "pigou": {"n_agents": 6, "network": "pigou", "reference": "user_equilibrium"},
    "grid": {"n_agents": 5, "seed": 3},
    "faulty": {"n_agents": 4, "seed": 1, "reference": "shuffled", "demand": 3.0},
}


@pytest.mark.parametrize("name", GAMES)
def test_credits_have_the_moments_of_their_definitions(name: str) -> None:
    game = RoadNetwork.random(**GAMES[name])
    check_system(game)
    check_credits(game, replace(game, capacity=0.99 * game.capacity), (*CREDITS[:3], "difference"))


@pytest.mark.parametrize("name", ["braess", "pigou"])
def test_the_biased_reference_costs_the_price_of_anarchy(name: str) -> None:
    costs = {}
    for reference in REFERENCES[:2]:
        game = RoadNetwork.random(4, network=name, reference=reference)
        costs[reference] = float(game.cost_of(game.reference_state))
    assert costs["user_equilibrium"] / costs["system_optimum"] == pytest.approx(PRICE_OF_ANARCHY, abs=NEAR)


@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.9])
def test_a_mixture_with_the_biased_reference_stays_biased(alpha: float) -> None:
    """Pigou's network, drivers without number: (1 - alpha) cost + alpha G is least at load (1 + alpha) / 2."""
    game = RoadNetwork.random(4, network="pigou", reference="user_equilibrium")

    def mixed(load: float) -> float:
        x = torch.tensor([1.0 - load, load], dtype=torch.float64)
        return float((1.0 - alpha) * game.cost_of(x) + alpha * 0.5 * ((x - game.reference_state) ** 2).sum())

    found = float(minimize_scalar(mixed, bounds=(0.0, 1.0), method="bounded", options={"xatol": 1e-9}).x)
    assert found == pytest.approx(pigou_load(alpha), abs=2 * NEAR)
    gap = float(game.cost_of(torch.tensor([1.0 - found, found]))) - 0.75
    assert gap == pytest.approx(alpha**2 / 4.0, abs=2 * NEAR)


def test_the_reference_is_what_drivers_without_number_would_do() -> None:
    """Many equal drivers can come near it: of 4 000 on Pigou's links half take each."""
    game = RoadNetwork.random(4000, network="pigou")
    done = played(game, *[k % 2 for k in range(4000)])
    torch.testing.assert_close(done.x[0], game.reference_state, atol=NEAR, rtol=0.0)


def test_faulty_references_differ() -> None:
    honest = RoadNetwork.random(16).reference_state
    for variant in ("biased:0.3", "biased_uniform:0.3", "shuffled", "rounded", "noise:0.5", "user_equilibrium"):
        moved = RoadNetwork.random(16, reference=variant)
        assert float((moved.reference_state - honest).abs().max()) > 1e-3
        assert torch.equal(moved.links, RoadNetwork.random(16).links)


def test_platoons_share_a_file_out(tmp_path: Path) -> None:
    """Seven of ten trips go one way: of 10 platoons 7 do, of 5 three or four."""
    path = write_network(tmp_path, *DIAMOND, "2 3 1 1 1 0 0;", "2 4 1 1 1 0 0;", "4 1 1 1 1 0 0;", "3 1 1 1 1 0 0;")
    write_trips(tmp_path, "2 : 7.0;", "Origin 2", "1 : 3.0;", total="10")
    for n, counts in ((10, {7}), (5, {3, 4})):
        for seed in range(3):
            game = RoadNetwork.random(n, seed, network=str(path))
            check_system(game)
            assert float(game.weights.sum()) == pytest.approx(10.0) and game.n_actions == 2
            assert int((game.links[:, 0, 0] <= 1).sum()) in counts
    assert game.config()["inputs"].keys() == {"network", "trips"}
    elsewhere = write_trips(tmp_path, "2 : 7.0;", total="7").rename(tmp_path / "mine.tntp")
    again = RoadNetwork.random(5, network=str(path), trips=str(elsewhere), n_paths=1)
    assert float(again.weights.sum()) == pytest.approx(7.0) and again.n_actions == 1


def test_pairs_with_fewer_paths_have_fewer_actions(tmp_path: Path) -> None:
    path = write_network(tmp_path, *DIAMOND, "2 3 1 1 1 0 0;", "3 1 1 1 1 0 0;")
    write_trips(tmp_path, "2 : 1.0;", "Origin 2", "1 : 1.0;", total="2")
    game = RoadNetwork.random(2, network=str(path))
    assert game.allowed is not None and sorted(game.allowed.sum(1).tolist()) == [1, 2]
    check_system(game)


def test_config_rebuilds_the_game() -> None:
    game = RoadNetwork.random(9, seed=4, network="grid", n_paths=2, demand=1.5, reference="user_equilibrium")
    recipe = json.loads(json.dumps(game.config()))
    assert recipe.pop("system") == "road_network"
    again = make_system("road_network", **recipe)
    assert isinstance(again, RoadNetwork) and torch.equal(again.reference_state, game.reference_state)
    assert torch.equal(make_system("road_network:grid", 9, 4).links, RoadNetwork.random(9, 4).links)  # type: ignore[attr-defined]
    assert make_system("road_network:braess", 3).config()["network"] == "braess"
    assert (
        json.loads(json.dumps(game.with_reference(game.reference_state).config()))["weights"] == game.weights.tolist()
    )


@pytest.mark.parametrize(
    ("options", "word"),
    [({"n_agents": 0}, "n_agents"), ({"seed": -1}, "seed"), ({"network": "paris"}, "sioux_falls, anaheim, path/to"),
     ({"n_paths": 4}, r"n_paths on the grid = 4 .* \[1, 3\]"), ({"n_paths": 0, "network": "pigou"}, "n_paths = 0"),
     ({"demand": 0.0}, "demand = 0"), ({"reference": "fluid"}, "system_optimum, user_equilibrium, biased:D"),
     ({"network": "none_net.tntp"}, "existing TNTP file")],
)  # fmt: skip
def test_bad_arguments_are_refused(options: dict[str, Any], word: str) -> None:
    with pytest.raises(InputError, match=word):
        RoadNetwork.random(**{"n_agents": 4, **options})


def test_impossible_networks_are_refused() -> None:
    game = RoadNetwork.random(3, network="braess")
    for changes, word in (
        ({"capacity": -game.capacity}, "capacity"),
        ({"power": game.power[:2]}, "power has shape"),
        ({"weights": game.weights[:2]}, "do not fit"),
        ({"links": game.links + 3}, r"\[0, 4\]"),
        ({"links": torch.zeros_like(game.links)}, "twice"),
    ):
        with pytest.raises(InputError, match=word):
            replace(game, **changes)


def test_a_published_network_by_name_is_that_of_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its trips, its map and a recipe that names no folder."""
    (tmp_path / "traffic").mkdir()
    path = write_network(tmp_path, *DIAMOND).rename(tmp_path / "traffic" / "Anaheim_net.tntp")
    write_trips(tmp_path, "2 : 7.0;", total="7").rename(path.with_name("Anaheim_trips.tntp"))
    monkeypatch.setenv(TRACES, str(tmp_path))
    named, given = make_system("road_network:anaheim", 5), RoadNetwork.random(5, network=str(path))
    assert isinstance(named, RoadNetwork)
    assert str(tmp_path) not in str(named.config()) and named.inputs == given.inputs
    for name in ("links", "weights", "reference_state"):
        assert torch.equal(getattr(named, name), getattr(given, name))
    assert (road_map(named).places == road_map(given).places).all()
    for folder, word in ((str(tmp_path / "traffic"), "which is"), ("", "not set")):
        monkeypatch.setenv(TRACES, folder)
        with pytest.raises(InputError, match=word) as refused:
            make_system("road_network:anaheim", 5)
        assert "TransportationNetworks" in str(refused.value) and "\n" not in str(refused.value)


@needs_networks
@pytest.mark.parametrize(("name", "n"), [("SiouxFalls", 360), ("Anaheim", 1400)])
def test_published_networks_are_played(name: str, n: int) -> None:
    game = RoadNetwork.random(n, network=str(FOLDER / f"{name}_net.tntp"))
    check_system(game)
    assert game.n_agents == n and game.n_actions == 4


@needs_networks
def test_guidance_toward_selfish_drivers_ends_where_few_platoons_can_come_nearer() -> None:
    """What is left of the distance is not for want of training: 19 in 20 stand where they cannot lower it alone. But
    without noise the ascent comes to rest at a better such place."""
    game = RoadNetwork.random(360, network=str(FOLDER / "SiouxFalls_net.tntp"), reference="user_equilibrium")
    policy = train(game, "guidance_only", usual_episodes(game), progress=False).policy
    likeliest = torch.as_tensor(one_shot_probabilities(game, policy)).argmax(1)
    nearest = iterated_best_response(game, distance_price(game), likeliest)
    assert int((nearest != likeliest).sum()) <= 18
    expected = ExpectedGame(game)
    learned = torch.nn.functional.one_hot(likeliest, game.n_actions).double()
    assert expected.cost(ascend(expected, (1.0,)).p) < expected.cost(learned)

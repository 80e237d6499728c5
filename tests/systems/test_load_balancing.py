"""LoadBalancingGame: costs by hand, random fleets, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import torch

from dgpg_verify.core import InputError, System
from dgpg_verify.systems import LoadBalancingGame, make_system
from dgpg_verify.systems.load_balancing import COSTS, HEURISTICS


def tensor(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def small(cost: str = "quadratic", **changes: Any) -> LoadBalancingGame:
    """Two agents with jobs 1 and 2; servers of capacity 2, 4, 1 with background 0, 0.25, 0.5."""
    parameters: dict[str, Any] = {
        "jobs": tensor(1, 2), "capacity": tensor(2, 4, 1), "background": tensor(0, 0.25, 0.5),
        "candidates": torch.tensor([[0, 1], [1, 2]]), "weights": tensor(1, 2, 0.5), "target": tensor(0.5, 0.5, 1),
        "reference_state": tensor(0.25, 0.25, 0.25), "cost": cost,
    }  # fmt: skip
    return LoadBalancingGame(**(parameters | changes))


def reward(game: LoadBalancingGame, *actions: int) -> float:
    return float(game.step(game.start(torch.empty(1, 1, 0)), torch.tensor([actions])).reward)


def test_state_by_hand() -> None:
    """Agent 0 on server 1 adds 1/4, agent 1 on server 2 adds 2; shares, features and reference alike."""
    game = small()
    done = game.step(game.start(torch.empty(1, 1, 0)), torch.tensor([[1, 1]]))
    assert done.x.tolist() == [[0.0, 0.5, 2.5]] and done.x_observed.tolist() == [[0.0, 0.25, 0.5]]
    assert done.reference.tolist() == [[0.25, 0.25, 0.25]] and done.done.tolist() == [True]
    assert done.influence.index.tolist() == [[[1], [2]]] and done.influence.value.tolist() == [[[0.25], [2.0]]]
    assert game.shares.tolist() == [[0.5, 0.25], [0.5, 2.0]]
    seen = game.observe(game.start(torch.empty(1, 1, 0)))
    torch.testing.assert_close(seen.features[0, 1, 1], tensor(0.0, 0.5, 0.25, 2.0))  # log capacity, x0, x~, share
    assert bool(seen.mask.all()) and bool(seen.active.all())


@pytest.mark.parametrize(
    ("cost", "expected"),
    [
        ("quadratic", 0.5 * (1 * 0.25 + 2 * 0.0 + 0.5 * 2.25)),
        ("delay", 2 * 0.0 + 4 * 0.25 + 1 * 6.25),
        ("mm1", 0.0 + 1.0 + (19.0 + 400.0 * 1.55)),
        ("makespan", 2.5),
    ],
)
def test_costs_by_hand(cost: str, expected: float) -> None:
    """x = (0, 1/2, 5/2); mm1 is x / (1 - x) up to 0.95 and linear with slope 400 beyond."""
    assert reward(small(cost), 1, 1) == pytest.approx(-expected, rel=1e-12)


def test_mm1_is_continuous_with_a_continuous_slope() -> None:
    game = small("mm1")
    x = tensor(0.95 - 1e-7, 0.95, 0.95 + 1e-7)
    low, at, high = game.coordinate_costs(x).tolist()
    assert at == pytest.approx(19.0, rel=1e-12)
    assert (at - low) / 1e-7 == pytest.approx(400.0, rel=1e-4) and (high - at) / 1e-7 == pytest.approx(400.0, rel=1e-4)


def test_makespan_is_not_a_sum_over_servers() -> None:
    with pytest.raises(InputError, match="not a sum over servers"):
        small("makespan").coordinate_costs(tensor(0, 0, 0))


def test_an_absent_agent_touches_nothing() -> None:
    game = small()
    done = game.step(game.start(torch.empty(1, 1, 0)), torch.tensor([[-1, -1]]))
    assert torch.equal(done.x[0], game.background) and float(done.influence.value.abs().sum()) == 0.0


@pytest.mark.parametrize("cost", COSTS)
def test_random_fleets(cost: str) -> None:
    game = LoadBalancingGame.random(40, seed=2, cost=cost)
    assert isinstance(game, System)
    assert (game.n_agents, game.n_servers, game.n_actions, game.state_size, game.noise_size) == (40, 40, 4, 40, 0)
    for values, low, high in ((game.capacity, 1.0, 4.0), (game.weights, 0.5, 2.0), (game.background, 0.0, 0.2)):
        assert bool(((values >= low) & (values <= high)).all())
    level = (game.jobs.sum() + (game.background * game.capacity).sum()) / game.capacity.sum()
    torch.testing.assert_close(game.target, level.expand(40))


def test_gamma_jobs_have_a_bounded_ratio_and_lognormal_ones_do_not() -> None:
    """max / median <= 10 is the condition under which raw variances may carry a verdict."""
    gamma, lognormal = (LoadBalancingGame.random(20_000, job_law=law).jobs for law in ("gamma", "lognormal"))
    assert float(gamma.max() / gamma.median()) <= 10.0 < float(lognormal.max() / lognormal.median())
    assert float(gamma.mean()) == pytest.approx(1.0, abs=0.02)  # sd of the mean 0.0035
    assert float(lognormal.mean()) == pytest.approx(1.0, abs=0.06)  # sd of the mean 0.0093


def test_job_law_does_not_depend_on_n() -> None:
    medians = [float(LoadBalancingGame.random(n, seed=1).jobs.median()) for n in (2_000, 20_000)]
    assert medians[0] == pytest.approx(medians[1], abs=0.06)  # sd of the smaller median 0.014


def test_seed_decides_and_references_do_not_disturb_the_fleet() -> None:
    one, again, other = (LoadBalancingGame.random(6, seed=s) for s in (3, 3, 4))
    assert torch.equal(one.jobs, again.jobs) and torch.equal(one.candidates, again.candidates)
    assert not torch.equal(one.jobs, other.jobs)


def test_graphs_and_servers_on_request() -> None:
    assert LoadBalancingGame.random(5, n_candidates="all", n_servers=7).n_actions == 7
    assert LoadBalancingGame.random(2).n_actions == 2  # min(4, M)
    assert LoadBalancingGame.random(5, n_candidates=1).n_actions == 1


def test_config_rebuilds_the_game() -> None:
    game = LoadBalancingGame.random(6, seed=3, cost="mm1", reference="biased:0.2")
    recipe = json.loads(json.dumps(game.config()))
    assert recipe.pop("system") == "load_balancing"
    again = make_system("load_balancing", **recipe)
    assert torch.equal(again.reference_state, game.reference_state) and again.cost == "mm1"  # type: ignore[attr-defined]
    plain = json.loads(json.dumps(game.with_reference(game.target).config()))
    assert plain["jobs"] == game.jobs.tolist() and plain["reference_state"] == game.target.tolist()


def test_heuristics_score_candidates() -> None:
    game = small()
    seen = game.observe(game.start(torch.empty(1, 1, 0)))
    torch.testing.assert_close(
        game.heuristic_scores("least_committed", seen)[0], -tensor(0.5, 0.5, 0.75, 2.5).view(2, 2)
    )
    proportional = game.heuristic_scores("capacity_proportional", seen)[0].exp()
    torch.testing.assert_close(proportional, tensor(2, 4, 4, 1).view(2, 2))
    assert float(game.heuristic_scores("random", seen).abs().max()) == 0.0
    with pytest.raises(InputError, match="heuristic"):
        game.heuristic_scores("best_fit", seen)
    assert game.heuristic_names == HEURISTICS


BAD = [
    ({"jobs": tensor(1, 0)}, r"jobs\[1\]"),
    ({"jobs": tensor(1, float("nan"))}, "nan"),
    ({"capacity": tensor(2, -1, 1)}, "capacity"),
    ({"capacity": tensor(2, float("inf"), 1)}, "capacity"),
    ({"weights": tensor(1, -1, 1)}, "weights"),
    ({"background": tensor(0, -0.1, 0)}, "background"),
    ({"target": tensor(0, float("nan"), 0)}, "target"),
    ({"reference_state": tensor(0, 0)}, "reference_state"),
    ({"candidates": torch.tensor([[0, 1], [1, 3]])}, "candidates"),
    ({"candidates": torch.tensor([[0, 1], [1, -1]])}, "candidates"),
    ({"candidates": torch.tensor([[0, 0], [1, 2]])}, "agent 0"),
    ({"candidates": torch.tensor([[0, 1]])}, "do not fit"),
    ({"cost": "cubic"}, "cost"),
]


@pytest.mark.parametrize(("changes", "word"), BAD)
def test_impossible_games_are_refused(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(InputError, match=word):
        small(**changes)


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"n_agents": 0}, "n_agents"), ({"n_agents": -3}, "n_agents"), ({"seed": -1}, "seed"), ({"cost": "x"}, "cost"),
     ({"job_law": "pareto"}, "job_law"), ({"n_candidates": 9}, "n_candidates"), ({"n_servers": 0}, "n_servers"),
     ({"n_candidates": "some"}, "n_candidates")],
)  # fmt: skip
def test_bad_arguments_are_refused(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(InputError, match=word):
        LoadBalancingGame.random(**({"n_agents": 5} | changes))


def test_systems_by_name() -> None:
    with pytest.raises(InputError, match="system"):
        make_system("load_balancer", 3)
    with pytest.raises(InputError, match="option of system"):
        make_system("load_balancing", 3, horizon=4)
    assert replace(small(), cost="delay").cost == "delay"

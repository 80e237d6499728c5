"""Reward and guidance on every joint action against the definition, fleets together and alone; bad input."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.games.random_games import random_games
from dgpg_verify.equilibria.games.tables import Tables, joint_tables, resource_tables
from dgpg_verify.systems import LoadBalancingGame, make_system
from dgpg_verify.testing.games import load_balancing_games
from tests.equilibria.games import plain

ROUNDING = 1e-12  # of the largest entry: sums of a few float64 numbers


def as_table(values, n, k):
    return np.array([values[a] for a in plain.joint_actions(n, k)]).reshape((k,) * n)


@given(load_balancing_games())
@settings(max_examples=60, deadline=None)
def test_tables_are_their_definition(game):
    tables = joint_tables(game)
    for mine, values in zip((tables.reward, tables.guidance), plain.reward_and_guidance(game)):
        exact = as_table(values, game.n_agents, game.n_actions)
        assert mine.shape == (1, *exact.shape)
        assert np.abs(mine[0] - exact).max() <= ROUNDING * max(1.0, np.abs(exact).max())


@pytest.mark.parametrize("cost", ["quadratic", "delay", "mm1", "makespan"])
def test_reward_is_what_the_system_pays_and_fleets_do_not_mix(cost):
    games = [LoadBalancingGame.random(4, seed, n_candidates=3, cost=cost) for seed in range(5)]
    together = joint_tables(games)
    assert together.reward.shape == (5, 3, 3, 3, 3)
    assert (together.fleets, together.n_agents, together.n_actions) == (5, 4, 3)
    actions = torch.as_tensor(plain.joint_actions(4, 3))
    for f, game in enumerate(games):
        paid = game.step(game.start(torch.zeros(81, 1, 0)), actions).reward.numpy()
        assert np.abs(together.reward[f].ravel() - paid).max() <= ROUNDING * np.abs(paid).max()
        alone = joint_tables(game)
        assert np.array_equal(alone.reward[0], together.reward[f])
        assert np.array_equal(alone.guidance[0], together.guidance[f])
    assert len(np.unique(together.reward[:, 0, 0, 0, 0])) == 5  # another fleet, another number


def test_equal_jobs_on_equal_servers_tie_exactly():
    game = LoadBalancingGame(
        jobs=torch.tensor([0.1, 0.1, 0.1], dtype=torch.float64),
        capacity=torch.ones(2, dtype=torch.float64),
        background=torch.tensor([0.3, 0.3], dtype=torch.float64),
        candidates=torch.tensor([[0, 1]] * 3),
        weights=torch.ones(2, dtype=torch.float64),
        target=torch.zeros(2, dtype=torch.float64),
        reference_state=torch.zeros(2, dtype=torch.float64),
    )
    reward = joint_tables(game).reward[0]
    assert reward[0, 0, 1] == reward[0, 1, 0] == reward[1, 0, 0]


def test_mixture_and_range():
    rng = np.random.default_rng(0)
    tables = Tables(rng.normal(size=(3, 2, 2)), rng.normal(size=(3, 2, 2)))
    assert np.array_equal(tables.of(0.0), tables.reward) and np.array_equal(tables.of(1.0), -tables.guidance)
    assert np.allclose(tables.of(0.25), 0.75 * tables.reward - 0.25 * tables.guidance, rtol=0, atol=1e-15)
    assert tables.range[1] == max(tables.reward[1].flat) - min(tables.reward[1].flat)
    assert np.array_equal(tables.take([2]).guidance[0], tables.guidance[2])


def infinite_cost():
    game = LoadBalancingGame.random(2, 0, n_candidates=2, cost="quadratic")
    return joint_tables(game.with_reference(torch.full((2,), 1e200, dtype=torch.float64)))  # its square overflows


GOOD = np.zeros((1, 2, 2))
BAD = {
    "too many joint actions": (lambda: joint_tables(LoadBalancingGame.random(15, 0, n_candidates=3)), "10000000"),
    "a table too large": (lambda: Tables(np.zeros((1, 3163, 3163)), GOOD), "10000000"),
    "non-finite cost": (infinite_cost, "must be finite"),
    "nan": (lambda: Tables(np.full((1, 2, 2), np.nan), GOOD), r"reward\[0, 0, 0\] = nan"),
    "alpha above": (lambda: Tables(GOOD, GOOD).of(1.5), r"alpha = 1.5 .*\[0, 1\]"),
    "alpha nan": (lambda: Tables(GOOD, GOOD).of(float("nan")), r"\[0, 1\]"),
    "unequal axes": (lambda: Tables(np.zeros((1, 2, 3)), np.zeros((1, 2, 3))), r"\[F, K, ..., K\]"),
    "two shapes": (lambda: Tables(GOOD, np.zeros((2, 2, 2))), "one shape"),
    "no game": (lambda: joint_tables([]), "at least one"),
    "unlike games": (
        lambda: joint_tables([LoadBalancingGame.random(n, 0, n_candidates=2) for n in (2, 3)]),
        "must equal that of games",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_error(case):
    call, words = BAD[case]
    with pytest.raises(InputError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["road_network", "rate_control", "power_dispatch", "load_balancing"])
def test_tables_of_resource_games_hold_what_is_played(name, seed):
    games = [make_system(name, 3, seed + k) for k in range(2)]
    found = resource_tables(games)
    for f, actions in enumerate([(0, 1, 2), (2, 0, 1)]):
        step = games[f].step(games[f].start(torch.zeros(1, 1, 0)), torch.tensor([actions]))
        assert found.reward[(f, *actions)] == pytest.approx(float(step.reward))
        assert found.guidance[(f, *actions)] == pytest.approx(0.5 * float(((step.x - step.reference) ** 2).sum()))


def test_tables_of_load_balancing_are_those_built_server_by_server():
    games = random_games(5, 3, seed=4)
    found, wanted = resource_tables(games), joint_tables(games)
    assert found.reward == pytest.approx(wanted.reward, rel=1e-12)
    assert found.guidance == pytest.approx(wanted.guidance, rel=1e-12)

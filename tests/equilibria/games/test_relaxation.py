"""The splittable relaxation against a general-purpose solver; no single job can do better."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.games.random_games import random_games
from dgpg_verify.equilibria.games.relaxation import relaxed_states
from dgpg_verify.equilibria.games.tables import joint_tables
from dgpg_verify.systems import LoadBalancingGame


def by_scipy(game):
    """The same convex program by SLSQP from even splits: (x, cost)."""
    n, k = game.n_agents, game.n_actions

    def state(flat):
        x = game.background.numpy().copy()
        np.add.at(x, game.candidates.numpy().ravel(), (game.shares.numpy() * flat.reshape(n, k)).ravel())
        return x

    found = minimize(
        lambda flat: float(game.cost_of(torch.as_tensor(state(flat)))), np.full(n * k, 1 / k), method="SLSQP",
        bounds=[(0, 1)] * (n * k), options={"maxiter": 500, "ftol": 1e-12},
        constraints=[{"type": "eq", "fun": lambda flat: flat.reshape(n, k).sum(1) - 1}],
    )  # fmt: skip
    return state(found.x), found.fun


@pytest.mark.parametrize("cost", ["quadratic", "delay", "mm1"])
def test_against_a_general_solver(cost):
    games = random_games(8, 4, 3, cost, seed=5)
    states = relaxed_states(games)
    assert states.shape == (8, 4)
    for game, x in zip(games, states):
        other, value = by_scipy(game)
        mine = float(game.cost_of(torch.as_tensor(x)))
        assert mine <= value + 1e-6 * (1 + abs(value))
        if cost != "mm1" or other.max() < 0.95:  # on the linear branch of mm1 the state is our choice, the cost is not
            assert np.abs(x - other).max() <= 2e-3
        assert mine <= -joint_tables(game).reward.max() + 1e-9  # unsplit jobs cost at least as much
        kept = ((x - game.background.numpy()) * game.capacity.numpy()).sum()
        assert kept == pytest.approx(float(game.jobs.sum()))  # no load is lost


def test_all_servers_in_reach_and_equal_weights_give_equal_marginal_costs():
    for game in random_games(5, 3, 3, "delay", seed=1, n_servers=3):
        (x,) = relaxed_states([game])
        price = 2 * x  # d(capacity x^2) per job = 2 capacity x / capacity
        loaded = x > game.background.numpy() + 1e-7
        assert np.ptp(price[loaded]) <= 1e-6 and (price[~loaded] >= price[loaded].max() - 1e-6).all()


def test_beyond_the_cap_of_mm1_marginal_costs_rise_from_it_by_a_share_of_1e_4():
    """One job of 4 overloads both servers: (1 + 1e-4 (x - 0.95)) / capacity is the same on both, a linear system."""
    capacity = np.array([1.0, 1.0001])
    none = torch.zeros(2, dtype=torch.float64)
    game = LoadBalancingGame(
        jobs=torch.tensor([4.0], dtype=torch.float64), capacity=torch.as_tensor(capacity), background=none,
        candidates=torch.tensor([[0, 1]]), weights=none + 1, target=none, reference_state=none, cost="mm1",
    )  # fmt: skip
    rise = 1e-4 / capacity
    level = (1 / capacity[1] - 1 / capacity[0]) * (1 - 1e-4 * 0.95)
    wanted = np.linalg.solve([capacity, [rise[0], -rise[1]]], [4.0, level])
    assert (wanted > 0.95).all() and wanted[1] - wanted[0] > 0.9
    (x,) = relaxed_states([game])
    gap, curvature = 1e-10 * (1 + 4 * 401), 2 * 400 * 1e-4 / 1.0001**2  # of the cost along x_0, at least
    assert np.abs(x - wanted).max() <= np.sqrt(2 * gap / curvature)


def test_a_makespan_has_no_unique_relaxation():
    with pytest.raises(InputError, match="quadratic, delay, mm1"):
        relaxed_states(random_games(1, 3, 2, "makespan"))

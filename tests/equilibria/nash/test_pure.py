"""Pure equilibria against plain loops, ties included; time against size."""

import numpy as np
import pytest
from hypothesis import given, settings

from dgpg_verify.equilibria.games.profiles import pure_points
from dgpg_verify.equilibria.games.random_games import random_tables
from dgpg_verify.equilibria.nash.pure import pure_nash
from tests.equilibria.games import plain
from tests.speed.speed_tools import seconds


@given(plain.small_tables())
@settings(max_examples=80, deadline=None)
def test_enumeration_is_the_plain_loop(tables):
    stable, strict = pure_nash(tables.reward), pure_nash(tables.reward, strict=True)
    for f in range(tables.fleets):
        reward = plain.as_dictionary(tables.reward[f])
        for a in reward:
            kind = plain.kind(reward, a, tables.n_actions)
            assert (stable[(f, *a)], strict[(f, *a)]) == (kind > 0, kind == 2)


@pytest.mark.parametrize("cost", ["quadratic", "delay", "mm1", "makespan"])
def test_enumeration_on_random_fleets(cost):
    tables = random_tables(4, 4, 3, cost, "shuffled", seed=5)
    for table in (tables.reward, -tables.guidance):
        stable = pure_nash(table)
        for f in range(4):
            values = plain.as_dictionary(table[f])
            exact = np.array([plain.kind(values, a, 3) > 0 for a in plain.joint_actions(4, 3)]).reshape((3,) * 4)
            assert np.array_equal(stable[f], exact)
            assert stable[f].any()  # the best joint action is always an equilibrium


def test_pure_points_are_the_marked_vertices():
    members = np.zeros((2, 3, 3), dtype=bool)
    members[1, 2, 0] = True
    points = pure_points(members)
    assert points.fleet.tolist() == [1] and points.p.tolist() == [[[0, 0, 1], [1, 0, 0]]]


def test_time_is_linear_in_the_entries_of_the_tables():
    """N K^N entries: N = 10 against 6, and 200 games against 20, cost at most four times as much an entry."""

    def spent(games: int, n: int) -> float:
        reward = random_tables(games, n, 3, seed=1).reward
        return min(seconds(lambda: pure_nash(reward)) for _ in range(3))

    assert spent(1, 10) < 4 * (10 * 3**10) / (6 * 3**6) * spent(1, 6)
    assert spent(200, 4) < 4 * 10 * spent(20, 4)

"""Pure equilibria against plain loops, ties included; speed at the sizes the room promises."""

import time

import numpy as np
import pytest
from hypothesis import given, settings

from dgpg_verify.equilibria.games.profiles import pure_points
from dgpg_verify.equilibria.games.random_games import random_tables
from dgpg_verify.equilibria.nash.pure import pure_nash
from tests.equilibria.games import plain


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


def test_large_games_and_many_fleets_stay_within_a_tenth_of_their_budget():
    """Budgets: one N = 10, K = 3 game 10 s; 2 000 fleets N = 4, K = 3 60 s. Here 1 and 200 fleets."""
    start = time.perf_counter()
    pure_nash(random_tables(1, 10, 3, seed=1).reward)
    assert time.perf_counter() - start < 1.0
    start = time.perf_counter()
    assert len(pure_nash(random_tables(200, 4, 3, seed=1).reward)) == 200
    assert time.perf_counter() - start < 6.0

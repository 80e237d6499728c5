"""Pure equilibria against plain loops, ties included; speed at the sizes the room promises."""

import time
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.games.profiles import pure_points
from dgpg_verify.equilibria.games.random_games import random_tables
from dgpg_verify.equilibria.games.tables import Tables
from dgpg_verify.equilibria.nash.pure import NONE, STRICT, TIED, pure_kinds, pure_nash
from tests.equilibria.games import plain

ALPHAS = (0.0, 0.1, 0.5, Fraction(1, 3), 0.9, 1.0)


@given(plain.small_tables())
@settings(max_examples=80, deadline=None)
def test_enumeration_is_the_plain_loop(tables):
    k = tables.n_actions
    for f in range(tables.fleets):
        reward, guidance = plain.as_dictionary(tables.reward[f]), plain.as_dictionary(tables.guidance[f])
        stable = pure_nash(tables.reward)
        assert all(stable[(f, *a)] == (plain.kind(reward, a, k) != NONE) for a in reward)
        for alpha in ALPHAS:
            mixed = plain.mixture(reward, guidance, Fraction(alpha))
            mine = pure_kinds(tables, alpha)
            assert all(mine[(f, *a)] == plain.kind(mixed, a, k) for a in mixed)


@pytest.mark.parametrize("cost", ["quadratic", "delay", "mm1", "makespan"])
def test_enumeration_on_random_fleets(cost):
    tables = random_tables(4, 4, 3, cost, "shuffled", seed=5)
    for alpha in ALPHAS:
        kind = pure_kinds(tables, alpha)
        assert kind.shape == tables.reward.shape
        for f in range(4):
            reward, guidance = plain.as_dictionary(tables.reward[f]), plain.as_dictionary(tables.guidance[f])
            mixed = plain.mixture(reward, guidance, Fraction(alpha))
            exact = np.array([plain.kind(mixed, a, 3) for a in plain.joint_actions(4, 3)]).reshape((3,) * 4)
            assert np.array_equal(kind[f], exact)
            assert (kind[f] != NONE).any()  # the best joint action is always an equilibrium


def test_a_tie_of_the_mixture_survives_where_a_rounded_table_loses_it():
    # alpha = 1/10: 9 dJ = dG exactly; floats of the mixture differ in the last place
    tables = Tables(np.array([[0.0, 1.0, 0.7]]), np.array([[0.0, 9.0, 100.0]]))
    assert pure_kinds(tables, Fraction(1, 10)).tolist() == [[TIED, TIED, NONE]]
    just_below, just_above = Fraction(1, 10) - Fraction(1, 10**30), Fraction(1, 10) + Fraction(1, 10**30)
    assert pure_kinds(tables, just_below).tolist() == [[NONE, STRICT, NONE]]
    assert pure_kinds(tables, just_above).tolist() == [[STRICT, NONE, NONE]]
    assert pure_kinds(tables, 0.1).tolist() == [[STRICT, NONE, NONE]]  # the float 0.1 lies above 1/10


def test_pure_points_are_the_marked_vertices():
    members = np.zeros((2, 3, 3), dtype=bool)
    members[1, 2, 0] = True
    points = pure_points(members)
    assert points.fleet.tolist() == [1] and points.p.tolist() == [[[0, 0, 1], [1, 0, 0]]]


TABLES = Tables(np.zeros((1, 2, 2)), np.zeros((1, 2, 2)))
BAD = {
    "alpha": (lambda: pure_kinds(TABLES, 1.01), r"alpha = 1.01 .*\[0, 1\]"),
    "alpha nan": (lambda: pure_kinds(TABLES, float("nan")), r"\[0, 1\]"),
    "alpha text": (lambda: pure_kinds(TABLES, "half"), r"\[0, 1\]"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_error(case):
    call, words = BAD[case]
    with pytest.raises(InputError, match=words):
        call()


def test_large_games_and_many_fleets_stay_within_a_tenth_of_their_budget():
    """Budgets: one N = 10, K = 3 game 10 s; 2 000 fleets N = 4, K = 3 at nine alphas 60 s. Here 1 and 200 fleets."""
    start = time.perf_counter()
    pure_kinds(random_tables(1, 10, 3, seed=1), 0.5)
    assert time.perf_counter() - start < 1.0
    start = time.perf_counter()
    tables = random_tables(200, 4, 3, seed=1)
    kinds_of_all = [pure_kinds(tables, j / 10) for j in range(1, 10)]
    assert time.perf_counter() - start < 6.0 and len(kinds_of_all[0]) == 200

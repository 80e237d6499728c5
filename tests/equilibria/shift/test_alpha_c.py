"""All alphas at once: intervals and limits against enumeration at each alpha, at the ends themselves in particular."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.games.random_games import random_tables
from dgpg_verify.equilibria.games.tables import Tables
from dgpg_verify.equilibria.nash.pure import pure_nash
from dgpg_verify.equilibria.shift.alpha_c import alpha_intervals, alpha_limits, exact_interval
from tests.equilibria.games import plain


@given(plain.small_tables())
@settings(max_examples=40, deadline=None)
def test_intervals_agree_with_enumeration_at_every_end_and_between(tables):
    intervals = alpha_intervals(tables)
    ends = {Fraction(0), Fraction(1)}
    for end in (*intervals.low.flat, *intervals.high.flat):
        if np.isfinite(end):
            near = Fraction(float(end)).limit_denominator(100)  # integer tables: ends are small fractions
            ends |= {near, Fraction(float(end))}
    ranked = sorted(ends)
    for alpha in [*ranked, *((a + b) / 2 for a, b in pairwise(ranked))]:
        holds = intervals.holds(alpha)
        for f in range(tables.fleets):
            values = plain.mixture(
                plain.as_dictionary(tables.reward[f]), plain.as_dictionary(tables.guidance[f]), alpha
            )
            exact = [plain.kind(values, a, tables.n_actions) > 0 for a in values]
            assert holds[f].ravel().tolist() == exact


@given(plain.small_tables())
@settings(max_examples=40, deadline=None)
def test_limits_are_the_last_alpha_that_keeps_an_equilibrium(tables):
    limits, stable = alpha_limits(tables), pure_nash(tables.reward)
    assert np.array_equal(np.isfinite(limits), stable)
    for place in np.argwhere(stable):
        fleet, actions = int(place[0]), tuple(int(k) for k in place[1:])
        low, exact = exact_interval(tables, fleet, actions)
        assert low == 0
        assert abs(limits[tuple(place)] - float(exact)) <= 1e-15
        assert plain.members(tables, exact)[tuple(place)]  # at alpha_c itself it is still one
        if exact < 1:
            above = exact + Fraction(1, 10**25)
            assert not plain.members(tables, above)[tuple(place)]
            assert not alpha_intervals(tables).holds(above)[tuple(place)]
            assert alpha_intervals(tables).holds(exact)[tuple(place)]


@pytest.mark.parametrize("cost", ["quadratic", "makespan"])
def test_random_fleets_at_their_own_limits(cost):
    """At the exact alpha_c of an equilibrium (a fraction no float equals) both ways of deciding keep it."""
    tables = random_tables(30, 3, 3, cost, "shuffled", seed=2)
    intervals, limits = alpha_intervals(tables), alpha_limits(tables)
    inner = np.argwhere((limits > 0) & (limits < 1))
    assert len(inner) >= 10  # a shuffled reference moves equilibria
    for place in inner[:5]:
        fleet, actions = int(place[0]), tuple(int(k) for k in place[1:])
        low, exact = exact_interval(tables, fleet, actions)
        assert low == 0
        for alpha, kept in ((exact, True), (exact + Fraction(1, 10**30), False), (exact - Fraction(1, 10**30), True)):
            members = plain.members(tables, alpha)
            assert np.array_equal(intervals.holds(alpha), members) and members[tuple(place)] == kept


def test_all_alphas_at_once_on_a_grid():
    tables = random_tables(20, 4, 3, "delay", "biased:0.3", seed=3)
    intervals = alpha_intervals(tables)
    for alpha in np.linspace(0.0, 1.0, 21):
        assert np.array_equal(intervals.holds(float(alpha)), plain.members(tables, float(alpha)))
    gained = (intervals.low > 0) & (intervals.low <= intervals.high)
    assert gained.any()  # the control: J_alpha has equilibria that J has not, and they are found too


def test_hand_cases():
    # one agent: J = (0, -1), G = (1, 0): staying at 0 costs G 1, leaving costs J 1, so alpha_c = 1/2
    tables = Tables(np.array([[0.0, -1.0]]), np.array([[1.0, 0.0]]))
    assert alpha_limits(tables)[0, 0] == 0.5 and np.isnan(alpha_limits(tables)[0, 1])
    assert alpha_intervals(tables).low[0, 1] == 0.5
    tied = Tables(np.array([[0.0, 0.0]]), np.array([[1.0, 0.0]]))
    assert alpha_limits(tied).tolist() == [[0.0, 1.0]]  # a tie in J that lowers G goes at once
    agreed = Tables(np.array([[0.0, -1.0]]), np.array([[0.0, 1.0]]))
    assert alpha_limits(agreed)[0, 0] == 1.0 and alpha_intervals(agreed).high[0, 1] == -np.inf


def test_exact_intervals_by_hand():
    tables = Tables(np.array([[0.0, -1.0, 1.0]]), np.array([[1.0, 0.0, 0.0]]))
    assert exact_interval(tables, 0, (2,)) == (0, 1)
    low, high = exact_interval(tables, 0, (0,))  # action 2 is better in both
    assert low > high
    assert exact_interval(Tables(np.array([[0.0, -1.0]]), np.array([[1.0, 0.0]])), 0, (1,)) == (Fraction(1, 2), 1)


def test_bad_alpha_is_one_clear_error():
    tables = Tables(np.array([[[1.0, 0.0], [0.0, 1.0]]]), np.zeros((1, 2, 2)))
    with pytest.raises(InputError, match=r"\[0, 1\]"):
        alpha_intervals(tables).holds(2)

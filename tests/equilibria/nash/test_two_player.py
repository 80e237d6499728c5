"""Two-player equilibria against nashpy and hand cases; degenerate games are flagged; certificates reject."""

import nashpy
import numpy as np
import pytest

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.games.random_games import random_tables
from dgpg_verify.equilibria.nash.nash_conv import certified_points, nash_conv
from dgpg_verify.equilibria.nash.pure import pure_nash
from dgpg_verify.equilibria.nash.two_player import support_pairs, two_player_equilibria

SAME = 1e-7


def by_nashpy(table):
    """All equilibria of the identical-interest game, by nashpy's vertex enumeration, as [E, 2, K].

    Its support enumeration asks for exact zeros and exact equality of floats, and loses equilibria to rounding.
    """
    positive = 1.0 + (table - table.min()) / np.ptp(table)
    return np.array([np.stack(pair) for pair in nashpy.Game(positive, positive).vertex_enumeration()])


def same_sets(mine, other):
    """Does each point of one set have its partner in the other, in equal number?"""
    if len(mine) != len(other):
        return False
    apart = np.abs(mine[:, None] - other[None]).max((-1, -2))
    return bool((apart.min(0) <= SAME).all() and (apart.min(1) <= SAME).all())


@pytest.mark.parametrize("k", [2, 3, 4])
def test_against_nashpy_on_normal_tables(k):
    table = np.random.default_rng(k).normal(size=(16, k, k))
    found = two_player_equilibria(table)
    assert not found.degenerate.any()
    assert certified_points(table, found.points).all()
    assert (np.bincount(found.points.fleet) % 2 == 1).all()  # a nondegenerate game has an odd number (Wilson 1971)
    mixed = 0
    for f in range(len(table)):
        mine = found.points.p[found.points.fleet == f]
        assert same_sets(mine, by_nashpy(table[f]))
        mixed += int((mine.max(-1) < 1.0).any(-1).sum())
        if len(mine) > 1:
            assert not same_sets(mine[1:], by_nashpy(table[f]))  # a missing point is noticed
    assert mixed > 0


@pytest.mark.parametrize("cost", ["quadratic", "delay", "mm1"])
def test_against_nashpy_on_fleets(cost):
    tables = random_tables(12, 2, 3, cost, seed=4)
    for alpha in (0.0, 0.6):
        table = tables.of(alpha)
        found = two_player_equilibria(table)
        checked = np.flatnonzero(~found.degenerate)
        assert len(checked) >= 10
        for f in checked:
            assert same_sets(found.points.p[found.points.fleet == f], by_nashpy(table[f]))


def test_pure_points_are_those_of_the_enumeration():
    table = np.random.default_rng(9).normal(size=(50, 4, 4))
    points = two_player_equilibria(table).points
    vertices = points.take((points.p.max(-1) == 1.0).all(-1))
    members = np.zeros(table.shape, dtype=bool)
    members[(vertices.fleet, *vertices.p.argmax(-1).T)] = True
    assert np.array_equal(members, pure_nash(table))


def test_hand_case_coordination():
    found = two_player_equilibria(np.array([[[2.0, 0.0], [0.0, 1.0]]]))
    exact = np.array([[[1, 0], [1, 0]], [[0, 1], [0, 1]], [[1 / 3, 2 / 3], [1 / 3, 2 / 3]]])
    assert same_sets(found.points.p, exact) and not found.degenerate[0]


DEGENERATE = {
    "constant": [[1.0, 1.0], [1.0, 1.0]],
    "equal rows": [[2.0, 0.0], [2.0, 0.0]],
    "tie at a pure equilibrium": [[1.0, 0.0], [1.0, -1.0]],
    "tie off the equilibria": [[3.0, 0.0, 0.0], [2.0, 0.0, 0.0], [1.0, 0.0, 0.5]],
    "three best responses to a mixture of two": [[2.0, 0.0, 9.0], [0.0, 2.0, 8.0], [1.0, 1.0, 7.0]],
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_games_are_flagged(name):
    assert two_player_equilibria(np.array([DEGENERATE[name]])).degenerate.tolist() == [True]


@pytest.mark.parametrize("name", ["coordination", "additive"])
def test_regular_games_are_not_flagged(name):
    table = {"coordination": [[2.0, 0.0], [0.0, 1.0]], "additive": [[0.0, 1.0], [2.0, 3.0]]}[name]
    assert two_player_equilibria(np.array([table])).degenerate.tolist() == [False]


def test_every_point_is_certified_and_a_moved_one_is_not():
    table = np.random.default_rng(2).normal(size=(200, 3, 3)) * 1e3 - 1e5
    points = two_player_equilibria(table).points
    extent = np.ptp(table.reshape(200, -1), axis=1)[points.fleet]
    assert (nash_conv(table[points.fleet], points.p) <= 1e-9 * extent).all()
    moved = 0.999 * points.p + 0.001 / 3
    uniform_is_one = np.abs(points.p - 1 / 3).max((-1, -2)) < 1e-3
    assert (nash_conv(table[points.fleet], moved) > 1e-9 * extent)[~uniform_is_one].all()


def test_support_pairs_are_counted():
    assert [len(support_pairs(k)) for k in (1, 2, 3, 4)] == [1, 5, 19, 69]  # binomial(2K, K) - 1


@pytest.mark.parametrize("shape", [(1, 2, 2, 2), (1, 9, 9)])
def test_bad_input_is_one_clear_error(shape):
    with pytest.raises(InputError, match=r"\[F, K, K\]"):
        two_player_equilibria(np.zeros(shape))

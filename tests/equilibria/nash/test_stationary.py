"""Stationary points: certificates, agreement with exact lists, declared starts."""

import numpy as np
import pytest

from dgpg_verify.equilibria.games.random_games import random_tables
from dgpg_verify.equilibria.games.tables import table_range
from dgpg_verify.equilibria.nash import stationary
from dgpg_verify.equilibria.nash.nash_conv import certified_points, nash_conv
from dgpg_verify.equilibria.nash.pure import pure_nash
from dgpg_verify.equilibria.nash.stationary import declared_starts, stationary_points
from dgpg_verify.equilibria.nash.two_player import two_player_equilibria


def pure(points):
    return (points.p.max(-1) == 1.0).all(-1)


def test_every_point_is_certified_and_all_pure_ones_are_there():
    table = random_tables(40, 4, 3, seed=6).reward
    points = stationary_points(table)
    assert certified_points(table, points).all()
    assert (nash_conv(table[points.fleet], points.p) <= 1e-9 * table_range(table)[points.fleet]).all()
    vertices = points.take(pure(points))
    members = np.zeros(table.shape, dtype=bool)
    members[(vertices.fleet, *vertices.p.argmax(-1).T)] = True
    assert np.array_equal(members, pure_nash(table)) and len(vertices) == members.sum()
    assert len(points) - len(vertices) >= 5
    assert (np.diff(points.fleet) >= 0).all()


def test_mixed_points_are_equilibria_that_the_exact_list_knows():
    """Two players: nothing is found that is not on the complete list, and most of the list is found."""
    table = np.random.default_rng(3).normal(size=(60, 3, 3))
    reached, exact = stationary_points(table), two_player_equilibria(table)
    assert not exact.degenerate.any()
    for f in range(60):
        some, other = (points.p[points.fleet == f] for points in (reached, exact.points))
        apart = np.abs(some[:, None] - other[None]).max((-1, -2))
        assert (apart.min(1) <= 1e-6).all()
        assert len(some) <= len(other)
    assert len(reached) >= 0.8 * len(exact.points)


def test_what_is_no_equilibrium_is_dropped_whoever_proposes_it(monkeypatch):
    def careless(table, starts):
        return np.array(starts), np.ones(starts.shape[:2], dtype=bool)

    table = random_tables(5, 3, 3, seed=2).reward
    monkeypatch.setattr(stationary, "newton_on_face", careless)
    points = stationary_points(table)
    assert pure(points).all() and len(points) == pure_nash(table).sum()


def test_known_interior_points_of_three_players():
    """J = prod of signs: 1 when an even number plays 1. All playing 1/2 is stationary, bent by a second game or not."""
    table = np.array([[[[1.0, -1.0], [-1.0, 1.0]], [[-1.0, 1.0], [1.0, -1.0]]]])
    for game in (table, table + 0.5 * np.array([[1.0, -1.0], [-1.0, 1.0]])[None, :, :, None]):
        points = stationary_points(game)
        assert (np.abs(points.p - 0.5).max((-1, -2)) < 1e-9).sum() == 1


def test_starts_are_declared():
    starts = declared_starts(4, 3)
    assert starts.shape == (17, 4, 3) and (starts[0] == 1 / 3).all()
    assert np.allclose(starts.sum(-1), 1.0, rtol=0, atol=1e-15)
    assert np.array_equal(starts, declared_starts(4, 3))
    free = (starts > 0).sum(-1) - 1
    assert (2 * free.max(1) <= free.sum(1)).all()
    assert (free.sum(1) < 8).any()  # some lie on faces


@pytest.mark.parametrize(("shape", "count"), [((1, 1, 1), 1), ((1, 2, 2), 4)])
def test_a_fleet_with_one_action_or_a_constant_reward(shape, count):
    points = stationary_points(np.zeros(shape))
    assert len(points) == count and pure(points).all()

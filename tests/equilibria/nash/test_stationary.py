"""Stationary points: certificates, agreement with exact lists, kinds by a second-order test of its own, bad input."""

import numpy as np
import pytest

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.games.profiles import Points, expected
from dgpg_verify.equilibria.games.random_games import random_tables
from dgpg_verify.equilibria.games.tables import table_range
from dgpg_verify.equilibria.nash import stationary
from dgpg_verify.equilibria.nash.nash_conv import certified_points, nash_conv
from dgpg_verify.equilibria.nash.pure import pure_nash
from dgpg_verify.equilibria.nash.stationary import POINT_KINDS, classify, declared_starts, stationary_points
from dgpg_verify.equilibria.nash.two_player import two_player_equilibria


def test_every_point_is_certified_and_all_pure_ones_are_there():
    table = random_tables(40, 4, 3, seed=6).reward
    found = stationary_points(table)
    assert certified_points(table, found.points).all()
    assert (nash_conv(table[found.points.fleet], found.points.p) <= 1e-9 * table_range(table)[found.points.fleet]).all()
    pure = np.isin(found.kind, ("strict", "tied"))
    members = np.zeros(table.shape, dtype=bool)
    members[(found.points.fleet[pure], *found.points.p[pure].argmax(-1).T)] = True
    assert np.array_equal(members, pure_nash(table)) and pure.sum() == members.sum()
    assert (found.kind == "saddle").sum() >= 5


def test_mixed_points_are_equilibria_that_the_exact_list_knows():
    """Two players: nothing is found that is not on the complete list, and most of the list is found."""
    table = np.random.default_rng(3).normal(size=(60, 3, 3))
    found, exact = stationary_points(table), two_player_equilibria(table)
    assert not exact.degenerate.any()
    for f in range(60):
        mine, other = (points.p[points.fleet == f] for points in (found.points, exact.points))
        apart = np.abs(mine[:, None] - other[None]).max((-1, -2))
        assert (apart.min(1) <= 1e-6).all()
        assert len(mine) <= len(other)
    assert len(found.points) >= 0.8 * len(exact.points)


def test_what_is_no_equilibrium_is_dropped_whoever_proposes_it(monkeypatch):
    def careless(table, starts, share):
        return np.array(starts), np.ones(starts.shape[:2], dtype=bool)

    table = random_tables(5, 3, 3, seed=2).reward
    monkeypatch.setattr(stationary, "newton_on_face", careless)
    found = stationary_points(table)
    assert set(found.kind) == {"strict"} and len(found.points) == pure_nash(table).sum()


def test_known_interior_saddle_of_three_players():
    """J = prod of signs: 1 when an even number plays 1. All playing 1/2 is stationary, and a saddle."""
    table = np.array([[[[1.0, -1.0], [-1.0, 1.0]], [[-1.0, 1.0], [1.0, -1.0]]]])
    # there the Hessian vanishes too (third order only): the honest answer is "flat"
    found = stationary_points(table)
    middle = np.abs(found.points.p - 0.5).max((-1, -2)) < 1e-9
    assert middle.sum() == 1 and found.kind[middle].tolist() == ["flat"]
    bent = table + 0.5 * np.array([[1.0, -1.0], [-1.0, 1.0]])[None, :, :, None]
    found = stationary_points(bent)
    middle = np.abs(found.points.p - 0.5).max((-1, -2)) < 1e-9
    assert found.kind[middle].tolist() == ["saddle"]
    assert found.curvature[middle][0] == pytest.approx(1.0)  # block [[.5, -.5], [-.5, .5]], unit direction


def test_kinds_against_finite_differences():
    """The largest second difference over many unit directions of the support never exceeds the curvature, and most
    saddles have a direction that climbs; strict points fall in every direction."""
    table = random_tables(15, 3, 3, "delay", seed=8).reward
    found = stationary_points(table)
    rng, step = np.random.default_rng(0), 1e-3
    seen = 0
    for kind, fleet, p, curvature in zip(found.kind, found.points.fleet, found.points.p, found.curvature):
        here = table[fleet : fleet + 1]
        if kind == "strict":
            other = 0.99 * p + 0.01 * rng.dirichlet(np.ones(3), 3)
            assert expected(here, other[None])[0] < expected(here, p[None])[0]
        if kind != "saddle":
            continue
        seen += 1
        best = -np.inf
        for _ in range(200):
            direction = np.where(p > 0, rng.normal(size=p.shape), 0.0)
            direction -= np.where(p > 0, direction.sum(1, keepdims=True) / (p > 0).sum(1, keepdims=True), 0.0)
            direction /= np.linalg.norm(direction)
            size = step * p[p > 0].min()
            ends = [expected(here, (p + sign * size * direction)[None])[0] for sign in (1, -1)]
            best = max(best, (ends[0] + ends[1] - 2 * expected(here, p[None])[0]) / size**2)
        assert best <= curvature * 1.01 + 1e-3
        assert best > 0.2 * curvature > 0
    assert seen >= 3


def test_tied_and_strict_vertices():
    table = np.array([[[1.0, 1.0], [0.0, 0.5]]])
    found = stationary_points(table)
    names = {tuple(p.argmax(-1).tolist()): k for p, k in zip(found.points.p, found.kind) if (p.max(-1) == 1).all()}
    assert names == {(0, 0): "tied", (0, 1): "tied"}
    assert set(POINT_KINDS) == {"strict", "tied", "saddle", "flat"}


def test_points_stand_by_fleet_and_falling_value():
    table = random_tables(10, 3, 3, seed=1).reward
    found = stationary_points(table)
    assert (np.diff(found.points.fleet) >= 0).all()
    for f in range(10):
        value = found.value[found.points.fleet == f]
        assert (np.diff(value) <= 0).all()
        assert value[0] == pytest.approx(table[f].max(), abs=1e-12)  # the best joint action is an equilibrium


def test_classify_does_not_depend_on_how_the_point_was_found():
    table = np.array([[[2.0, 0.0], [0.0, 1.0]]])
    points = Points(np.zeros(2, dtype=np.int64), np.array([[[1 / 3, 2 / 3]] * 2, [[1.0, 0.0]] * 2]))
    kind, curvature = classify(table, points)
    assert kind.tolist() == ["saddle", "strict"]
    assert curvature[0] == pytest.approx(1.5)  # d2/dt2 of (2 + 1) t^2 / 2 along the unit direction (1, -1, 1, -1) / 2


def test_starts_are_declared_and_seeded():
    starts = declared_starts(4, 3)
    assert starts.shape == (17, 4, 3) and (starts[0] == 1 / 3).all()
    assert np.allclose(starts.sum(-1), 1.0, rtol=0, atol=1e-15)
    assert np.array_equal(starts, declared_starts(4, 3)) and not np.array_equal(starts, declared_starts(4, 3, seed=1))
    free = (starts > 0).sum(-1) - 1
    assert (2 * free.max(1) <= free.sum(1)).all()
    assert (free.sum(1) < 8).any()  # some lie on faces
    assert len(declared_starts(2, 2, random=0)) == 1


def test_a_fleet_with_one_action_or_a_constant_reward():
    assert stationary_points(np.zeros((1, 1, 1))).kind.tolist() == ["strict"]
    flat = stationary_points(np.zeros((1, 2, 2)))
    assert flat.kind.tolist() == ["tied"] * 4 and (nash_conv(np.zeros((4, 2, 2)), flat.points.p) == 0).all()


@pytest.mark.parametrize("shape", [(2, 2), (3, 3, 2), (3, 2, 3)])
def test_bad_starts_are_refused(shape):
    with pytest.raises(InputError, match=r"\[S, N, K\]"):
        stationary_points(np.zeros((1, 2, 2)), np.full(shape, 0.5))

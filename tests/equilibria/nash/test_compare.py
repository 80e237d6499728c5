"""Two sets of equilibria: inclusion against Python sets, distances against plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.games.profiles import Points, pure_points
from dgpg_verify.equilibria.nash.compare import RELATIONS, compare_points, compare_sets, distance_moved, total_variation


def relation(a, b):
    """Of two Python sets."""
    if a == b:
        return "equal"
    if a <= b:
        return "subset"
    if a >= b:
        return "superset"
    return "intersect" if a & b else "disjoint"


def named(places):
    return [RELATIONS[place] for place in places]


def as_sets(members):
    return [{tuple(a) for a in np.argwhere(one)} for one in members]


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_relations_are_those_of_sets(seed):
    rng = np.random.default_rng(seed)
    first, second = (rng.random((8, 2, 2)) < rng.uniform(0.1, 0.6) for _ in range(2))
    exact = [relation(a, b) for a, b in zip(as_sets(first), as_sets(second))]
    assert named(compare_sets(first, second)) == exact
    assert named(compare_points(pure_points(first), pure_points(second), 8)) == exact


def test_every_relation_occurs():
    first = np.array([[1, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 0], [1, 0, 0], [0, 0, 0]], dtype=bool)
    second = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 0], [0, 1, 1], [0, 1, 1], [0, 0, 0]], dtype=bool)
    assert named(compare_sets(first, second)) == [*RELATIONS, "equal"]


def test_nearly_equal_points_are_one_and_others_are_not():
    near = np.array([[[0.3, 0.7], [0.5, 0.5]]])
    fleet = np.zeros(1, dtype=np.int64)
    for gap, expected_relation in ((1e-9, "equal"), (1e-5, "disjoint")):
        moved = near + np.array([gap, -gap])
        assert named(compare_points(Points(fleet, near), Points(fleet, moved), 1)) == [expected_relation]


def test_distance_moved_is_the_plain_minimum():
    rng = np.random.default_rng(0)
    sets = [Points(rng.integers(0, 4, 12), rng.dirichlet(np.ones(3), (12, 2))) for _ in range(2)]
    first, second = sets[0], sets[1].take(sets[1].fleet != 2)
    distance = distance_moved(first, second)
    for e in range(12):
        gaps = [
            max(0.5 * sum(abs(x - y) for x, y in zip(r, s)) for r, s in zip(first.p[e], second.p[o]))
            for o in range(len(second))
            if second.fleet[o] == first.fleet[e]
        ]
        assert distance[e] == (pytest.approx(min(gaps)) if gaps else np.inf)
    assert np.isinf(distance[first.fleet == 2]).all() and (first.fleet == 2).any()
    assert (distance_moved(first, first) == 0.0).all()
    assert total_variation(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])) == 1.0


def test_bad_input_is_one_clear_error():
    one = Points(np.array([3]), np.full((1, 2, 2), 0.5))
    with pytest.raises(InputError, match="one shape"):
        compare_sets(np.zeros((1, 2)), np.zeros((2, 2)))
    with pytest.raises(InputError, match=r"fleets must be integers in \[0, 1\]"):
        compare_points(one, one, 2)
    with pytest.raises(InputError, match="must be the same"):
        distance_moved(one, Points(np.array([3]), np.full((1, 2, 3), 1 / 3)))

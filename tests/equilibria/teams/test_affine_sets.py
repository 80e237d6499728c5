"""Solution sets of linear equations against sets known in advance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.teams.affine_sets import set_relation, solution_set
from dgpg_verify.testing import EXACT

LINE = ([[1.0, 0.0]], [2.0])  # theta_1 = 2
POINT = ([[1.0, 0.0], [0.0, 1.0]], [2.0, 5.0])
PLANE = ([[0.0, 0.0]], [0.0])
EMPTY = ([[1.0, 0.0], [1.0, 0.0]], [2.0, 3.0])


@pytest.mark.parametrize(
    ("first", "second", "relation"),
    [
        (LINE, LINE, "equal"),
        (LINE, ([[3.0, 0.0], [-1.0, 0.0]], [6.0, -2.0]), "equal"),
        (POINT, LINE, "subset"),
        (LINE, POINT, "superset"),
        (LINE, PLANE, "subset"),
        (LINE, ([[0.0, 1.0]], [1.0]), "intersect"),
        (LINE, ([[1.0, 0.0]], [2.0 + 1e-9]), "disjoint"),
        (LINE, ([[1.0, 1e-9]], [2.0]), "intersect"),
        (EMPTY, LINE, "subset"),
        (LINE, EMPTY, "superset"),
        (EMPTY, EMPTY, "equal"),
    ],
)
def test_relations(first: tuple, second: tuple, relation: str) -> None:
    assert set_relation(solution_set(*first), solution_set(*second)) == relation


def test_dimension_distance_and_certificate() -> None:
    line = solution_set(*LINE)
    assert (line.dimension, solution_set(*POINT).dimension, solution_set(*EMPTY).dimension) == (1, 0, -1)
    assert line.distance([5.0, 77.0]) == pytest.approx(3.0, abs=1e-14)
    assert line.contains([2.0, -40.0]) and not line.contains([2.0 + 1e-9, 0.0])
    assert line.smallest_singular == 1.0 and line.residual == 0.0
    assert solution_set(*EMPTY).distance([2.0, 0.0]) == np.inf


@EXACT
@given(data=st.data())
def test_integer_systems_of_known_solution(data: st.DataObject) -> None:
    """A theta0 + kernel: the set holds theta0, its rank is that of A, and moving off it leaves it."""
    rows, columns, rank = (data.draw(st.integers(1, 4)) for _ in range(3))
    entry = st.integers(-3, 3)
    left = np.array(data.draw(st.lists(entry, min_size=rows * rank, max_size=rows * rank))).reshape(rows, rank)
    right = np.array(data.draw(st.lists(entry, min_size=rank * columns, max_size=rank * columns))).reshape(rank, -1)
    theta = np.array(data.draw(st.lists(entry, min_size=columns, max_size=columns)), dtype=np.float64)
    matrix = (left @ right).astype(np.float64)
    found = solution_set(matrix, matrix @ theta)
    assert not found.empty and found.dimension == columns - np.linalg.matrix_rank(matrix)
    assert found.contains(theta)
    assert np.abs(matrix @ found.basis).max(initial=0.0) < 1e-13 * (1 + np.abs(matrix).max())
    across = matrix[np.abs(matrix).sum(1).argmax()]
    if across.any():
        assert not found.contains(theta + 1e-6 * across)


def test_bad_input() -> None:
    with pytest.raises(InputError, match="target"):
        solution_set(np.eye(2), np.ones(3))
    with pytest.raises(InputError, match="matrix"):
        solution_set(np.ones(2), np.ones(2))
    with pytest.raises(InputError, match="dimensions"):
        set_relation(solution_set(np.eye(2), np.ones(2)), solution_set(np.eye(3), np.ones(3)))

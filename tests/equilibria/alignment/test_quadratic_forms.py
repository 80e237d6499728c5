"""Least value of a quadratic form on the simplex, against hand cases, grids and forms of known minimum."""

from __future__ import annotations

import numpy as np
import pytest

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.alignment.quadratic_forms import minimum_on_simplex

GAP = 2e-9  # times K + 1 and max|S|: the stated distance of the two bounds


def grid(k: int, steps: int) -> np.ndarray:
    parts = np.stack(np.meshgrid(*[np.arange(steps + 1)] * k, indexing="ij"), axis=-1).reshape(-1, k)
    return parts[parts.sum(1) == steps] / steps


@pytest.mark.parametrize(
    ("form", "value", "point"),
    [
        (np.eye(3), 1 / 3, [1 / 3] * 3),
        (-np.eye(3), -1.0, None),
        ([[2.0, -1.0], [-1.0, 2.0]], 0.5, [0.5, 0.5]),
        ([[0.0, 0.0, 1.0], [0.0, 5.0, 0.0], [1.0, 0.0, -0.25]], -0.25, [0.0, 0.0, 1.0]),
        ([[4.0]], 4.0, [1.0]),
        (np.zeros((3, 3)), 0.0, None),
    ],
    ids=["identity", "concave", "pair", "vertex", "single", "zero"],
)
def test_by_hand(form: np.ndarray, value: float, point: list[float] | None) -> None:
    found = minimum_on_simplex(np.asarray(form)[None])
    assert found.lower[0] <= value <= found.upper[0] + 1e-15
    assert found.upper[0] - found.lower[0] <= GAP * (len(form) + 1) * np.abs(form).max()
    if point is not None:
        assert found.point[0] == pytest.approx(point, abs=1e-9)


@pytest.mark.parametrize("k", [2, 3, 4])
def test_no_grid_point_is_lower_and_the_point_is_feasible(k: int, seed: int) -> None:
    """lower is below every grid point; upper is reached; the grid comes within its spacing (so lower is not idle)."""
    rng = np.random.default_rng(seed)
    form = rng.normal(size=(300, k, k))
    found = minimum_on_simplex(form)
    points = grid(k, 30)
    values = np.einsum("pk,fkl,pl->fp", points, form, points)
    assert (found.lower <= values.min(1)).all()
    assert (values.min(1) - found.upper <= 2.0 * np.abs(form).sum((1, 2)) * k / 30).all()
    assert (found.point >= 0).all() and np.abs(found.point.sum(1) - 1).max() < 1e-12
    own = np.einsum("fk,fkl,fl->f", found.point, form, found.point)
    assert (own <= found.upper).all() and (found.upper - own < 1e-13).all()


def test_planted_minima_flat_and_curved(seed: int) -> None:
    """(x - x0)'B B'(x - x0) with B of rank 1 to 3 has minimum exactly 0 at x0 inside: flat directions included."""
    rng = np.random.default_rng(seed)
    for rank in (1, 2, 3):
        root = rng.normal(size=(200, 4, rank))
        inside = rng.dirichlet(np.ones(4), 200)
        root -= np.einsum("fk,fkr->fr", inside, root)[:, None]  # B'x0 = 0, as rows of sum 1 may absorb the constant
        form = root @ root.swapaxes(1, 2)
        found = minimum_on_simplex(form)
        size = np.abs(form).max((1, 2))
        assert (found.lower <= 0).all() and (found.upper >= 0).all()
        assert ((found.upper - found.lower) <= 5 * GAP * size).all()


def test_nearly_flat_faces_stay_within_the_bound(seed: int) -> None:
    """Curvatures from 1e-14 to 1e-6 of the size around the cut of the face solver."""
    rng = np.random.default_rng(seed)
    for power in range(-14, -5):
        vectors = np.linalg.qr(rng.normal(size=(50, 3, 3)))[0]
        form = vectors @ (np.array([1.0, 10.0**power, 0.0])[:, None] * vectors.swapaxes(1, 2))
        found = minimum_on_simplex(form)
        points = grid(3, 60)
        values = np.einsum("pk,fkl,pl->fp", points, form, points).min(1)
        assert (found.lower <= values).all() and (found.upper <= values + 4 * GAP * np.abs(form).max((1, 2))).all()


def test_only_the_symmetric_part_counts_and_bad_input() -> None:
    skew = np.array([[[1.0, 7.0], [-7.0, 1.0]]])
    assert minimum_on_simplex(skew).upper[0] == pytest.approx(0.5, abs=1e-12)
    for bad in (np.zeros((2, 2)), np.zeros((1, 2, 3)), np.zeros((1, 13, 13))):
        with pytest.raises(InputError, match="form"):
            minimum_on_simplex(bad)

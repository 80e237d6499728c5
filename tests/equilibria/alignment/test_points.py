"""Inner products and cosines at profiles against automatic differentiation; where a cosine is undefined."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.alignment.points import alignment_at, gradient
from dgpg_verify.equilibria.games.random_games import random_tables
from dgpg_verify.equilibria.games.tables import Tables
from tests.equilibria.alignment.integer_tables import integer_tables


def profiles(tables: Tables, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(tables.n_actions), (tables.fleets, tables.n_agents))


@pytest.mark.parametrize(("agents", "actions"), [(1, 3), (2, 2), (3, 3), (4, 2)])
@pytest.mark.parametrize("coordinates", ["softmax", "simplex"])
def test_gradients_against_autograd(agents: int, actions: int, coordinates: str, seed: int) -> None:
    """Through the logits for softmax; through p, then projected, for the simplex."""
    tables = integer_tables(5, agents, actions, seed, high=9)
    p = profiles(tables, seed)
    found = gradient(tables.reward, p, coordinates)
    assert found.shape == p.shape
    for f in range(tables.fleets):
        point = torch.tensor(np.log(p[f]) if coordinates == "softmax" else p[f], requires_grad=True)
        mixed = torch.softmax(point, -1) if coordinates == "softmax" else point
        value = torch.tensor(tables.reward[f])
        for i in range(agents):
            value = torch.tensordot(mixed[i], value, dims=1)
        value.backward()
        assert point.grad is not None
        slope = point.grad.numpy()
        expected = slope if coordinates == "softmax" else slope - slope.mean(-1, keepdims=True)
        assert np.abs(found[f] - expected).max() < 1e-13 * 9


def test_inner_product_cosine_and_many_profiles(seed: int) -> None:
    tables = integer_tables(4, 3, 3, seed, high=9)
    many = np.stack([profiles(tables, seed + s) for s in range(5)], axis=1)
    found = alignment_at(tables, many, "softmax")
    assert found.inner.shape == (4, 5) and found.agent_inner.shape == (4, 5, 3)
    for s in range(5):
        one = alignment_at(tables, many[:, s], "softmax")
        assert found.inner[:, s] == pytest.approx(one.inner, abs=1e-14)
        u, v = (gradient(t, many[:, s], "softmax").reshape(4, -1) for t in (tables.reward, -tables.guidance))
        cosine = (u * v).sum(1) / np.linalg.norm(u, axis=1) / np.linalg.norm(v, axis=1)
        assert one.cosine == pytest.approx(cosine, abs=1e-13)
    assert found.inner == pytest.approx(found.agent_inner.sum(-1), abs=1e-13)


def test_perfect_guidance_has_cosine_one_and_its_opposite_minus_one(seed: int) -> None:
    tables = random_tables(50, 3, 3, "quadratic", "perfect", seed)
    p = profiles(tables, seed)
    for coordinates in ("softmax", "simplex"):
        assert alignment_at(tables, p, coordinates).cosine == pytest.approx(np.ones(50), abs=1e-9)
        opposite = alignment_at(Tables(tables.reward, -tables.guidance), p, coordinates)
        assert opposite.cosine == pytest.approx(-np.ones(50), abs=1e-9) and opposite.negative.all()


def test_undefined_where_a_gradient_vanishes() -> None:
    """At a vertex the softmax gradient is 0: no direction, no negative cosine. The same next to it, below 1e-9."""
    tables = Tables([[[1.0, 0.0], [0.0, 2.0]]], [[[1.0, 0.0], [0.0, 2.0]]])
    for near in (0.0, 1e-12):
        found = alignment_at(tables, [[[1 - near, near], [1 - near, near]]], "softmax")
        assert np.isnan(found.cosine[0]) and not found.negative[0] and not found.agent_negative[0].any()
    assert alignment_at(tables, [[[0.9, 0.1], [0.9, 0.1]]], "softmax").negative[0]
    flat = Tables(tables.reward, np.zeros((1, 2, 2)))
    assert np.isnan(alignment_at(flat, [[[0.5, 0.5], [0.5, 0.5]]], "simplex").cosine[0])


def test_an_inner_product_of_zero_is_never_counted_as_negative(seed: int) -> None:
    """Orthogonal gradients by construction, with offsets that make rounding large: the bound covers what is left."""
    rng = np.random.default_rng(seed)
    offset = 10.0 ** rng.uniform(0, 6, 2000)
    u = rng.normal(size=(2000, 3))
    v = np.cross(u - u.mean(1, keepdims=True), np.ones(3))  # orthogonal to u in the tangent space
    tables = Tables(u + offset[:, None], v + offset[:, None])
    found = alignment_at(tables, np.full((2000, 1, 3), 1 / 3), "simplex")
    assert not found.negative.any() and (np.abs(found.inner) <= found.rounding).all()
    assert (found.inner < 0).mean() > 0.2  # control: without the bound hundreds would count as negative


def test_bad_input() -> None:
    tables = Tables(np.zeros((1, 2, 2)), np.zeros((1, 2, 2)))
    with pytest.raises(InputError, match="coordinates"):
        alignment_at(tables, np.full((1, 2, 2), 0.5), "logits")
    with pytest.raises(InputError, match="p has shape"):
        alignment_at(tables, np.full((1, 2, 3), 1 / 3), "softmax")

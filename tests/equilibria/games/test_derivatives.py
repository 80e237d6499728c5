"""The Hessian of the expected reward against autograd, and its reduction to the tangent space."""

import numpy as np
import pytest
import torch

from dgpg_verify.equilibria.games.derivatives import expand, pair_values, reduce_gradient, reduce_hessian, tangent_basis


def test_pair_values_are_the_hessian():
    rng = np.random.default_rng(0)
    table, p = rng.normal(size=(2, 3, 3, 3, 3)), rng.dirichlet(np.ones(3), (2, 5, 4))
    mine = pair_values(table, p)
    assert mine.shape == (2, 5, 4, 3, 4, 3)
    for f in range(2):
        here = torch.as_tensor(table[f])
        for s in range(5):
            exact = torch.autograd.functional.hessian(
                lambda q, here=here: torch.einsum("abcd,a,b,c,d->", here, *q), torch.as_tensor(p[f, s])
            )
            assert np.abs(mine[f, s] - exact.numpy()).max() <= 1e-12


@pytest.mark.parametrize("k", [1, 2, 3, 5, 12])
def test_orthonormal_and_tangent(k: int) -> None:
    basis = tangent_basis(k)
    assert basis.shape == (k, k - 1)
    assert np.abs(basis.T @ basis - np.eye(k - 1)).max(initial=0.0) < 1e-14
    assert np.abs(basis.sum(0)).max(initial=0.0) < 1e-14


def test_reduction_keeps_slopes_and_curvatures_along_tangent_moves(seed: int) -> None:
    rng = np.random.default_rng(seed)
    basis, move = tangent_basis(3), rng.normal(size=(4, 3, 3))
    move -= move.mean(-1, keepdims=True)
    gradient, hessian = rng.normal(size=(4, 3, 3)), rng.normal(size=(4, 3, 3, 3, 3))
    small = reduce_gradient(move, basis)
    assert small.shape == (4, 6) and expand(small, basis, 3) == pytest.approx(move, abs=1e-14)
    slope = (reduce_gradient(gradient, basis) * small).sum(-1)
    assert slope == pytest.approx((gradient * move).sum((1, 2)), abs=1e-13)
    curve = np.einsum("fa,fab,fb->f", small, reduce_hessian(hessian, basis), small)
    assert curve == pytest.approx(np.einsum("fik,fikjl,fjl->f", move, hessian, move), abs=1e-12)

"""The fast tanh against the library's, and which of the two is used."""

from __future__ import annotations

import torch

from dgpg_verify.core import generator
from dgpg_verify.policies.layers import squash, tanh_


def test_it_is_tanh_within_rounding() -> None:
    for dtype, bound in ((torch.float32, 5e-7), (torch.float64, 1e-15)):
        x = torch.cat([torch.linspace(-30, 30, 20_001), torch.tensor([0.0, -100.0, 100.0, 1e30, -1e30])]).to(dtype)
        assert float((tanh_(x.clone()) - torch.tanh(x)).abs().max()) <= bound


def test_it_overwrites_its_argument() -> None:
    x = torch.randn(5, generator=generator(1))
    assert tanh_(x) is x


def test_autograd_passes_through_squash() -> None:
    leaf = torch.randn(7, generator=generator(2), dtype=torch.float64).requires_grad_(True)
    squash(1.0 * leaf).sum().backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    torch.testing.assert_close(leaf.grad, 1.0 - torch.tanh(leaf.detach()) ** 2)
    with torch.no_grad():
        assert torch.equal(squash(1.0 * leaf), tanh_(1.0 * leaf))
    assert torch.equal(squash(1.0 * leaf), tanh_(leaf.detach().clone()))


def test_squash_under_vmap_of_grad_is_a_loop() -> None:
    """As measurements differentiate roll-out by roll-out."""
    rows = torch.randn(5, 3, generator=generator(3), dtype=torch.float64)

    def value(row: torch.Tensor) -> torch.Tensor:
        return (squash(1.0 * row) ** 2).sum()

    found = torch.func.vmap(torch.func.grad(value))(rows)
    assert torch.equal(found, torch.stack([torch.func.grad(value)(row) for row in rows]))
    torch.testing.assert_close(found, 2.0 * torch.tanh(rows) * (1.0 - torch.tanh(rows) ** 2))

"""Layer normalisation against its definition, and its derivative by hand against autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dgpg_verify.core import InputError, generator
from dgpg_verify.policies.layers import Units, check_widths, normalise


def inputs(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=generator(1), dtype=torch.float64)


def test_values_equal_the_definition() -> None:
    x = 3.0 + 2.0 * inputs(4, 5, 7)
    for row in np.ndindex(4, 5):
        own = x[row].numpy()
        expected = (own - own.mean()) / np.sqrt(own.var() + 1e-5)
        np.testing.assert_allclose(normalise(x)[row].numpy(), expected, rtol=1e-12, atol=1e-12)


def test_equal_entries_become_0() -> None:
    assert not bool(normalise(torch.full((2, 5), 1e6)).any())


@pytest.mark.parametrize("kept", [False, True], ids=["own memory", "given memory"])
@pytest.mark.parametrize("layer_norm", [False, True])
def test_a_layer_and_its_derivative_equal_autograd(layer_norm: bool, kept: bool) -> None:
    x = inputs(3, 4, 6).requires_grad_(True)
    gradient = torch.randn(3, 4, 6, generator=generator(2), dtype=torch.float64)
    value = normalise(torch.tanh(x)) if layer_norm else torch.tanh(x)
    (expected,) = torch.autograd.grad(value, x, gradient)
    room = torch.empty(3, 4, 7, dtype=torch.float64)[..., :6] if kept else None
    units = Units.of(x.detach().clone(), layer_norm, room)
    torch.testing.assert_close(units.value, value.detach(), rtol=1e-12, atol=1e-12)
    assert not kept or units.value.data_ptr() == room.data_ptr()  # type: ignore[union-attr]
    torch.testing.assert_close(units.through(gradient.clone()), expected, rtol=1e-10, atol=1e-12)
    assert float((expected - gradient * (1 - torch.tanh(x.detach()) ** 2)).abs().max()) > 0.1 or not layer_norm


@pytest.mark.parametrize(("layer_norm", "feature_norm"), [(True, False), (False, True)])
def test_a_norm_over_a_single_number_is_refused(layer_norm: bool, feature_norm: bool) -> None:
    check_widths(layer_norm, feature_norm, 2, 2)
    with pytest.raises(InputError, match="must be at least 2"):
        check_widths(layer_norm, feature_norm, 1, 1)
    check_widths(not layer_norm, not feature_norm, 1 if layer_norm else 2, 1 if feature_norm else 2)

"""Initial weights: what orthogonal means, gains, biases, and that both kinds keep their words."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from dgpg_verify.core import InputError
from dgpg_verify.policies.initialise import initial_parameters

SHAPES = [(3, 8), (1, 8), (8, 8), (1, 8), (8, 1), (1, 1)]  # wide, square, tall; the critic's layout


def parts(how: Any, copies: int = 4, gain: float = 0.01, seed: int = 0) -> list[Tensor]:
    flat = initial_parameters(how, SHAPES, copies, gain, seed, 5)
    assert flat.shape == (copies, sum(math.prod(s) for s in SHAPES)) and flat.dtype == torch.float64
    split = flat.split([math.prod(s) for s in SHAPES], dim=1)
    return [part.reshape(-1, *shape) for part, shape in zip(split, SHAPES, strict=True)]


@pytest.mark.parametrize(("place", "gain"), [(0, 5 / 3), (2, 5 / 3), (4, 0.01)])
def test_orthogonal_rows_or_columns_have_length_gain_and_right_angles(place: int, gain: float) -> None:
    """Gains as in on-policy practice for tanh; the read-out has the one asked for."""
    w = parts("orthogonal")[place]
    gram = w @ w.transpose(1, 2) if w.shape[1] < w.shape[2] else w.transpose(1, 2) @ w
    torch.testing.assert_close(gram, gain**2 * torch.eye(gram.shape[1], dtype=gram.dtype).expand_as(gram))


def test_control_gaussian_weights_are_not_orthogonal() -> None:
    w = parts("gaussian")[2]
    gram = w.transpose(1, 2) @ w
    assert float((gram / gram.diagonal(dim1=1, dim2=2).mean() - torch.eye(8)).abs().max()) > 0.2


def test_orthogonal_weights_have_no_preferred_direction() -> None:
    """Every entry has mean 0 (and variance gain^2 / 8 exactly in the mean): 4 000 networks, 64 means of sd
    gain / sqrt(8 * 4000); 6 sd: false alarm 64 * 2e-9. A decomposition with signs as they come fails: its diagonal
    leans to one side."""
    w = parts("orthogonal", copies=4000)[2]
    assert float(w.mean(0).abs().max()) < 6 * (5 / 3) / math.sqrt(8 * 4000)
    q, _ = torch.linalg.qr(torch.randn(4000, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    assert float(q.mean(0).abs().max()) > 6 / math.sqrt(8 * 4000)  # control


@pytest.mark.parametrize("how", ["orthogonal", "gaussian"])
def test_biases_are_0_and_networks_and_seeds_differ(how: str) -> None:
    one, again, other = parts(how), parts(how), parts(how, seed=1)
    for place in (1, 3, 5):
        assert not bool(one[place].any())
    for place in (0, 2, 4):
        assert torch.equal(one[place], again[place]) and not torch.equal(one[place], other[place])
        assert not torch.equal(one[place][0], one[place][1])


@pytest.mark.parametrize("how", ["orthogonal", "gaussian"])
def test_the_gain_scales_the_read_out_and_nothing_else(how: str) -> None:
    one, ten = parts(how, gain=1.0), parts(how, gain=10.0)
    for place in range(6):
        torch.testing.assert_close(ten[place], one[place] * (10.0 if place == 4 else 1.0))


def test_gaussian_weights_have_variance_1_over_fan_in() -> None:
    """8 000 * 64 weights: relative sd of the variance 0.2 %; 5 sd: false alarm 6e-7."""
    w = parts("gaussian", copies=8000)[2]
    assert float(w.var()) == pytest.approx(1 / 8, rel=5 * (2 / w.numel()) ** 0.5)


def test_one_input_or_one_unit_is_a_weight_not_a_bias() -> None:
    flat = initial_parameters("gaussian", [(1, 1), (1, 1), (1, 1), (1, 1), (1, 1)], 1, 1.0, 0, 5)[0]
    assert (flat != 0.0).tolist() == [True, False, True, False, True]


def test_another_initialisation_is_refused() -> None:
    with pytest.raises(InputError, match="initialisation = 'orthogonl'"):
        parts("orthogonl")

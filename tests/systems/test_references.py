"""Faulty references by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dgpg_verify.core import InputError
from dgpg_verify.systems import LoadBalancingGame, alter_reference

HONEST = torch.full((5,), 0.84, dtype=torch.float64)
CAPACITY = torch.tensor([3.0, 1.0, 4.0, 2.0, 1.5], dtype=torch.float64)


def altered(name: str, seed: int = 0) -> torch.Tensor:
    return alter_reference(name, HONEST, CAPACITY, seed)


def test_fluid_is_the_honest_one() -> None:
    assert torch.equal(altered("fluid"), HONEST)


def test_biased_alternates_by_rank_of_capacity() -> None:
    """Ranks of the capacities 3, 1, 4, 2, 1.5 are 3, 0, 4, 2, 1; even ranks go up, odd ones down."""
    signs = torch.tensor([-1.0, 1.0, 1.0, 1.0, -1.0], dtype=torch.float64)
    torch.testing.assert_close(altered("biased:0.25"), HONEST * (1 + 0.25 * signs))
    torch.testing.assert_close(altered("biased:-0.25"), HONEST * (1 - 0.25 * signs))
    torch.testing.assert_close(altered("biased_uniform:0.25"), HONEST * 1.25)


def test_rounded_to_one_decimal() -> None:
    torch.testing.assert_close(altered("rounded"), torch.full((5,), 0.8, dtype=torch.float64))


@pytest.mark.parametrize("seed", range(20))
def test_shuffled_moves_every_load(seed: int) -> None:
    """x~_m cap_sigma(m) / cap_m with sigma a derangement: loads are permuted, none stays."""
    load = altered("shuffled", seed) * CAPACITY
    original = HONEST * CAPACITY
    torch.testing.assert_close(load.sort().values, original.sort().values)
    assert bool(((load - original).abs() > 1e-9).all())


def test_noise_has_the_stated_spread(seed: int) -> None:
    """log of the factor is normal with sd 0.5: 4 000 servers, 5 sd of a sample variance; false-alarm rate 6e-7."""
    many = torch.ones(4_000, dtype=torch.float64)
    factor = alter_reference("noise:0.5", many, many, seed).log()
    assert float(factor.var()) == pytest.approx(0.25, rel=5 * np.sqrt(2 / 4_000))
    assert not torch.equal(factor, alter_reference("noise:0.5", many, many, seed + 1).log())


BAD = ("", "honest", "biased", "biased:much", "biased:nan", "noise:-1", "noise:", "fluid:1", "shuffled:2", "rounded:x")


@pytest.mark.parametrize("name", BAD)
def test_unknown_references_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="reference"):
        LoadBalancingGame.random(4, reference=name)


def test_one_server_cannot_be_shuffled() -> None:
    """A derangement of one server does not exist; returning the honest reference would be a control that passes."""
    with pytest.raises(InputError, match="shuffled"):
        alter_reference("shuffled", HONEST[:1], CAPACITY[:1], 0)

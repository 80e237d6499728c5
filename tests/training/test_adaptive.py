"""The running estimate of the variance-minimising alpha, against plain loops and against its closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from dgpg_verify.core import generator
from dgpg_verify.training.schedules import DECAY, NoiseTracker

WIDTH, UPDATES = 20_000, 40


def gradients(seed: int, sd_base: float, sd_guidance: float, correlation: float) -> list[Tensor]:
    """Independent parts [2, WIDTH] with V_PG, V_G and C known per coordinate, around a mean that does not move."""
    rng = generator(seed)
    mean = 5.0 * torch.randn(2, WIDTH, generator=rng, dtype=torch.float64)
    found = []
    for _ in range(UPDATES):
        first, second = torch.randn(2, WIDTH, generator=rng, dtype=torch.float64)
        mixed = correlation * first + (1.0 - correlation**2) ** 0.5 * second
        found.append(mean + torch.stack([sd_base * first, sd_guidance * mixed]))
    return found


def tracked(parts: list[Tensor]) -> NoiseTracker:
    tracker = NoiseTracker.empty()
    for part in parts:
        tracker = tracker.updated(part)
    return tracker


@pytest.mark.parametrize(("base", "guidance", "correlation"), [(1, 1, 0), (3, 1, 0.2), (1, 2, -0.5), (1, 3, 0.9)])
def test_best_alpha_is_the_closed_form(base: float, guidance: float, correlation: float, seed: int) -> None:
    """alpha* = (V_PG - C) / (V_PG + V_G - 2 C), clipped: the slope of the base's noise on that of (base - guidance).

    A slope from WIDTH normal pairs has sd at most sqrt(V_PG / V_difference / WIDTH), and at least one difference of
    iterations counts fully. 6 sd, 4 cases: false alarm below 1e-8; an alpha off by 0.2 is seen surely.
    """
    found = tracked(gradients(seed, base, guidance, correlation)).best_alpha()
    cross = correlation * base * guidance
    spread = base**2 + guidance**2 - 2 * cross
    expected = min(max((base**2 - cross) / spread, 0.0), 1.0)
    allowed = 6 * (base**2 / spread / WIDTH) ** 0.5
    assert allowed < 0.1
    assert found == pytest.approx(expected, abs=allowed)
    wrong = (guidance**2 - cross) / spread  # control: the weight of the other part
    assert base == guidance or abs(min(max(wrong, 0.0), 1.0) - expected) > 0.2


def test_moments_equal_a_plain_loop() -> None:
    parts = gradients(1, 2.0, 1.0, 0.3)[:6]
    moments, weight = np.zeros(3), 0.0
    for k in range(1, 6):
        base, guidance = (parts[k] - parts[k - 1]).numpy()
        new = np.array([base @ base, guidance @ guidance, base @ guidance]) / 2
        moments, weight = DECAY * moments + (1 - DECAY) * new, DECAY * weight + (1 - DECAY)
    tracker = tracked(parts)
    np.testing.assert_allclose(tracker.moments.numpy(), moments, rtol=1e-12)
    assert tracker.weight == pytest.approx(weight)


def test_moments_are_variances_not_second_moments(seed: int) -> None:
    """The mean is 25 times the variance; a moment about 0 would be 26 WIDTH. Relative sd 0.01, 8 sd: 1e-15."""
    tracker = tracked(gradients(seed, 1.0, 1.0, 0.0))
    found = (tracker.moments / tracker.weight / WIDTH).tolist()
    assert found[:2] == pytest.approx([1.0, 1.0], abs=8 * (2 / WIDTH) ** 0.5)


def test_ends() -> None:
    noisy, quiet = gradients(2, 1.0, 1.0, 0.0), gradients(2, 0.0, 0.0, 0.0)
    guidance_quiet = [torch.stack([a[0], b[1]]) for a, b in zip(noisy, quiet, strict=True)]
    base_quiet = [torch.stack([b[0], a[1]]) for a, b in zip(noisy, quiet, strict=True)]
    assert tracked(guidance_quiet).best_alpha() == 1.0
    assert tracked(base_quiet).best_alpha() == 0.0
    assert tracked(quiet).best_alpha() == 1.0, "no noise anywhere: nothing to weigh"


def test_nothing_is_said_before_two_iterations() -> None:
    parts = gradients(3, 1.0, 1.0, 0.0)
    assert NoiseTracker.empty().best_alpha() is None
    assert tracked(parts[:1]).best_alpha() is None
    assert tracked(parts[:2]).best_alpha() is not None


@pytest.mark.parametrize("count", [0, 1, 3])
def test_state_brings_everything_back(count: int) -> None:
    parts = gradients(4, 1.0, 2.0, 0.0)
    tracker = tracked(parts[:count])
    again = NoiseTracker.empty().with_state(tracker.state())
    assert (
        tracker.updated(parts[5]).updated(parts[6]).best_alpha()
        == again.updated(parts[5]).updated(parts[6]).best_alpha()
    )

"""Noise for roll-outs. Hypothesis does not seed torch: a seed is drawn, and an explicit generator made from it."""

from __future__ import annotations

from hypothesis import strategies as st

from dgpg_verify.core import Noise, Policy, System, draw_noise


def noise_seeds() -> st.SearchStrategy[int]:
    """Seeds of draw_noise; small ones first when shrinking."""
    return st.integers(0, 2**31 - 1)


def noises(system: System, policy: Policy, size: int = 8) -> st.SearchStrategy[Noise]:
    """`size` roll-outs' worth of uniforms for `system` under `policy`."""
    return noise_seeds().map(lambda seed: draw_noise(seed, 0, system, policy, size))

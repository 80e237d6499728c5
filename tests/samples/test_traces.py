"""Noise of a mixture and the alpha of least noise, by hand."""

from __future__ import annotations

import numpy as np

from dgpg_verify.samples.traces import NoiseTraces


def test_best_alpha_by_hand() -> None:
    """V = (1 - a)^2 4 + a^2 + 2 a (1 - a) C: C = 0 gives 4/5; C above the lesser variance an end; equal parts 0."""
    one = np.ones((1, 1))
    assert NoiseTraces(4.0 * one, one, 0.0 * one).best_alpha()[0, 0] == 0.8
    assert NoiseTraces(4.0 * one, one, 1.5 * one).best_alpha()[0, 0] == 1.0
    assert NoiseTraces(one, 4.0 * one, 1.5 * one).best_alpha()[0, 0] == 0.0
    assert NoiseTraces(one, one, one).best_alpha()[0, 0] == 0.0
    assert NoiseTraces(0.0 * one, 0.0 * one, 0.0 * one).best_alpha()[0, 0] == 0.0
    assert NoiseTraces(4.0 * one, one, 0.5 * one).mixed(0.5 * one)[0, 0] == 1.5

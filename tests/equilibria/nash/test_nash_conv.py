"""NashConv as a certificate: equilibria pass it, nearby points and other stationary points of softmax do not."""

import numpy as np
import pytest

from dgpg_verify.equilibria.games.profiles import Points
from dgpg_verify.equilibria.nash.nash_conv import certified_points, nash_conv


def test_certificate_accepts_equilibria_and_rejects_what_is_none():
    table = np.array([[[2.0, 0.0], [0.0, 1.0]]]) + 1e9  # a large offset must not hide a gain, nor make one
    saddle = np.array([[[1 / 3, 2 / 3], [1 / 3, 2 / 3]]])
    assert nash_conv(table, saddle)[0] <= 1e-9
    near = saddle.copy()
    near[0, 0] += [1e-7, -1e-7]  # gain 3e-7 x 2/3 of range 2: no equilibrium, and not called one
    uniform = np.full((1, 2, 2), 0.5)
    corner = np.array([[[1.0, 0.0], [0.0, 1.0]]])  # softmax gradient 0, yet no equilibrium
    assert nash_conv(table, corner)[0] == pytest.approx(3.0)
    points = Points(np.zeros(4, dtype=np.int64), np.concatenate([saddle, near, uniform, corner]))
    assert certified_points(table, points).tolist() == [True, False, False, False]

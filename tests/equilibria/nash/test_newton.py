"""Newton's method on a face: known points are hit, and what it hits is refused unless it is an equilibrium."""

import numpy as np

from dgpg_verify.equilibria.nash.nash_conv import nash_conv
from dgpg_verify.equilibria.nash.newton import newton_on_face


def test_two_by_two_saddle_in_closed_form():
    rng = np.random.default_rng(0)
    high, low = rng.uniform(1, 2, (20, 2)), rng.uniform(-1, 0, (20, 2))
    table = np.stack([np.stack([high[:, 0], low[:, 0]], -1), np.stack([low[:, 1], high[:, 1]], -1)], 1)
    p, good = newton_on_face(table, np.full((20, 1, 2, 2), 0.5))
    bend = table[:, 0, 0] - table[:, 0, 1] - table[:, 1, 0] + table[:, 1, 1]
    first, second = (table[:, 1, 1] - table[:, 1, 0]) / bend, (table[:, 1, 1] - table[:, 0, 1]) / bend
    assert good.all()
    assert np.abs(p[:, 0, :, 0] - np.stack([first, second], -1)).max() <= 1e-12


def test_indifference_on_a_face_is_no_equilibrium_when_another_action_is_better():
    table = np.array([[[2.0, 0.0, 0.0], [0.0, 1.0, 0.0], [5.0, 5.0, 0.0]]])
    face = np.array([[[[0.5, 0.5, 0.0], [0.5, 0.5, 0.0]]]])
    p, good = newton_on_face(table, face)
    assert np.abs(p[0, 0, :, :2] - [1 / 3, 2 / 3]).max() <= 1e-12  # the first two rows tie there
    assert nash_conv(table, p)[0, 0] > 1.0 and not good.any()


def test_points_outside_the_simplex_and_singular_systems_are_refused():
    outside = np.array([[[3.0, 2.0], [1.0, 0.5]]])  # one action is always better: indifference has no mixture
    assert not newton_on_face(outside, np.full((1, 1, 2, 2), 0.5))[1].any()
    additive = np.array([[[0.0, 1.0], [2.0, 3.0]]])  # no interaction: the system is singular
    assert not newton_on_face(additive, np.full((1, 1, 2, 2), 0.5))[1].any()

"""What learning reaches: an equilibrium, no lower than the start, and the right one where the way is clear."""

import numpy as np
import pytest

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.games.profiles import Points, expected
from dgpg_verify.equilibria.games.random_games import random_tables
from dgpg_verify.equilibria.nash.ascent import reached_equilibrium
from dgpg_verify.equilibria.nash.nash_conv import certified_points


@pytest.mark.parametrize("cost", ["quadratic", "delay", "mm1", "makespan"])
def test_it_ends_in_a_certified_equilibrium_above_its_start(cost):
    table = random_tables(60, 4, 3, cost, seed=2).reward
    uniform = np.full((60, 4, 3), 1 / 3)
    reached = reached_equilibrium(table)
    assert reached.shape == uniform.shape and certified_points(table, Points(np.arange(len(table)), reached)).all()
    assert not certified_points(table, Points(np.arange(len(table)), uniform)).any()  # it had somewhere to go
    assert (expected(table, reached) > expected(table, uniform)).all()


def test_scale_and_offset_do_not_matter():
    table = random_tables(20, 3, 3, seed=3).reward
    assert np.allclose(reached_equilibrium(table), reached_equilibrium(1e3 * table - 1e5), rtol=0, atol=1e-6)


def test_it_goes_uphill_from_where_it_starts():
    table = np.array([[[2.0, 0.0], [0.0, 1.0]]])
    low = np.array([[[0.1, 0.9], [0.1, 0.9]]])
    assert reached_equilibrium(table)[0, :, 0].tolist() == [1.0, 1.0]
    assert reached_equilibrium(table, low)[0, :, 1].tolist() == [1.0, 1.0]


def test_all_climb_at_once():
    """The first player alone would turn to action 1, but the second one's pull to 0 is stronger."""
    start = np.array([[[0.9, 0.1], [0.3, 0.7]]])
    assert reached_equilibrium(np.array([[[2.0, 0.0], [0.0, 1.0]]]), start)[0, :, 0].tolist() == [1.0, 1.0]


def test_a_saddle_is_where_a_noise_free_learner_stays():
    saddle = np.array([[[1 / 3, 2 / 3], [1 / 3, 2 / 3]]])
    table = np.array([[[2.0, 0.0], [0.0, 1.0]]])
    assert np.array_equal(reached_equilibrium(table, saddle), saddle)
    assert np.array_equal(reached_equilibrium(np.zeros((1, 2, 2)), saddle), saddle)


def test_unused_actions_are_taken_up_by_the_last_best_replies():
    table = np.array([[[0.0, 0.0], [0.0, 1.0]]])
    corner = np.array([[[0.5, 0.5], [1.0, 0.0]]])  # the second player never tries 1, which is better
    reached = reached_equilibrium(table, corner)
    assert certified_points(table, Points(np.arange(len(table)), reached)).all() and expected(table, reached)[0] == 1.0


def test_bad_start_is_refused():
    with pytest.raises(InputError, match="sum to 1"):
        reached_equilibrium(np.zeros((1, 2, 2)), np.ones((1, 2, 2)))
    with pytest.raises(InputError, match="shape"):
        reached_equilibrium(np.zeros(3))

"""The law of the fleets: seeded, independent of the count, references what they say, bad input."""

import numpy as np
import pytest

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.games.random_games import child_seeds, perfect_guidance, random_games, random_tables
from dgpg_verify.equilibria.games.tables import joint_tables
from dgpg_verify.systems.references import alternating_signs
from tests.equilibria.games import plain


def same(games, others):
    return all(
        np.array_equal(getattr(a, name).numpy(), getattr(b, name).numpy())
        for a, b in zip(games, others)
        for name in ("jobs", "capacity", "background", "candidates", "weights", "target", "reference_state")
    )


def test_same_seed_same_fleets_other_seed_other_fleets():
    games = random_games(6, 4, 3, seed=1)
    assert same(games, random_games(6, 4, 3, seed=1))
    assert same(games[:3], random_games(3, 4, 3, seed=1))  # a longer draw begins like a shorter one
    assert len({game.jobs[0].item() for game in [*games, *random_games(6, 4, 3, seed=2)]}) == 12
    assert len(set(child_seeds(1000, 0))) == 1000
    assert random_games(1, 2, 3)[0].n_servers == 3 and random_games(1, 2, 3, n_servers=7)[0].n_servers == 7


def test_one_candidate_leaves_one_joint_action():
    (game,), tables = random_games(1, 3, 1), random_tables(1, 3, 1)
    assert game.n_servers == 3 and tables.reward.shape == (1, 1, 1, 1)
    assert tables.reward.item() == pytest.approx(plain.reward_and_guidance(game)[0][0, 0, 0])


def test_global_random_state_is_neither_read_nor_changed():
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = random_tables(3, 3, 2)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    assert np.array_equal(first.reward, random_tables(3, 3, 2).reward)


def test_fluid_is_already_the_relaxed_optimum_of_quadratic_and_delay_where_everybody_reaches_all():
    for cost in ("quadratic", "delay"):
        for game in random_games(5, 3, 3, cost, "speed_aware", seed=3, n_servers=3):
            assert np.allclose(game.reference_state, game.target, rtol=1e-3, atol=0)  # a gap of 1e-10 leaves 1e-5
    for game in random_games(5, 3, 3, "mm1", "speed_aware", seed=3, n_servers=3):
        assert not np.allclose(game.reference_state, game.target, rtol=1e-3, atol=0)


def test_references_change_the_guidance_only():
    fluid = random_games(5, 4, 3, "mm1", seed=3)
    for reference in ("speed_aware", "biased:0.3", "shuffled"):
        other = random_games(5, 4, 3, "mm1", reference, seed=3)
        for a, b in zip(fluid, other):
            assert np.array_equal(joint_tables(a).reward, joint_tables(b).reward)
            assert not np.allclose(a.reference_state, b.reference_state)
    for game in fluid:
        level = (game.jobs.sum() + (game.background * game.capacity).sum()) / game.capacity.sum()
        assert np.allclose(game.reference_state, float(level), rtol=1e-15, atol=0)
    for a, b in zip(fluid, random_games(5, 4, 3, "mm1", "biased:0.3", seed=3)):
        assert np.allclose(b.reference_state, a.reference_state * (1 + 0.3 * alternating_signs(a.capacity)))
    for a, b in zip(fluid, random_games(5, 4, 3, "mm1", "shuffled", seed=3)):
        load_a, load_b = a.reference_state * a.capacity, b.reference_state * b.capacity
        assert np.allclose(sorted(load_a.tolist()), sorted(load_b.tolist())) and not np.isclose(load_a, load_b).any()


@pytest.mark.parametrize("cost", ["quadratic", "delay", "mm1", "makespan"])
def test_perfect_is_minus_c_times_the_reward(cost):
    tables = random_tables(50, 3, 3, cost, "perfect", seed=4)
    assert np.array_equal(tables.reward, random_tables(50, 3, 3, cost, "fluid", seed=4).reward)
    flat_j, flat_g = tables.reward.reshape(50, -1), tables.guidance.reshape(50, -1)
    scale = np.ptp(flat_g, axis=1) / np.ptp(flat_j, axis=1)
    assert ((scale >= 0.25 - 1e-12) & (scale <= 4 + 1e-12)).all() and np.unique(scale).size == 50
    assert np.allclose(flat_g + scale[:, None] * flat_j, (flat_g + scale[:, None] * flat_j)[:, :1])
    assert (flat_g.min(1) == 0).all()
    for alpha in (0.3, 0.9):
        assert (plain.kinds(tables, 0.0) == plain.kinds(tables, alpha)).all()  # ties included


def test_the_control_moves_equilibria():
    """What "perfect" keeps, a shuffled reference does not: the comparison above can fail."""
    tables = random_tables(50, 3, 3, "quadratic", "shuffled", seed=4)
    assert (plain.kinds(tables, 0.0) != plain.kinds(tables, 0.9)).any()


BAD = {
    "count": ({"count": 0}, "count = 0"),
    "agents": ({"n_agents": 0}, "n_agents = 0"),
    "candidates": ({"n_candidates": 5, "n_servers": 4}, "n_servers = 4"),
    "cost": ({"cost": "linear"}, "cost = 'linear'"),
    "reference": ({"reference": "lagged:1"}, "one of perfect, fluid"),
    "bias": ({"reference": "biased:x"}, "must be one of fluid"),
    "makespan": ({"reference": "speed_aware", "cost": "makespan"}, "quadratic, delay, mm1"),
    "seed": ({"seed": -1}, "seed = -1"),
    "joint actions": ({"n_agents": 30}, "10000000"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_error(case):
    options, words = BAD[case]
    with pytest.raises(InputError, match=words):
        random_tables(**({"count": 2, "n_agents": 3} | options))


def test_perfect_is_no_reference_state():
    with pytest.raises(InputError, match="use random_tables"):
        random_games(2, 3, reference="perfect")
    with pytest.raises(InputError, match="one for each of 2 fleets"):
        perfect_guidance(random_tables(2, 2, 2), [1])

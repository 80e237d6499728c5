"""The least inner product over all profiles: bounds that hold at every profile tried, and known answers."""

from __future__ import annotations

import numpy as np
import pytest

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.alignment.points import alignment_at
from dgpg_verify.equilibria.alignment.simplex import simplex_alignment
from dgpg_verify.equilibria.games.random_games import random_tables
from dgpg_verify.equilibria.games.tables import Tables

CASES = [(1, 3), (2, 2), (2, 3), (2, 4), (3, 2), (3, 3), (4, 2)]


def normal_tables(count: int, agents: int, actions: int, seed: int) -> Tables:
    rng = np.random.default_rng(seed)
    shape = (count, *(actions,) * agents)
    reward = rng.normal(size=shape)
    return Tables(reward, -reward + rng.choice([0.1, 1.0], count).reshape(-1, *[1] * agents) * rng.normal(size=shape))


@pytest.mark.parametrize(("agents", "actions"), CASES)
def test_bounds_hold_at_every_profile_tried(agents: int, actions: int, seed: int) -> None:
    tables = normal_tables(60, agents, actions, seed)
    found = simplex_alignment(tables)
    assert found.exact == (agents <= 2)
    rng = np.random.default_rng(seed + 1)
    p = rng.dirichlet(np.full(actions, 0.4), (60, 300, agents))
    seen = alignment_at(tables, p, "simplex")
    assert (seen.inner + seen.rounding >= found.lower[:, None]).all()
    assert (seen.agent_inner + seen.agent_rounding >= found.agent_lower[:, None]).all()
    at = alignment_at(tables, found.point, "simplex")
    assert (at.inner - at.rounding <= found.upper).all()
    if agents <= 2:  # exact: the two bounds meet, and nothing tried lies lower
        assert (found.upper - found.lower <= found.resolution).all()
        assert ((seen.inner - seen.rounding).min(1) >= found.upper - found.resolution).all()
    assert found.negative.sum() > 0


@pytest.mark.parametrize("agents", [1, 2, 3])
def test_perfect_guidance_is_aligned_and_the_opposite_is_not(agents: int, seed: int) -> None:
    tables = random_tables(40, agents, 3, "quadratic", "perfect", seed)
    found = simplex_alignment(tables)
    assert found.aligned.all() and not found.negative.any()
    opposite = simplex_alignment(Tables(tables.reward, -tables.guidance))
    assert opposite.negative.all() and not opposite.aligned.any()


def test_one_agent_of_the_theory() -> None:
    """J = (1, .9, -5), -G = (.9, 1, -5): the projected gradients make a small angle at every profile."""
    found = simplex_alignment(Tables([[1.0, 0.9, -5.0]], [[-0.9, -1.0, 5.0]]))
    u, v = np.array([1.0, 0.9, -5.0]), np.array([0.9, 1.0, -5.0])
    exact = float((u - u.mean()) @ (v - v.mean()))
    assert found.aligned[0] and found.lower[0] <= exact <= found.upper[0] and exact > 20


def test_a_known_minimum_inside(seed: int) -> None:
    """Two agents, agent 1 decides a difference of agent 0 that changes sign in J at 1/3 and in -G at 1/2."""
    reward, guidance = np.zeros((1, 2, 2)), np.zeros((1, 2, 2))
    reward[0, 1] = [-1.0, 2.0]  # difference of agent 0's actions: 3 y - 1, y the second action of agent 1
    guidance[0, 1] = [1.0, -1.0]  # of -G: 2 y - 1
    reward -= reward.mean(1, keepdims=True)
    guidance -= guidance.mean(1, keepdims=True)
    found = simplex_alignment(Tables(reward, guidance))
    # agent 0's term is half the product of the differences: least value at y = 5/12 is -1/2 * 1/4 * 1/6
    assert found.agent_upper[0, 0] == pytest.approx(-1 / 48, abs=1e-8)
    assert found.point[0, 1, 1] == pytest.approx(5 / 12, abs=1e-6)
    assert found.agent_negative[0, 0]


def test_three_agents_are_left_undecided_where_the_bounds_do_not_meet(seed: int) -> None:
    """About two fleets in five of this law: that none of 60 is has probability below 1e-12."""
    found = simplex_alignment(random_tables(60, 3, 3, "quadratic", "fluid", seed))
    unknown = ~found.negative & ~found.aligned
    assert unknown.any() and (found.lower[unknown] < -found.resolution[unknown]).all()
    assert not (found.negative & found.aligned).any()


def test_more_starts_never_raise_the_upper_bound_and_bad_input(seed: int) -> None:
    tables = normal_tables(30, 3, 3, seed)
    few, many = simplex_alignment(tables, starts=0), simplex_alignment(tables, starts=6, seed=seed)
    assert (many.upper <= few.upper + 1e-12).all() and np.array_equal(few.lower, many.lower)
    with pytest.raises(InputError, match="starts"):
        simplex_alignment(tables, starts=-1)
    with pytest.raises(InputError, match=r"K\^\(N-1\)"):
        simplex_alignment(Tables(np.zeros((1, *(2,) * 11)), np.zeros((1, *(2,) * 11))))

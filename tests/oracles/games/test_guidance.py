"""Closed-form moments of the guidance in resource games against enumeration, on every built-in instance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dgpg_verify.oracles import enumerate_moments
from dgpg_verify.oracles.games.guidance import additions_in_norm, dense_spread, guidance_moments, others_load
from dgpg_verify.systems import make_system
from dgpg_verify.systems.resource_game import ResourceGame

GAMES: list[tuple[str, dict[str, Any]]] = [
    ("load_balancing", {"n_candidates": 3}),
    ("road_network", {}),
    ("road_network", {"reference": "user_equilibrium"}),
    ("road_network:braess", {}),
    ("rate_control", {}),
    ("rate_control", {"topology": "bottleneck"}),
    ("power_dispatch", {"n_levels": 3, "gamma": 0.5}),
    ("power_dispatch", {"n_levels": 3, "normalised": True}),
    ("power_dispatch", {"n_levels": 3, "lines": True}),
]


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(("name", "options"), GAMES)
def test_moments_are_those_of_enumeration(name: str, options: dict[str, Any], exact: bool, seed: int) -> None:
    game = make_system(name, 4, seed, **options)
    assert isinstance(game, ResourceGame)
    p = np.random.default_rng(seed).dirichlet(np.ones(game.n_actions), 4)
    found = guidance_moments(game, p, exact)
    credit = "guidance:exact" if exact else "guidance"
    wanted = enumerate_moments(game, p, [credit])
    assert wanted.cross is not None
    scale = float(np.abs(wanted.means).max()) ** 2
    assert found.mean == pytest.approx(wanted.means[0], rel=1e-9, abs=1e-10 * np.sqrt(scale))
    assert found.variance == pytest.approx(wanted.covariances[0, 0], rel=1e-9, abs=1e-10 * scale)
    assert found.cross == pytest.approx(wanted.cross[0, 0], rel=1e-9, abs=1e-10 * scale)


@pytest.mark.parametrize("n", [4, 70])
@pytest.mark.parametrize(("name", "options"), GAMES)
def test_both_ways_to_sum_over_the_others_agree(name: str, options: dict[str, Any], n: int, seed: int) -> None:
    """By coordinates that an action touches, and by pairs of agents, in one block and in two; but for the rounding of
    an agent's own part, |z|^4, which the former takes off again."""
    if n == 70 and "lines" in options:
        n = 20  # its covariances at 70 take gigabytes
    game = make_system(name, n, seed, **options)
    assert isinstance(game, ResourceGame)
    p = np.random.default_rng(seed).dirichlet(np.ones(game.n_actions), n)
    at, z = additions_in_norm(game)
    others = others_load(at, z, p)
    spread = np.einsum("iks,ikt,ikst->ik", z, z, others.covariance)
    mean, found = dense_spread(at, z, p)
    scale = float((z**2).sum(-1).max()) ** 2
    assert found == pytest.approx(spread, rel=1e-9, abs=1e-13 * scale)
    assert np.where(z != 0.0, mean - others.mean, 0.0) == pytest.approx(0.0, abs=1e-10 * np.abs(others.mean).max())


def test_one_agent_has_no_others() -> None:
    game = make_system("rate_control", 1, 3)
    assert isinstance(game, ResourceGame)
    p = np.full((1, game.n_actions), 1.0 / game.n_actions)
    assert others_load(*additions_in_norm(game), p).covariance == pytest.approx(0.0, abs=1e-15)
    assert guidance_moments(game, p).cross == pytest.approx(0.0, abs=1e-15)

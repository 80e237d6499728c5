"""Dispatch with any output: the costs written out, and the noise of the guidance by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dgpg_verify.oracles.teams.linear_quadratic import linear_quadratic_moments
from dgpg_verify.systems import make_system
from dgpg_verify.systems.one_shot import GameState
from dgpg_verify.systems.power import ContinuousDispatch, PowerDispatch

OPTIONS: list[dict[str, Any]] = [
    {},
    {"normalised": True},
    {"gamma": 0.5, "beta": 3.0},
    {"reference": "balanced", "normalised": True, "gamma": 1.0},
]


def spread(of: Tensor) -> float:
    return float(of.max() - of.min())


@pytest.mark.parametrize("options", OPTIONS)
def test_j_and_g_are_those_of_the_dispatch(options: dict[str, Any]) -> None:
    """Up to one constant for all outputs."""
    game, team = PowerDispatch.random(7, 3, **options), ContinuousDispatch.random(7, 3, **options)
    actions = torch.randn(20, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    output = 0.625 * game.levels.amax(1) + actions
    fuel = (0.5 * game.quadratic * output**2 + game.linear * output).sum(1)
    excess = output.sum(1) - game.demand
    step = team.step(GameState(torch.ones(20)), actions)
    assert spread(step.reward + fuel + 0.5 * game.beta * excess**2) < 1e-9 * spread(step.reward)
    weighed = (output - game.reference_state[:7]).square().sum(1)
    weighed += game.balance_weight * (excess / game.unit - game.reference_state[7]).square()
    torch.testing.assert_close((step.x - step.reference).square().sum(1), weighed)


@pytest.mark.parametrize("options", OPTIONS)
def test_noise_of_the_guidance_by_hand(options: dict[str, Any]) -> None:
    """Every E xi^k written out: the own part, the others' through the balance, and the signal's."""
    n, sigma = 9, 0.5
    game, team = PowerDispatch.random(n, 5, **options), ContinuousDispatch.random(n, 5, **options)
    square = float(game.balance_weight / game.unit**2)
    away = (game.reference_state[:n] - 0.625 * game.levels.amax(1)).numpy()
    away = away + float(game.balance_weight * game.reference_state[n] / game.unit)
    exact = linear_quadratic_moments(team, np.zeros(n), sigma, ["guidance"])["guidance"]
    others = 3.0 * sigma**2 * square**2 * (n - 1)
    np.testing.assert_allclose(exact.variance, 15.0 * sigma**2 * (1.0 + square) ** 2 + others + 2.0 * away**2)
    np.testing.assert_allclose(np.abs(exact.mean[:, 0]), np.abs(away))


@pytest.mark.parametrize("options", OPTIONS)
def test_noise_of_the_rewards_by_quadrature(options: dict[str, Any]) -> None:
    """Three generators; nine nodes each are exact for the polynomials of degree 10 that second moments are."""
    n, sigma = 3, 0.5
    team = ContinuousDispatch.random(n, 2, **options)
    nodes, weights = np.polynomial.hermite_e.hermegauss(9)
    xi = np.stack(np.meshgrid(*[nodes] * n, indexing="ij"), -1).reshape(-1, n)
    chance = np.stack(np.meshgrid(*[weights / weights.sum()] * n, indexing="ij"), -1).reshape(-1, n).prod(1)
    state, actions = GameState(torch.ones(len(xi))), torch.as_tensor(sigma * xi)
    reward = team.step(state, actions).reward.numpy()
    without = team.replaced_rewards(state, actions, torch.zeros_like(actions)).numpy()
    exact = linear_quadratic_moments(team, np.zeros(n), sigma, ["return", "difference"])
    for name, credit in {"return": reward[:, None] - chance @ reward, "difference": reward[:, None] - without}.items():
        gradient = credit * xi / sigma
        mean = chance @ gradient
        np.testing.assert_allclose(exact[name].variance, chance @ (gradient - mean) ** 2)


def test_a_name_draws_it_again(tmp_path: Path) -> None:
    case = tmp_path / "case.json"
    case.write_text('{"generators": [{"p_min": 1, "p_max": 3, "c2": 0.5, "c1": 1}], "demand": 2.5}')
    for options in ({"gamma": 0.5}, {"case": str(case), "reference": "balanced"}):
        team = ContinuousDispatch.random(2, 4, **options)  # type: ignore[arg-type]
        config = team.config()
        assert ("inputs" in config) == ("case" in options)
        config.pop("inputs", None)
        again = make_system(config.pop("system"), **config)
        assert isinstance(again, ContinuousDispatch)
        assert torch.equal(again.optimum, team.optimum) and torch.equal(again.reference_state, team.reference_state)
    # two generators at 2, which cost p + 1 for one unit more, and one more unit is asked for
    assert team.optimum.tolist() == [-3.0, -3.0, 1.0]
    assert team.reference_state.tolist() == pytest.approx([0.5, 0.5, 1.0])

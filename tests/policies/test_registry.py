"""Policies by name, the Gaussian policy, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from dgpg_verify.core import InputError, Policy, draw_noise
from dgpg_verify.policies import GaussianPolicy, LinearPolicy, make_policy, n_features, policy_names, uniform_policy
from dgpg_verify.systems import LinearQuadraticTeam, LoadBalancingGame

GAME = LoadBalancingGame.random(5, seed=0, n_candidates=3)
TEAM = LinearQuadraticTeam.random(3, seed=0)


@pytest.mark.parametrize("sharing", ["independent", "shared"])
@pytest.mark.parametrize("name", ["uniform", "tabular", "linear", "mlp", "heuristic:random:1", "mlp@least_committed:2"])
def test_every_name_gives_a_policy(name: str, sharing: Any) -> None:
    policy = make_policy(name, GAME, sharing=sharing)
    assert isinstance(policy, Policy) and policy.sharing == sharing
    assert policy.parameters.ndim == (1 if sharing == "shared" else 2) and policy.parameters.dtype == torch.float64


def test_uniform_policy_is_uniform_and_gaussian_on_teams() -> None:
    seen = GAME.observe(GAME.start(torch.empty(1, 1, 0)))
    chances = uniform_policy(GAME).probabilities(seen)  # type: ignore[attr-defined]
    torch.testing.assert_close(chances, torch.full_like(chances, 1 / 3))
    assert isinstance(uniform_policy(TEAM), GaussianPolicy)


@pytest.mark.parametrize(
    ("name", "word"),
    [("", "policy"), ("tabluar", "tabluar"), ("heuristic:random", "NAME:TEMPERATURE"), ("mlp@x:1", "x"),
     ("heuristic:random:warm", "NAME:TEMPERATURE"), ("heuristic:random:-1", "temperature"), ("gaussian", "gaussian")],
)  # fmt: skip
def test_bad_names_are_refused(name: str, word: str) -> None:
    with pytest.raises(InputError, match=word):
        make_policy(name, GAME)


@pytest.mark.parametrize("name", ["mlp", "linear", "heuristic:random:1"])
def test_networks_are_refused_for_continuous_actions(name: str) -> None:
    with pytest.raises(InputError, match="gaussian"):
        make_policy(name, TEAM)


def test_bad_options_are_refused() -> None:
    with pytest.raises(InputError, match="sharing"):
        make_policy("uniform", GAME, sharing="both")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="means"):
        make_policy("gaussian", TEAM, means=[0.0, 1.0])
    with pytest.raises(InputError, match="sigma"):
        make_policy("gaussian", TEAM, sigma=0.0)
    with pytest.raises(InputError, match="independent"):
        make_policy("gaussian", TEAM, sharing="shared")


def test_names_and_feature_count() -> None:
    assert "mlp" in policy_names() and n_features(GAME) == 4 and n_features(TEAM) == 0


def test_gaussian_log_prob_and_sampling() -> None:
    """log density against its formula; actions are mean + sigma * normal quantile of the uniforms."""
    policy = GaussianPolicy(torch.tensor([0.0, 1.0, -2.0], dtype=torch.float64), sigma=0.5)
    noise = draw_noise(0, 0, TEAM, policy, 7)
    seen = TEAM.observe(TEAM.start(noise.environment))
    actions = policy.act(seen, noise.agents[:, 0])
    standard = (actions - policy.means) / 0.5
    torch.testing.assert_close(torch.special.ndtr(standard), noise.agents[:, 0, :, 0])
    expected = -0.5 * standard**2 - math.log(0.5) - 0.5 * math.log(2 * math.pi)
    torch.testing.assert_close(policy.log_prob(seen, actions), expected)
    assert policy.default_action(seen).shape == actions.shape


def test_linear_policy_prefers_what_its_weights_say() -> None:
    weights = torch.zeros(5, 4, dtype=torch.float64)
    weights[:, 0] = 50.0  # log capacity
    seen = GAME.observe(GAME.start(torch.empty(1, 1, 0)))
    chosen = LinearPolicy(weights).probabilities(seen)[0].argmax(-1)
    assert torch.equal(chosen, GAME.capacity[GAME.candidates].argmax(-1))

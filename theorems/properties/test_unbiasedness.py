"""Which credits have mean grad J, and what the mean of the others is: exactly, by visiting every outcome.

Reference: plain loops over action profiles, in this file, with the costs written out again. The instrument's own
credits and score products run on every profile, weighted by its probability. Tolerance: a mean adds at most 81
terms; rounding is then below 1e-13 of the largest term, and 1e-10 of it leaves three decades.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from hypothesis import assume, given
from torch import Tensor

from dgpg_verify.core import Observation
from dgpg_verify.credits import make_credit
from dgpg_verify.policies import GaussianPolicy, SoftmaxPolicy, TabularPolicy
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import LinearQuadraticTeam, LoadBalancingGame
from dgpg_verify.testing import EXACT, all_profiles, game_and_policy, gauss_hermite, team_and_policy

CLAIMS = ("C1",)  # whose runs include these checks, see --claims

ROUNDING = 1e-10  # of the largest term
SEPARABLE = ("quadratic", "delay", "mm1")


# ---- the slow, plain reference -------------------------------------------------------------------------------


def utilisation(game: LoadBalancingGame, profile: tuple[int, ...]) -> list[float]:
    x = game.background.tolist()
    for agent, action in enumerate(profile):
        server = int(game.candidates[agent, action])
        x[server] += float(game.jobs[agent]) / float(game.capacity[server])
    return x


def reward(game: LoadBalancingGame, x: list[float]) -> float:
    def delay(u: float) -> float:
        return u / (1 - u) if u <= 0.95 else 19.0 + 400.0 * (u - 0.95)

    if game.cost == "makespan":
        return -max(x)
    if game.cost == "mm1":
        return -sum(delay(u) for u in x)
    if game.cost == "delay":
        return -sum(float(c) * u * u for c, u in zip(game.capacity, x))
    return -sum(0.5 * float(h) * (u - float(t)) ** 2 for h, t, u in zip(game.weights, game.target, x))


def distance(game: LoadBalancingGame, x: list[float]) -> float:
    return 0.5 * sum((u - float(r)) ** 2 for u, r in zip(x, game.reference_state))


def own_square(game: LoadBalancingGame, profile: tuple[int, ...]) -> float:
    """1/2 sum_j |z_j|^2 of a profile."""
    servers = [int(game.candidates[i, a]) for i, a in enumerate(profile)]
    return 0.5 * sum((float(game.jobs[i]) / float(game.capacity[s])) ** 2 for i, s in enumerate(servers))


def gradient_of_mean(game: LoadBalancingGame, policy: SoftmaxPolicy, value: Callable[..., float]) -> Tensor:
    """Gradient of E value(profile) over the parameters, by differentiating the sum over all K^N profiles."""
    theta = policy.parameters.clone().requires_grad_(True)
    seen = game.observe(game.start(torch.empty(1, 1, 0)))
    features = seen.features[0]
    if isinstance(policy, TabularPolicy):
        logits = theta if theta.ndim == 2 else theta.expand(game.n_agents, -1)
    else:
        logits = (features * (theta[:, None] if theta.ndim == 2 else theta)).sum(-1)
    if policy.prior is not None:
        logits = logits + policy.prior(seen)[0]
    chances = torch.exp(logits - torch.logsumexp(logits, -1, keepdim=True))
    total = torch.zeros((), dtype=torch.float64)
    for profile in itertools.product(range(game.n_actions), repeat=game.n_agents):
        chance = torch.ones((), dtype=torch.float64)
        for agent, action in enumerate(profile):
            chance = chance * chances[agent, action]
        total = total + chance * value(game, profile)
    return torch.autograd.grad(total, theta)[0]


def grad_j(game: LoadBalancingGame, policy: SoftmaxPolicy) -> Tensor:
    return gradient_of_mean(game, policy, lambda g, a: reward(g, utilisation(g, a)))


def grad_g(game: LoadBalancingGame, policy: SoftmaxPolicy) -> Tensor:
    return gradient_of_mean(game, policy, lambda g, a: distance(g, utilisation(g, a)))


# ---- the instrument on every outcome -------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    mean: Tensor  # [N, P], or [P] with shared parameters: what the update is
    largest: float  # largest term of the sum, the scale of its rounding


def measured(system: Any, policy: Any, name: str, everything: Any) -> Measured:
    rollout = collect(system, policy, everything.noise, keep_states=True)
    credit = make_credit(name).fit([rollout])
    gradients = policy.score_products(rollout, credit(rollout)[None])[0]  # [B, N, P]
    mean = everything.mean(gradients)
    return Measured(mean.sum(0) if policy.sharing == "shared" else mean, 1.0 + float(gradients.abs().max()))


def assert_mean(found: Measured, expected: Tensor) -> None:
    assert found.mean.shape == expected.shape
    assert float((found.mean - expected).abs().max()) <= ROUNDING * found.largest


UNBIASED = ("return", "return:raw", "return:to_go", "difference")


@pytest.mark.parametrize("name", UNBIASED)
@EXACT
@given(case=game_and_policy())
def test_credit_has_mean_grad_j(name: str, case: tuple[LoadBalancingGame, SoftmaxPolicy]) -> None:
    """E g = grad J for the shared return, however centred, and for the exact difference reward, at every cost."""
    game, policy = case
    assert_mean(measured(game, policy, name, all_profiles(game, policy)), grad_j(game, policy))


@EXACT
@given(case=game_and_policy())
def test_exact_guidance_has_mean_minus_grad_g(case: tuple[LoadBalancingGame, SoftmaxPolicy]) -> None:
    game, policy = case
    assert_mean(measured(game, policy, "guidance:exact", all_profiles(game, policy)), -grad_g(game, policy))


@EXACT
@given(case=game_and_policy())
def test_chain_rule_descends_another_function(case: tuple[LoadBalancingGame, SoftmaxPolicy]) -> None:
    """The paper's -(x - x~).z has mean -grad(G + 1/2 sum_j E|z_j|^2): it also shuns servers on which a job is a
    large share."""
    game, policy = case
    extra = gradient_of_mean(game, policy, own_square)
    assert_mean(measured(game, policy, "guidance", all_profiles(game, policy)), -(grad_g(game, policy) + extra))


@EXACT
@given(case=game_and_policy())
def test_guided_with_exact_guidance_descends_the_mixture(case: tuple[LoadBalancingGame, SoftmaxPolicy]) -> None:
    """E g(alpha) = (1 - alpha) grad J - alpha grad G, the statement that defines J_alpha."""
    game, policy = case
    mixture = 0.75 * grad_j(game, policy) - 0.25 * grad_g(game, policy)
    found = measured(game, policy, "guided:0.25@return+guidance:exact", all_profiles(game, policy))
    assert_mean(found, mixture)


@dataclass(frozen=True)
class PlaysAlways:
    """Every agent answers `action`: feeds a chosen replacement to the branch credit."""

    action: int

    def act(self, seen: Observation, noise: Tensor) -> Tensor:
        return torch.full(noise.shape[:-1], self.action)


@EXACT
@given(case=game_and_policy(max_agents=3, sharings=("independent",)))
def test_branch_credit_has_mean_grad_j(case: tuple[LoadBalancingGame, SoftmaxPolicy]) -> None:
    """R - R' with one action replaced by an independent draw, averaged over that draw as well."""
    game, policy = case
    everything = all_profiles(game, policy)
    rollout = collect(game, policy, everything.noise, keep_states=True)
    chances = policy.probabilities(rollout.seen)[0, 0]  # [N, K]
    weights = torch.zeros_like(rollout.log_prob)
    for action in range(game.n_actions):
        answer = make_credit("branch")(replace(rollout, policy=PlaysAlways(action)))  # type: ignore[arg-type]
        weights += chances[:, action] * answer
    gradients = policy.score_products(rollout, weights[None])[0]
    found = Measured(everything.mean(gradients), 1.0 + float(gradients.abs().max()))
    assert_mean(found, grad_j(game, policy))


# ---- Gaussian team, by Gauss-Hermite quadrature --------------------------------------------------------------


def team_gradients(team: LinearQuadraticTeam, policy: GaussianPolicy) -> tuple[Tensor, Tensor]:
    """grad J = -Z^T H (Z theta - x*) and grad G = Z^T (Z theta - x~); Z filled in entry by entry."""
    z = torch.zeros(team.state_size, team.n_agents, dtype=torch.float64)
    for agent in range(team.n_agents):
        for row, value in zip(team.index[agent].tolist(), team.value[agent].tolist()):
            z[row, agent] += value
    centre = z @ policy.means
    to_optimum = team.weights * (centre - team.optimum)
    return -(z.T @ to_optimum)[:, None], (z.T @ (centre - team.reference_state))[:, None]


@pytest.mark.parametrize("name", UNBIASED)
@EXACT
@given(case=team_and_policy())
def test_credit_has_mean_grad_j_in_a_gaussian_team(name: str, case: tuple[LinearQuadraticTeam, GaussianPolicy]) -> None:
    """Score times credit is a cubic in the noise of each agent; four nodes integrate degree seven exactly."""
    team, policy = case
    assert_mean(measured(team, policy, name, gauss_hermite(team, policy)), team_gradients(team, policy)[0])


@pytest.mark.parametrize("name", ["guidance", "guidance:exact"])
@EXACT
@given(case=team_and_policy())
def test_guidance_is_unbiased_in_a_gaussian_team(name: str, case: tuple[LinearQuadraticTeam, GaussianPolicy]) -> None:
    """With the mean action as default the chain rule has no bias: E delta^3 = 0 removes the extra term."""
    team, policy = case
    assert_mean(measured(team, policy, name, gauss_hermite(team, policy)), -team_gradients(team, policy)[1])


# ---- controls: the checks above must be able to fail ---------------------------------------------------------


@pytest.mark.parametrize("name", ["guidance", "guidance:observed", "score"])
def test_control_a_biased_credit_is_caught(name: str) -> None:
    """Chain rule, observed state and the bare score all miss -grad G on an ordinary fleet, by more than 100 x."""
    game = LoadBalancingGame.random(4, seed=3, n_candidates=3)
    policy = TabularPolicy(torch.zeros(4, 3, dtype=torch.float64))
    found, truth = measured(game, policy, name, all_profiles(game, policy)), -grad_g(game, policy)
    with pytest.raises(AssertionError):
        assert_mean(found, truth)
    assert float((found.mean - truth).abs().max()) > 100 * ROUNDING * found.largest


def test_control_a_wrong_server_cost_is_caught() -> None:
    """The reference notices when the reward belongs to another cost."""
    game = LoadBalancingGame.random(3, seed=1, n_candidates=3, cost="mm1")
    policy = TabularPolicy(torch.zeros(3, 3, dtype=torch.float64))
    found = measured(game, policy, "return", all_profiles(game, policy))
    with pytest.raises(AssertionError):
        assert_mean(found, grad_j(replace(game, cost="delay"), policy))


@EXACT
@given(case=game_and_policy(costs=SEPARABLE, max_agents=3))
def test_control_the_bias_of_the_chain_rule_is_seen_where_it_exists(
    case: tuple[LoadBalancingGame, SoftmaxPolicy],
) -> None:
    """Wherever the extra term has a gradient, the unbiasedness check of `guidance` fails: no vacuous tolerance."""
    game, policy = case
    found = measured(game, policy, "guidance", all_profiles(game, policy))
    extra = gradient_of_mean(game, policy, own_square)
    assume(float(extra.abs().max()) > 2 * ROUNDING * found.largest)
    with pytest.raises(AssertionError):
        assert_mean(found, -grad_g(game, policy))

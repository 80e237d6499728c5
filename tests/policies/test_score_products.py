"""score_products against autograd of log pi, for every policy and sharing, on a multi-step system with masks."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from dgpg_verify.core import Rollout, draw_noise, generator
from dgpg_verify.policies import GaussianPolicy, LinearPolicy, MLPPolicy, TabularPolicy
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import LinearQuadraticTeam, LoadBalancingGame
from dgpg_verify.testing import SmallQueues

QUEUES = SmallQueues(torch.tensor([[0, 1, 2], [2, 1, 0], [1, 0, 2]]), 3, horizon=4)
SHARINGS = ("independent", "shared")
NORMS: dict[str, dict[str, Any]] = {
    "mlp": {},
    "mlp, features normalised": {"feature_norm": True},
    "mlp, layers normalised": {"layer_norm": True},
    "mlp, both, orthogonal": {"feature_norm": True, "layer_norm": True, "initialisation": "orthogonal"},
}


def parameters(*shape: int) -> Tensor:
    return torch.randn(shape, generator=generator(3), dtype=torch.float64)


def policy_of(kind: str, sharing: Any, n: int, k: int, f: int) -> Any:
    lead = () if sharing == "shared" else (n,)
    if kind in NORMS:
        return MLPPolicy.random(n, f, seed=4, hidden=7, sharing=sharing, **NORMS[kind])
    if kind == "tabular":
        return TabularPolicy(parameters(*lead, k), sharing)
    return LinearPolicy(parameters(*lead, f), sharing)


def with_parameters(policy: Any, values: Tensor) -> Any:
    """The policy with `values` in place of its parameters, as a leaf for autograd."""
    if isinstance(policy, GaussianPolicy):
        return GaussianPolicy(values[:, 0], policy.sigma)
    if isinstance(policy, MLPPolicy):
        return dataclasses.replace(policy, parameters=values)
    return type(policy)(values, policy.sharing, policy.prior)


def by_autograd(policy: Any, rollout: Rollout, weights: Tensor) -> Tensor:
    """One backward pass for each credit, roll-out and agent: [C, B, N, P]. Slow and plain."""
    theta = policy.parameters.clone().requires_grad_(True)
    log_prob = with_parameters(policy, theta).log_prob(rollout.seen, rollout.actions)
    c, b, _, n = weights.shape
    out = torch.zeros(c, b, n, theta.shape[-1], dtype=torch.float64)
    for credit in range(c):
        for row in range(b):
            for agent in range(n):
                total = (weights[credit, row, :, agent] * log_prob[row, :, agent]).sum()
                gradient = torch.autograd.grad(total, theta, retain_graph=True)[0]
                out[credit, row, agent] = gradient if gradient.ndim == 1 else gradient[agent]
                if gradient.ndim == 2:  # an agent's log pi knows its own parameters only
                    assert float(gradient.abs().sum() - gradient[agent].abs().sum()) == pytest.approx(0.0, abs=1e-12)
    return out


@pytest.mark.parametrize("sharing", SHARINGS)
@pytest.mark.parametrize("kind", ["tabular", "linear", *NORMS])
def test_score_products_equal_autograd(kind: str, sharing: str) -> None:
    policy = policy_of(kind, sharing, 3, 3, 3)
    rollout = collect(QUEUES, policy, draw_noise(0, 0, QUEUES, policy, 5))
    assert bool((~rollout.active).any()) and bool((~rollout.seen.mask).any())  # the edges are there
    weights = torch.randn(2, *rollout.actions.shape, generator=generator(8), dtype=torch.float64)
    found, expected = policy.score_products(rollout, weights), by_autograd(policy, rollout, weights)
    assert found.shape == expected.shape
    tolerance = 1e-5 if kind in NORMS else 1e-12  # the MLP works in float32
    assert float((found.double() - expected).abs().max()) <= tolerance * (1.0 + float(expected.abs().max()))


@pytest.mark.parametrize("sharing", SHARINGS)
@pytest.mark.parametrize("kind", ["tabular", "linear", "mlp"])
def test_score_products_with_a_prior(kind: str, sharing: str) -> None:
    """A prior changes the probabilities, and with them the scores, but has no parameters of its own."""
    from dgpg_verify.policies import make_policy

    game = LoadBalancingGame.random(3, seed=2, n_candidates=3)
    policy = make_policy(f"{kind}@least_committed:0.7", game, seed=1, sharing=sharing)  # type: ignore[arg-type]
    rollout = collect(game, policy, draw_noise(1, 0, game, policy, 6))
    weights = torch.randn(2, *rollout.actions.shape, generator=generator(8), dtype=torch.float64)
    found, expected = policy.score_products(rollout, weights), by_autograd(policy, rollout, weights)
    tolerance = 1e-5 if kind == "mlp" else 1e-12
    assert float((found.double() - expected).abs().max()) <= tolerance * (1.0 + float(expected.abs().max()))


def test_score_products_of_a_gaussian() -> None:
    team = LinearQuadraticTeam.random(4, seed=0)
    policy = GaussianPolicy(parameters(4), sigma=0.7)
    rollout = collect(team, policy, draw_noise(0, 0, team, policy, 5))
    weights = torch.randn(3, 5, 1, 4, generator=generator(9), dtype=torch.float64)
    torch.testing.assert_close(
        policy.score_products(rollout, weights), by_autograd(policy, rollout, weights), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("kind", list(NORMS))
@pytest.mark.parametrize("sharing", SHARINGS)
def test_mlp_blocks_do_not_change_the_result(sharing: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded by working on blocks; one agent and one roll-out at a time gives the same products."""
    from dgpg_verify.policies import mlp

    policy = policy_of(kind, sharing, 3, 3, 3)
    rollout = collect(QUEUES, policy, draw_noise(0, 0, QUEUES, policy, 5))
    weights = torch.randn(2, *rollout.actions.shape, generator=generator(8), dtype=torch.float64)
    whole = policy.score_products(rollout, weights)
    monkeypatch.setattr(mlp, "BLOCK_BYTES", 1)
    monkeypatch.setattr(mlp, "GROUP_BYTES", 1)
    blocks = list(policy.score_blocks(rollout, weights))
    assert [agents for agents, _ in blocks] == [slice(0, 1), slice(1, 2), slice(2, 3)]
    torch.testing.assert_close(torch.cat([products for _, products in blocks], dim=2), whole, rtol=1e-5, atol=1e-5)


def test_mlp_products_are_zero_where_nobody_acts() -> None:
    policy = policy_of("mlp", "independent", 3, 3, 3)
    rollout = collect(QUEUES, policy, draw_noise(0, 0, QUEUES, policy, 5))
    idle = dataclasses.replace(rollout, actions=torch.full_like(rollout.actions, -1))
    weights = torch.ones(1, *rollout.actions.shape, dtype=torch.float64)
    assert not policy.score_products(idle, weights).any() and policy.score_products(rollout, weights).any()


def test_the_caller_keeps_its_grad_mode_between_blocks() -> None:
    """Products carry no graph even when the parameters are being trained, and the caller's own work still does."""
    policy = policy_of("mlp", "independent", 3, 3, 3)
    policy = with_parameters(policy, policy.parameters.clone().requires_grad_(True))
    rollout = collect(QUEUES, policy, draw_noise(0, 0, QUEUES, policy, 5))
    for _, products in policy.score_blocks(rollout, torch.ones(1, *rollout.actions.shape)):
        assert torch.is_grad_enabled() and not products.requires_grad


def test_control_autograd_notices_a_step_too_many() -> None:
    """The comparison sees one weight moved to another step."""
    policy = policy_of("tabular", "independent", 3, 3, 3)
    rollout = collect(QUEUES, policy, draw_noise(0, 0, QUEUES, policy, 5))
    weights = torch.randn(1, *rollout.actions.shape, generator=generator(8), dtype=torch.float64)
    gap = (policy.score_products(rollout, weights.roll(1, dims=2)) - by_autograd(policy, rollout, weights)).abs()
    assert float(gap.max()) > 0.1

"""Credits that weigh all own actions: their gradients against autograd of sum_k pi_k w_k, for every policy, with masks,
idle agents and scalar credits between them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from dgpg_verify.core import HasActionBlocks, InputError, Rollout, draw_noise, generator, offers
from dgpg_verify.credits.base import FixedCredit
from dgpg_verify.measurement import gradients_of, measure_gradients
from dgpg_verify.policies import MLPPolicy, make_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import LinearQuadraticTeam, LoadBalancingGame
from dgpg_verify.testing import SmallQueues

QUEUES = SmallQueues(torch.tensor([[0, 1, 2], [2, 1, 0], [1, 0, 2], [0, 2, 1]]), 3, horizon=4)  # agents: not actions


@dataclass(frozen=True)
class Scalar(FixedCredit):
    """Some number for each decision; with `every` one for each action."""

    seed: int
    every: bool = False

    @property
    def name(self) -> str:
        return f"scalar{self.seed}"

    def table(self, rollout: Rollout) -> Tensor:
        return torch.randn(rollout.seen.mask.shape, generator=generator(self.seed), dtype=torch.float64)

    def __call__(self, rollout: Rollout) -> Tensor:
        chosen = self.table(rollout).gather(-1, rollout.actions.clamp(min=0)[..., None])[..., 0]
        return torch.where(rollout.active, chosen, 0.0)


@dataclass(frozen=True)
class OfAll(Scalar):
    def action_weights(self, rollout: Rollout) -> Tensor:
        return self.table(rollout)


def by_autograd(policy: Any, rollout: Rollout, credit: Scalar) -> Tensor:
    """[B, N, P], one backward pass for each roll-out and agent."""
    theta = policy.parameters.clone().requires_grad_(True)
    moving, table = replace(policy, parameters=theta), credit.table(rollout)
    if isinstance(credit, OfAll):
        values = (table * moving.probabilities(rollout.seen)).sum(-1)
    else:
        values = table.gather(-1, rollout.actions.clamp(min=0)[..., None])[..., 0]
        values = values * moving.log_prob(rollout.seen, rollout.actions)
    values = torch.where(rollout.active, values, 0.0).sum(1)
    rows = [torch.autograd.grad(value, theta, retain_graph=True)[0] for value in values.flatten()]
    gradients = torch.stack(rows).view(*values.shape, *theta.shape)
    return gradients if theta.ndim == 1 else gradients.diagonal(dim1=1, dim2=2).movedim(-1, 1)


@pytest.mark.parametrize("sharing", ["independent", "shared"])
@pytest.mark.parametrize("kind", ["tabular", "linear", "mlp", "mlp, normalised", "plain"])
def test_gradients_equal_autograd_in_the_order_asked_for(kind: str, sharing: Any) -> None:
    policy: Any = make_policy("mlp" if kind == "plain" else kind.partition(",")[0], QUEUES, sharing=sharing)
    if isinstance(policy, MLPPolicy):
        norms = kind == "mlp, normalised"
        policy = MLPPolicy.random(4, 3, 4, hidden=7, sharing=sharing, layer_norm=norms, feature_norm=norms)
    else:
        values = torch.randn(policy.parameters.shape, generator=generator(3), dtype=torch.float64)
        policy = replace(policy, parameters=values)
    noise = draw_noise(0, 0, QUEUES, policy, 5)
    rollout = collect(QUEUES, policy, noise)
    assert bool((~rollout.active).any()) and bool((~rollout.seen.mask).any())  # the edges are there
    credits = [OfAll(1), Scalar(2), OfAll(3), Scalar(4)]
    played = Plain(policy) if kind == "plain" else policy
    assert offers(played, HasActionBlocks) == kind.startswith("mlp")
    found = gradients_of(QUEUES, played, credits, noise).double()
    tolerance = 1e-5 if isinstance(policy, MLPPolicy) else 1e-12  # the MLP works in float32
    for credit, gradient in zip(credits, found, strict=True):
        expected = by_autograd(policy, rollout, credit)
        assert gradient.shape == expected.shape
        assert float((gradient - expected).abs().max()) <= tolerance * (1.0 + float(expected.abs().max()))


class Plain:
    """A policy without blocks: what a user's own may be like."""

    def __init__(self, policy: Any) -> None:
        self.sharing, self.parameters, self.noise_size = policy.sharing, policy.parameters, policy.noise_size
        self.act, self.log_prob, self.score_products = policy.act, policy.log_prob, policy.score_products
        self.probabilities = policy.probabilities


def test_a_measurement_takes_the_noise_of_the_own_action_away() -> None:
    """Two agents on servers of their own: given its own action nothing is random, so nothing at all is left."""
    one = torch.ones(4, dtype=torch.float64)
    game = LoadBalancingGame(
        jobs=torch.tensor([1.0, 2.0], dtype=torch.float64), capacity=one * 2.0, background=0 * one,
        candidates=torch.tensor([[0, 1], [2, 3]]), weights=one, target=one,
        reference_state=torch.tensor([1.0, 0.3, 0.1, 1.0], dtype=torch.float64),
    )  # fmt: skip
    credits = ["guidance", "expected_guidance", "guided:0.5@return+expected_guidance", "return"]
    m = measure_gradients(game, credits=credits, rollouts=64, pick_freeze=8, progress=False)
    assert m["guidance"].variance.min() > 1e-3
    assert m["expected_guidance"].variance.max() < 1e-28
    # the mixture is half of the return and half of a constant
    mixture = m[credits[2]]
    assert mixture.variance == pytest.approx(0.25 * m["return"].variance, rel=1e-9)


def test_continuous_actions_and_policies_without_probabilities_are_refused() -> None:
    team = LinearQuadraticTeam.random(3, seed=0)
    with pytest.raises(InputError, match="continuous"):
        measure_gradients(team, "gaussian", credits=["expected_guidance"], rollouts=4, progress=False)
    policy = make_policy("mlp", QUEUES)
    blind: Any = Plain(policy)
    del blind.probabilities
    with pytest.raises(InputError, match="Plain has no probabilities"):
        gradients_of(QUEUES, blind, [OfAll(1)], draw_noise(0, 0, QUEUES, policy, 2))

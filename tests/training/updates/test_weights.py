"""Weights of all own actions against sums written out, in float64: surrogate, normalisation, sums of two kinds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dgpg_verify.core import draw_noise, generator
from dgpg_verify.credits import make_credit
from dgpg_verify.credits.base import FixedCredit, terms_of
from dgpg_verify.measurement import gradients_of
from dgpg_verify.policies import TabularPolicy
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import LoadBalancingGame
from dgpg_verify.training.updates.losses import normalise_advantages
from dgpg_verify.training.updates.packing import PackedDecisions, joined, pack
from dgpg_verify.training.updates.rules import plain_gradient, ppo
from dgpg_verify.training.updates.weights import OwnActions, Weights, normalise_weights, own_surrogate, weights_of
from tests.training.tools import plain_actor, settings, slow_chances

GAME = LoadBalancingGame.random(3, 1, n_servers=4)
POLICY = TabularPolicy(torch.randn(3, 4, generator=generator(3), dtype=torch.float64))
B = 5
EXACT: dict[str, Any] = {"epochs": 1, "entropy": 0.0, "grad_clip": 1e9, "rollouts": B}


def lesson(name: str) -> tuple[Any, Any, Weights]:
    """A roll-out, the fitted credit and its weights."""
    rollout = collect(GAME, POLICY, draw_noise(7, 0, GAME, POLICY, B), keep_states=True)
    credit = make_credit(name).fit([rollout])
    return rollout, credit, weights_of(credit, rollout)


@pytest.mark.parametrize("rule", [ppo, plain_gradient])
@pytest.mark.parametrize(
    "name", ["expected_guidance:exact", "pathwise", "expected_counterfactual@exact", "expected_residual:0.3"]
)
def test_at_ratio_one_the_step_is_the_gradient_that_is_measured(name: str, rule: Any) -> None:
    """Of each agent, mean over its decisions: sum_k grad pi_k w_k + psi_a w, as the measurement has it."""
    rollout, credit, weights = lesson(name)
    actor = plain_actor(POLICY)
    rule(actor, pack(rollout, weights), settings(**EXACT), 0)
    terms = credit.combination() if hasattr(credit, "combination") else [(1.0, credit)]
    measured = gradients_of(GAME, POLICY, [term for _, term in terms], rollout.noise)
    expected = sum(factor * part for (factor, _), part in zip(terms, measured, strict=True)).mean(0)
    found = actor.leaf.detach() - POLICY.parameters
    assert found.shape == expected.shape and float(found.abs().max()) > 1e-3
    torch.testing.assert_close(found, expected.double(), rtol=1e-5, atol=1e-7)


def slow_own(p: np.ndarray, old: np.ndarray, weight: np.ndarray, clip: float) -> float:
    total = 0.0
    for k in range(len(p)):
        if old[k] > 0:
            r = p[k] / old[k]
            total += old[k] * min(r * weight[k], min(max(r, 1 - clip), 1 + clip) * weight[k])
    return total


def test_the_clip_holds_every_action_by_itself() -> None:
    rng = np.random.default_rng(0)
    p, old = rng.dirichlet(np.ones(6), size=40), rng.dirichlet(np.ones(6), size=40)
    old[:, 5] = p[:, 5] = 0.0  # not allowed
    weight = rng.normal(size=(40, 6))
    own = OwnActions(torch.as_tensor(weight), torch.as_tensor(old))
    found = own_surrogate(torch.as_tensor(p), own, 0.2).numpy()
    expected = [slow_own(*row, 0.2) for row in zip(p, old, weight, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    unclipped = (p * weight).sum(1)
    assert (found < unclipped - 1e-3).mean() > 0.5


def test_weights_are_centred_and_masked() -> None:
    rollout, _, weights = lesson("expected_guidance")
    assert weights.own is not None
    p = POLICY.probabilities(rollout.seen)
    assert float((p * weights.own.weight).sum(-1).abs().max()) < 1e-12
    assert not bool(weights.taken.any())


@pytest.mark.parametrize("how", ["batch", "agent"])
def test_normalised_is_divided_by_the_sd_of_an_action_drawn_from_the_policy(how: str) -> None:
    """Enumerating the draw, with a part on the action taken that is the same whatever is drawn."""
    rng = generator(5)
    own = OwnActions(torch.randn(4, 2, 3, 5, generator=rng, dtype=torch.float64), torch.zeros(4, 2, 3, 5))
    p = torch.rand(4, 2, 3, 5, generator=rng, dtype=torch.float64)
    p = p / p.sum(-1, keepdim=True)
    own = OwnActions(own.weight - (p * own.weight).sum(-1, keepdim=True), p)
    taken = 3.0 + torch.randn(4, 2, 3, generator=rng, dtype=torch.float64)
    live = torch.rand(4, 2, 3, generator=rng) < 0.8
    live[..., 2] = False
    live[1, 0, 2] = True  # a lone decision
    found = normalise_weights(Weights(taken, own), live, how)
    assert found.own is not None
    for agent in range(3):
        whole = how == "batch" or agent == 2
        part = live if whole else live & (torch.arange(3) == agent)
        mean = float(taken[part].mean())
        total = sum(
            float(p[b, t, i, k]) * ((float(taken[b, t, i]) - mean) ** 2 + float(own.weight[b, t, i, k]) ** 2)
            for b, t, i in part.nonzero().tolist()
            for k in range(5)
        )
        sd = (total / int(part.sum())) ** 0.5 + 1e-5
        here = live & (torch.arange(3) == agent)
        torch.testing.assert_close(found.taken[here], (taken[here] - mean) / sd, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(found.own.weight[here], own.weight[here] / sd, rtol=1e-10, atol=1e-12)
    assert not bool(found.taken[~live].any())


def test_without_own_actions_it_is_the_usual_normalisation() -> None:
    taken, live = torch.randn(4, 2, 3, generator=generator(1)), torch.ones(4, 2, 3, dtype=torch.bool)
    found = normalise_weights(Weights(taken), live, "batch")
    assert torch.equal(found.taken, normalise_advantages(taken, live, "batch")) and found.own is None


def test_terms_of_a_sum_add_up_to_the_scalar() -> None:
    """With own weights centred, a draw of the scalar differs by the mean over own actions."""
    rollout, credit, weights = lesson("expected_residual:0.3")
    (rest, _), (slope, guidance) = credit.combination()
    mean = (POLICY.probabilities(rollout.seen) * guidance.action_weights(rollout)).sum(-1)
    assert rest == 0.7
    torch.testing.assert_close(weights.scalar(rollout.actions), credit(rollout) - slope * mean)


@dataclass(frozen=True)
class Sum(FixedCredit):
    parts: Sequence[tuple[float, Any]]

    def combination(self) -> Sequence[tuple[float, Any]]:
        return self.parts


def test_terms_keep_their_factors_and_leave_out_those_of_0() -> None:
    one: Any = FixedCredit()
    mixed: Any = Sum([(-2.0, one), (0.0, one), (3.0, Sum([(-2.0, one)]))])
    assert terms_of(mixed) == [(-2.0, one), (-6.0, one)]


def columns(decisions: PackedDecisions) -> Tensor:
    assert decisions.own is not None
    return decisions.own.weight


def test_fleets_are_joined_with_their_own_actions() -> None:
    rollout, _, weights = lesson("expected_guidance")
    one, two = pack(rollout, weights), pack(rollout, weights.times(2.0))
    assert torch.equal(columns(joined([one, two], False)), torch.cat([columns(one), columns(two)], dim=1))
    as_one = columns(joined([one, two], True))
    assert torch.equal(as_one[:, 1], 2.0 * as_one[:, 0]) and as_one.shape == (B * 3, 2, 4)


def test_an_impossible_action_gives_no_nan() -> None:
    logits = torch.tensor([[0.0, 0.0, -1e4, 0.0]]).expand(3, 4).double()
    rollout, _, _ = lesson("expected_guidance")
    certain = replace(rollout, policy=TabularPolicy(logits))
    weights = weights_of(make_credit("expected_guidance"), certain)
    actor = plain_actor(TabularPolicy(logits))
    ppo(actor, pack(certain, weights), settings(**EXACT), 0)
    assert bool(actor.leaf.isfinite().all()) and slow_chances(logits[0], torch.ones(4))[2] == 0.0


def test_a_combination_inside_another_keeps_its_weights_of_all_own_actions() -> None:
    """`normalised@` divides by one number: nothing may be lost on the way down."""
    (_, _, inner), (_, _, outer) = lesson("expected_residual"), lesson("normalised@expected_residual")
    assert inner.own is not None and outer.own is not None
    at = inner.own.weight.abs() > 1e-9
    ratio = (outer.own.weight / inner.own.weight)[at]
    torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio))

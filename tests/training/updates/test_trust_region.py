"""HATRPO: exact steps raise an enumerable game, no step leaves its trust region, and the solver solves.

All profiles of a game are one batch, each with its probability times its advantage as weight, so that means over rows
are exact expectations. J is linear in each agent's policy: what the surrogate gains is what J gains.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dgpg_verify.core import InputError, generator
from dgpg_verify.policies import MLPPolicy, TabularPolicy
from dgpg_verify.training.updates import trust_region as module
from dgpg_verify.training.updates.packing import PackedDecisions
from dgpg_verify.training.updates.sequential import split_actor, trust_region
from dgpg_verify.training.updates.trust_region import conjugate_gradient, natural_step
from tests.training.games import costs, game
from tests.training.tools import decisions_of, settings

SYSTEM = game([1.0, 0.9, 0.8], [0.0, 0.1, 0.2])
PAYOFF = torch.as_tensor(-costs(SYSTEM))
N, K = 3, 3
PROFILES = torch.tensor(list(itertools.product(range(K), repeat=N)))
CERTAIN = 4.0  # spread of the logits
ROUNDING = 1e-5  # of the range: parameters and surrogate are float32


def exact(policies: Tensor) -> PackedDecisions:
    """Every profile under choice probabilities [N, K]."""
    own = policies.gather(1, PROFILES.T).T  # [27, N]
    chance = own.prod(1)
    value = PAYOFF.flatten()
    weight = len(PROFILES) * chance * (value - chance @ value)
    shape = (len(PROFILES), N)
    live, mask = torch.ones(shape, dtype=torch.bool), torch.ones(*shape, K, dtype=torch.bool)
    return decisions_of(mask, live, PROFILES, own.log().float(), weight[:, None].expand(shape).float())


def objective(policies: Tensor) -> float:
    return float(policies.double().gather(1, PROFILES.T).prod(0) @ PAYOFF.flatten())


def chances(table: Tensor) -> Tensor:
    return torch.softmax(table.detach().double(), 1)


def divergence(old: Tensor, new: Tensor) -> Tensor:
    """Of each agent, [N]."""
    return (old * (old / new).log()).sum(1)


def path(seed: int, limit: float, rounds: int = 25, spread: float = 0.7) -> tuple[list[float], list[float], Tensor]:
    """J after every round, the largest KL of any agent's step, and the last policies."""
    logits = spread * torch.randn(N, K, generator=generator(seed, 3), dtype=torch.float64)
    team = split_actor(TabularPolicy(logits), settings())
    values, largest = [objective(chances(team.leaf))], []
    for index in range(rounds):
        old = chances(team.leaf)
        trust_region(team, exact(old), settings(kl_limit=limit), index)
        values.append(objective(chances(team.leaf)))
        largest.append(float(divergence(old, chances(team.leaf)).max()))
    return values, largest, chances(team.leaf)


@pytest.mark.parametrize("limit", [0.01, 0.3])
def test_exact_steps_raise_the_objective_and_stay_in_the_trust_region(limit: float, seed: int) -> None:
    moved, spread = [], float(PAYOFF.max() - PAYOFF.min())
    for k in range(4):
        values, largest, _ = path(seed + k, limit)
        assert float(np.diff(values).min()) >= -ROUNDING * spread
        assert max(largest) <= limit * (1 + 1e-3)
        moved.append(values[-1] - values[0])
    assert min(moved) > 0.05 * spread


def test_the_trust_region_is_used() -> None:
    """The first steps end near its edge: within a few shortenings of 0.8."""
    _, largest, _ = path(0, 0.01, rounds=3)
    assert min(largest) > 0.3 * 0.01


def test_without_the_search_steps_leave_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without damping the quadratic model of the KL is wrong by far; the search alone keeps long steps inside."""
    monkeypatch.setattr(module, "DAMPING", 1e-6)
    kept = [path(seed, 0.3, 8, CERTAIN) for seed in range(4)]
    assert max(max(largest) for _, largest, _ in kept) <= 0.3 * (1 + 1e-3)
    assert min(float(np.diff(values).min()) for values, _, _ in kept) >= -ROUNDING * float(PAYOFF.max() - PAYOFF.min())

    def blind(leaf: Tensor, step: Tensor, *rest: Any) -> None:
        leaf.data.add_(step)

    monkeypatch.setattr(module, "_search", blind)
    assert max(max(path(seed, 0.3, 3, CERTAIN)[1]) for seed in range(4)) > 2 * 0.3


def test_a_step_that_would_lower_the_surrogate_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "conjugate_gradient", lambda product, goal: -goal)
    values, largest, _ = path(0, 0.01, rounds=2)
    assert max(largest) == 0.0 and values[0] == values[-1]


@pytest.mark.parametrize("size", [1, 4, 8])
def test_conjugate_gradients_solve(size: int) -> None:
    root = torch.randn(size, size, generator=generator(size), dtype=torch.float64)
    matrix, goal = root @ root.T + 0.5 * torch.eye(size), torch.ones(1, size, dtype=torch.float64)
    found = conjugate_gradient(lambda v: v @ matrix, goal)
    torch.testing.assert_close(found, torch.linalg.solve(matrix, goal.T).T, rtol=1e-3, atol=1e-4)
    assert not bool(conjugate_gradient(lambda v: v @ matrix, torch.zeros_like(goal)).any())


def test_the_direction_is_the_natural_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a table: F = diag(p) - p p', written out, plus the damping."""
    seen: list[tuple[Tensor, Tensor]] = []
    real = module.conjugate_gradient

    def watched(product: Any, goal: Tensor) -> Tensor:
        seen.append((product(torch.eye(K)[:1]).clone(), goal.clone()))
        return real(product, goal)

    monkeypatch.setattr(module, "conjugate_gradient", watched)
    logits = torch.tensor([[0.3, -0.2, 0.9]], dtype=torch.float64).expand(N, K).clone()
    team = split_actor(TabularPolicy(logits), settings())
    alone = exact(chances(logits)).agents(torch.tensor([0]))
    natural_step(team.actors[0], alone, settings(), 0)
    p = chances(logits)[0]
    fisher = torch.diag(p) - p[:, None] * p + 0.1 * torch.eye(K)
    own = torch.einsum("abc,b,c->a", PAYOFF, p, p)
    torch.testing.assert_close(seen[0][0][0].double(), fisher[0], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(seen[0][1][0].double(), p * (own - own @ p), rtol=1e-4, atol=1e-6)


def test_networks_too(seed: int) -> None:
    """Curvature passes through the layers, norms and all; an agent that decided nothing stays."""
    policy = MLPPolicy.random(N, 4, seed, 8, layer_norm=True, feature_norm=True, initialisation="orthogonal")
    team = split_actor(policy, settings())
    plain = exact(torch.full((N, K), 1 / K, dtype=torch.float64))
    features = torch.randn(len(PROFILES), N, K, 4, generator=generator(seed))
    live = plain.live.clone()
    live[:, 2] = False
    given = replace(plain, seen=replace(plain.seen, features=features), live=live)
    with torch.no_grad():
        log_probs = torch.log_softmax(team.policy.logits(given.seen), -1)
    given = replace(given, old_log_prob=log_probs.gather(-1, given.actions[..., None])[..., 0])
    before = team.leaf.clone()
    facts = trust_region(team, given, settings(kl_limit=0.01), 0)
    with torch.no_grad():
        now = torch.log_softmax(team.policy.logits(given.seen), -1)
    kl = (log_probs.exp() * (log_probs - now)).sum(-1).mean(0)
    assert float(kl[:2].min()) > 1e-3 and float(kl[:2].max()) <= 0.01001
    assert torch.equal(team.leaf[2], before[2]) and facts.norms.shape == (1, N)


def test_shared_parameters_are_refused() -> None:
    with pytest.raises(InputError, match="must be 'independent'"):
        split_actor(TabularPolicy(torch.zeros(K, dtype=torch.float64), sharing="shared"), settings())

"""HAPPO: the product of ratios against loops, and an exact gradient (why one after the other: test_monotone.py)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dgpg_verify.core import InputError, generator
from dgpg_verify.policies import TabularPolicy
from dgpg_verify.rollouts import collect
from dgpg_verify.testing import all_profiles
from dgpg_verify.training.updates import rules as updates
from dgpg_verify.training.updates import sequential as module
from dgpg_verify.training.updates.packing import PackedDecisions, pack
from dgpg_verify.training.updates.sequential import sequential, split_actor
from tests.training.games import game
from tests.training.tools import QUEUES, played, settings, slow_chances, tabular

PLAIN = settings(epochs=3, actor_lr=0.3, entropy=0.0)


class Recorder:
    """Runs the real agent-by-agent update and keeps what each agent was given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, team: Any) -> None:
        self.team, self.order, self.weights, self.before = team, [], [], []
        real = module.ppo_norms

        def ppo_norms(actor: Any, decisions: PackedDecisions, *rest: Any) -> Any:
            self.order.append([actor is own for own in team.actors].index(True))
            self.weights.append(decisions.weight[:, 0].clone())
            self.before.append(team.leaf.clone())
            return real(actor, decisions, *rest)

        monkeypatch.setattr(module, "ppo_norms", ppo_norms)


def packed(seed: int = 0) -> tuple[Any, PackedDecisions, Any]:
    rollout = played(seed, size=4)
    credit = torch.randn(rollout.active.shape, generator=generator(seed, 5))
    return split_actor(tabular(), PLAIN), pack(rollout, torch.where(rollout.active, credit, 0.0)), rollout


def test_weights_are_the_credit_times_the_ratios_of_those_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """For every agent and decision: the product, over agents updated earlier that acted at the same roll-out and
    step, of their new over old probability, looked up in the roll-out itself."""
    team, decisions, rollout = packed()
    seen = Recorder(monkeypatch, team)
    sequential(team, decisions, PLAIN, seed=4)
    assert sorted(seen.order) == [0, 1, 2]
    horizon, moved = QUEUES.horizon, 0
    old = tabular().parameters
    for turn, i in enumerate(seen.order):
        now = seen.before[turn]
        for row in range(len(decisions.live)):
            if not bool(decisions.live[row, i]):
                continue
            b, t = divmod(int(decisions.step[row, i]), horizon)
            product = 1.0
            for j in seen.order[:turn]:
                if bool(rollout.active[b, t, j]):
                    mask, action = rollout.seen.mask[b, t, j], int(rollout.actions[b, t, j])
                    product *= slow_chances(now[j], mask)[action] / slow_chances(old[j], mask)[action]
            expected = float(decisions.weight[row, i]) * product
            assert float(seen.weights[turn][row]) == pytest.approx(expected, rel=1e-4, abs=1e-6)
            moved += abs(product - 1.0) > 0.05
    assert moved >= 5, "no ratio differs from 1: the product was not tested"


def test_an_agents_turn_changes_its_own_parameters_only(monkeypatch: pytest.MonkeyPatch) -> None:
    team, decisions, _ = packed(1)
    seen = Recorder(monkeypatch, team)
    sequential(team, decisions, PLAIN, seed=0)
    tables = [*seen.before, team.leaf.clone()]
    for turn, i in enumerate(seen.order):
        changed = (tables[turn + 1] != tables[turn]).any(1)
        assert changed.tolist() == [j == i for j in range(3)]
    assert torch.equal(team.policy.parameters, team.leaf)


def test_the_order_is_drawn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    orders = set()
    for seed in range(60):
        team, decisions, _ = packed()
        seen = Recorder(monkeypatch, team)
        sequential(team, decisions, settings(epochs=1), seed)
        orders.add(tuple(seen.order))
        monkeypatch.undo()
    assert (
        len(orders) == 6
    )  # all orders of 3 agents: one is missed with probability 6 (5/6)^30 = 2.5 %, once and for all


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One agent is all there is in a block: whether it fits or not, the team ends at the same parameters."""
    ends = []
    for rows in (10**6, 1):
        monkeypatch.setattr(updates, "BLOCK_ROWS", rows)
        team, decisions, _ = packed()
        sequential(team, decisions, PLAIN, seed=4)
        ends.append(team.leaf.clone())
    assert not torch.equal(ends[0], tabular().parameters.float())
    torch.testing.assert_close(ends[1], ends[0])


def test_facts_describe_the_whole_team() -> None:
    team, decisions, _ = packed(2)
    facts = sequential(team, decisions, PLAIN, 0).over()
    assert facts["gradient_norm"] > 0.0 and facts["kl"] > 0.0 and 0.0 < facts["entropy"] <= np.log(2)


def test_shared_parameters_are_refused() -> None:
    with pytest.raises(InputError, match="sharing"):
        split_actor(tabular(sharing="shared"), PLAIN)


def objective(system: Any, logits: Tensor) -> Tensor:
    """J of independent tabular policies, differentiable, by summing over all profiles."""
    chances = torch.softmax(logits, -1)
    profiles = torch.cartesian_prod(*[torch.arange(logits.shape[1])] * logits.shape[0])
    reward = system.step(None, profiles).reward
    weight = torch.stack([chances[i, profiles[:, i]] for i in range(len(logits))]).prod(0)
    return (weight * reward).sum()


def test_the_last_agents_direction_is_the_exact_gradient_at_the_updated_team(monkeypatch: pytest.MonkeyPatch) -> None:
    """All profiles, weighted by their probability: E[psi_i M A] = grad_i J with those before i already moved.

    The plain credit (product left out) is the control: it is the gradient at the team as it was.
    """
    system = game([1.0, 0.7, 0.4], [0.0, 0.3])
    policy = TabularPolicy(0.5 * torch.randn(3, 2, generator=generator(7), dtype=torch.float64))
    every = all_profiles(system, policy)
    rollout = collect(system, policy, every.noise)
    weighted = (rollout.reward * every.probability[:, None])[..., None].expand(rollout.active.shape)
    decisions = pack(rollout, weighted)
    team = split_actor(policy, PLAIN)
    seen = Recorder(monkeypatch, team)
    sequential(team, decisions, settings(epochs=4, actor_lr=0.5, entropy=0.0), seed=1)
    last, table = seen.order[-1], seen.before[-1].double()
    scores = torch.eye(2, dtype=torch.float64)[decisions.actions[:, last]] - torch.softmax(policy.parameters[last], -1)
    found = (seen.weights[-1].double()[:, None] * scores).sum(0)
    plain = (decisions.weight[:, last].double()[:, None] * scores).sum(0)

    def exact(at: Tensor) -> Tensor:
        leaf = at.clone().requires_grad_(True)
        return torch.autograd.grad(objective(system, leaf), leaf)[0][last]

    mixed = table.clone()
    mixed[last] = policy.parameters[last]
    torch.testing.assert_close(found, exact(mixed), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(plain, exact(policy.parameters), rtol=1e-4, atol=1e-6)
    assert float((found - plain).norm()) > 0.02 * float(plain.norm())

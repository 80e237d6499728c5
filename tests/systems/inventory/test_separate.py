"""Retailers without a warehouse: closed forms against re-runs, and noise that does not come from the others."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from torch import Tensor

from dgpg_verify.core import HasRemovalGains, Noise, Rollout, draw_noise, offers
from dgpg_verify.credits import make_credit
from dgpg_verify.measurement import measure_gradients
from dgpg_verify.policies import make_policy
from dgpg_verify.rollouts import collect, one_step_rewards, replay_each, replay_gains, restep_rewards
from dgpg_verify.systems import Inventory, random_inventory
from dgpg_verify.testing import EXACT, inventories, noise_seeds

PRIVATE = ("guidance", "guidance:exact", "guidance:multi_step", "difference:replay")


def played(system: Inventory, seed: int, size: int = 2) -> Rollout:
    policy = make_policy("uniform", system)
    return collect(system, policy, draw_noise(seed, 0, system, policy, size), keep_states=True)


@EXACT
@given(system=inventories(warehouse=False), seed=noise_seeds())
def test_removal_has_a_closed_form(system: Inventory, seed: int) -> None:
    rollout = played(system, seed)
    without = torch.full_like(rollout.actions, -1)
    assert offers(rollout.system, HasRemovalGains)
    torch.testing.assert_close(replay_gains(rollout), replay_each(rollout, without), rtol=1e-12, atol=1e-9)
    stepped = [restep_rewards(rollout, t, without[:, t]) for t in range(system.horizon)]
    torch.testing.assert_close(one_step_rewards(rollout), torch.stack(stepped, 1), rtol=1e-12, atol=1e-9)


def test_with_a_warehouse_there_is_no_closed_form_to_be_used_by_mistake() -> None:
    assert not offers(random_inventory(3, warehouse=0.9), HasRemovalGains)


def test_the_one_step_difference_says_nothing_where_orders_take_time() -> None:
    """It is 0, while the order's cost to the end of the episode is not; but without lead time it is a part of it."""
    for lead_time in (0, 1):
        system = random_inventory(4, horizon=6, lead_time=lead_time)
        rollout = played(system, 0)
        assert bool(make_credit("difference")(rollout).any()) is (lead_time == 0)
        assert bool(replay_gains(rollout).any())


def with_others_changed(system: Inventory, agent: int, names: tuple[str, ...]) -> list[tuple[Tensor, Tensor]]:
    """Credits [B, T] of one agent when it acts the same against the same demand, but all others act otherwise."""
    policy = make_policy("uniform", system)
    noise, other = (draw_noise(seed, 0, system, policy, 3) for seed in (5, 6))
    frozen = torch.arange(system.n_agents) == agent
    left, right = (collect(system, policy, n, keep_states=True) for n in (noise, noise.freeze(other, frozen)))
    assert torch.equal(left.actions[..., agent], right.actions[..., agent])
    assert not torch.equal(left.actions, right.actions)
    return [tuple(make_credit(name)(r)[..., agent] for r in (left, right)) for name in names]  # type: ignore[misc]


def test_guidance_does_not_change_with_what_others_order() -> None:
    """Exactly. With a warehouse it does, through the load; the shared return does in both."""
    alone, shared = (random_inventory(4, horizon=6, warehouse=load) for load in (None, 0.9))
    for before, after in with_others_changed(alone, 2, PRIVATE):
        assert bool(before.any()) and torch.equal(before, after)
    for before, after in with_others_changed(shared, 2, PRIVATE):
        assert not torch.equal(before, after)


@pytest.mark.parametrize("form, share", [("guidance", 0.5), ("guidance:exact", 1.0)])
def test_the_best_order_for_the_chain_rule_is_half_of_what_is_missing(form: str, share: float) -> None:
    """Each retailer tries every order in the only step, 6 units below its level."""
    system = random_inventory(3, horizon=1, lead_time=0)
    system = replace(system, stock=system.levels - 6.0)
    orders = torch.arange(system.n_actions, dtype=torch.float64)
    uniforms = ((orders + 0.5) / system.n_actions)[:, None, None, None].expand(-1, 1, 3, 1)  # the uniform policy's
    noise = Noise(environment=torch.full((len(orders), 1, 3), 0.5, dtype=torch.float64), agents=uniforms)
    rollout = collect(system, make_policy("uniform", system), noise)
    assert torch.equal(rollout.actions[:, 0].double(), orders[:, None].expand(-1, 3))
    assert make_credit(form)(rollout)[:, 0].argmax(0).tolist() == [round(share * 6.0)] * 3


def test_noise_of_the_return_grows_with_the_team_and_that_of_guidance_does_not() -> None:
    """The variance of a private credit is the same at every N; that of the return grows like N: between N = 4 and 64
    by 16. Retailers all alike, so that only sampling noise is left: with 1 024 roll-outs a variance is known to about
    10 % (its kurtosis is below 10), and a factor of 16 is not confused with 1 unless it is off by a factor of 4."""
    found = {}
    for n in (4, 64):
        one = random_inventory(1, seed=2, horizon=4, lead_time=1)
        parts = {name: getattr(one, name).repeat(n) for name in
                 ("rates", "holding", "shortage", "stock", "reference_state")}  # fmt: skip
        system = type(one)(**parts, lead_time=1, horizon=4)
        moments = measure_gradients(system, "uniform", credits=["return", "guidance"], rollouts=1024, seed=0)
        found[n] = [float(moment.variance.mean()) for moment in moments.values()]
    growth = [large / small for small, large in zip(found[4], found[64])]
    assert 8.0 < growth[0] < 32.0 and 0.8 < growth[1] < 1.25


def test_negative_control_a_wrong_lead_time_is_noticed() -> None:
    """The closed form with the arrival one step off disagrees with the re-run."""
    system = random_inventory(3, horizon=5)
    rollout = played(system, 1)
    shifted = torch.cat([torch.zeros_like(rollout.actions[:, :1]), rollout.actions[:, :-1]], dim=1)
    gains = system.removal_gains(rollout.states[0], shifted)  # type: ignore[index,attr-defined]
    assert not torch.allclose(gains, replay_each(rollout, torch.full_like(rollout.actions, -1)))

"""The environment: exogenous references, conservation, influences that are what they say, explicit noise.

All of it is exact: bits where both sides are computed alike, else 1e-12 of the largest utilisation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from dgpg_verify.core import Noise, Transition, draw_noise
from dgpg_verify.policies import TabularPolicy
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import CloudScheduling, LinearQuadraticTeam, LoadBalancingGame, alter_reference
from dgpg_verify.testing import (
    EXACT,
    cloud_systems,
    game_and_policy,
    load_balancing_games,
    noise_seeds,
    softmax_policies,
    team_and_policy,
)

CLAIMS = ("A1", "A3")  # whose runs include these checks, see --claims

TIGHT = 1e-12


@st.composite
def clouds_and_policies(draw: st.DrawFn) -> Any:
    system = draw(cloud_systems())
    return system, draw(softmax_policies(system, kinds=("tabular", "mlp")))


def any_case() -> st.SearchStrategy[Any]:
    return st.one_of(game_and_policy(kinds=("tabular", "linear", "mlp")), team_and_policy(), clouds_and_policies())


# ---- exogeneity ----------------------------------------------------------------------------------------------


def other_policy(policy: Any) -> Any:
    """The same kind of policy with other parameters."""
    if hasattr(policy, "means"):
        return replace(policy, means=policy.means + 1.0)
    return replace(policy, parameters=-policy.parameters + 0.5)


@EXACT
@given(case=any_case(), seed=noise_seeds())
def test_reference_does_not_depend_on_the_policy(case: Any, seed: int) -> None:
    """A1: same environment stream, different policies, bit-identical references (and state before acting)."""
    system, policy = case
    noise = draw_noise(seed, 0, system, policy, 4)
    first, second = (collect(system, p, noise) for p in (policy, other_policy(policy)))
    assert torch.equal(first.reference, second.reference)
    assert torch.equal(first.x_observed[:, 0], second.x_observed[:, 0])  # before anybody acted
    assert torch.equal(first.active, second.active)


@dataclass(frozen=True, eq=False)
class Endogenous:
    """Control: a game whose reference follows the actions (their mean utilisation)."""

    game: LoadBalancingGame

    def __getattr__(self, name: str) -> Any:
        return getattr(self.game, name)

    def step(self, state: Any, actions: Tensor) -> Transition:
        done = self.game.step(state, actions)
        return replace(done, reference=done.x.mean(-1, keepdim=True).expand_as(done.x))


def test_control_an_endogenous_reference_is_caught() -> None:
    game = LoadBalancingGame.random(4, seed=0, n_candidates=3)
    policy = softmax(game, [[2.0, 0.0, -2.0]] * 4)
    noise = draw_noise(0, 0, game, policy, 8)
    first, second = (collect(Endogenous(game), p, noise) for p in (policy, other_policy(policy)))  # type: ignore[arg-type]
    assert not torch.equal(first.reference, second.reference)


def test_control_the_endogenous_cloud_is_caught() -> None:
    system = CloudScheduling(4, seed=0, horizon=6, load=3.0, reference="endogenous")
    policy = softmax(system, [[2.0, 0.0, -2.0, 1.0]] * 4)
    noise = draw_noise(0, 0, system, policy, 8)
    first, second = (collect(system, p, noise) for p in (policy, other_policy(policy)))
    assert not torch.equal(first.reference, second.reference)


def softmax(game: Any, logits: list[list[float]]) -> Any:
    return TabularPolicy(torch.tensor(logits, dtype=torch.float64))


# ---- conservation and influence ------------------------------------------------------------------------------


def some_actions(game: LoadBalancingGame, data: st.DataObject) -> Tensor:
    """[1, N] actions, some of them absent (-1)."""
    action = st.integers(-1, game.n_actions - 1)
    return torch.tensor([data.draw(st.lists(action, min_size=game.n_agents, max_size=game.n_agents))])


@EXACT
@given(game=load_balancing_games(), data=st.data())
def test_all_work_is_placed_once(game: LoadBalancingGame, data: st.DataObject) -> None:
    """sum_m capacity (x - background) = total size of the jobs present, and only candidates' servers change."""
    actions = some_actions(game, data)
    done = game.step(game.start(torch.empty(1, 1, 0)), actions)
    placed = float((game.capacity * (done.x[0] - game.background)).sum())
    expected = float(game.jobs[actions[0] >= 0].sum())
    assert abs(placed - expected) <= TIGHT * (1.0 + expected + float((game.capacity * done.x[0]).sum()))
    untouched = torch.ones(game.n_servers, dtype=torch.bool)
    untouched[game.candidates[actions[0] >= 0].flatten()] = False
    assert torch.equal(done.x[0, untouched], game.background[untouched])


@EXACT
@given(game=load_balancing_games(), data=st.data())
def test_influence_is_the_state_with_minus_without(game: LoadBalancingGame, data: st.DataObject) -> None:
    """z_i = x(a) - x(a with agent i absent), for every agent; and the reward without i is removal_rewards."""
    actions = some_actions(game, data)
    state = game.start(torch.empty(1, 1, 0))
    done, removed = game.step(state, actions), game.removal_rewards(state, actions)
    dense = torch.zeros(1, game.n_agents, game.n_servers, dtype=torch.float64)
    dense.scatter_add_(2, done.influence.index, done.influence.value)
    for agent in range(game.n_agents):
        without = actions.clone()
        without[:, agent] = -1
        other = game.step(state, without)
        assert float((done.x - other.x - dense[:, agent]).abs().max()) <= TIGHT * (1.0 + float(done.x.max()))
        gap = (removed[:, agent] - other.reward).abs()
        assert float(gap) <= TIGHT * (1.0 + float(done.reward.abs() + other.reward.abs()))


@EXACT
@given(case=team_and_policy(), seed=noise_seeds())
def test_influence_of_a_deviation_from_the_mean(case: Any, seed: int) -> None:
    """Gaussian: z_i = x(a) - x(a with a_i at its mean), and replaced_rewards is the reward there."""
    team, policy = case
    rollout = collect(team, policy, draw_noise(seed, 0, team, policy, 2), keep_states=True)
    actions, means = rollout.actions[:, 0], policy.default_action(rollout.seen)[:, 0]
    state = team.start(torch.empty(2, 1, 0))
    replaced = team.replaced_rewards(state, actions, means)
    scale = 1.0 + float(rollout.x.abs().max() + rollout.reward.abs().max())
    for agent in range(team.n_agents):
        other_actions = actions.clone()
        other_actions[:, agent] = means[:, agent]
        other = team.step(state, other_actions)
        dense = torch.zeros(2, team.state_size, dtype=torch.float64)
        dense.scatter_add_(1, rollout.influence.index[:, 0, agent], rollout.influence.value[:, 0, agent])
        assert float((rollout.x[:, 0] - other.x - dense).abs().max()) <= TIGHT * scale
        assert float((replaced[:, agent] - other.reward).abs().max()) <= TIGHT * scale * 10


@EXACT
@given(case=clouds_and_policies(), seed=noise_seeds())
def test_cloud_work_is_committed_once(case: Any, seed: int) -> None:
    """Cores and GiB committed after acting = before acting + the jobs placed, on the chosen servers and no others;
    and nothing is committed twice or lost when time passes: the next step starts with at most as much."""
    system, policy = case
    rollout = collect(system, policy, draw_noise(seed, 0, system, policy, 2))
    capacity = system.fleet.capacity
    placed = torch.zeros_like(rollout.x)
    flat = rollout.influence.index.flatten(-2), rollout.influence.value.flatten(-2)
    placed.scatter_add_(-1, *flat)
    scale = 1.0 + float(rollout.x.abs().max())
    assert float((rollout.x - rollout.x_observed - placed).abs().max()) <= TIGHT * scale
    assert bool((rollout.x_observed[:, 1:] <= rollout.x[:, :-1] + TIGHT * scale).all())
    assert bool((rollout.x >= -TIGHT).all()) and not bool(rollout.x_observed[:, 0].any())
    sizes = system.jobs(rollout.noise.environment)
    work = (placed * capacity).sum(-1)
    torch.testing.assert_close(work, (sizes.cores + sizes.memory).sum(-1), rtol=1e-9, atol=1e-9)


@EXACT
@given(case=clouds_and_policies(), seed=noise_seeds())
def test_cloud_influence_is_the_state_with_minus_without(case: Any, seed: int) -> None:
    """At every step and for every dispatcher, by stepping again without its job; the reward in closed form too."""
    system, policy = case
    rollout = collect(system, policy, draw_noise(seed, 0, system, policy, 2), keep_states=True)
    for t, state in enumerate(rollout.states or ()):
        actions = rollout.actions[:, t]
        removed = system.removal_rewards(state, actions)
        for agent in range(system.n_agents):
            without = actions.clone()
            without[:, agent] = -1
            other = system.step(state, without)
            dense = torch.zeros_like(other.x)
            dense.scatter_add_(1, rollout.influence.index[:, t, agent], rollout.influence.value[:, t, agent])
            scale = 1.0 + float(rollout.x[:, t].abs().max() + other.reward.abs().max())
            assert float((rollout.x[:, t] - other.x - dense).abs().max()) <= TIGHT * scale
            assert float((removed[:, agent] - other.reward).abs().max()) <= TIGHT * scale


@EXACT
@given(case=st.one_of(game_and_policy(kinds=("tabular", "linear", "mlp")), team_and_policy()), seed=noise_seeds())
def test_inputs_are_read_only(case: Any, seed: int) -> None:
    """Playing changes neither the noise nor the parameters of system and policy."""
    system, policy = case
    noise = draw_noise(seed, 0, system, policy, 4)
    kept = [noise.agents.clone(), policy.parameters.clone(), system.reference_state.clone(), system.weights.clone()]
    collect(system, policy, noise, keep_states=True)
    now = [noise.agents, policy.parameters, system.reference_state, system.weights]
    assert all(torch.equal(a, b) for a, b in zip(kept, now, strict=True))


# ---- explicit noise ------------------------------------------------------------------------------------------


@EXACT
@given(case=any_case(), seed=noise_seeds())
def test_same_noise_same_rollout(case: Any, seed: int) -> None:
    system, policy = case
    first, second = (collect(system, policy, draw_noise(seed, 0, system, policy, 3)) for _ in range(2))
    for name in ("actions", "reward", "x", "log_prob"):
        assert torch.equal(getattr(first, name), getattr(second, name))


@EXACT
@given(case=game_and_policy(min_agents=2), seed=noise_seeds(), data=st.data())
def test_freezing_keeps_the_actions_of_the_frozen(case: Any, seed: int, data: st.DataObject) -> None:
    """In a one-shot game nobody observes the others, so a frozen agent repeats its action; the environment
    and everyone else's draws are those of one noise alone."""
    game, policy = case
    frozen = torch.tensor(data.draw(st.lists(st.booleans(), min_size=game.n_agents, max_size=game.n_agents)))
    noise, other = (draw_noise(seed, chunk, game, policy, 4) for chunk in (0, 1))
    mixed = noise.freeze(other, frozen)
    first, second, third = (collect(game, policy, z) for z in (noise, mixed, other))
    assert torch.equal(first.actions[:, :, frozen], second.actions[:, :, frozen])
    assert torch.equal(third.actions[:, :, ~frozen], second.actions[:, :, ~frozen])
    again = other.freeze(noise, ~frozen)  # the complementary mask
    assert torch.equal(mixed.agents, again.agents) and torch.equal(mixed.environment, noise.environment)


def test_noise_blocks_come_from_separate_streams() -> None:
    """A policy that needs more numbers leaves the environment's alone; chunks and seeds differ."""

    @dataclass(frozen=True)
    class Sized:
        horizon: int = 3
        noise_size: int = 2
        n_agents: int = 2

    one, two = (draw_noise(5, 0, Sized(), Sized(noise_size=u), 4) for u in (1, 3))  # type: ignore[arg-type]
    assert torch.equal(one.environment, two.environment)
    assert one.agents.shape == (4, 3, 2, 1) and two.agents.shape == (4, 3, 2, 3)
    blocks = [draw_noise(s, c, Sized(), Sized(), 4).environment for s, c in ((5, 0), (5, 1), (6, 0))]  # type: ignore[arg-type]
    assert not any(torch.equal(a, b) for k, a in enumerate(blocks) for b in blocks[k + 1 :])
    assert isinstance(one, Noise) and len(one) == 4


# ---- references ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["biased:0.25", "biased_uniform:0.25", "shuffled", "noise:0.5"])
@EXACT
@given(n=st.integers(2, 6), seed=st.integers(0, 1000))
def test_faulty_references_differ_from_the_honest_one(variant: str, n: int, seed: int) -> None:
    """Every faulty variant moves the reference (a control that equals the honest one could not fail), leaves J's
    target alone and is the same on every call."""
    honest, faulty, again = (LoadBalancingGame.random(n, seed, reference=r) for r in ("fluid", variant, variant))
    assert torch.equal(honest.reference_state, honest.target) and torch.equal(faulty.target, honest.target)
    assert not torch.equal(faulty.reference_state, honest.reference_state)
    assert torch.equal(faulty.reference_state, again.reference_state)
    assert torch.equal(faulty.jobs, honest.jobs) and torch.equal(faulty.candidates, honest.candidates)


@EXACT
@given(n=st.integers(2, 6), seed=st.integers(0, 1000))
def test_shuffled_reference_is_a_derangement_of_the_load(n: int, seed: int) -> None:
    """Every server gets another server's load, none keeps its own; the total stays."""
    capacity = torch.arange(1.0, n + 1.0, dtype=torch.float64)
    load = alter_reference("shuffled", torch.ones_like(capacity), capacity, seed) * capacity
    np.testing.assert_allclose(torch.sort(load).values, capacity, rtol=1e-12)
    assert bool(((load - capacity).abs() > 0.5).all())


def test_teams_keep_reference_and_optimum_apart_only_when_asked() -> None:
    honest, biased = (LinearQuadraticTeam.random(5, seed=1, reference_bias=b) for b in (0.0, 0.5))
    assert torch.equal(honest.reference_state, honest.optimum)
    assert torch.equal(biased.optimum, honest.optimum) and not torch.equal(biased.reference_state, biased.optimum)


@EXACT
@given(game=load_balancing_games(), data=st.data())
def test_policies_never_choose_what_is_masked(game: LoadBalancingGame, data: st.DataObject) -> None:
    """With one candidate masked out for every agent it is never chosen, whatever the uniforms."""
    assume(game.n_actions >= 2)
    policy = data.draw(softmax_policies(game, kinds=("tabular", "linear", "mlp"), priors=False))
    seen = game.observe(game.start(torch.empty(64, 1, 0)))
    banned = data.draw(st.integers(0, game.n_actions - 1))
    mask = seen.mask.clone()
    mask[..., banned] = False
    uniforms = torch.linspace(2.0**-53, 1.0 - 2.0**-53, 64, dtype=torch.float64).view(64, 1, 1)
    actions = policy.act(replace(seen, mask=mask), uniforms.expand(64, game.n_agents, 1))
    assert not bool((actions == banned).any())
    assert bool((actions >= 0).all()) and bool((actions < game.n_actions).all())

"""collect(): a pure function of system, policy and noise; equal to a plain step-by-step loop."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from torch import Tensor

from dgpg_verify.core import Noise, NonFiniteError, Transition, draw_noise, generator
from dgpg_verify.measurement import measure_gradients
from dgpg_verify.policies import GaussianPolicy, LinearPolicy, make_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.rollouts.collect import collect_fully
from dgpg_verify.systems import CloudScheduling, LinearQuadraticTeam, LoadBalancingGame
from dgpg_verify.testing import EXACT, SmallQueues, noise_seeds, small_queues

QUEUES = SmallQueues(torch.tensor([[0, 1, 2], [2, 1, 0], [1, 0, 2]]), 3, horizon=4)


def tensors_of(rollout: Any) -> dict[str, Tensor]:
    plain = {
        n: getattr(rollout, n) for n in ("active", "actions", "log_prob", "reward", "x_observed", "x", "reference")
    }
    seen = {n: getattr(rollout.seen, n) for n in ("features", "mask")}
    return plain | seen | {"index": rollout.influence.index, "value": rollout.influence.value}


@EXACT
@given(system=small_queues(), seed=noise_seeds())
def test_collect_equals_a_plain_loop(system: SmallQueues, seed: int) -> None:
    """observe, act, step, one roll-out at a time; with loads and rewards recomputed in Python numbers."""
    policy = make_policy("linear", system)
    policy = replace(policy, parameters=policy.parameters - 0.7)  # type: ignore[type-var]
    noise = draw_noise(seed, 0, system, policy, 3)
    rollout = collect(system, policy, noise, keep_states=True)
    for b in range(3):
        load = [0.0] * system.n_servers
        for t in range(system.horizon):
            uniforms = noise.environment[b, t].view(-1, 2)
            x = list(load)
            for i in range(system.n_agents):
                active = bool(uniforms[i, 0] < 0.75)
                action = int(rollout.actions[b, t, i])
                assert (action >= 0) == active == bool(rollout.active[b, t, i])
                if active:
                    assert bool(rollout.seen.mask[b, t, i, action])
                    x[int(system.candidates[i, action])] += float(uniforms[i, 1])
            np.testing.assert_allclose(rollout.x_observed[b, t], load, rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose(rollout.x[b, t], x, rtol=1e-12, atol=1e-12)
            assert float(rollout.reward[b, t]) == pytest.approx(-0.5 * sum(u * u for u in x), rel=1e-12)
            load = [system.keep * u for u in x]


def test_shapes_and_types() -> None:
    policy = make_policy("mlp", QUEUES, seed=1)
    rollout = collect(QUEUES, policy, draw_noise(0, 0, QUEUES, policy, 5), keep_states=True)
    b, t, n, k = 5, 4, 3, 3
    shapes = {name: tuple(value.shape) for name, value in tensors_of(rollout).items()}
    assert shapes == {
        "active": (b, t, n), "actions": (b, t, n), "log_prob": (b, t, n), "reward": (b, t), "x_observed": (b, t, 3),
        "x": (b, t, 3), "reference": (b, t, 3), "features": (b, t, n, k, 3), "mask": (b, t, n, k),
        "index": (b, t, n, 1), "value": (b, t, n, 1),
    }  # fmt: skip
    assert rollout.actions.dtype == torch.int64 and rollout.reward.dtype == torch.float64
    assert rollout.states is not None and len(rollout.states) == t


def test_states_are_kept_only_on_request() -> None:
    policy = make_policy("uniform", QUEUES)
    assert collect(QUEUES, policy, draw_noise(0, 0, QUEUES, policy, 2)).states is None


@pytest.mark.parametrize("name", ["tabular", "linear", "mlp"])
def test_log_prob_is_that_of_the_action_taken(name: str) -> None:
    policy = make_policy(name, QUEUES, seed=3)
    noise = draw_noise(1, 0, QUEUES, policy, 6)
    rollout = collect(QUEUES, policy, noise)
    again = policy.log_prob(rollout.seen, rollout.actions)
    torch.testing.assert_close(rollout.log_prob, again, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(policy.act(rollout.seen, noise.agents), rollout.actions)
    assert bool((rollout.log_prob[~rollout.active] == 0).all()) and bool((rollout.actions[~rollout.active] == -1).all())


def test_same_noise_same_bits_other_noise_other_numbers() -> None:
    policy = make_policy("mlp", QUEUES, seed=3)
    one, again, other = (collect(QUEUES, policy, draw_noise(s, 0, QUEUES, policy, 6)) for s in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(tensors_of(one).values(), tensors_of(again).values()))
    assert not torch.equal(one.reward, other.reward)


def test_agents_and_environment_have_their_own_blocks() -> None:
    """Redrawing the agents leaves the workload alone; redrawing the environment changes it."""
    policy = make_policy("uniform", QUEUES)
    a, b = (draw_noise(s, 0, QUEUES, policy, 6) for s in (1, 2))
    first = collect(QUEUES, policy, a)
    agents, environment = (
        collect(QUEUES, policy, z) for z in (Noise(a.environment, b.agents), Noise(b.environment, a.agents))
    )
    assert torch.equal(first.active, agents.active) and torch.equal(first.reference, agents.reference)
    assert not torch.equal(first.actions, agents.actions) and not torch.equal(first.active, environment.active)


def global_states() -> list[Any]:
    return [torch.get_rng_state(), np.random.get_state()[1].copy(), np.random.get_state()[2], random.getstate()]  # type: ignore[index,union-attr]  # noqa: NPY002


def test_no_global_random_state_is_read_or_changed() -> None:
    """A whole measurement leaves torch's, numpy's and Python's global generators where they were, and its numbers
    do not depend on them."""

    def measure() -> np.ndarray:
        credits = ["return", "difference", "branch", "gae:local", "guided:0.5"]
        m = measure_gradients(QUEUES, "mlp", credits, rollouts=16, seed=3, pick_freeze=4, progress=False)
        return np.concatenate([m[name].variance for name in m])

    before = global_states()
    first = measure()
    after = global_states()
    assert torch.equal(before[0], after[0]) and np.array_equal(before[1], after[1])
    assert before[2:] == after[2:]
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002
    random.seed(99)
    try:
        assert np.array_equal(first, measure())
    finally:
        torch.set_rng_state(before[0])


def test_continuous_influence_is_measured_from_the_policys_mean() -> None:
    team = LinearQuadraticTeam.random(4, seed=0)
    policy = GaussianPolicy(torch.tensor([1.0, -1.0, 0.5, 2.0], dtype=torch.float64))
    rollout = collect(team, policy, draw_noise(0, 0, team, policy, 3))
    expected = team.value * (rollout.actions - policy.means)[..., None]
    torch.testing.assert_close(rollout.influence.value, expected)


class Exploding(LoadBalancingGame):
    """A game whose reward overflows in roll-out 2."""

    def step(self, state: Any, actions: Tensor) -> Transition:
        done = super().step(state, actions)
        reward = done.reward.clone()
        reward[2] = torch.inf
        return replace(done, reward=reward)


def test_non_finite_numbers_are_named() -> None:
    game = LoadBalancingGame.random(3, seed=0)
    bad = Exploding(**{f: getattr(game, f) for f in game.__dataclass_fields__})
    policy = make_policy("uniform", bad)
    with pytest.raises(NonFiniteError, match="reward is not finite at roll-out 2, step 0"):
        collect(bad, policy, draw_noise(0, 0, bad, policy, 4))


@pytest.mark.parametrize("horizon", [1, 4])
def test_what_is_recorded_may_enter_a_backward_pass(horizon: int) -> None:
    """Tensors made in inference mode may not; neither the record nor what a system keeps between roll-outs is one."""
    system = CloudScheduling(3, horizon=horizon)
    policy = make_policy("uniform", system)
    rollout = collect(system, policy, draw_noise(0, 0, system, policy, 2))
    tensors = {name: value for name, value in vars(rollout).items() if isinstance(value, torch.Tensor)}
    tensors |= vars(rollout.seen) | vars(rollout.influence)
    tensors |= {name: value for name, value in vars(system.layout).items() if isinstance(value, torch.Tensor)}
    assert {"features", "mask", "rooms", "clock"} <= set(tensors)
    assert [name for name, value in tensors.items() if value.is_inference()] == []


@pytest.mark.parametrize("sharing", ["independent", "shared"])
@pytest.mark.parametrize("name", ["linear", "linear@best_fit:0.5"])
def test_probabilities_kept_from_acting_give_the_same_roll_out_and_scores(
    name: str, sharing: Literal["independent", "shared"]
) -> None:
    """Same actions bit for bit; scores from kept probabilities equal those from a second look."""
    system = CloudScheduling(6, seed=2, horizon=7, n_candidates=4)
    policy = make_policy(name, system, sharing=sharing)
    assert isinstance(policy, LinearPolicy)
    slopes = torch.linspace(-1.0, 1.0, policy.parameters.numel(), dtype=torch.float64).view_as(policy.parameters)
    policy = replace(policy, parameters=slopes)
    noise = draw_noise(5, 0, system, policy, 9)
    plain = collect(system, policy, noise)
    full, known = collect_fully(system, policy, noise)
    assert known is not None and known.shape == plain.seen.mask.shape
    assert torch.equal(full.actions, plain.actions) and torch.equal(full.log_prob, plain.log_prob)
    weights = torch.rand(2, *plain.actions.shape, generator=generator(1), dtype=torch.float64)
    again, kept = policy.score_products(plain, weights), policy.score_products(full, weights, known)
    assert again.abs().max() > 0.0 and torch.allclose(kept, again, rtol=1e-6, atol=1e-6)  # features are float32
    # control: probabilities of other steps do not pass
    assert not torch.allclose(policy.score_products(full, weights, known.flip(1)), again, rtol=1e-6, atol=1e-6)


def test_policies_that_keep_nothing_give_none() -> None:
    system = CloudScheduling(4, seed=0, horizon=3)
    policy = make_policy("tabular", system)
    assert collect_fully(system, policy, draw_noise(0, 0, system, policy, 2))[1] is None

"""Systems as environments of PettingZoo: its own tests, the same episodes for the same seed, and what it refuses."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch

from dgpg_verify.bridges import to_parallel_env
from dgpg_verify.core import InputError, System, generator, open_uniforms
from dgpg_verify.systems import make_system

INSTALL = "pip install 'dgpg-verify[pettingzoo]'"
pytest.importorskip("pettingzoo", reason=INSTALL)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the package warns of its own older names
    from pettingzoo.test import parallel_api_test, parallel_seed_test

    from dgpg_verify.bridges.system_env import STREAM

SYSTEMS: dict[str, dict[str, Any]] = {
    "load_balancing": {}, "cloud": {"horizon": 20}, "road_network:grid": {}, "rate_control": {}, "power_dispatch": {},
    "linear_quadratic": {}, "inventory": {"horizon": 10},
}  # fmt: skip


def system_named(name: str) -> System:
    return make_system(name, 5, 1, **SYSTEMS[name])


@pytest.mark.parametrize("name", SYSTEMS)
def test_pettingzoo_accepts_it(name: str) -> None:
    system = system_named(name)
    parallel_api_test(to_parallel_env(system), num_cycles=50)
    parallel_seed_test(lambda: to_parallel_env(system))


@pytest.mark.parametrize("name", SYSTEMS)
def test_an_episode_is_that_of_the_system(name: str) -> None:
    """Observations, masks and rewards of a whole episode, against the system stepped by hand on the same uniforms."""
    system, rng = system_named(name), np.random.default_rng(0)
    env = to_parallel_env(system)
    shown, _ = env.reset(seed=3)
    state = system.start(open_uniforms((1, system.horizon, system.noise_size), generator(3, STREAM)))
    for _ in range(system.horizon):
        seen = system.observe(state)
        actions = torch.full((1, 5), -1)
        if system.n_actions:
            for i, agent in enumerate(env.agents):
                mask = shown[agent]["action_mask"].astype(bool)
                np.testing.assert_array_equal(shown[agent]["observation"], seen.features[0, i].float().numpy())
                if seen.active[0, i]:
                    np.testing.assert_array_equal(mask, seen.mask[0, i].numpy())
                    actions[0, i] = int(rng.choice(np.flatnonzero(mask)))
                else:
                    assert np.flatnonzero(mask).tolist() == [0]
            given = {agent: max(int(actions[0, i]), 0) for i, agent in enumerate(env.agents)}
        else:
            actions = torch.as_tensor(rng.normal(size=(1, 5)))
            given = {agent: actions[0, i : i + 1].numpy() for i, agent in enumerate(env.agents)}
        step = system.step(state, actions)
        shown, rewards, terminated, truncated, _ = env.step(given)
        assert set(rewards.values()) == {float(step.reward[0])}
        assert torch.equal(env.transition.x, step.x) and not any(truncated.values())
        state = step.next_state
    assert all(terminated.values()) and env.agents == []
    with pytest.raises(InputError, match=r"reset\(\) must be called"):
        env.step({})


def test_a_seed_is_an_episode_and_without_one_the_next_follows() -> None:
    system = make_system("cloud", 4, 0, horizon=5)

    def first(env: Any, **seed: int) -> float:
        shown, _ = env.reset(**seed)
        return float(sum(agent["observation"].sum() for agent in shown.values()))

    one, other = to_parallel_env(system, seed=7), to_parallel_env(system, seed=8)
    assert first(one) != first(other) and first(one, seed=2) == first(other, seed=2)
    following = [first(one), first(one)]
    assert following[0] != following[1]
    assert first(other, seed=2) and [first(other), first(other)] == following


@pytest.mark.parametrize(
    ("actions", "said"),
    [({"agent_0": 0}, "actions lacks agent_1"), ({"agent_0": 0, "agent_1": 9}, r"action 9 of agent_1 .*\[0, 1\]"),
     ({"agent_0": -1, "agent_1": 0}, "action -1 of agent_0")],
)  # fmt: skip
def test_actions_that_are_not_there_are_refused(actions: dict[str, int], said: str) -> None:
    env = to_parallel_env(make_system("load_balancing", 2, 0))
    env.reset(seed=0)
    with pytest.raises(InputError, match=said):
        env.step(actions)

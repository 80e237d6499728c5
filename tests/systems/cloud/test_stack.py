"""CloudStack against its own systems, each played alone on its own rows of the noise."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from dgpg_verify.core import InputError, Observation, Transition, generator, open_uniforms
from dgpg_verify.systems import CloudScheduling, CloudStack

N, T, SEEDS = 5, 9, (3, 0, 8)
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "multi_step": {"influence": "multi_step", "discount": 0.9},
    "noise": {"reference": "noise:0.3"},
    "lagged": {"reference": "lagged:2"},
    "speed_aware": {"reference": "speed_aware"},
    "endogenous": {"reference": "endogenous"},
    "shuffled": {"reference": "shuffled"},
    "few_servers": {"n_servers": 3, "load": 2.0},
    "many_servers": {"n_servers": 11, "n_candidates": 4, "influence": "multi_step"},
    "one_candidate": {"n_candidates": 1, "load": 1.5},
    "heavy_tail": {"workload": "openb", "common_shock": True},
}


def fleets(seeds: tuple[int, ...] = SEEDS, **options: Any) -> list[CloudScheduling]:
    return [CloudScheduling(N, seed=seed, **{"horizon": T, **options}) for seed in seeds]


def uniforms(system: CloudScheduling, rows: int) -> Tensor:
    return open_uniforms((rows, system.horizon, system.noise_size), generator(4, 1))


def choose(seen: Observation, rng: torch.Generator) -> Tensor:
    """A random allowed candidate of each active agent; one in ten turns its job away."""
    draws = open_uniforms(tuple(seen.mask.shape), rng)
    return torch.where(seen.active & (draws[..., 0] > 0.1), torch.where(seen.mask, draws, -1.0).argmax(-1), -1)


def outputs(seen: Observation, moved: Transition) -> dict[str, Tensor]:
    """Everything a step tells but its reward."""
    names = ("x", "x_observed", "reference", "done")
    found = {name: getattr(moved, name) for name in names}
    found |= {"index": moved.influence.index, "value": moved.influence.value}
    return found | {name: getattr(seen, name) for name in ("features", "mask", "active")}


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor], where: str) -> None:
    for name, value in expected.items():
        assert found[name].shape == value.shape and found[name].dtype == value.dtype, (name, where)
        assert torch.equal(found[name], value), (name, where)


@pytest.mark.parametrize("rollouts", [1, 3])
@pytest.mark.parametrize("case", OPTIONS)
def test_every_roll_out_is_what_it_is_alone(case: str, rollouts: int) -> None:
    """Bit for bit but for rewards: their sum runs over a list padded to the longest of all fleets, so its order may
    be another; terms are all negative, so that costs at most their number (under 100) times 1e-16."""
    systems = fleets(**OPTIONS[case])
    stack = CloudStack(systems, rollouts)
    noise, rng = uniforms(systems[0], len(systems) * rollouts), generator(4, 2)
    state, own = stack.start(noise), [one.start(part) for one, part in zip(systems, noise.chunk(3))]
    rewards, moved_apart = [], False
    for t in range(T):
        seen = stack.observe(state)
        actions = choose(seen, rng)
        moved = stack.step(state, actions)
        alone = [one.observe(at) for one, at in zip(systems, own)]
        steps = [one.step(at, part) for one, at, part in zip(systems, own, actions.chunk(3))]
        parts = {name: value.chunk(3) for name, value in outputs(seen, moved).items()}
        for k in range(3):
            expected = outputs(alone[k], steps[k])
            assert_same({name: value[k] for name, value in parts.items()}, expected, f"fleet {k}, step {t}")
        expected_reward = torch.cat([step.reward for step in steps])
        torch.testing.assert_close(moved.reward, expected_reward, rtol=1e-12, atol=0.0)
        state, own = moved.next_state, [step.next_state for step in steps]
        rewards.append(moved.reward)
        moved_apart |= not torch.equal(alone[0].features, alone[1].features)
    lowest = torch.stack(rewards).amin(0)
    assert moved_apart and state.step == T and float(lowest.max()) < 0.0, "a roll-out without any job shows nothing"


@pytest.mark.parametrize("rollouts", [1, 3])
@pytest.mark.parametrize("discount", [1.0, 0.9])
def test_residence_on_every_candidate_is_what_it_is_alone(discount: float, rollouts: int) -> None:
    systems = fleets(discount=discount, influence="multi_step")
    stack = CloudStack(systems, rollouts)
    noise = uniforms(systems[0], 3 * rollouts)
    state, own = stack.start(noise), [one.start(part) for one, part in zip(systems, noise.chunk(3))]
    stays = stack.residence(state)
    assert stays.shape == (3 * rollouts, N, N) and float(stays.max()) > 1.0
    assert torch.equal(stays, torch.cat([one.residence(at) for one, at in zip(systems, own)]))
    assert not torch.equal(stays[0], systems[1].residence(own[0])[0]), "all fleets are equally fast: nothing was seen"


def test_neighbours_do_not_matter_and_each_fleet_is_its_own() -> None:
    """The same fleet beside others and in another place gives the same; two fleets on the same draws differ."""
    noise = uniforms(fleets()[0], 1).repeat(3, 1, 1)
    seen = [CloudStack(fleets(seeds), 1) for seeds in ((3, 0, 8), (8, 1, 3))]
    one, other = (stack.observe(stack.start(noise)).features for stack in seen)
    assert torch.equal(one[0], other[2]) and torch.equal(one[2], other[0])
    assert not torch.equal(one[0], one[1]) and not torch.equal(one[1], other[1])


def test_sizes_names_and_rules_are_those_of_the_systems() -> None:
    systems = fleets(discount=0.9, n_servers=4, n_candidates=3, reference="noise:0.2")
    stack = CloudStack(systems, 2)
    names = ("n_agents", "n_actions", "horizon", "discount", "state_size", "noise_size", "heuristic_names")
    for name in (*names, "feature_names"):
        assert getattr(stack, name) == getattr(systems[0], name), name
    assert len(stack) == 3 and stack.config()["systems"] == [one.config() for one in systems]
    noise = uniforms(systems[0], 6)
    seen = stack.observe(stack.start(noise))
    for name in stack.heuristic_names:
        alone = [one.heuristic_scores(name, one.observe(one.start(part))) for one, part in zip(systems, noise.chunk(3))]
        assert torch.equal(stack.heuristic_scores(name, seen), torch.cat(alone)), name


def test_playing_a_stack_leaves_its_systems_alone() -> None:
    """What a system reads afterwards is its own layout still."""
    system, fresh = fleets((0,))[0], fleets((0,))[0]
    noise = uniforms(system, 2)
    stack = CloudStack([system, *fleets((1,))], 1)
    stack.step(stack.start(noise), choose(stack.observe(stack.start(noise)), generator(4, 3)))
    assert torch.equal(system.observe(system.start(noise)).features, fresh.observe(fresh.start(noise)).features)


@pytest.mark.parametrize(
    ("other", "name"),
    [
        ({"horizon": T + 1}, "horizon"),
        ({"load": 0.9}, "load"),
        ({"discount": 0.9}, "discount"),
        ({"influence": "multi_step"}, "influence"),
        ({"reference": "speed_aware"}, "reference"),
        ({"n_servers": 4, "n_candidates": 4}, "n_candidates, n_servers"),
        ({"load": 0.9, "horizon": T + 1}, "horizon, load"),
    ],
)
def test_systems_that_differ_in_more_than_their_seed_are_refused(other: dict[str, Any], name: str) -> None:
    with pytest.raises(InputError, match=f"system 1 differs from the first in {name}:") as caught:
        CloudStack([*fleets((0,)), *fleets((1,), **other)], 1)
    assert "\n" not in str(caught.value)


def test_systems_of_two_sizes_are_refused_whatever_else_agrees() -> None:
    small, large = CloudScheduling(4, horizon=T), CloudScheduling(5, horizon=T)
    with pytest.raises(InputError, match="system 2 differs from the first in n_agents, n_candidates, n_servers:"):
        CloudStack([small, small, large], 1)
    servers: dict[str, Any] = {"horizon": T, "n_servers": 4, "n_candidates": 3}
    with pytest.raises(InputError, match="system 1 differs from the first in n_agents:"):
        CloudStack([CloudScheduling(4, **servers), CloudScheduling(5, **servers)], 1)


def test_no_system_and_no_roll_outs_are_refused() -> None:
    with pytest.raises(InputError, match=r"systems = \[\] is not allowed: a stack needs at least 1"):
        CloudStack([], 1)
    with pytest.raises(InputError, match="rollouts = 0"):
        CloudStack(fleets(), 0)


@pytest.mark.parametrize("rows", [0, 3, 5, 7, 9])
def test_noise_of_another_number_of_roll_outs_is_refused(rows: int) -> None:
    stack = CloudStack(fleets(), 2)
    with pytest.raises(InputError, match=f"environment noise has {rows} rows: it must have 3 x 2"):
        stack.start(uniforms(stack.systems[0], rows))


def test_noise_of_another_shape_is_refused() -> None:
    stack = CloudStack(fleets(), 2)
    with pytest.raises(InputError, match="environment noise has shape"):
        stack.start(uniforms(stack.systems[0], 6)[:, 1:])


def test_an_action_that_can_never_run_is_refused_and_its_place_named() -> None:
    """On each fleet's own candidates: a job that fits elsewhere does not count."""
    systems = fleets((0, 1, 2, 3, 4, 5), load=2.0, horizon=40)
    stack = CloudStack(systems, 2)
    state, found = stack.start(uniforms(systems[0], 12)), set()
    for _ in range(40):
        seen = stack.observe(state)
        barred = (~seen.mask & seen.active[..., None]).nonzero().tolist()
        for row, agent, candidate in barred:
            actions = torch.full(seen.active.shape, -1)
            actions[row, agent] = candidate
            with pytest.raises(InputError, match=f"action = {candidate} of roll-out {row}, agent {agent} is not"):
                stack.step(state, actions)
            found.add(row // 2)
        state = stack.step(state, choose(seen, generator(4, 5))).next_state
    assert len(found) >= 2, "no fleet but one has a candidate too small: nothing was seen"


@pytest.mark.parametrize("bad", [-2, N])
def test_an_action_outside_the_candidates_is_refused(bad: int) -> None:
    """The first candidate of the next agent or fleet would follow in the list."""
    stack = CloudStack(fleets(), 1)
    state = stack.start(uniforms(stack.systems[0], 3))
    with pytest.raises(InputError, match=f"action = {bad} is not allowed"):
        stack.step(state, torch.full((3, N), -1).index_fill(0, torch.tensor([1]), bad))

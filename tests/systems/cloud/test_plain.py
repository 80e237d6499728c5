"""CloudScheduling against a separately written twin of the same rules in per-agent Python loops."""

from __future__ import annotations

import time

import pytest
import torch

from dgpg_verify.core import generator, open_uniforms
from dgpg_verify.systems.cloud import FEATURES, CloudScheduling
from tests.systems.cloud.plain_cloud import PlainCloud, plain_rollouts

CASES = {
    "sparse": {"n_agents": 12, "seed": 1},
    "dense": {"n_agents": 9, "seed": 3, "n_candidates": "all", "load": 1.3},
    "few_servers": {"n_agents": 5, "seed": 2, "n_servers": 3, "load": 2.0},
    "one_candidate": {"n_agents": 2, "n_candidates": 1},
    "one_agent": {"n_agents": 1, "seed": 4, "load": 1.0},
    "heavy_tail": {"n_agents": 8, "seed": 5, "workload": "openb", "common_shock": True},
}


def random_actions(seen, rng: torch.Generator) -> torch.Tensor:
    """A random allowed candidate; one active dispatcher in twenty turns its job away."""
    draws = open_uniforms(tuple(seen.mask.shape), rng)
    actions = torch.where(seen.mask, draws, -1.0).argmax(-1)
    return torch.where(seen.active & (draws[..., 0] > 0.05), actions, -1)


def largest_gap(plain: list, exact: torch.Tensor) -> float:
    values = torch.tensor(plain, dtype=torch.float64)
    assert values.shape == exact.shape
    return float((values - exact).abs().max())


@pytest.mark.parametrize("case", CASES)
def test_every_output_equals_the_plain_twin(case: str) -> None:
    horizon = 30
    system = CloudScheduling(horizon=horizon, **CASES[case])
    noise = open_uniforms((3, horizon, system.noise_size), generator(7, 1))
    plain, state, rng = plain_rollouts(system, noise), system.start(noise), generator(7, 2)
    waited = False
    for _ in range(horizon):
        seen = system.observe(state)
        rows = [cloud.observe() for cloud in plain]
        for k, name in enumerate(FEATURES[:-1]):  # the last is the day's rate, exogenous
            values = [[[cell[name] for cell in row] for row in one] for one in rows]
            assert largest_gap(values, seen.features[..., k].double()) < 1e-6, name
        actions = random_actions(seen, rng)
        transition = system.step(state, actions)
        told = [cloud.step(row) for cloud, row in zip(plain, actions.tolist(), strict=True)]
        assert largest_gap([one["reward"] for one in told], transition.reward) < 1e-10
        assert largest_gap([one["x_observed"] for one in told], transition.x_observed) < 1e-12
        assert largest_gap([one["x"] for one in told], transition.x) < 1e-12
        reference = transition.reference[:, [0, system.n_servers]]
        assert largest_gap([one["reference"] for one in told], reference) < 1e-12
        influence = torch.tensor([one["influence"] for one in told], dtype=torch.float64)
        assert torch.equal(influence[..., [0, 2]].long(), transition.influence.index)
        assert torch.equal(influence[..., [1, 3]], transition.influence.value)
        state = transition.next_state
        waited |= bool((state.queues.waiting > 0).any())
    assert bool(transition.done.all())
    assert waited or case == "one_agent"  # the comparison has seen blocked queues


def test_twin_notices_a_changed_rule() -> None:
    """Control: a twin whose speed is off by 5 % must disagree."""
    system = CloudScheduling(8, horizon=30)
    noise = open_uniforms((1, 30, system.noise_size), generator(7, 3))
    plain, state, rng = plain_rollouts(system, noise)[0], system.start(noise), generator(7, 4)
    for server in plain.servers:
        server.speed *= 0.95
    gap = 0.0
    for _ in range(30):
        transition = system.step(state, actions := random_actions(system.observe(state), rng))
        gap = max(gap, largest_gap([plain.step(actions[0].tolist())["x"]], transition.x))
        state = transition.next_state
    assert gap > 1e-3


def play_plain(cloud: PlainCloud, steps: int) -> None:
    for t in range(steps):
        cloud.observe()
        jobs = cloud.jobs[t]
        places = [0 if job is None or cloud.fits(job, own[0]) else -1 for job, own in zip(jobs, cloud.candidates)]
        cloud.step(places)


def play_batched(system: CloudScheduling, noise: torch.Tensor) -> None:
    state = system.start(noise)
    for _ in range(system.horizon):
        seen = system.observe(state)
        actions = torch.where(seen.active & seen.mask[..., 0], 0, -1)
        state = system.step(state, actions).next_state


def test_is_much_faster_than_the_plain_twin() -> None:
    """Goal 50 x agent-steps/s on an idle core; asserted at 10 x, so that a busy machine does not fail it."""
    system = CloudScheduling(200, horizon=50)
    noise = open_uniforms((16, 50, system.noise_size), generator(7, 5))
    play_batched(system, noise[:4])
    began = time.process_time()
    play_batched(system, noise)
    batched = (time.process_time() - began) / len(noise)
    began = time.process_time()
    play_plain(plain_rollouts(system, noise[:1])[0], 50)
    plain = time.process_time() - began
    print(f"agent-steps/s: batched {200 * 50 / batched:.3g}, plain {200 * 50 / plain:.3g}, ratio {plain / batched:.1f}")
    assert plain / batched > 10

"""The reference depends on the exogenous workload alone, and each faulty variant is what it says."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dgpg_verify.core import generator, open_uniforms
from dgpg_verify.systems.cloud import CloudScheduling

N = 12  # dispatchers and servers
EXOGENOUS = ("fluid", "speed_aware", "biased:0.3", "biased_uniform:0.3", "lagged:4", "shuffled", "rounded", "noise:0.2")


def trajectory(system: CloudScheduling, noise: Tensor, name: str) -> tuple[Tensor, Tensor]:
    """Reference and state [B, T, 2M] under a heuristic."""
    state, references, states = system.start(noise), [], []
    for _ in range(system.horizon):
        seen = system.observe(state)
        actions = torch.where(seen.active, system.heuristic_scores(name, seen).argmax(-1), -1)
        transition = system.step(state, actions)
        references.append(transition.reference)
        states.append(transition.x)
        state = transition.next_state
    return torch.stack(references, 1), torch.stack(states, 1)


def build(reference: str, **options: object) -> tuple[CloudScheduling, Tensor]:
    system = CloudScheduling(N, seed=2, horizon=25, reference=reference, **options)  # type: ignore[arg-type]
    return system, open_uniforms((3, 25, system.noise_size), generator(4, 0))


@pytest.mark.parametrize("name", EXOGENOUS)
def test_exogenous_references_do_not_depend_on_actions(name: str) -> None:
    system, noise = build(name)
    one, x_one = trajectory(system, noise, "best_fit")
    two, x_two = trajectory(system, noise, "capacity_proportional")
    assert not torch.equal(x_one, x_two)
    assert torch.equal(one, two)


def test_endogenous_control_depends_on_actions() -> None:
    system, noise = build("endogenous")
    one, _ = trajectory(system, noise, "best_fit")
    two, _ = trajectory(system, noise, "capacity_proportional")
    assert torch.equal(one[:, 0], two[:, 0]) and not torch.equal(one, two)


def test_fluid_is_equal_on_all_servers_and_counts_this_steps_arrivals() -> None:
    system, noise = build("fluid")
    reference, _ = trajectory(system, noise, "random")
    jobs, fleet = system.jobs(noise), system.fleet
    for size, capacity, part in ((jobs.cores, fleet.cores, 0), (jobs.memory, fleet.memory, 1)):
        level = reference[..., part * N : part * N + N]
        assert torch.equal(level, level[..., :1].expand_as(level))
        first = size[:, 0].sum(1) / capacity.sum()
        torch.testing.assert_close(level[:, 0, 0], first)
    for b in range(3):  # brute force at one late step
        present = 0.0
        for t in range(21):
            for i in range(N):
                left = float(jobs.duration[b, t, i]) - (20 - t) * fleet.mean_speed
                if bool(jobs.active[b, t, i]) and (left > 1e-9 or t == 20):
                    present += float(jobs.cores[b, t, i])
        assert float(reference[b, 20, 0]) == pytest.approx(present / float(fleet.cores.sum()), rel=1e-12)


def test_speed_aware_splits_by_service_rate_and() -> None:
    system, noise = build("speed_aware")
    reference, _ = trajectory(system, noise, "random")
    jobs, fleet = system.jobs(noise), system.fleet
    server = int(fleet.speed.argmax())
    steps = torch.arange(25)
    left = jobs.duration[:, :, None] - (steps[:, None] - steps[None])[None, :, :, None].transpose(1, 2) * float(
        fleet.speed[server]
    )
    present = (left > 1e-9) & (steps[None] >= steps[:, None])[None, :, :, None]  # [B, joined, now, N]
    present |= torch.eye(25, dtype=torch.bool)[None, :, :, None]
    load = (jobs.cores[:, :, None] * present).sum((1, 3))
    expected = fleet.speed[server] * load / (fleet.cores * fleet.speed).sum()
    torch.testing.assert_close(reference[..., server], expected, rtol=1e-10, atol=1e-12)


def test_speed_aware_joins_many_speeds_to_few_classes(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "fleet.csv"
    rows = "".join(f"s{k},4,16,{1 + k / 100}\n" for k in range(60))
    path.write_text("name,cores,memory_gib,speed\n" + rows)
    system = CloudScheduling(60, fleet=f"csv:{path}", reference="speed_aware", horizon=5)
    assert len(system.parts.reference.speeds) == 32 and int(system.parts.reference.group.max()) == 31
    chosen = system.parts.reference.speeds[system.parts.reference.group[:60]]
    assert float((chosen - system.fleet.speed).abs().max()) <= 0.01


def test_faulty_variants_are_what_they_say() -> None:
    fluid, noise = build("fluid")
    honest, _ = trajectory(fluid, noise, "random")
    capacity = fluid.fleet.capacity

    def of(name: str) -> Tensor:
        system, own = build(name)
        own[..., : noise.shape[-1]] = noise  # the same workload
        return trajectory(system, own, "random")[0]

    ratio = of("biased:0.3") / honest
    assert sorted({round(v, 9) for v in ratio.flatten().tolist()}) == [0.7, 1.3]
    by_rank = ratio[0, 0, :N][fluid.fleet.cores.argsort(stable=True)]
    assert bool((by_rank[1:] != by_rank[:-1]).all())
    torch.testing.assert_close(of("biased_uniform:0.3"), 1.3 * honest)
    lagged = of("lagged:4")
    assert bool((lagged[:, :4] == 0).all()) and torch.equal(lagged[:, 4:], honest[:, :-4])
    shuffled = of("shuffled")
    for half in (slice(0, N), slice(N, 2 * N)):  # the same loads on other servers: total kept, no server keeps its own
        loads, own = (shuffled * capacity)[0, 0, half], (honest * capacity)[0, 0, half]
        torch.testing.assert_close(loads.sort().values, own.sort().values)
    assert torch.equal(of("rounded"), (honest * 10).round() / 10)
    noisy = (of("noise:0.2") / honest).log() / 0.2
    assert abs(float(noisy.mean())) < 0.2 and 0.8 < float(noisy.std()) < 1.2  # 1800 draws: sd of the mean 0.024

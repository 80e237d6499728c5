"""Rules that must hold on every roll-out: conservation, FIFO, growth, invariances, rewards of replaced actions."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from dgpg_verify.core import InputError, Observation, System, Transition, generator, open_uniforms
from dgpg_verify.systems.cloud import CloudScheduling, CloudState
from dgpg_verify.systems.cloud.queues import Queues, committed_after, empty_queues, line_up, serve
from dgpg_verify.systems.cloud.workload.fit import Candidates


def uniforms(system: CloudScheduling, batch: int = 4, seed: int = 11) -> Tensor:
    return open_uniforms((batch, system.horizon, system.noise_size), generator(seed, 0))


def play(
    system: CloudScheduling, noise: Tensor, name: str = "best_fit"
) -> Iterator[tuple[CloudState, Observation, Tensor, Transition]]:
    state = system.start(noise)
    for _ in range(system.horizon):
        seen = system.observe(state)
        actions = torch.where(seen.active, system.heuristic_scores(name, seen).argmax(-1), -1)
        transition = system.step(state, actions)
        yield state, seen, actions, transition
        state = transition.next_state


def test_is_a_system_with_plain_shapes() -> None:
    system = CloudScheduling(6, horizon=5, n_candidates=3)
    assert isinstance(system, System)
    for _, seen, _, transition in play(system, uniforms(system)):
        assert seen.features.shape == (4, 6, 3, len(system.feature_names)) and seen.features.dtype == torch.float32
        assert seen.mask.shape == (4, 6, 3) and seen.active.shape == (4, 6)
        assert transition.x.shape == transition.x_observed.shape == transition.reference.shape == (4, 12)
        assert transition.influence.index.shape == transition.influence.value.shape == (4, 6, 2)
        assert transition.reward.shape == transition.done.shape == (4,)
    assert CloudScheduling(3).n_actions == 3 and CloudScheduling(30).n_actions == 8
    assert CloudScheduling(30, n_candidates="all").n_actions == 30


def test_config_rebuilds_the_system() -> None:
    system = CloudScheduling(7, seed=3, horizon=9, load=0.9, reference="shuffled", n_servers=5)
    config = system.config()
    options = {key: value for key, value in config.items() if key not in ("system", "inputs")}
    again = CloudScheduling(**options)
    assert again.config() == config
    noise = uniforms(system)
    for one, two in zip(play(system, noise), play(again, noise), strict=True):
        assert torch.equal(one[3].x, two[3].x) and torch.equal(one[3].reference, two[3].reference)
    assert not torch.equal(CloudScheduling(7, seed=4).fleet.cores, system.fleet.cores[:7])


@pytest.mark.parametrize("load", [0.75, 2.0])
def test_every_core_and_every_job_is_accounted_for(load: float) -> None:
    system = CloudScheduling(20, seed=2, horizon=40, load=load)
    joined = torch.zeros(4)
    finished = torch.zeros(4)
    grown = 0
    for state, _, actions, transition in play(system, uniforms(system), "random"):
        queues: Queues = transition.next_state.queues
        arrivals = (actions >= 0).sum(1)
        joined += arrivals
        finished += state.queues.count.sum(1) + arrivals - queues.count.sum(1)
        assert torch.equal(finished + queues.count.sum(1), joined)
        assert bool((finished >= 0).all())
        # cores and GiB: running + free = capacity, running never above it
        assert bool((queues.used <= 1 + 1e-9).all())
        free = transition.next_state.free
        torch.testing.assert_close(free + queues.used, torch.ones(4, 40).double(), rtol=1e-8, atol=0)
        # the jobs of server 0, 1, ... lie one behind the other; the places before and behind them are empty
        present = queues.count.sum(1)
        slot = (torch.arange(queues.table[:, 1].shape[1]) - 1)[None]
        slot = (slot >= 0) & (slot < present[:, None])
        assert bool((queues.remaining[slot] > 0).all()) and bool((queues.table[:, 1][~slot] == 0).all())
        assert queues.table[:, 1].shape[1] == 1 + int(present.max())
        servers = torch.arange(20).repeat(4).repeat_interleave(queues.count.flatten())
        assert torch.equal(queues.server[slot], servers)
        assert torch.equal(by_server(queues, queues.runs & slot).long(), (queues.count - queues.waiting))
        for k, sizes in enumerate((queues.table[:, 1], queues.table[:, 2])):
            for total, part in ((queues.used, queues.runs & slot), (queues.committed, slot)):
                torch.testing.assert_close(by_server(queues, sizes * part), total.chunk(2, 1)[k], rtol=1e-9, atol=1e-12)
        work = by_server(queues, queues.table[:, 1] * queues.remaining)
        torch.testing.assert_close(work, queues.backlog, rtol=1e-9, atol=1e-9)
        grown = max(grown, int(queues.count.max()))
        committed = transition.x[:, :20] * system.fleet.cores
        before = state.committed[:, :20] * system.fleet.cores
        added = torch.where(actions >= 0, state.jobs.cores[:, state.step], 0.0).sum(1)
        torch.testing.assert_close(committed.sum(1) - before.sum(1), added, rtol=1e-9, atol=1e-9)
    assert bool((finished > 0).all()) and grown > 8


def by_server(queues: Queues, values: Tensor) -> Tensor:
    """Sum over the jobs of each server, [B, M]."""
    values = values.double()
    return torch.zeros_like(queues.count, dtype=torch.float64).scatter_add(1, queues.server, values)


def columns(*jobs: tuple[float, float, float]) -> Tensor:
    """Shares of cores and memory, cost (1 / steps) and steps of one roll-out's joining jobs, [4, 1, N]."""
    cores, memory, duration = torch.tensor(jobs, dtype=torch.float64).t()[:, None]
    return torch.stack([cores, memory, 1.0 / duration, duration])


def listed(column: Tensor) -> list[float]:
    """The jobs of the first roll-out; place 0 of every list is empty."""
    assert column[0, 0] == 0
    return column[0, 1:].tolist()


def test_a_blocked_head_blocks_the_rest() -> None:
    """Three quarters of the cores run, a half waits, and a quarter, though it would fit, waits behind."""
    arrival = torch.tensor([[0.1, 0.2, 0.3]]).double()
    jobs = columns((0.75, 0.125, 2), (0.5, 0.125, 5), (0.25, 0.125, 5))
    joiners = line_up(torch.zeros(1, 3, dtype=torch.int64), 1, arrival, jobs)
    empty = empty_queues(1, 1, torch.device("cpu"))
    assert committed_after(empty, joiners).tolist() == [[1.5, 0.375]]
    queues = serve(empty, joiners)
    assert listed(queues.table[:, 1]) == [0.75, 0.5, 0.25] and listed(queues.remaining) == [1, 5, 5]
    assert (queues.count - queues.waiting).tolist() == [[1]] and queues.waiting.tolist() == [[2]]
    assert listed(queues.cost) == [0.5, 0.2, 0.2] and queues.backlog.tolist() == [[0.75 + 2.5 + 1.25]]
    nobody = line_up(torch.full((1, 3), -1), 1, arrival, jobs)
    queues = serve(queues, nobody)  # the first one ends, the other two start together
    assert listed(queues.table[:, 1]) == [0.5, 0.25] and (queues.count - queues.waiting).tolist() == [[2]]
    assert queues.used.tolist() == [[0.75, 0.25]]
    queues = serve(queues, nobody)
    assert listed(queues.remaining) == [4, 4]


def test_memory_blocks_as_well() -> None:
    arrival = torch.tensor([[0.1, 0.2]]).double()
    jobs = line_up(torch.zeros(1, 2, dtype=torch.int64), 1, arrival, columns((0.25, 0.75, 1.5), (0.25, 0.375, 1.5)))
    queues = serve(empty_queues(1, 1, torch.device("cpu")), jobs)
    assert listed(queues.remaining) == [0.5, 1.5] and (queues.count - queues.waiting).tolist() == [[1]]


def test_a_server_filled_exactly_runs_all_whatever_the_rounding() -> None:
    """Server k is filled by k + 1 jobs of share 1 / (k + 1); one small job more waits on each."""
    sizes = [[1 / (k + 1)] * (k + 1) + [1e-6] for k in range(12)]
    server = torch.tensor([[k for k, own in enumerate(sizes) for _ in own]])
    share = torch.tensor([[one for own in sizes for one in own]], dtype=torch.float64)
    arrival = torch.arange(server.numel()).double()[None] / server.numel()
    three = torch.full_like(share, 3.0)
    joiners = line_up(server, 12, arrival, torch.stack([share, share / 2, three, three]))
    queues = serve(empty_queues(1, 12, torch.device("cpu")), joiners)
    assert (queues.count - queues.waiting).tolist() == [list(range(1, 13))]
    assert queues.count.tolist() == [list(range(2, 14))]
    assert listed(queues.remaining) == [2.0 if one > 1e-6 else 3.0 for own in sizes for one in own]


def test_queues_of_one_roll_out_stay_apart_from_those_of_others() -> None:
    """Two roll-outs of two servers; jobs are told apart by their cores."""
    server = torch.tensor([[1, 0, 1], [-1, 1, 0]])
    arrival = torch.tensor([[0.3, 0.2, 0.1], [0.5, 0.9, 0.8]]).double()
    cores = torch.tensor([[0.11, 0.12, 0.13], [0.21, 0.22, 0.23]], dtype=torch.float64)
    rest = torch.full_like(cores, 4.0)
    jobs = torch.stack([cores, cores, rest, rest])
    queues = serve(empty_queues(2, 2, torch.device("cpu")), line_up(server, 2, arrival, jobs))
    assert queues.table[:, 1].tolist() == [[0, 0.12, 0.13, 0.11], [0, 0.23, 0.22, 0]]
    assert queues.count.tolist() == [[1, 2], [1, 1]]
    late = line_up(torch.tensor([[0, -1, -1], [1, -1, 0]]), 2, arrival, jobs)
    assert late.size.tolist() == [1, 0, 1, 1] and late.shares[0].tolist() == [0.11, 0.23, 0.21]
    queues = serve(queues, late)
    assert queues.table[:, 1].tolist() == [[0, 0.12, 0.11, 0.13, 0.11], [0, 0.23, 0.23, 0.22, 0.21]]


def test_jobs_join_by_arrival_time_not_by_agent() -> None:
    arrival = torch.tensor([[0.9, 0.1, 0.5]]).double()
    jobs = line_up(torch.zeros(1, 3, dtype=torch.int64), 1, arrival, columns((1, 1, 5), (2, 1, 5), (3, 1, 5)))
    assert jobs.shares[0].tolist() == [2, 3, 1]


def test_permuting_dispatchers_changes_nothing_else() -> None:
    system = CloudScheduling(10, seed=5, horizon=40, load=1.2)
    order = torch.randperm(10, generator=generator(3, 3))
    noise = uniforms(system)
    own = noise[..., :50].unflatten(-1, (5, 10))[..., order].flatten(-2)
    twin = CloudScheduling(10, seed=5, horizon=40, load=1.2)
    chosen = system.parts.candidates
    permuted = Candidates(chosen.index[order], chosen.cores[order], chosen.memory[order])
    twin.parts = dataclasses.replace(twin.parts, candidates=permuted)
    twin.layout = twin.parts.layout
    state, other = system.start(noise), twin.start(torch.cat([own, noise[..., 50:]], dim=-1))
    rng = generator(3, 4)
    for _ in range(40):
        seen, seen_twin = system.observe(state), twin.observe(other)
        torch.testing.assert_close(seen.features[:, order], seen_twin.features)
        assert torch.equal(seen.mask[:, order], seen_twin.mask)
        draws = torch.where(seen.mask, open_uniforms(tuple(seen.mask.shape), rng), -1.0)
        actions = torch.where(seen.active, draws.argmax(-1), -1)
        one, two = system.step(state, actions), twin.step(other, actions[:, order])
        torch.testing.assert_close(one.reward, two.reward, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(one.x, two.x, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(one.reference, two.reference, rtol=1e-12, atol=1e-12)
        assert torch.equal(one.influence.value[:, order], two.influence.value)
        cores = (moved.next_state.queues.table[:, 1] for moved in (one, two))
        assert torch.equal(*cores)  # same jobs in the same order
        state, other = one.next_state, two.next_state


def test_units_of_cores_and_memory_do_not_matter(tmp_path: Path) -> None:
    """Fleet in units 8 times smaller (a power of two keeps floats exact): same x, reward, reference."""
    sizes = [(4, 16), (8, 16), (16, 64), (2, 8), (8, 64)]
    systems = []
    for factor in (1, 8):
        path = tmp_path / f"fleet{factor}.csv"
        rows = "".join(f"s{k},{cores * factor},{memory * factor}\n" for k, (cores, memory) in enumerate(sizes))
        path.write_text("name,cores,memory_gib\n" + rows)
        systems.append(CloudScheduling(5, fleet=f"csv:{path}", horizon=50, load=1.1))
    noise = uniforms(systems[0])
    for one, two in zip(*(play(system, noise) for system in systems), strict=True):
        for name in ("reward", "x", "reference"):
            torch.testing.assert_close(getattr(one[3], name), getattr(two[3], name), rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(one[1].features, two[1].features, rtol=1e-4, atol=1e-5)
        assert torch.equal(one[1].mask, two[1].mask)


def test_a_long_queue_grows_the_buffer_and_loses_nothing() -> None:
    system = CloudScheduling(40, n_servers=2, horizon=30, load=5.0)
    noise = uniforms(system, batch=2)
    jobs = 0
    for state, seen, actions, transition in play(system, noise, "capacity_proportional"):  # noqa: B007
        jobs += int((actions >= 0).sum())
        assert torch.equal(actions >= 0, seen.active)
        last = transition.next_state
    assert int(last.queues.count.max()) > 40 and last.queues.table[:, 1].shape[1] > 41
    done = jobs - int(last.queues.count.sum())
    assert 0 < done < jobs
    total = state.jobs.cores.sum((1, 2))
    assert bool(((last.queues.committed[:, :2] * system.fleet.cores).sum(1) < total).all())


def test_masked_candidates_can_never_run_the_job_and_two_always_can() -> None:
    system = CloudScheduling(60, seed=1, horizon=30, load=1.5)
    masked = 0
    for state, seen, actions, _ in play(system, uniforms(system)):  # noqa: B007
        here = state.jobs.at(state.step)
        fits = here.cores[..., None] <= system.parts.candidates.cores * (1 + 1e-9)
        fits &= here.memory[..., None] <= system.parts.candidates.memory * (1 + 1e-9)
        assert torch.equal(seen.mask, fits)
        assert bool((seen.mask.sum(-1) >= 2)[seen.active].all())
        masked += int((~seen.mask).sum())
    assert masked > 100
    where = (~seen.mask & seen.active[..., None]).nonzero()[0].tolist()
    actions[where[0], where[1]] = where[2]
    with pytest.raises(InputError, match="can never run"):
        system.step(state, actions)


def test_rows_of_a_state_can_be_selected_and_states_are_never_changed() -> None:
    system = CloudScheduling(8, horizon=20)
    noise = uniforms(system)

    def pick(value: object, rows: Tensor) -> object:
        if isinstance(value, Tensor):
            assert value.shape[0] == 4
            return value[rows]
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {f.name: pick(getattr(value, f.name), rows) for f in dataclasses.fields(value)}
            return dataclasses.replace(value, **fields)
        return value

    kept = []
    for state, seen, actions, transition in play(system, noise):
        kept.append((state, seen, actions, transition))
    rows = torch.tensor([2, 0, 2])
    for state, seen, actions, transition in kept:  # re-run from kept states: same numbers, so nothing was overwritten
        again = system.step(pick(state, rows), actions[rows])  # type: ignore[arg-type]
        assert torch.equal(again.reward, transition.reward[rows]) and torch.equal(again.x, transition.x[rows])
        assert torch.equal(system.observe(pick(state, rows)).features, seen.features[rows])  # type: ignore[arg-type]


def test_removing_or_replacing_one_action_gives_the_stated_reward() -> None:
    system = CloudScheduling(6, seed=8, horizon=12, load=1.5)
    for state, seen, actions, _ in play(system, uniforms(system, batch=2)):
        without = system.removal_rewards(state, actions)
        others = torch.where(seen.active, seen.mask.float().argmax(-1), -1)
        others[:, 0] = -1
        replaced = system.replaced_rewards(state, actions, others)
        for agent in range(6):
            changed = actions.clone()
            changed[:, agent] = -1
            torch.testing.assert_close(system.step(state, changed).reward, without[:, agent], rtol=1e-12, atol=1e-12)
            changed[:, agent] = others[:, agent]
            torch.testing.assert_close(system.step(state, changed).reward, replaced[:, agent], rtol=1e-12, atol=1e-12)


def test_influence_is_exactly_what_a_removed_job_takes_from_x() -> None:
    system = CloudScheduling(6, seed=8, horizon=12)
    for state, _, actions, transition in play(system, uniforms(system, batch=2)):
        for agent in range(6):
            changed = actions.clone()
            changed[:, agent] = -1
            influence = transition.influence
            z = torch.zeros(2, 12, dtype=torch.float64)
            z.scatter_add_(1, influence.index[:, agent], influence.value[:, agent])
            torch.testing.assert_close(transition.x - system.step(state, changed).x, z, rtol=1e-9, atol=1e-12)


def test_multi_step_influence_adds_up_the_stay_of_a_lone_job() -> None:
    """A job alone in the system starts at once: the fluid stay is exact, z = discounted sum of x over later steps."""
    options = {"n_agents": 3, "seed": 6, "horizon": 30, "discount": 0.9}
    system = CloudScheduling(**options, influence="multi_step")
    plain = CloudScheduling(**options)
    noise = uniforms(system, batch=5)
    state = system.start(noise)
    seen = system.observe(state)
    assert bool(seen.active.any())
    for agent in range(3):
        actions = torch.full((5, 3), -1)
        actions[:, agent] = torch.where(seen.active[:, agent], seen.mask[:, agent].float().argmax(-1), -1)
        first = system.step(state, actions)
        acts = actions[:, agent] >= 0
        total, discount, transition = torch.zeros(5, 6, dtype=torch.float64), 1.0, first
        for _ in range(30):
            total += discount * transition.x
            discount *= 0.9
            if bool(transition.done.any()):
                break
            transition = system.step(transition.next_state, torch.full((5, 3), -1))
        z = torch.zeros(5, 6, dtype=torch.float64)
        z.scatter_add_(1, first.influence.index[:, agent], first.influence.value[:, agent])
        torch.testing.assert_close(total, z, rtol=1e-9, atol=1e-12)
        stay = system.residence(state)[torch.arange(5), agent, actions[:, agent].clamp(min=0)]
        immediate = plain.step(plain.start(noise), actions).influence.value[:, agent]
        torch.testing.assert_close(immediate * stay[:, None], first.influence.value[:, agent])
        assert bool((stay[acts] >= 1).all())


def test_runs_out_at_the_horizon() -> None:
    system = CloudScheduling(3, horizon=2)
    *_, (_, _, _, transition) = play(system, uniforms(system))
    assert bool(transition.done.all())
    with pytest.raises(InputError, match="ended after 2 steps"):
        system.observe(transition.next_state)


def test_neither_reads_nor_changes_the_global_random_state() -> None:
    before = torch.random.get_rng_state()
    system = CloudScheduling(5, horizon=5)
    one = [transition.reward for *_, transition in play(system, uniforms(system))]
    assert torch.equal(before, torch.random.get_rng_state())
    with torch.random.fork_rng():
        torch.rand(7)
        two = [transition.reward for *_, transition in play(CloudScheduling(5, horizon=5), uniforms(system))]
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))

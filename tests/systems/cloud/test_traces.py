"""Replay of recorded jobs: a user's table, and recorded files where DGPG_TRACES (environment) names their folder."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
import torch

from dgpg_verify.core import InputError, generator, open_uniforms
from dgpg_verify.systems.cloud import CloudScheduling
from dgpg_verify.systems.cloud.workload.generator import Jobs
from dgpg_verify.systems.cloud.workload.traces import SHORTEST, Replay

FOLDER = os.environ.get("DGPG_TRACES", "")
needs_traces = pytest.mark.skipif(
    not (Path(FOLDER or "/nowhere") / "jobs_openb.csv.gz").is_file(),
    reason="recorded traces are not part of the project: set DGPG_TRACES to a folder with jobs_openb.csv.gz",
)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """60 jobs, one in 10 s but five together at 100 s; sizes tell which job it is."""
    rows = [(10.0 * k if k >= 15 or k < 10 else 100.0, 1 + k / 100, 4 + k / 10, 50 + k) for k in range(60)]
    path = tmp_path / "jobs.csv"
    path.write_text("arrival_s,cores,memory_gib,duration_s\n" + "".join(f"{a},{c},{m},{d}\n" for a, c, m, d in rows))
    return path


@pytest.fixture
def servers(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.csv"
    path.write_text("name,cores,memory_gib\n" + "".join(f"s{k},8,64\n" for k in range(4)))
    return path


def core_load(system: CloudScheduling, jobs: Jobs) -> float:
    """Core-work of these jobs [B, T, N] over what the fleet can do in their roll-outs."""
    return float((jobs.cores * jobs.duration).sum()) / (len(jobs.cores) * system.horizon * system.fleet.core_throughput)


def test_replay_keeps_the_recorded_order_sizes_and_load(small: Path, servers: Path) -> None:
    system = CloudScheduling(4, fleet=f"csv:{servers}", workload=f"trace:{small}", horizon=200, load=0.6)
    noise = open_uniforms((6, 200, system.noise_size), generator(1, 0))
    replay, jobs = system.parts.workload, system.parts.workload.jobs(noise)
    # mean duration 10 steps: 79.5 s on average, so a step is 7.95 s
    assert isinstance(replay, Replay) and replay.step_seconds == pytest.approx(7.95, rel=1e-3)
    assert core_load(system, system.jobs(noise)) == pytest.approx(0.6, rel=0.02)  # whole laps but for the ends
    assert float(jobs.duration.max()) == pytest.approx(109 / 7.95, rel=1e-6)
    for b in range(6):  # jobs of a step go to dispatchers in the order of their uniforms, steps follow the record
        sequence = []
        for t in range(200):
            here = jobs.active[b, t].nonzero().flatten()
            order = here[noise[b, t, :4][here].argsort()]
            assert torch.equal(order, here[jobs.arrival[b, t][here].argsort()])
            sequence += [round((float(c) - 1) * 100) for c in jobs.cores[b, t][order]]
        steps = {(two - one) % 60 for one, two in itertools.pairwise(sequence)}
        assert len(sequence) > 60 and steps == {1}  # the next recorded job each time, round the ring


def test_overflow_moves_to_the_next_step(small: Path, servers: Path) -> None:
    system = CloudScheduling(4, fleet=f"csv:{servers}", workload=f"trace:{small}", horizon=60, load=0.6)
    noise = open_uniforms((40, 60, system.noise_size), generator(2, 0))
    jobs = system.parts.workload.jobs(noise)
    arrived, served = system.parts.workload._served(noise)  # type: ignore[attr-defined]
    assert torch.equal(jobs.active.sum((1, 2)), served[:, -1] - arrived[:, 0])
    assert bool((served < arrived[:, 1:]).any())  # six jobs at one moment, four dispatchers
    assert int(jobs.active.sum(-1).max()) == 4


def test_offsets_and_deals_come_from_the_uniforms(small: Path, servers: Path) -> None:
    system = CloudScheduling(4, fleet=f"csv:{servers}", workload=f"trace:{small}", horizon=30, load=0.6)
    assert isinstance(system.parts.workload, Replay)
    noise = open_uniforms((2, 30, system.noise_size), generator(3, 0))
    other = noise.clone()
    other[:, 0, 4] = 1.0 - noise[:, 0, 4]
    one, two, again = (system.jobs(values) for values in (noise, other, noise))
    assert torch.equal(one.cores, again.cores) and not torch.equal(one.cores, two.cores)


@pytest.mark.parametrize("share", [0.01, 0.23])
def test_jobs_of_0_s_are_left_out_and_counted(share: float, tmp_path: Path, servers: Path) -> None:
    """They weighed in the reward as jobs of a whole step: 1 % of them, and the return varied 19 times as much."""
    rows = [(5.0 * k, 1 + k % 3, 4, 60 + k % 40) for k in range(1999)]
    empty = set(range(0, 1999, round(1 / share)))
    head = "arrival_s,cores,memory_gib,duration_s\n"
    origins, drawn = [], []
    for kept in (range(1999), [k for k in range(1999) if k not in empty]):
        lines = [f"{a},{c},{m},{0 if k in empty else d}\n" for k in kept for a, c, m, d in rows[k : k + 1]]
        (tmp_path / "jobs.csv").write_text(head + "".join(lines))
        spec = f"trace:{tmp_path / 'jobs.csv'}"
        system = CloudScheduling(8, fleet=f"csv:{servers}", workload=spec, horizon=10, n_servers=4)
        origins.append(system.config()["inputs"]["workload"])
        drawn.append(system.jobs(open_uniforms((16, 10, system.noise_size), generator(6, 0))))
    assert origins[0]["dropped"] == {"zero_duration": len(empty)} and origins[0]["kept"] == 1999 - len(empty)
    assert "dropped" not in origins[1]
    for column in ("active", "cores", "memory", "duration", "arrival"):
        assert torch.equal(getattr(drawn[0], column), getattr(drawn[1], column))


@pytest.mark.parametrize("column, sizes", [("cores", "4096,4"), ("memory", "4,4096")])
def test_jobs_larger_than_any_server_are_named(column: str, sizes: str, small: Path, servers: Path) -> None:
    """One job of 4096 cores halved the load that all others bring."""
    small.write_text(small.read_text() + f"55,{sizes},60\n")
    with pytest.raises(InputError, match=r"1 of 61 jobs .* at most 8 cores and 64 GiB \(row 62: cores = 4") as caught:
        CloudScheduling(4, fleet=f"csv:{servers}", workload=f"trace:{small}", horizon=200, load=0.6)
    assert f"{column}{'_gib' * (column == 'memory')} = 4096" in str(caught.value)


def test_the_shortest_job_is_still_served(tmp_path: Path, servers: Path) -> None:
    path = tmp_path / "jobs.csv"
    path.write_text("arrival_s,cores,memory_gib,duration_s\n0,4,1,1e-6\n5,4,1,100\n9,4,1,1e-6\n")
    system = CloudScheduling(4, fleet=f"csv:{servers}", workload=f"trace:{path}", horizon=20)
    noise = open_uniforms((2, 20, system.noise_size), generator(4, 0))
    jobs = system.jobs(noise)
    assert float(jobs.duration[jobs.active].min()) == SHORTEST
    state, joined, gone = system.start(noise), 0, 0
    for _ in range(20):
        seen = system.observe(state)
        actions = torch.where(seen.active, 0, -1)
        after = system.step(state, actions).next_state
        joined += int(seen.active.sum())
        gone += int(seen.active.sum() + state.queues.count.sum() - after.queues.count.sum())
        state = after
    assert joined == gone + int(state.queues.count.sum()) and joined > 0


@needs_traces
def test_recorded_openb_jobs_and_nodes() -> None:
    system = CloudScheduling(60, fleet=f"openb:{FOLDER}", workload=f"openb:{FOLDER}", horizon=50)
    inputs = system.config()["inputs"]
    assert inputs["workload"]["kept"] == 7204
    assert inputs["workload"]["dropped"] == {
        "before_window": 33, "censored": 34, "never_ran": 897, "zero_memory": 1,
    }  # fmt: skip
    assert inputs["fleet"]["rows"] == 1523
    noise = open_uniforms((8, 50, system.noise_size), generator(5, 0))
    drawn, fitted = system.parts.workload.jobs(noise), system.jobs(noise)
    assert 0.5 < core_load(system, fitted) / 0.75 < 1.5
    assert int((fitted.cores != drawn.cores).sum()) < 0.02 * int(drawn.active.sum())
    state = system.start(noise)
    for _ in range(50):
        seen = system.observe(state)
        actions = torch.where(seen.active, system.heuristic_scores("best_fit", seen).argmax(-1), -1)
        transition = system.step(state, actions)
        state = transition.next_state
    assert bool(transition.reward.isfinite().all()) and float(transition.x.mean()) > 0.1

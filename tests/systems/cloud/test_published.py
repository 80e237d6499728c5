"""Recorded jobs in the columns in which their owners publish them: small made-up files with every sentinel."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dgpg_verify.core import InputError, generator, open_uniforms
from dgpg_verify.systems.cloud import CloudScheduling
from dgpg_verify.systems.cloud.fleet import load_fleet
from dgpg_verify.systems.cloud.workload.published import LICENCES, SOURCES
from dgpg_verify.systems.cloud.workload.records import stray_arrivals
from dgpg_verify.systems.cloud.workload.traces import read_record

JOBS = 80
SANE = [(60.0 * k, 120.0 + k) for k in range(JOBS)]  # arrival and run time, in seconds
Made = tuple[str, dict[str, int], float, float]  # spec, rows dropped, cores and GiB of the first job on SERVER
SERVER = "name,cores,memory_gib\ns,16,64\n"


def openb(folder: Path) -> Made:
    head = (
        "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time"
    )
    rows = [f"p{k},4000,8192,0,0,,LS,Succeeded,{10_000_000 + a},{10_000_000 + a + d + 5},{10_000_000 + a + 5}"
            for k, (a, d) in enumerate(SANE)]  # fmt: skip
    rows += [f"never,4000,8192,0,0,,BE,Pending,{10_000_100},,", "none,4000,0,0,0,,BE,Failed,10000100,10000200,10000150"]
    rows += [f"old{k},4000,8192,0,0,,LS,Running,{1_000_000 * k},10000300,{1_000_000 * k}" for k in range(3)]
    rows += [f"cut{k},4000,8192,0,0,,LS,Running,10000400,10099999,10000400" for k in range(2)]
    (folder / "openb_pod_list_default.csv").write_text("\n".join([head, *rows]) + "\n")
    dropped = {"never_ran": 1, "zero_memory": 1, "far_from_the_others": 3, "censored": 2, "ended_before_it_began": 0}
    return f"openb:{folder}", dropped, 4.0, 8.0


def azure(folder: Path) -> Made:
    """As SQLite; the type runs on two machines, as a quarter and as three quarters of them."""
    path = folder / "packing_trace_zone_a_v1.sqlite"
    base = sqlite3.connect(path)
    base.execute("CREATE TABLE vm (vmId, tenantId, vmTypeId, priority, starttime REAL, endtime REAL)")
    base.execute("CREATE TABLE vmType (id, vmTypeId, machineId, core REAL, memory REAL, hdd, ssd, nic)")
    rows: list[tuple[Any, ...]] = [(k, 0, 7, 0, a / 86400, (a + d) / 86400) for k, (a, d) in enumerate(SANE)]
    rows += [(900, 0, 7, 0, -7157.0, 3.0), (901, 0, 7, 1, 0.01, None), (902, 0, 99, 1, 0.01, 0.02)]
    base.executemany("INSERT INTO vm VALUES (?, ?, ?, ?, ?, ?)", rows)
    base.executemany("INSERT INTO vmType VALUES (?, 7, ?, ?, ?, NULL, 0, 0)", [(0, 1, 0.25, 0.1), (1, 2, 0.75, 0.3)])
    base.commit()
    base.close()
    dropped = {"before_window": 1, "still_alive": 1, "unknown_type": 1, "ended_before_it_began": 0}
    return f"azure:{path}", dropped, 8.0, 12.8


def azure_csv(folder: Path) -> Made:
    rows = [f"{k},0,big,0,{a / 86400},{(a + d) / 86400}" for k, (a, d) in enumerate(SANE)] + ["x,0,big,0,-7157,"]
    (folder / "vm.csv").write_text("vmId,tenantId,vmTypeId,priority,starttime,endtime\n" + "\n".join(rows) + "\n")
    (folder / "vmType.csv").write_text("id,vmTypeId,machineId,core,memory,hdd,ssd,nic\n0,big,1,0.5,0.25,,,\n")
    dropped = {"before_window": 1, "still_alive": 1, "unknown_type": 0, "ended_before_it_began": 0}
    return f"azure:{folder}", dropped, 8.0, 16.0


def google(folder: Path) -> Made:
    path, start = folder / "borg_traces_data.csv", 600_000_000
    request = "\"{'cpus': 0.125, 'memory': 0.0625}\""
    rows = [f"0,{request},{start + 1e6 * a:.0f},{start + 1e6 * (a + d):.0f}" for a, d in SANE]
    rows += [f"0,{request},0,{start}", f"0,{request},{start},{2**63 - 1}", f"0,,{start},{start + 10}"]
    rows += [f"0,{request},{start},"]
    path.write_text("time,resource_request,start_time,end_time\n" + "\n".join(rows) + "\n")
    dropped = {"before_the_trace": 1, "after_its_end": 1, "no_request": 1, "never_ran": 1, "ended_before_it_began": 0}
    return f"google:{path}", dropped, 2.0, 4.0


def philly(folder: Path) -> Made:
    def stamp(seconds: float) -> str:
        return str(np.datetime64("2017-10-07T01:11:39") + np.timedelta64(int(seconds), "s")).replace("T", " ")

    def job(arrival: float, *spans: tuple[str | None, str | None]) -> dict[str, Any]:
        detail = [{"ip": "m47", "gpus": ["gpu0", "gpu1"]}]
        attempts = [{"start_time": a, "end_time": b, "detail": detail} for a, b in spans]
        return {"status": "Pass", "vc": "v", "jobid": "j", "attempts": attempts, "submitted_time": stamp(arrival)}

    jobs = [job(a, (stamp(a), stamp(a + 20)), (stamp(a + 30), stamp(a + 10 + d))) for a, d in SANE]
    jobs += [job(0.0), job(0.0, (None, None)), job(0.0, (stamp(0.0), None))]
    (folder / "cluster_job_log").write_text(json.dumps(jobs))
    dropped = {"never_ran": 3, "still_running": 1, "not_submitted": 0, "ended_before_it_began": 0}
    return f"philly:{folder}", dropped, 4.0, 16.0


def swf(folder: Path) -> Made:
    path = folder / "log.swf.gz"
    lines = ["; Version: 2.2", ";", *(f"{k} {a} 5 {d} 2 -1 -1 4 -1 1048576 1 1 1 1 1 -1 -1 -1"
                                      for k, (a, d) in enumerate(SANE, start=1))]  # fmt: skip
    lines += ["98 -1 5 9 2 -1 -1 4 -1 -1 1 1 1 1 1 -1 -1 -1", "99 60 5 -1 2 -1 -1 4 -1 -1 5 1 1 1 1 -1 -1 -1"]
    lines += ["100 60 5 9 -1 -1 -1 -1 -1 -1 5 1 1 1 1 -1 -1 -1"]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return f"swf:{path}", {"not_submitted": 1, "never_ran": 1, "no_processors": 1}, 4.0, 4.0


MAKERS = {"openb": openb, "azure": azure, "azure_csv": azure_csv, "google": google, "philly": philly, "swf": swf}


@pytest.mark.parametrize("name", MAKERS)
def test_published_columns_are_read_and_every_row_left_out_is_counted(name: str, tmp_path: Path) -> None:
    spec, dropped, cores, memory = MAKERS[name](tmp_path)
    record, facts = read_record(spec)
    assert facts["dropped"] == dropped and facts["kept"] == len(record) == JOBS
    assert facts["licence"] == LICENCES[spec.partition(":")[0]]
    np.testing.assert_allclose(record.arrival - record.arrival[0], [a for a, _ in SANE], atol=1e-6)
    np.testing.assert_allclose(record.duration, [d for _, d in SANE], atol=1e-6)
    (tmp_path / "fleet.csv").write_text(SERVER)
    fleet, _ = load_fleet(f"csv:{tmp_path / 'fleet.csv'}", 4, np.random.default_rng(0))
    sizes = record.on(fleet)
    np.testing.assert_allclose([sizes[0][0], sizes[1][0]], [cores, memory], rtol=1e-9)
    system = CloudScheduling(6, fleet=f"csv:{tmp_path / 'fleet.csv'}", workload=spec, horizon=20, load=0.3)
    assert bool(system.jobs(open_uniforms((4, 20, system.noise_size), generator(1, 0))).active.any())
    assert system.config()["inputs"]["workload"]["load_reached"] == pytest.approx(0.3, rel=0.1)


# one row more, whose values cannot be replayed
HEADS = {
    "openb": "cpu_milli,memory_mib,creation_time,deletion_time,scheduled_time",
    "converted": "arrival_s,cpu,mem_gib,duration_s,censored,before_window",
    "google": "start_time,end_time,resource_request",
    "swf": "job,submit,wait,run,used,cpu,used_memory,processors,time,memory",
}
SANE_ROWS: dict[str, Callable[[float, float], list[Any]]] = {
    "openb": lambda a, d: [4000, 8192, a, a + d, a],
    "converted": lambda a, d: [a, 4, 8, d, 0, 0],
    "google": lambda a, d: [1e6 * (1 + a), 1e6 * (1 + a + d), "\"{'cpus': 0.5, 'memory': 0.25}\""],
    "swf": lambda a, d: [1, a, 0, d, 4, -1, -1, 4, -1, 1024, *[1] * 8],
}
BIG = 2**63 - 1
UNUSABLE = [
    *(("openb", column, BIG, "sentinel") for column in HEADS["openb"].split(",")[:4]),
    *(("converted", column, BIG, "sentinel") for column in HEADS["converted"].split(",")[:4]),
    *(("swf", column, 2**31 - 1, "sentinel") for column in ("submit", "run", "processors", "memory")),
    ("google", "resource_request", f"\"{{'cpus': 0.5, 'memory': {BIG}}}\"", "sentinel"),
    ("google", "end_time", 2**31 - 1, "sentinel"),
    ("converted", "arrival_s", -1, "before_time_0"),
    ("openb", "creation_time", -1, "before_time_0"),
    ("converted", "duration_s", 0, "zero_duration"),
    ("swf", "run", 0, "zero_duration"),
    ("google", "end_time", 1e6, "zero_duration"),
]


@pytest.mark.parametrize("name, column, value, reason", UNUSABLE)
def test_values_that_cannot_be_replayed_are_left_out_and_counted(
    name: str, column: str, value: Any, reason: str, tmp_path: Path
) -> None:
    rows = [SANE_ROWS[name](*job) for job in [(0.0, 100.0), *SANE]]
    rows[0][HEADS[name].split(",").index(column)] = value
    text = "\n".join((" " if name == "swf" else ",").join(map(str, row)) for row in rows)
    (tmp_path / "file").write_text(text if name == "swf" else f"{HEADS[name]}\n{text}\n")
    record, facts = read_record(f"{name.replace('converted', 'openb')}:{tmp_path / 'file'}")
    assert {key: count for key, count in facts["dropped"].items() if count} == {reason: 1}
    assert facts["kept"] == len(record) == JOBS


@pytest.mark.parametrize("column", ["core", "memory", "endtime"])
def test_an_azure_type_or_machine_of_unknown_values_is_left_out(column: str, tmp_path: Path) -> None:
    spec, *_ = azure_csv(tmp_path)
    name, new = ("vm.csv", f"901,0,big,0,0.01,{BIG}") if column == "endtime" else ("vmType.csv", "1,odd,1,0.5,0.25,,,")
    if column != "endtime":
        new = new.replace("0.5" if column == "core" else "0.25", str(BIG))
        with (tmp_path / "vm.csv").open("a") as file:
            file.write("901,0,odd,0,0.01,0.02\n")
    with (tmp_path / name).open("a") as file:
        file.write(new + "\n")
    assert read_record(spec)[1]["dropped"]["sentinel"] == 1


def test_published_jobs_larger_than_any_server_are_counted(tmp_path: Path) -> None:
    spec, *_ = swf(tmp_path)
    assert "larger_than_any_server" not in read_record(spec, (4.0, 64.0))[1]
    assert read_record(spec, (3.0, 64.0))[1]["larger_than_any_server"] == JOBS
    assert read_record(spec, (4.0, 3.0))[1]["larger_than_any_server"] == JOBS  # 1 GiB a processor
    (tmp_path / "part").mkdir()
    assert "larger_than_any_server" not in read_record(azure_csv(tmp_path / "part")[0], (0.1, 0.1))[1]  # of a machine


def test_every_source_has_a_licence_and_a_test() -> None:
    assert set(SOURCES) == set(LICENCES) == {name.partition("_")[0] for name in MAKERS}


def test_the_published_node_list_is_the_converted_one(tmp_path: Path) -> None:
    (tmp_path / "openb_node_list_all_node.csv").write_text("sn,cpu_milli,memory_mib,gpu,model\nn0,32000,262144,0,\n")
    fleet, _ = load_fleet(f"openb:{tmp_path}", 1, np.random.default_rng(0))
    assert (fleet.names, fleet.cores.tolist(), fleet.memory.tolist()) == (("n0",), [32.0], [256.0])
    (tmp_path / "nodes_openb.csv").write_text("node,type_id,cpu,mem_gib,gpu,gpu_model\nn0,2,32,256,0,\n")
    assert load_fleet(f"openb:{tmp_path}", 1, np.random.default_rng(0))[0].memory.tolist() == [256.0]


def test_swf_jobs_without_memory_take_that_of_their_cores(tmp_path: Path) -> None:
    (tmp_path / "log.swf").write_text("".join(f"{k} {k} 0 9 4 -1 -1 -1 -1 -1 1 1 1 1 1 -1 -1 -1\n" for k in range(9)))
    record, _ = read_record(f"swf:{tmp_path / 'log.swf'}")
    (tmp_path / "fleet.csv").write_text(SERVER)
    fleet, _ = load_fleet(f"csv:{tmp_path / 'fleet.csv'}", 1, np.random.default_rng(0))
    assert record.on(fleet)[1].tolist() == [16.0] * 9


BAD: dict[str, tuple[str, Callable[[Path], Any], str]] = {
    "azure is no database": ("azure", lambda p: p.write_bytes(b"SQLite format 3\0" + b"x" * 900), "an Azure packing"),
    "azure is missing": ("azure", lambda p: None, "must be the SQLite file"),
    "google without a request": ("google", lambda p: p.write_text(
        "start_time,end_time,resource_request\n1,2,\"[1]\"\n"), "row 2: resource_request = '\\[1\\]'"),
    "philly is no list": ("philly", lambda p: p.write_text('{"a": 1}'), "no Philly job log"),
    "philly with a date of its own": ("philly", lambda p: p.write_text(
        '[{"attempts": [], "submitted_time": "7/10"}]'), "no Philly job log"),
    "swf with a short line": ("swf", lambda p: p.write_text("; c\n1 2 3\n"), "job 1 has 3 fields: it must have 18"),
    "swf with a word": ("swf", lambda p: p.write_text("a " + "1 " * 17 + "\n"), "no number"),
    "swf without a job": ("swf", lambda p: p.write_text("; nothing\n"), "holds no job"),
    "openb with other columns": ("openb", lambda p: p.write_text("sn,cpu\na,1\n"), "columns cpu_milli"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_files_that_are_something_else_are_refused_in_one_line(name: str, tmp_path: Path) -> None:
    kind, write, message = BAD[name]
    write(tmp_path / "file")
    with pytest.raises(InputError, match=message) as caught:
        read_record(f"{kind}:{tmp_path / 'file'}")
    assert "\n" not in str(caught.value)


# records that are mostly empty


def trace(path: Path, strays: list[float]) -> str:
    """1999 sane jobs, as many as a week has minutes, and rows at other times."""
    rows = [(5.0 * k, 1 + k % 3, 4, 60 + k % 40) for k in range(1999)] + [(time, 2, 4, 60) for time in strays]
    path.write_text("arrival_s,cores,memory_gib,duration_s\n" + "".join(f"{a},{c},{m},{d}\n" for a, c, m, d in rows))
    return f"trace:{path}"


@pytest.mark.parametrize("strays", [[618364800.0], [2.0**62], [618364800.0] * 40, [0.0, 1e12]])
def test_rows_far_from_all_others_are_named(strays: list[float], tmp_path: Path) -> None:
    """One arrival of 618364800 stretched the record until most roll-outs held no job."""
    with pytest.raises(InputError, match=rf"{sum(t != 0.0 for t in strays)} of {1999 + len(strays)} rows arrive far"):
        read_record(trace(tmp_path / "jobs.csv", strays))


@pytest.mark.parametrize("zeros", [20, 200, 900])
def test_a_cluster_at_0_is_far_from_others_that_come_much_later(zeros: int) -> None:
    """Of more than 5 %, the shortest interval with 95 % of the arrivals would begin at 0."""
    arrival = np.concatenate([np.zeros(zeros), 20_000.0 + 5.0 * np.arange(1000)])
    assert stray_arrivals(arrival).tolist() == [True] * zeros + [False] * 1000
    assert not stray_arrivals(arrival - 20_000.0 * (arrival > 0)).any()
    assert not stray_arrivals(np.array([0.0, 0.0, 50.0, 51.0, 52.0])).any()  # five say little of how long it is


def test_a_cluster_at_0_that_may_be_a_burst_is_replayed_and_counted(tmp_path: Path) -> None:
    record, facts = read_record(trace(tmp_path / "jobs.csv", [0.0] * 20))
    assert len(record) == 2019 and facts["arrive_at_0"] == 21
    assert "arrive_at_0" not in read_record(trace(tmp_path / "jobs.csv", []))[1]


@pytest.mark.parametrize("seed", range(3))
def test_honest_records_have_no_strays(seed: int) -> None:
    """Poisson arrivals, arrivals by day alone, and half of all within an hour of a month."""
    rng = np.random.default_rng(seed)
    days = 86_400.0 * rng.integers(30, size=3000)
    records = [rng.exponential(30.0, 3000).cumsum(), days + rng.uniform(0, 40_000.0, 3000),
               np.concatenate([rng.uniform(0, 2.6e6, 1500), 1e6 + rng.uniform(0, 3600.0, 1500)])]  # fmt: skip
    assert not any(stray_arrivals(np.sort(arrival)).any() for arrival in records)


def test_a_load_that_is_not_reached_is_refused(tmp_path: Path) -> None:
    """40 of 46 jobs come at once, where three dispatchers are free: most are left out."""
    (tmp_path / "fleet.csv").write_text(SERVER)
    times = [1000.0 + 0.01 * k for k in range(40)] + [2e5 * k for k in range(6)]
    path = tmp_path / "jobs.csv"
    path.write_text("arrival_s,cores,memory_gib,duration_s\n" + "".join(f"{t},4,4,60\n" for t in times))
    with pytest.raises(InputError, match=r"reaches a load of 0\.\d+ where load = 0\.5 is asked for, and \d+% of its"):
        CloudScheduling(3, fleet=f"csv:{tmp_path / 'fleet.csv'}", workload=f"trace:{path}", horizon=1, load=0.5)

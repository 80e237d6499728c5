"""Bad input ends in one InputError that names the value and the allowed range, before any work."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
import torch

from dgpg_verify.core import InputError
from dgpg_verify.systems.cloud import CloudScheduling
from dgpg_verify.systems.cloud.fleet import load_fleet
from dgpg_verify.systems.cloud.options import WORKLOADS
from dgpg_verify.systems.cloud.workload.traces import read_record

BAD = {
    "no_agents": ({"n_agents": 0}, "n_agents = 0"),
    "half_agent": ({"n_agents": 2.5}, "n_agents = 2.5"),
    "negative_seed": ({"seed": -1}, "seed = -1"),
    "zero_servers": ({"n_servers": 0}, "n_servers = 0"),
    "too_many_candidates": ({"n_candidates": 9}, "n_candidates = 9 .* [1, 4]"),
    "no_candidates": ({"n_candidates": 0}, "n_candidates = 0"),
    "unknown_candidates": ({"n_candidates": "some"}, "n_candidates = 'some'"),
    "no_time": ({"horizon": 0}, "horizon = 0"),
    "no_load": ({"load": 0.0}, "load = 0.0"),
    "nan_load": ({"load": float("nan")}, "load = nan"),
    "discount": ({"discount": 1.5}, "discount = 1.5"),
    "fleet": ({"fleet": "azure"}, "fleet = 'azure' .* aws, csv:PATH, openb:PATH"),
    "fleet_path": ({"fleet": "csv:"}, "fleet = 'csv:'"),
    "no_file": ({"fleet": "csv:/nowhere.csv"}, "nowhere.csv is missing"),
    "workload": ({"workload": "heavy"}, f"workload = 'heavy' .* {', '.join(WORKLOADS)}"),
    "trace_path": ({"workload": "trace:"}, "workload = 'trace:'"),
    "reference": ({"reference": "good"}, "reference = 'good' .* fluid, speed_aware"),
    "reference_number": ({"reference": "biased:much"}, "reference = 'biased:much'"),
    "reference_needs": ({"reference": "biased"}, "reference = 'biased'"),
    "reference_takes_none": ({"reference": "fluid:2"}, "reference = 'fluid:2'"),
    "lag": ({"reference": "lagged:0.5"}, "lagged = 0.5"),
    "lag_too_long": ({"reference": "lagged:101"}, "lagged = 101"),
    "bias": ({"reference": "biased:-2"}, "biased = -2"),
    "noise": ({"reference": "noise:0"}, "noise = 0"),
    "lone_derangement": ({"n_agents": 1, "reference": "shuffled"}, "shuffled"),
    "influence": ({"influence": "late"}, "influence = 'late'"),
    "shock": ({"common_shock": "yes"}, "common_shock = 'yes'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_options_are_named(case: str) -> None:
    options, message = BAD[case]
    with pytest.raises(InputError, match=re.escape(message).replace(r"\ \.\*\ ", " .* ")):
        CloudScheduling(**({"n_agents": 4} | options))  # type: ignore[arg-type]


def test_bad_noise_and_actions_are_named() -> None:
    system = CloudScheduling(4, horizon=3)
    with pytest.raises(InputError, match=r"noise has shape \[2, 3, 7\]: it must be \[B, 3, 21\]"):
        system.start(torch.full((2, 3, 7), 0.5, dtype=torch.float64))
    state = system.start(torch.full((2, 3, 21), 0.3, dtype=torch.float64))
    with pytest.raises(InputError, match=r"action = 4 is not allowed: it must be an integer in \[-1, 3\]"):
        system.step(state, torch.full((2, 4), 4))
    with pytest.raises(InputError, match="int64"):
        system.step(state, torch.zeros(2, 4))
    with pytest.raises(InputError, match=r"\[2, 3\]"):
        system.step(state, torch.zeros(2, 3, dtype=torch.int64))


def test_every_bad_row_of_a_fleet_is_named(tmp_path: Path) -> None:
    path = tmp_path / "fleet.csv"
    path.write_text(
        "name,cores,memory_gib,speed\na,4,16,1\n,4,16,1\nb,-2,16,1\nc,4,x,nan\nd,inf,8,0\ne,2,9223372036854775807,1\n"
    )
    with pytest.raises(InputError) as caught:
        CloudScheduling(3, fleet=f"csv:{path}")
    message = str(caught.value)
    named = (
        "row 3: name = '' must be a non-empty text",
        "row 4: cores = '-2' must be a finite number > 0",
        "row 5: memory_gib = 'x'",
        "row 5: speed = 'nan'",
        "row 6: cores = 'inf'",
        "row 6: speed = '0'",
        "row 7: memory_gib = '9223372036854775807' stands for an unknown value",
    )
    for part in named:
        assert part in message
    assert "row 2" not in message and str(tmp_path) not in message


def test_missing_columns_short_rows_empty_and_binary_files(tmp_path: Path) -> None:
    cases = {
        "missing.csv": (b"name,cores\na,4\n", "columns memory_gib are missing"),
        "short.csv": (b"name,cores,memory_gib\na,4\n", "row 2 has 2 cells: it must have 3"),
        "empty.csv": (b"name,cores,memory_gib\n", "holds no row"),
        "nothing.csv": (b"", "columns name, cores, memory_gib are missing"),
        "binary.csv": (b"\xff\xfe\x00\x81", "UTF-8"),
        "fake.csv.gz": (b"name,cores,memory_gib\n", "UTF-8"),
        "broken.csv.gz": (gzip.compress(b"name,cores,memory_gib\na,4,16\n")[:12] + b"\xff" * 30, "UTF-8"),
        "shifted.csv": (b"name,cores,memory_gib\na,4,16\nb,4,1,024\n", "row 3 has 4 cells: it must have 3"),
        "twice.csv": (b"name,cores,cores,memory_gib\na,4,8,16\n", "2 columns are called cores"),
        "open.csv": (b'name,cores,memory_gib\n"a,4,16\n' + b"b,4,16\n" * 30_000, "is a quote left open"),
    }
    for name, (content, message) in cases.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(InputError, match=message):
            CloudScheduling(3, fleet=f"csv:{path}")


def test_a_list_with_one_row_per_server_is_used_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "fleet.csv"
    path.write_text("name, cores,memory_gib,price\na,4,16,0.1\nb,8,32,0.2\nc,2,4,0\n")
    system = CloudScheduling(5, fleet=f"csv:{path}", n_servers=3)
    assert system.fleet.names == ("a", "b", "c") and system.fleet.cores.tolist() == [4, 8, 2]
    assert system.fleet.speed.tolist() == [1, 1, 1]
    assert system.config()["inputs"]["fleet"]["drawn"] == "as listed"
    drawn = CloudScheduling(50, fleet=f"csv:{path}").fleet
    assert len(drawn) == 50 and set(drawn.names) == {"a", "b", "c"}


def test_bad_traces_are_named(tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv"
    path.write_text("arrival_s,cores,memory_gib,duration_s\n0,1,1,5\n1,0,1,5\n2,1,1,-5\n")
    with pytest.raises(InputError, match=r"row 3: cores = '0'.*row 4: duration_s = '-5' must be a finite number >= 0"):
        CloudScheduling(3, workload=f"trace:{path}")
    path.write_text("arrival_s,cores,memory_gib,duration_s\n3,1,1,5\n3,1,1,5\n")
    with pytest.raises(InputError, match="two different arrival_s"):
        read_record(f"trace:{path}")
    path.write_text("arrival_s,cores,memory_gib,duration_s\n0,0.001,1,5\n3,0.001,1,5\n")
    with pytest.raises(InputError, match="jobs per dispatcher and step"):
        CloudScheduling(3, workload=f"trace:{path}")
    with pytest.raises(InputError, match="replayed trace"):
        CloudScheduling(3, workload=f"trace:{path}", common_shock=True)


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), 2**31 - 1, -(2**31), -618364800, -1])
@pytest.mark.parametrize("column", ["arrival_s", "cores", "memory_gib", "duration_s"])
def test_values_that_stand_for_unknown_are_named(column: str, value: int, tmp_path: Path) -> None:
    """2 % of such memories or run times changed what was measured without a word."""
    rows = [{"arrival_s": 5 * k, "cores": 2, "memory_gib": 4, "duration_s": 60} for k in range(50)]
    rows[30][column] = value
    path = tmp_path / "jobs.csv"
    path.write_text("\n".join([",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]))
    with pytest.raises(InputError, match=rf"^[^;]*row 32: {column} = '{value}' [^;]*$"):
        read_record(f"trace:{path}")


def test_the_catalogue_is_the_declared_selection() -> None:
    import numpy as np

    fleet, origin = load_fleet("aws", 3000, np.random.default_rng(0))
    assert origin["rows"] >= 40 and len(set(fleet.names)) > 0.9 * origin["rows"]
    assert float(fleet.cores.min()) >= 2 and float(fleet.cores.max()) <= 64
    assert all(re.fullmatch(r"[cmr][5-8][iag]?\.\w+", name) for name in fleet.names)
    assert 0.5 < float(fleet.speed.min()) < 1 < float(fleet.speed.max()) < 2

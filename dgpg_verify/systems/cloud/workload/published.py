"""Recorded jobs as their owners publish them: the columns of each source, its licence, what stands for "unknown".

None of these files is part of the package; cite the source and keep to its licence.

openb   Alibaba clusterdata, gpu-v2023: openb_pod_list_*.csv, or the table jobs_openb.csv.gz made from it. "For research
        or study purpose". Blank scheduled_time: never ran. Rows long before the window, and those cut by its end, have
        no usable times.
azure   Azure Trace for Packing 2020: the SQLite file, or its tables as vm.csv and vmType.csv. CC-BY 4.0. Times in
        days; starttime < 0 (as -7157): alive before the window; endtime NULL: still alive. Sizes are fractions of a
        machine; a type that runs on several has their mean.
google  Google cluster data 2019 (Borg), sampled as one table: start_time, end_time (microseconds), resource_request.
        CC-BY 4.0. Time 0: before the trace; 2^63 - 1: after its end. Sizes are fractions of the largest machine.
philly  Microsoft Philly: cluster_job_log (JSON). CC-BY 4.0. No attempt, or one without times: never ran; "None" at the
        end of the last: still running. GPUs alone are recorded: a job takes that part of a machine of 8.
swf     Parallel Workloads Archive, Standard Workload Format (.swf, .swf.gz). Cite the log and its authors. -1 stands
        for unknown; memory is in KB per processor.

Of all: the largest and smallest integers of 32 and 64 bits stand for unknown ("sentinel"), a time before 0 or a run
time of 0 cannot be replayed.
"""

from __future__ import annotations

import ast
import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.core import InputError
from dgpg_verify.runs.files import in_short, read_text
from dgpg_verify.systems.cloud.tables import (
    FINITE,
    NOT_NEGATIVE,
    TEXT,
    Column,
    first_file,
    has_columns,
    read_table,
    unknown_values,
)
from dgpg_verify.systems.cloud.workload.records import SENTINEL, Record

Array = NDArray[np.float64]
Reasons = Mapping[str, NDArray[np.bool_]]
Read = tuple[Record, Reasons, list[Path]]  # jobs, rows that cannot be replayed, the files read

DAY, MICROSECOND, KB, MIB = 86_400.0, 1e-6, 2.0**-20, 2.0**-10
GPUS = 8  # of a Philly machine
AFTER_THE_END = float(2**63 - 1)
OPENB = ("jobs_openb.csv.gz", "openb_pod_list_default.csv")
CONVERTED = (
    Column("arrival_s", FINITE),
    Column("cpu"),
    Column("mem_gib", NOT_NEGATIVE),
    Column("duration_s", NOT_NEGATIVE, blank=True),
    Column("censored", NOT_NEGATIVE),
    Column("before_window", NOT_NEGATIVE),
)
PODS = (
    Column("cpu_milli"),
    Column("memory_mib", NOT_NEGATIVE),
    Column("creation_time", FINITE),
    Column("deletion_time", FINITE, blank=True),
    Column("scheduled_time", FINITE, blank=True),
)
AZURE_VM = (Column("vmTypeId", TEXT), Column("starttime", FINITE), Column("endtime", FINITE, blank=True))
AZURE_TYPE = (Column("vmTypeId", TEXT), Column("core"), Column("memory"))
GOOGLE = (
    Column("start_time", FINITE, blank=True),
    Column("end_time", FINITE, blank=True),
    Column("resource_request", TEXT, blank=True),
)
SWF_FIELDS = 18


def _read(path: Path, columns: Sequence[Column]) -> dict[str, Any]:
    """The columns of a table, numbers that stand for "unknown" included: their rows are left out and counted later."""
    return read_table(path, [replace(column, known=False) for column in columns])


def read_openb(place: Path) -> Read:
    path = first_file(place, OPENB)
    if has_columns(path, CONVERTED):
        table = _read(path, CONVERTED)
        reasons = {
            "before_window": table["before_window"] == 1,
            "censored": table["censored"] == 1,
            "never_ran": np.isnan(table["duration_s"]),
            "zero_memory": table["mem_gib"] == 0,
            SENTINEL: unknown_values(*table.values()),
        }
        return Record(table["arrival_s"], table["cpu"], table["mem_gib"], table["duration_s"]), reasons, [path]
    table = _read(path, PODS)
    ended, began = table["deletion_time"], table["scheduled_time"]
    reasons = {
        "never_ran": np.isnan(began),
        "censored": ~np.isnan(began) & (np.isnan(ended) | _cut(ended)),
        "ended_before_it_began": ended < began,
        "zero_memory": table["memory_mib"] == 0,
        SENTINEL: unknown_values(*table.values()),
    }
    cores, memory = table["cpu_milli"] / 1000.0, table["memory_mib"] * MIB
    return Record(table["creation_time"], cores, memory, ended - began), reasons, [path]


def read_azure(place: Path) -> Read:
    paths = [place / "vm.csv", place / "vmType.csv"] if place.is_dir() else [place]
    if place.is_dir():
        vm, kinds = _read(paths[0], AZURE_VM), _read(paths[1], AZURE_TYPE)
    else:
        vm, kinds = _azure_tables(place)
    names, where = np.unique(kinds["vmTypeId"].astype(str), return_inverse=True)
    counts = np.bincount(where)
    place_of = np.searchsorted(names, vm["vmTypeId"].astype(str)).clip(max=len(names) - 1)
    unknown = names[place_of] != vm["vmTypeId"].astype(str)
    cores, memory = (np.bincount(where, kinds[size])[place_of] / counts[place_of] for size in ("core", "memory"))
    no_size = np.bincount(where, unknown_values(kinds["core"], kinds["memory"]))[place_of] > 0
    began, ended = vm["starttime"], vm["endtime"]
    reasons = {"before_window": began < 0.0, "still_alive": np.isnan(ended), "ended_before_it_began": ended < began,
               "unknown_type": unknown, SENTINEL: unknown_values(began, ended) | no_size}  # fmt: skip
    return Record(began * DAY, cores, memory, (ended - began) * DAY, fractions=True), reasons, paths


def _azure_tables(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    if not path.is_file():
        raise InputError(f"file {str(path)!r} is not allowed: it must be the SQLite file, or a folder with vm.csv")
    try:
        with sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True) as base:
            tables = [
                (columns, base.execute(f"SELECT {', '.join(c.name for c in columns)} FROM {name}").fetchall())
                for name, columns in (("vm", AZURE_VM), ("vmType", AZURE_TYPE))
            ]
        base.close()
        vm, kinds = (
            {c.name: np.array(values, dtype=object if c.allowed == TEXT else np.float64)
             for c, values in zip(columns, zip(*rows))}
            for columns, rows in tables
        )  # fmt: skip
    except (sqlite3.Error, ValueError, TypeError, OverflowError) as error:  # a damaged file, or text for a number
        reason = f"file {str(path)!r} is not allowed: it must be an Azure packing trace ({in_short(error)})"
        raise InputError(reason) from None
    if not vm or not kinds:
        raise InputError(f"{path.name} holds no row: at least one is needed")
    return vm, kinds


def read_google(place: Path) -> Read:
    table = _read(place, GOOGLE)
    began, ended = table["start_time"], table["end_time"]
    sizes = np.array([_request(place, row, cell) for row, cell in enumerate(table["resource_request"], start=2)])
    reasons = {
        "before_the_trace": began <= 0.0,
        "after_its_end": (began >= AFTER_THE_END) | (ended >= AFTER_THE_END),
        "never_ran": np.isnan(began) | np.isnan(ended),
        "ended_before_it_began": ended < began,
        "no_request": ~(sizes > 0.0).all(1),
        SENTINEL: unknown_values(began, ended, *sizes.T),
    }
    lasted = (ended - began) * MICROSECOND
    return Record(began * MICROSECOND, sizes[:, 0], sizes[:, 1], lasted, fractions=True), reasons, [place]


def _request(path: Path, row: int, cell: str) -> tuple[float, float]:
    """CPUs and memory of a request such as {'cpus': 0.02, 'memory': 0.01}; NaN where it has none."""
    if not cell or cell.lower() in ("nan", "none", "null"):
        return np.nan, np.nan
    try:
        request = ast.literal_eval(cell)
        cpus, memory = (float(np.nan if request.get(name) is None else request[name]) for name in ("cpus", "memory"))
        return cpus, memory
    except (ValueError, SyntaxError, TypeError, AttributeError, OverflowError, MemoryError, RecursionError):
        raise InputError(
            f"{path.name}: row {row}: resource_request = {cell[:60]!r} must be such as {{'cpus': 0.02, 'memory': 0.01}}"
        ) from None


def read_philly(place: Path) -> Read:
    path = first_file(place, ("cluster_job_log", "cluster_job_log.json"))
    try:
        jobs = json.loads(read_text(path))
        rows = [_philly_job(job) for job in jobs]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path.name} is no Philly job log ({type(error).__name__}: {error})") from None
    if not rows:
        raise InputError(f"{path.name} holds no row: at least one is needed")
    arrival, gpus, duration, running = np.array(rows, dtype=np.float64).T
    reasons = {"never_ran": np.isnan(duration) | (gpus == 0), "still_running": running == 1,
               "not_submitted": np.isnan(arrival), "ended_before_it_began": duration < 0}  # fmt: skip
    part = gpus / GPUS
    return Record(arrival, part, part, duration, fractions=True), reasons, [path]


def _philly_job(job: dict[str, Any]) -> tuple[float, int, float, bool]:
    """Submission (s), GPUs of the last attempt, run time of all attempts (s), whether the last one was going on."""
    attempts = [(_time(a["start_time"]), _time(a["end_time"]), a["detail"]) for a in job["attempts"]]
    spans = [end - start for start, end, _ in attempts if not np.isnan(end - start)]
    gpus = sum(len(part["gpus"]) for part in attempts[-1][2]) if attempts else 0
    running = bool(attempts) and np.isnan(attempts[-1][1]) and not np.isnan(attempts[-1][0])
    return _time(job["submitted_time"]), gpus, sum(spans) if spans else np.nan, running


def _time(text: str | None) -> float:
    if text is None or text == "None":
        return np.nan
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1)).total_seconds()


def read_swf(place: Path) -> Read:
    lines = [
        line.split() for line in read_text(place).splitlines() if line.strip() and not line.lstrip().startswith(";")
    ]
    for number, fields in enumerate(lines, start=1):
        if len(fields) != SWF_FIELDS:
            raise InputError(f"{place.name}: job {number} has {len(fields)} fields: it must have {SWF_FIELDS}")
    try:
        table = np.array(lines, dtype=np.float64).reshape(-1, SWF_FIELDS)
    except ValueError as error:
        raise InputError(f"{place.name} holds a field that is no number ({error})") from None
    if not len(table):
        raise InputError(f"{place.name} holds no job: at least one is needed")
    submitted, lasted = table[:, 1], table[:, 3]
    asked, got = table[:, 7], table[:, 4]
    processors = np.where(asked > 0, asked, got)
    per_processor = np.where(table[:, 9] > 0, table[:, 9], table[:, 6])
    memory = np.where(per_processor > 0, per_processor * KB * processors, np.nan)
    reasons = {"not_submitted": submitted < 0, "never_ran": lasted < 0, "no_processors": processors <= 0,
               SENTINEL: unknown_values(submitted, lasted, processors, per_processor)}  # fmt: skip
    return Record(submitted, processors, memory, lasted), reasons, [place]


def _cut(ended: Array) -> NDArray[np.bool_]:
    """Rows that end at the last moment of all, where several do: they were cut there."""
    last = ended == np.nanmax(ended, initial=-np.inf)
    return last if last.sum() > 1 else np.zeros(len(ended), dtype=bool)


SOURCES: dict[str, Callable[[Path], Read]] = {
    "openb": read_openb,
    "azure": read_azure,
    "google": read_google,
    "philly": read_philly,
    "swf": read_swf,
}
LICENCES = {
    "openb": "Alibaba clusterdata gpu-v2023: for research or study purpose",
    "azure": "Azure Trace for Packing 2020: CC-BY 4.0",
    "google": "Google cluster data 2019: CC-BY 4.0",
    "philly": "Microsoft Philly traces: CC-BY 4.0",
    "swf": "Parallel Workloads Archive: cite the log and its authors",
}

"""Servers: cores, memory GiB and per-core speed, drawn i.i.d. from a catalogue or read from a node list."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dgpg_verify.core import InputError
from dgpg_verify.systems.cloud.tables import NOT_NEGATIVE, TEXT, Column, first_file, has_columns, read_table
from dgpg_verify.systems.inputs import file_digest

FLEETS = ("aws", "csv:PATH", "openb:PATH")
CLOCK = "clock_ghz"
# Name, cores, memory, and where there is one the speed.
COLUMNS = {
    "aws": (Column("name", TEXT), Column("cores"), Column("memory_gib"), Column(CLOCK)),
    "csv": (
        Column("name", TEXT),
        Column("cores"),
        Column("memory_gib"),
        Column("speed", required=False),
        Column("price", NOT_NEGATIVE, required=False),
    ),
    "openb": (Column("node", TEXT), Column("cpu"), Column("mem_gib")),
}
# The node list as published, in milli-cores and MiB, and as converted.
PUBLISHED = (Column("sn", TEXT), Column("cpu_milli"), Column("memory_mib"))
OPENB = ("nodes_openb.csv", "openb_node_list_all_node.csv")


@dataclass(frozen=True)
class Fleet:
    """M servers: cores, memory (GiB), speed (1 = work steps per step of time), each float64 [M]."""

    names: tuple[str, ...]
    cores: Tensor
    memory: Tensor
    speed: Tensor

    def __len__(self) -> int:
        return len(self.names)

    @property
    def capacity(self) -> Tensor:
        """[2M]: cores of all servers, then memory; the order of every state vector."""
        return torch.cat([self.cores, self.memory])

    @property
    def mean_speed(self) -> float:
        """Speed of the average core, sum(cores speed) / sum(cores): Little's law then holds for core load."""
        return float((self.cores * self.speed).sum() / self.cores.sum())

    @property
    def core_throughput(self) -> float:
        """sum(cores speed): core-work the fleet can do in one step."""
        return float((self.cores * self.speed).sum())

    @property
    def memory_throughput(self) -> float:
        """sum(memory speed): memory-work the fleet can do in one step."""
        return float((self.memory * self.speed).sum())


def load_fleet(spec: str, n_servers: int, rng: np.random.Generator) -> tuple[Fleet, dict[str, Any]]:
    """The fleet called `spec`, and where it came from.

    `aws` draws i.i.d. from the package's EC2 catalogue. A list with exactly M rows is used as it stands; from any
    other list M rows are drawn i.i.d., so that fleets of every size are draws of one law.

    Parameters
    ----------
    spec
        "aws", "csv:PATH" (columns name, cores, memory_gib[, speed][, price]) or "openb:PATH" (the node list of
        Alibaba's gpu-v2023 as published, or nodes_openb.csv, or a folder with one; no clock is recorded there, so every
        speed is 1).
    n_servers
        M.
    rng
        Explicit generator.

    Raises
    ------
    InputError
        For an unknown spec, a missing file, or bad rows (all of them named).
    """
    kind, path = _place(spec)
    names, cores, memory, speed = _catalogue(kind, path)
    as_listed = kind != "aws" and len(names) == n_servers
    rows = np.arange(n_servers) if as_listed else rng.integers(len(names), size=n_servers)
    fleet = Fleet(tuple(names[rows]), *(torch.as_tensor(column[rows]) for column in (cores, memory, speed)))
    origin = {"catalogue": kind} | ({} if kind == "aws" else {"sha256": file_digest(path)})
    return fleet, {**origin, "rows": len(names), "drawn": "as listed" if as_listed else "i.i.d."}


def largest_server(spec: str) -> tuple[float, float]:
    """Most cores, and most memory (GiB), of the servers that `load_fleet` may draw. InputError as there."""
    _, cores, memory, _ = _catalogue(*_place(spec))
    return float(cores.max()), float(memory.max())


def _place(spec: str) -> tuple[str, Path]:
    """Kind and file of a fleet."""
    kind, _, place = str(spec).partition(":")
    if spec != "aws" and (kind not in ("csv", "openb") or not place):
        raise InputError(f"fleet = {spec!r} is not allowed: it must be one of {', '.join(FLEETS)}")
    catalogue = Path(str(files("dgpg_verify.systems") / "data" / "aws_instances.csv"))
    return kind, {"aws": catalogue, "csv": Path(place), "openb": first_file(Path(place), OPENB)}[kind]


def _catalogue(kind: str, path: Path) -> tuple[np.ndarray, ...]:
    """Name, cores, memory (GiB) and speed of every row."""
    columns, units = COLUMNS[kind], (1.0, 1.0)
    if kind == "openb" and has_columns(path, PUBLISHED):
        columns, units = PUBLISHED, (1000.0, 1024.0)
    table = read_table(path, columns)
    names, cores, memory = (table[column.name] for column in columns[:3])
    cores, memory = cores / units[0], memory / units[1]
    speed = table.get("speed", np.ones(len(names)))
    if CLOCK in table:  # declared: clocks, not benchmarks
        speed = table[CLOCK] / table[CLOCK].mean()
    return names, cores, memory, speed

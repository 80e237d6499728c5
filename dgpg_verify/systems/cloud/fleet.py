"""Servers: cores, memory GiB and per-core speed, drawn i.i.d. from a catalogue or read from a node list."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dgpg_verify.core import InputError
from dgpg_verify.systems.cloud.tables import Column, read_table

FLEETS = ("aws", "csv:PATH", "openb:FOLDER")
CSV_COLUMNS = (
    Column("name", kind="text"),
    Column("cores"),
    Column("memory_gib"),
    Column("speed", required=False),
    Column("price", required=False, zero=True),
)


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

    Args:
        spec: "aws", "csv:PATH" (columns name, cores, memory_gib[, speed][, price]) or "openb:FOLDER" (holding
            nodes_openb.csv; no clock is recorded there, so every speed is 1).
        n_servers: M. rng: explicit generator.

    Raises:
        InputError: unknown spec, missing file, or bad rows (all of them named).
    """
    kind, _, place = str(spec).partition(":")
    if spec == "aws":
        names, numbers, origin = _aws()
    elif kind == "csv" and place:
        names, numbers, origin = _csv(Path(place))
    elif kind == "openb" and place:
        names, numbers, origin = _openb(Path(place))
    else:
        raise InputError(f"fleet = {spec!r} is not allowed: it must be one of {', '.join(FLEETS)}")
    as_listed = spec != "aws" and len(names) == n_servers
    rows = np.arange(n_servers) if as_listed else rng.integers(len(names), size=n_servers)
    cores, memory, speed = (torch.as_tensor(column[rows]) for column in numbers)
    fleet = Fleet(tuple(names[row] for row in rows), cores, memory, speed)
    return fleet, {**origin, "rows": len(names), "drawn": "as listed" if as_listed else "i.i.d."}


Catalogue = tuple[list[str], tuple[np.ndarray, np.ndarray, np.ndarray], dict[str, Any]]


def _aws() -> Catalogue:
    """EC2 types; speed is the clock over the catalogue's mean clock (declared: clocks, not benchmarks)."""
    path = files("dgpg_verify.systems") / "data" / "aws_instances.csv"
    table = read_table(Path(str(path)), (*CSV_COLUMNS[:3], Column("clock_ghz")))
    clock = table.numbers["clock_ghz"]
    numbers = (table.numbers["cores"], table.numbers["memory_gib"], clock / clock.mean())
    return table.texts["name"], numbers, {"catalogue": "aws"}


def _csv(path: Path) -> Catalogue:
    table = read_table(path, CSV_COLUMNS)
    speed = table.numbers.get("speed", np.ones(len(table)))
    numbers = (table.numbers["cores"], table.numbers["memory_gib"], speed)
    return table.texts["name"], numbers, {"catalogue": "csv", "sha256": file_digest(path)}


def _openb(folder: Path) -> Catalogue:
    path = folder / "nodes_openb.csv"
    table = read_table(path, (Column("node", kind="text"), Column("cpu"), Column("mem_gib")))
    numbers = (table.numbers["cpu"], table.numbers["mem_gib"], np.ones(len(table)))
    return table.texts["node"], numbers, {"catalogue": "openb", "sha256": file_digest(path)}


def file_digest(path: Path) -> str:
    """First 16 hex digits of the file's SHA-256: enough to tell two inputs apart in a cell's key."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]

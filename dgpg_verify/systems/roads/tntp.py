"""Networks and trips in the format of Transportation Networks for Research: every bad line is named in one error."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

import numpy as np

from dgpg_verify.core import InputError
from dgpg_verify.runs.files import read_text
from dgpg_verify.systems.inputs import TRACES, within_range
from dgpg_verify.systems.roads.links import Array, Links, Trips

MAX_NAMED = 50
MOST = 10_000_000  # nodes, links or zones
COLUMNS = ("init_node", "term_node", "capacity", "length", "free_flow_time", "b", "power")
TAG = re.compile(r"<([^>]*)>\s*(.*)")
COMMENT = "~"
TOLERANCE = 1e-3  # relative difference between the total that the header gives and the sum of the trips


class _Lines:
    """Lines of one file behind its header, and what is wrong with them."""

    def __init__(self, path: Path) -> None:
        self.path, self.faults = path, list[str]()
        if not path.is_file():
            raise InputError(f"file {str(path)!r} is not allowed: it must be an existing TNTP file")
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError):
            raise InputError(f"file {str(path)!r} is not allowed: it must be text in UTF-8") from None
        self.header, self.lines = dict[str, str](), list[tuple[int, str]]()
        for number, line in enumerate(lines, start=1):
            tag = TAG.fullmatch(line.strip())
            if tag:
                self.header[tag[1].strip().upper()] = tag[2].split(COMMENT)[0].strip()
            elif line.split(COMMENT)[0].strip():
                self.lines.append((number, line.split(COMMENT)[0].strip()))
        if "END OF METADATA" not in self.header:
            raise InputError(f"{path.name} is not allowed: a TNTP file must have a line <END OF METADATA>")

    def count(self, name: str, low: int) -> int:
        """A whole number of the header."""
        text = self.header.get(name, "")
        value = _whole(text)
        if value < low:
            raise InputError(f"{self.path.name}: <{name}> {text[:40]!r} must be an integer >= {low}, at most {MOST}")
        return value

    def blame(self, line: int, what: str) -> None:
        self.faults.append(f"line {line}: {what}")

    def end(self) -> None:
        """Raise InputError with all that was wrong."""
        if self.faults:
            more = f"; and {len(self.faults) - MAX_NAMED} more" if len(self.faults) > MAX_NAMED else ""
            raise InputError(f"{self.path.name}: {'; '.join(self.faults[:MAX_NAMED])}{more}")


PUBLISHED = {"sioux_falls": "SiouxFalls", "anaheim": "Anaheim"}  # networks by name, and how their files begin
SOURCE = "github.com/bstabler/TransportationNetworks"


def network_path(network: str) -> Path | None:
    """The file of a network that is given by its path, or is one of PUBLISHED; None for any other.

    The latter lie in traffic/ of the folder that DGPG_TRACES names. Raises InputError where they do not.
    """
    if network not in PUBLISHED:
        return Path(network) if network.endswith(".tntp") else None
    name = f"traffic/{PUBLISHED[network]}_net.tntp"
    folder = os.environ.get(TRACES)
    if not folder or not (Path(folder) / name).is_file():
        where = f"which is {folder}" if folder else "which is not set"
        raise InputError(
            f"network = {network!r} is {name} in the folder that {TRACES} names, {where}: get it from {SOURCE}"
        )
    return Path(folder) / name


def read_links(path: Path) -> Links:
    """Read a `*_net.tntp` file. Tolls, lengths and speeds are ignored.

    Raises
    ------
    InputError for a missing file or header, and for every line that is not allowed: fewer than seven numbers, a node
    outside the network, a link from a node to itself or named twice, a capacity that is not > 0, or a time, b or power
    that is not >= 0.
    """
    file = _Lines(path)
    nodes, count, through = (
        file.count(name, low) for name, low in (("NUMBER OF NODES", 2), ("NUMBER OF LINKS", 1), ("FIRST THRU NODE", 1))
    )
    rows, seen = [], dict[tuple[float, float], int]()
    for number, line in file.lines:
        row = _link(file, number, line, nodes)
        if row is not None:
            first = seen.setdefault((row[0], row[1]), number)
            if first != number:
                file.blame(number, f"the link from {row[0]:g} to {row[1]:g} is on line {first} already")
            rows.append(row)
    file.end()
    if len(rows) != count:
        raise InputError(f"{path.name}: <NUMBER OF LINKS> is {count}, and {len(rows)} links follow: they must agree")
    start, end, capacity, _, free_time, b, power = np.array(rows).T
    ends = start.astype(np.int64) - 1, end.astype(np.int64) - 1
    with within_range(path.name):
        return Links(*ends, capacity, free_time, free_time * b, power, through - 1)


def read_trips(path: Path) -> Trips:
    """Read a `*_trips.tntp` file; trips of 0, or within a zone, are left out.

    Raises
    ------
    InputError for a missing file or header, for every entry that is not "zone : amount" with an amount >= 0, or that
    names a pair twice, and for a total that differs from that of the header.
    """
    file = _Lines(path)
    zones = file.count("NUMBER OF ZONES", 1)
    trips, origin = dict[tuple[int, int], float](), 0
    for number, line in file.lines:
        words = line.split()
        if words[0].lower() == "origin":
            origin = _zone(words[1] if len(words) == 2 else "", zones)
            if not origin:
                file.blame(number, f"{line!r} must be Origin and a zone in [1, {zones}]")
            continue
        for entry in filter(None, (part.strip() for part in line.split(";"))):
            _add_trip(file, number, entry, origin, zones, trips)
    file.end()
    _check_total(file, sum(trips.values()))
    kept = {pair: amount for pair, amount in trips.items() if amount > 0.0 and pair[0] != pair[1]}
    if not kept:
        raise InputError(f"{path.name} holds no trip from one zone to another: at least one is needed")
    pairs = np.array(list(kept)) - 1
    return Trips(pairs[:, 0], pairs[:, 1], np.array(list(kept.values())))


def read_places(path: Path, nodes: int) -> Array:
    """Read a `*_node.tntp` file: x and y of every node, [nodes, 2], as they stand there. These files have no header but
    a line of names.

    Raises InputError for a file that cannot be read, a line without three numbers, and a node that is missing.
    """
    places = np.full((nodes, 2), np.nan)
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        cells = line.split(COMMENT)[0].replace(";", " ").split()
        if not cells or cells[0].lower() == "node":
            continue
        node, *at = (_number(cell) for cell in (*cells[:3], "", "")[:3])
        if node not in range(1, nodes + 1) or not np.isfinite(at).all():
            raise InputError(
                f"{path.name}: line {number}: {line.strip()!r} must be a node in [1, {nodes}], its x and y"
            )
        places[int(node) - 1] = at
    missing = 1 + np.flatnonzero(np.isnan(places[:, 0]))
    if len(missing):
        raise InputError(f"{path.name} holds no place of node {', '.join(map(str, missing[:MAX_NAMED]))}")
    return places


def _link(file: _Lines, number: int, line: str, nodes: int) -> list[float] | None:
    """The seven numbers of one link that are read; None, with the fault noted, where they are not allowed."""
    cells = line.rstrip(";").split()
    if len(cells) < len(COLUMNS):
        file.blame(number, f"{len(cells)} numbers, where {', '.join(COLUMNS)} must stand")
        return None
    row = [_number(cell) for cell in cells[: len(COLUMNS)]]
    allowed = [f"a node in [1, {nodes}]"] * 2 + ["> 0"] + ["a finite number >= 0"] * 4
    good = [value in range(1, nodes + 1) for value in row[:2]] + [row[2] > 0.0] + [value >= 0.0 for value in row[3:]]
    for name, cell, rule, fine in zip(COLUMNS, cells, allowed, good):
        if not fine:
            file.blame(number, f"{name} = {cell!r} must be {rule}")
    if all(good) and row[0] == row[1]:
        file.blame(number, f"a link from node {row[0]:g} to itself")
    return row if all(good) and row[0] != row[1] else None


def _add_trip(
    file: _Lines, number: int, entry: str, origin: int, zones: int, trips: dict[tuple[int, int], float]
) -> None:
    """Read "zone : amount"."""
    zone, _, amount = (part.strip() for part in entry.partition(":"))
    to, value = _zone(zone, zones), _number(amount)
    if not origin:
        file.blame(number, f"{entry!r} stands before any origin")
    elif not to or not value >= 0.0:
        file.blame(number, f"{entry!r} must be a zone in [1, {zones}], a colon and a finite number >= 0")
    elif (origin, to) in trips:
        file.blame(number, f"trips from {origin} to {to} are given twice")
    else:
        trips[origin, to] = value


def _check_total(file: _Lines, total: float) -> None:
    said = _number(file.header.get("TOTAL OD FLOW", f"{total}"))
    if not abs(total - said) <= TOLERANCE * abs(said):
        name = file.path.name
        raise InputError(f"{name}: <TOTAL OD FLOW> is {said:g}, and the trips add up to {total:g}: they must agree")


def _zone(text: str, zones: int) -> int:
    """A zone's number, 0 where it is none."""
    return max(0, _whole(text)) if _whole(text) <= zones else 0


def _whole(text: str) -> int:
    """A number written with decimal digits alone, -1 where it is none or above MOST."""
    value = int(text) if text.isdecimal() and len(text) < 20 else -1
    return value if value <= MOST else -1


def _number(text: str) -> float:
    """A finite number, NaN where it is none."""
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan

"""Recorded jobs in one form, whatever file they come from: which rows are replayed, and why others are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.core import InputError
from dgpg_verify.systems.cloud.fleet import Fleet

Array = NDArray[np.float64]
TIGHT = 0.95  # share of the arrivals whose shortest interval measures how long a record really is
STRAY = 2.0  # a record that many times as long as that interval has rows that do not belong to it
MARGIN = 0.1  # of that interval, on either side: where arrivals still belong to the record
FEWEST = 20  # arrivals of which 95 % are fewer than all
SENTINEL = "sentinel"  # reason of a source: a value that stands for "unknown"; said only where a row has one
MOST_NAMED = 5


@dataclass(frozen=True)
class Record:
    """J jobs: arrival (s), cores, memory (GiB; NaN where the record has none), duration (s), each float64 [J].

    fractions : cores and memory are parts of a machine instead.
    """

    arrival: Array
    cores: Array
    memory: Array
    duration: Array
    fractions: bool = False

    def __len__(self) -> int:
        return len(self.arrival)

    def kept(self, rows: NDArray[Any]) -> Record:
        return Record(self.arrival[rows], self.cores[rows], self.memory[rows], self.duration[rows], self.fractions)

    def on(self, fleet: Fleet) -> tuple[Array, Array]:
        """Cores and memory of each job on a fleet: a machine of the record stands for the mean server, and a job
        without a recorded memory takes that of its cores there."""
        cores, memory = self.cores, self.memory
        if self.fractions:
            cores, memory = cores * float(fleet.cores.mean()), memory * float(fleet.memory.mean())
        per_core = float(fleet.memory.sum() / fleet.cores.sum())
        return cores, np.where(np.isnan(memory), cores * per_core, memory)

    def beyond(self, largest: tuple[float, float]) -> NDArray[np.bool_]:
        """Jobs that ask for more cores, or more memory (GiB), than any server has; none where sizes are fractions."""
        if self.fractions:
            return np.zeros(len(self), dtype=bool)
        return np.asarray((self.cores > largest[0]) | (self.memory > largest[1]))


def usable(
    record: Record, reasons: Mapping[str, NDArray[np.bool_]], name: str, drop_strays: bool = True
) -> tuple[Record, dict[str, Any]]:
    """The rows that are replayed, in order of arrival, and how many are not for which reason.

    Jobs of 0 s are left out of every record: they do no work, but each would weigh as much in the reward as a job of
    one step, ten times the mean job. The reasons that hold for any source are counted among the rows that the source's
    own leave, and are said where there are any, as are jobs together at time 0 (`arrive_at_0`): where the others come
    soon after, values that stand for "before the record" cannot be told from a burst, and are replayed.

    Parameters
    ----------
    reasons : reason -> the rows that it holds for, such as a value that the source writes where it knows none.
    name : of the record, for errors.
    drop_strays : leave out rows that arrive far from all others; else InputError naming them.

    Raises
    ------
    InputError : fewer than two arrival times, no duration above 0, strays that are not dropped.
    """
    left, dropped = _left(record, reasons)
    strays = np.zeros(len(record), dtype=bool)
    strays[left] = stray_arrivals(record.arrival[left])
    if strays.any():
        if not drop_strays:
            raise InputError(_strays_named(name, record.arrival, strays, left))
        dropped["far_from_the_others"] = int(strays.sum())
        left &= ~strays
    record = record.kept(left)
    facts: dict[str, Any] = {"dropped": dropped, "kept": len(record)} if dropped else {}
    if (together := int((record.arrival == 0.0).sum())) > 1:
        facts["arrive_at_0"] = together
    for column in ("arrival", "cores", "duration"):
        unknown = int((~np.isfinite(getattr(record, column))).sum())
        if unknown:
            raise InputError(f"workload = {name!r}: {column} of {unknown} jobs is no finite number: take them out")
    if len(record) < 2 or record.arrival.min() == record.arrival.max():
        raise InputError(
            f"workload = {name!r} is not allowed: a trace must hold at least two jobs with duration_s > 0 and two "
            f"different arrival_s"
        )
    return record.kept(np.argsort(record.arrival, kind="stable")), facts


def _left(record: Record, reasons: Mapping[str, NDArray[np.bool_]]) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """The rows that no reason holds for, bool [J], and how many each holds for."""
    none = np.zeros(len(record), dtype=bool)
    known = {reason: rows for reason, rows in reasons.items() if reason != SENTINEL}
    dropped = {reason: int(rows.sum()) for reason, rows in known.items()}
    left = ~reduce(np.logical_or, known.values(), none)
    anywhere = {
        SENTINEL: reasons.get(SENTINEL, none),
        "before_time_0": record.arrival < 0.0,
        "zero_duration": record.duration == 0.0,
    }
    for reason, rows in anywhere.items():
        if (left & rows).any():
            dropped[reason] = int((left & rows).sum())
            left &= ~rows
    return left, dropped


def stray_arrivals(arrival: Array) -> NDArray[np.bool_]:
    """Which arrivals lie so far from all others that the record would be mostly empty: values that stand for "unknown"
    or "before the record", or a wrong unit.

    The shortest interval with 95 % of the arrivals says how long a record is. Where all of it is more than twice as
    long, what lies more than a tenth of the interval outside of it is a stray. Arrivals at exactly 0, which many
    sources write for "before the record", do not say how long it is, where they are fewer than the others and those
    at least 20: more than 5 % of them are then seen, too. Cost: one sort.
    """
    found = np.zeros(len(arrival), dtype=bool)
    times = np.sort(arrival[arrival != 0.0])
    if len(times) < max(FEWEST, len(arrival) / 2):
        times = np.sort(arrival)
    count = int(np.ceil(TIGHT * len(times)))
    if count < 2:
        return found
    lengths = times[count - 1 :] - times[: len(times) - count + 1]
    first = int(lengths.argmin())
    shortest = float(lengths[first])
    if not arrival.max() - arrival.min() > STRAY * shortest:
        return found
    low, high = times[first] - MARGIN * shortest, times[first + count - 1] + MARGIN * shortest
    return np.asarray((arrival < low) | (arrival > high))


def _strays_named(name: str, arrival: Array, strays: NDArray[np.bool_], left: NDArray[np.bool_]) -> str:
    near = arrival[left & ~strays]
    named = rows_named(strays, arrival_s=arrival)
    return (
        f"workload = {name!r}: {strays.sum()} of {len(arrival)} rows arrive far from all others, which lie in "
        f"[{near.min():.15g}, {near.max():.15g}] ({named}): take out rows whose time is not known"
    )


def rows_named(rows: NDArray[np.bool_], **columns: Array) -> str:
    """The first of these rows of a table, row 2 being the first below the header, with their values."""
    found = np.flatnonzero(rows)
    named = [
        f"row {row + 2}: " + ", ".join(f"{column} = {values[row]:.15g}" for column, values in columns.items())
        for row in found[:MOST_NAMED]
    ]
    return "; ".join(named) + (f"; and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else "")

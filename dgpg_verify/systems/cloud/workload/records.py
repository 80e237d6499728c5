"""Recorded jobs in one form, whatever file they come from: which rows are replayed, and why others are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.core import InputError
from dgpg_verify.systems.cloud.fleet import Fleet

Array = NDArray[np.float64]
TIGHT = 0.95  # share of the arrivals whose shortest interval measures how long a record really is
STRAY = 2.0  # a record that many times as long as that interval has rows that do not belong to it
MARGIN = 0.1  # of that interval, on either side: where arrivals still belong to the record
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


def usable(
    record: Record, reasons: Mapping[str, NDArray[np.bool_]], name: str, drop_strays: bool = True
) -> tuple[Record, dict[str, Any]]:
    """The rows that are replayed, in order of arrival, and how many are not for which reason.

    Parameters
    ----------
    reasons : reason -> the rows that it holds for, such as a value that the source writes where it knows none.
    name : of the record, for errors.
    drop_strays : leave out rows that arrive far from all others; else InputError naming them.

    Raises
    ------
    InputError : fewer than two arrival times, no duration above 0, strays that are not dropped.
    """
    facts: dict[str, Any] = {}
    left = np.ones(len(record), dtype=bool)
    for rows in reasons.values():
        left &= ~rows
    strays = np.zeros(len(record), dtype=bool)
    strays[left] = stray_arrivals(record.arrival[left])
    if strays.any() and not drop_strays:
        raise InputError(_strays_named(name, record.arrival, strays))
    if reasons or strays.any():
        dropped = {reason: int(rows.sum()) for reason, rows in reasons.items()}
        dropped |= {"far_from_the_others": int(strays.sum())} if strays.any() else {}
        facts = {"dropped": dropped, "kept": int((left & ~strays).sum())}
    record = record.kept(left & ~strays)
    for column in ("arrival", "cores", "duration"):
        unknown = int((~np.isfinite(getattr(record, column))).sum())
        if unknown:
            raise InputError(f"workload = {name!r}: {column} of {unknown} jobs is no finite number: take them out")
    if len(record) < 2 or record.arrival.min() == record.arrival.max() or record.duration.sum() == 0:
        raise InputError(
            f"workload = {name!r} is not allowed: a trace must hold at least two jobs, two different arrival_s "
            f"and one duration_s > 0"
        )
    return record.kept(np.argsort(record.arrival, kind="stable")), facts


def stray_arrivals(arrival: Array) -> NDArray[np.bool_]:
    """Which arrivals lie so far from all others that the record would be mostly empty: values that stand for "unknown"
    or "before the record", or a wrong unit.

    The shortest interval with 95 % of the arrivals says how long a record is. Where all of it is more than twice as
    long, what lies more than a tenth of the interval outside of it is a stray. Cost: one sort.
    """
    found = np.zeros(len(arrival), dtype=bool)
    count = int(np.ceil(TIGHT * len(arrival)))
    if count < 2:
        return found
    times = np.sort(arrival)
    lengths = times[count - 1 :] - times[: len(times) - count + 1]
    first = int(lengths.argmin())
    shortest = float(lengths[first])
    if not times[-1] - times[0] > STRAY * shortest:
        return found
    low, high = times[first] - MARGIN * shortest, times[first + count - 1] + MARGIN * shortest
    return np.asarray((arrival < low) | (arrival > high))


def _strays_named(name: str, arrival: Array, strays: NDArray[np.bool_]) -> str:
    rows = np.flatnonzero(strays)
    named = "; ".join(f"row {row + 2}: arrival_s = {arrival[row]:.15g}" for row in rows[:MOST_NAMED])
    more = f"; and {len(rows) - MOST_NAMED} more" if len(rows) > MOST_NAMED else ""
    near = arrival[~strays]
    return (
        f"workload = {name!r}: {len(rows)} of {len(arrival)} rows arrive far from all others, which lie in "
        f"[{near.min():.15g}, {near.max():.15g}] ({named}{more}): take out rows whose time is not known"
    )

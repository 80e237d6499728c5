"""The same claims on other numbers of workers and threads, and in other environments: verdicts and numbers.

    python -m scripts.campaigns.elsewhere [--claims C1,C2] [--with PYTHON ...]

The run to compare with has two workers of one thread each. Beside it: one worker, four workers, two threads a worker
(OMP_NUM_THREADS and its like), and the same with each PYTHON, the interpreter of an environment with this package in
it. Wanted: every row with the same verdict, and every number within --ulp roundings of the largest number of its array.
Times are left out, and with them the claims that are about times. Exit code 1 where anything else differs.
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dgpg_verify.reporting.ledger import read_ledger
from dgpg_verify.runs.cells import CELL_FOLDER, read_cell

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
TIMED, TIMED_CLAIM = "cost", "C5"  # the family of cells that measure times, and the claim that reads them
TIMES = ("seconds", "fitting")  # ends of the names of what is a time in other cells
ULP = 2**24  # of float64, as much as 1/32 of a rounding of float32, in which networks are trained


@dataclass(frozen=True)
class Place:
    """How a run is made: an interpreter, its workers, and each worker's threads."""

    python: str = sys.executable
    workers: int = 2
    threads: int = 1

    def __str__(self) -> str:
        where = "" if self.python == sys.executable else f", {self.python}"
        return f"{self.workers} workers, {self.threads} threads{where}"

    def run(self, folder: Path, claims: str, scale: str) -> None:
        """Measure and judge into `folder`; exit codes of rows that fail are those of the comparison, not of this."""
        words = ["verify", "--scale", scale, "--workers", str(self.workers), "--out", str(folder)]
        asked = ["--claims", claims] if claims else []
        environment = {**os.environ, **dict.fromkeys(THREADS, str(self.threads))}
        done = subprocess.run([self.python, "-m", "dgpg_verify", *words, *asked], env=environment,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)  # fmt: skip
        if not (folder / "ledger.json").is_file():
            raise SystemExit(f"{self}: no ledger\n{done.stderr}")


@dataclass
class Differences:
    """Rows with their differing verdicts; cells of one run alone; the farthest numbers of each family, in roundings of
    the largest number of their array, and how many cells of it are equal bit for bit."""

    verdicts: list[str]
    lost: list[str]
    farthest: dict[str, float]
    equal: dict[str, tuple[int, int]]

    def beyond(self, ulp: float) -> bool:
        return bool(self.verdicts or self.lost) or max(self.farthest.values(), default=0.0) > ulp


def differences(one: Path, other: Path) -> Differences:
    """What differs between two runs of the same claims at the same scale and seed."""
    first, second = verdicts_of(one), verdicts_of(other)
    verdicts = [
        f"{row}: {first.get(row)}, elsewhere {second.get(row)}"
        for row in sorted({*first, *second})
        if first.get(row) != second.get(row)
    ]
    cells, others = ({path.name for path in (run / CELL_FOLDER).glob("*.npz")} for run in (one, other))
    found = Differences(verdicts, sorted(cells ^ others), {}, {})
    for name in sorted(cells & others):
        (a, _), (b, _) = (read_cell(run / CELL_FOLDER / name) for run in (one, other))
        family = a.cell.claim
        if family == TIMED:
            continue
        far = distance(a.values, b.values)
        same, all_of = found.equal.get(family, (0, 0))
        found.equal[family] = (same + (far == 0.0), all_of + 1)
        found.farthest[family] = max(found.farthest.get(family, 0.0), far)
    return found


def verdicts_of(run: Path) -> dict[str, str]:
    return {row.row: row.verdict for row in read_ledger(run) if row.id != TIMED_CLAIM}


def distance(one: Any, other: Any) -> float:
    """How far two values are apart, in roundings of the largest number of their array; infinite where they are not both
    numbers and not equal. Values whose name ends as TIMES are left out."""
    if isinstance(one, Mapping) and isinstance(other, Mapping) and one.keys() == other.keys():
        return max((distance(one[k], other[k]) for k in one if not str(k).endswith(TIMES)), default=0.0)
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other) and not _numbers(one + other):
        return max(map(distance, one, other), default=0.0)
    if np.array_equal(one, other):
        return 0.0
    a, b = np.asarray(one), np.asarray(other)
    if a.shape != b.shape or not {a.dtype.kind, b.dtype.kind} <= set("fiu"):
        return math.inf
    return float(np.abs(a - b).max() / np.spacing(max(np.abs(a).max(), np.abs(b).max())))


def _numbers(values: list[Any]) -> bool:
    return all(isinstance(value, int | float) for value in values)


def lines(found: Differences) -> Iterator[str]:
    for family, (same, cells) in found.equal.items():
        yield f"  {family}: {same} of {cells} cells bit for bit, the farthest number {found.farthest[family]:.3g} ulp"
    yield from (f"  verdict of {row}" for row in found.verdicts)
    yield from (f"  only in one of them: {name}" for name in found.lost)


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--claims", default="", help="id prefixes, with commas between (default: all)")
    parser.add_argument("--scale", default="smoke")
    parser.add_argument("--ulp", type=float, default=ULP, help="the farthest that numbers may be apart")
    parser.add_argument("--with", dest="pythons", nargs="*", default=[], help="interpreters of other environments")
    asked = parser.parse_args(words)
    places = [Place(workers=1), Place(workers=4), Place(threads=2), *(Place(python) for python in asked.pythons)]
    failed = False
    with tempfile.TemporaryDirectory() as name:
        base = Path(name) / "base"
        Place().run(base, asked.claims, asked.scale)
        print(f"{Place()}: {len(verdicts_of(base))} rows", flush=True)
        for k, place in enumerate(places):
            place.run(folder := Path(name) / str(k), asked.claims, asked.scale)
            found = differences(base, folder)
            failed |= found.beyond(asked.ulp)
            print("\n".join([f"{place}: {len(found.verdicts)} verdicts differ", *lines(found)]), flush=True)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())

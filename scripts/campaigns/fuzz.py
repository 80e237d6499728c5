"""Every file that a user can hand in, damaged at random and read.

    python -m scripts.campaigns.fuzz                               every format for 20 s
    python -m scripts.campaigns.fuzz --seconds 60 --only fleet     those whose name begins so

What is wanted of each reading: a valid object or InputError. Failures are any other exception or warning, more than
5 s, a file written or removed, code that ran (a pickle within, or a word of the mutations), and more memory than
1 GiB above what the process had (then MemoryError). Each is kept, if --keep names a folder. Exit code 1 on any failure.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dgpg_verify.core import InputError
from scripts.campaigns.formats import FORMATS, Format

SECONDS, MEMORY = 5.0, 2**30
MEMORY_DISK = "/dev/shm"  # opening a file elsewhere takes longer than reading it


@dataclass
class Found:
    """What happened to the inputs of one format."""

    inputs: int = 0
    refused: int = 0
    slowest: float = 0.0
    failures: Counter[str] = field(default_factory=Counter)
    samples: dict[str, bytes] = field(default_factory=dict)

    def fail(self, kind: str, content: bytes) -> None:
        self.failures[kind] += 1
        self.samples.setdefault(kind, content)


class TooSlow(BaseException):
    """Raised by the alarm; nothing that reads a file catches it."""


def _alarm(*_: Any) -> None:
    raise TooSlow


def campaign(form: Format, seed: int, seconds: float, most: int = 10**9) -> Found:
    """Damage and read one format's file again and again, for so long or so often."""
    found, rng = Found(), random.Random(seed)
    handler = signal.signal(signal.SIGALRM, _alarm)
    with tempfile.TemporaryDirectory(dir=MEMORY_DISK if Path(MEMORY_DISK).is_dir() else None) as name:
        place, marker = Path(name) / "place", Path(name) / "place" / "marker"
        place.mkdir()
        path = form.make(place)
        valid, there = path.read_bytes(), _listing(place)
        form.read(path)  # the file as it is made can be read
        contents = [form.payload(marker)] if form.payload else []
        began, here = time.monotonic(), Path.cwd()
        os.chdir(place)
        try:
            while time.monotonic() - began < seconds and found.inputs < most:
                content = contents.pop() if contents else form.damage(valid, rng)
                path.write_bytes(content)
                _read(form, path, content, found)
                if _listing(place) != there:
                    found.fail("a file was written or removed, or code ran", content)
                    marker.unlink(missing_ok=True)
        finally:
            os.chdir(here)
            signal.signal(signal.SIGALRM, handler)
    return found


def _read(form: Format, path: Path, content: bytes, found: Found) -> None:
    """Read once and note what came of it."""
    found.inputs += 1
    began = time.perf_counter()
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        form.read(path)
    except InputError as error:
        found.refused += 1
        if "\n" in str(error):
            found.fail("more than one line", content)
    except TooSlow:
        found.fail(f"more than {SECONDS:g} s", content)
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        last = next((f for f in reversed(frames) if "dgpg_verify" in f.filename), frames[-1])
        found.fail(f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}", content)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
    found.slowest = max(found.slowest, time.perf_counter() - began)


def _listing(place: Path) -> list[str]:
    return sorted(os.path.join(at, name) for at, folders, names in os.walk(place) for name in (*folders, *names))


def limit_memory() -> None:
    """Let the process have MEMORY more bytes than now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="for each format")
    parser.add_argument("--inputs", type=int, default=10**9, help="of each format at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="formats whose name begins with one of these, with commas between")
    parser.add_argument("--keep", type=Path, help="a folder for one input of each kind of failure")
    given = parser.parse_args()
    warnings.simplefilter("error")
    limit_memory()
    print("| format | inputs | refused | slowest, ms | failures |\n|---|---|---|---|---|")
    failed = total = 0
    for name, form in FORMATS.items():
        if not name.startswith(tuple(given.only.split(","))):
            continue
        found = campaign(form, given.seed, given.seconds, given.inputs)
        failed, total = failed + found.failures.total(), total + found.inputs
        failures = json.dumps(dict(found.failures)) if found.failures else "0"
        print(f"| {name} | {found.inputs} | {found.refused} | {1e3 * found.slowest:.0f} | {failures} |", flush=True)
        for k, content in enumerate(found.samples.values() if given.keep else ()):
            given.keep.mkdir(parents=True, exist_ok=True)
            (given.keep / f"{name.replace(' ', '-')}-{k}").write_bytes(content)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(f"\n{total} inputs, {failed} failures, seed {given.seed}, most memory held {peak:.0f} MiB")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

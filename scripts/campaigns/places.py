"""Folders with two writers, on a full or read-only disk, and under a clock that is set back.

    python -m scripts.campaigns.places

Full and read-only disks are mounts, which only root can make (else they are left out, and said to be). Failures: an
exit code other than the one named below, more than one line or a traceback on stderr, a folder that differs afterwards
from what an undisturbed run writes (but for times). Exit code 1 on any failure.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from scripts.campaigns.kills import COMMANDS, Ended, run, start
from scripts.campaigns.written import contents

REFUSED = 2  # exit code
WRITERS = ("train", "verify")
BACK, FUTURE = 3600.0, 4e9


def two_writers(name: str, place: Path, wanted: dict[str, Any]) -> list[str]:
    """A second process is refused while the first one writes; once that is killed, the folder is whole again."""
    command = COMMANDS[name]
    first = start(command.words, place, name="first")
    _wait_for(lambda: (place / "run" / ".lock").exists() and (place / "run" / ".lock").stat().st_size > 0)
    os.kill(first.pid, signal.SIGSTOP)  # so that it is still there
    second = run(command.next_words(place), place)
    wrong = _refused(second, f"is being written by process {first.pid} ")
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    return wrong + _ends(command.next_words(place), place, wanted)


def full_disk(name: str, place: Path, wanted: dict[str, Any]) -> list[str]:
    """The disk fills up once the first file is there; with room again the run goes on."""
    command = COMMANDS[name]
    with mounted(place, "-t", "tmpfs", "-o", "size=8m", "none"):
        child = start(command.words, place)
        _wait_for(lambda: any(path.is_file() and path.name != ".lock" for path in place.rglob("*")))
        ballast = place / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as stream:
            while True:
                stream.write(bytes(4096))
        wrong = _refused(child.wait(), "No space left on device")
        wrong += [f"{path.name} is left" for path in place.rglob(".*")]
        ballast.unlink()
        return wrong + _ends(command.next_words(place), place, wanted)


def full_before(name: str, place: Path, wanted: dict[str, Any]) -> list[str]:
    """A disk that is full from the start: refused, and nothing changes."""
    command = COMMANDS[name]
    prepared = place.with_name("prepared")
    _prepare(name, prepared)
    with mounted(place, "-t", "tmpfs", "-o", "size=4m", "none"):
        shutil.copytree(prepared, place, dirs_exist_ok=True)
        ballast = place / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as stream:
            while True:
                stream.write(bytes(4096))
        before = set(place.rglob("*"))
        wrong = _refused(run(command.words, place), "")
        wrong += [f"{path.name} is there" for path in set(place.rglob("*")) - before]
        ballast.unlink()
        return wrong + _ends(command.words, place, wanted)


def read_only(name: str, place: Path, wanted: dict[str, Any]) -> list[str]:
    """A folder that cannot be written: refused, and nothing changes."""
    _prepare(name, place)
    with mounted(place, "--bind", str(place)):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(place)], check=True)
        before = contents(place)
        wrong = _refused(run(COMMANDS[name].words, place), "Read-only file system")
        return wrong + (["a file has changed"] if contents(place) != before else [])


def clock_set_back(name: str, place: Path, wanted: dict[str, Any]) -> list[str]:
    """The clock jumps an hour back while the command runs; files are from the future when it is run again."""
    command, real, began = COMMANDS[name], time.time, time.time()
    _prepare(name, place)
    time.time = lambda: real() - (BACK if real() - began > 0.2 else 0.0)  # inherited by the processes
    try:
        ended = run(command.words, place, stop=(signal.SIGKILL, 0.7))
        for path in place.rglob("*"):
            os.utime(path, (FUTURE, FUTURE))
        wrong = ["traceback"] if "Traceback" in ended.said else []
        return wrong + _ends(command.next_words(place), place, wanted)
    finally:
        time.time = real


@contextlib.contextmanager
def mounted(place: Path, *how: str) -> Iterator[None]:
    subprocess.run(["mount", *how, str(place)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def _prepare(name: str, place: Path) -> None:
    place.mkdir(exist_ok=True)
    before = COMMANDS[name].before
    if before:
        run(before, place)


def _wait_for(there: Callable[[], bool]) -> None:
    end = time.monotonic() + 60.0
    while not there():
        if time.monotonic() > end:
            raise TimeoutError("nothing was written for a minute")
        time.sleep(0.002)


def _refused(ended: Ended, words: str) -> list[str]:
    """What is wrong with a refusal; lines of progress before it are no fault."""
    said = ended.said.replace("\r", "\n").strip().splitlines()
    fine = ended.code == REFUSED and said and said[-1].startswith("error: ") and words in said[-1]
    return [] if fine and "Traceback" not in ended.said else [f"exit code {ended.code}: {ended.said[-300:]!r}"]


def _ends(words: list[str], place: Path, wanted: dict[str, Any]) -> list[str]:
    """What is wrong with a run that should end as the undisturbed one did."""
    ended = run(words, place)
    found = contents(place)
    differs = [file for file in wanted.keys() | found.keys() if wanted.get(file) != found.get(file)]
    return [f"exit code {ended.code}: {ended.said[-300:]!r}"] * bool(ended.code) + [f"{f} differs" for f in differs]


CASES = {two_writers: WRITERS, full_disk: WRITERS, full_before: ("report", "measure"), read_only: tuple(COMMANDS),
         clock_set_back: tuple(COMMANDS)}  # fmt: skip
MOUNTING = (full_disk, full_before, read_only)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="one of " + ", ".join(case.__name__ for case in CASES))
    parser.add_argument("--command", help="one of " + ", ".join(COMMANDS))
    given = parser.parse_args()
    chosen = [(case, name) for case, names in CASES.items() for name in names
              if given.only in (None, case.__name__) and given.command in (None, name)]  # fmt: skip
    print("| what | command | failures |\n|---|---|---|")
    failed = 0
    with tempfile.TemporaryDirectory() as made:
        wanted = {name: _undisturbed(name, Path(made) / name) for name in {name for _, name in chosen}}
        for case, name in chosen:
            place = Path(made) / f"{case.__name__}-{name}" / "place"
            place.mkdir(parents=True)
            if os.getuid() and case in MOUNTING:
                print(f"| {case.__name__} | {name} | left out: only root can mount |")
                continue
            wrong = case(name, place, wanted[name])
            failed += len(wrong)
            print(f"| {case.__name__} | {name} | {wrong or 0} |", flush=True)
    return 1 if failed or not chosen else 0


def _undisturbed(name: str, folder: Path) -> dict[str, Any]:
    place = folder / "place"
    folder.mkdir()
    _prepare(name, place)
    ended = run(COMMANDS[name].words, place)
    if ended.code:
        raise RuntimeError(f"{name}: {ended.said}")
    return contents(place)


if __name__ == "__main__":
    sys.exit(main())

"""Commands killed at random moments and run again: the end must be that of the uninterrupted run, bit for bit.

    python -m scripts.campaigns.kills                     100 kills of each command
    python -m scripts.campaigns.kills --kills 9 --only train

Each command runs in a process of its own, forked once everything is imported, so that kills fall on its work. It gets
SIGKILL, SIGTERM and SIGINT in turn at a moment drawn uniformly from the time of the uninterrupted run, is run again
(with --resume where there is one) and killed again, three times in all, then runs to its end. Failures: an end with
another exit code, a file that differs from the uninterrupted run's in more than the time it took, a file too many (such
as a lock or half a file), a traceback. Exit code 1 on any failure.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import torch
import torch._dynamo

import dgpg_verify.claims.run  # what commands import, before processes are forked
import dgpg_verify.measurement
import dgpg_verify.training.saved.folder  # noqa: F401
from dgpg_verify.cli import main as cli
from scripts.campaigns.written import contents

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
INTERRUPTED = 130
TURN = itertools.count()
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
IN_A_ROW = 3  # kills of one run before it is left to end
RUN = ["--out", "run"]
TRAIN = ["train", "load_balancing", "--n", "3", "--method", "mappo", "--episodes", "400", "--evaluate-every", "50",
         "--workloads", "4", "--set", "checkpoint_every=20"]  # fmt: skip
VERIFY = ["verify", "--scale", "smoke", "--claims", "A1", "--n-max", "8", "--workers", "1"]


@dataclass(frozen=True)
class Command:
    """words: of the command line. before: of the command whose files it reads. begun: the file from which --resume
    goes on, where there is that option."""

    words: list[str]
    before: list[str] | None = None
    begun: str | None = None

    def next_words(self, place: Path) -> list[str]:
        resumed = self.begun is not None and (place / self.begun).exists()
        return [*self.words, "--resume"] if resumed else self.words


COMMANDS = {
    "train": Command([*TRAIN, *RUN], begun="run/config.json"),
    "verify": Command([*VERIFY, *RUN], begun="run"),
    "report": Command(["report", "run", "--unfinished"], before=[*VERIFY, *RUN]),
    "measure": Command(["measure", "load_balancing", "--n", "6", "--rollouts", "4096", "--csv", "table.csv"]),
}


@dataclass
class Ended:
    """How a process ended (minus the signal, if by one), how long it took, and what it said on stderr."""

    code: int
    seconds: float
    said: str


def run(words: list[str], place: Path, fresh: bool = False, stop: tuple[int, float] | None = None) -> Ended:
    """Run a command in `place`; stop: a signal and after how many seconds it is sent."""
    child = start(words, place, fresh)
    timer = threading.Timer(stop[1], send, (child.pid, stop[0])) if stop else None
    if timer:
        timer.start()
    ended = child.wait()
    if timer:
        timer.cancel()
    return ended


def send(pid: int, number: int) -> None:
    """Send a signal, if the process has not ended just before."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


@dataclass(frozen=True)
class Child:
    """A command that runs; said: the file of its stderr."""

    pid: int
    began: float
    said: Path

    def wait(self) -> Ended:
        _, status = os.waitpid(self.pid, 0)
        return Ended(os.waitstatus_to_exitcode(status), time.perf_counter() - self.began, self.said.read_text())


def start(words: list[str], place: Path, fresh: bool = False, name: str = "err") -> Child:
    """Begin a command in `place`, with its stderr in a file of this name beside it."""
    began, said = time.perf_counter(), place.with_name(name)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # until the command has begun
    child = os.fork()
    if not child:
        _become(words, place, said, fresh)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    return Child(child, began, said)


def _become(words: list[str], place: Path, said: Path, fresh: bool) -> NoReturn:
    """Be the process of a command, in a new interpreter if `fresh`."""
    code = 99
    try:
        os.chdir(place)
        for number, path in ((1, Path(os.devnull)), (2, said)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        torch.set_num_threads(1)
        sys.argv = ["dgpg-verify", *words]
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        except KeyboardInterrupt:
            os._exit(INTERRUPTED)
        if fresh:
            os.execve(sys.executable, [sys.executable, "-m", "dgpg_verify", *words], ENVIRONMENT)
        cli.main()
    except SystemExit as left:
        code = int(left.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def trial(command: Command, place: Path, seconds: float, rng: random.Random, fresh: bool) -> tuple[int, list[str]]:
    """Kill a command three times, or until it ends by itself, then let it end: kills that met it, what went wrong."""
    met, wrong = 0, list[str]()
    for _ in range(IN_A_ROW):
        number = SIGNALS[next(TURN) % len(SIGNALS)]
        ended = run(command.next_words(place), place, fresh, (number, rng.uniform(0.0, seconds)))
        met += ended.code != 0
        if "Traceback" in ended.said and not fresh:  # which an interpreter writes that is only starting
            wrong.append(f"{number.name}: {ended.said.strip().splitlines()[-1]}")
        if ended.code not in (-number, INTERRUPTED, 0) and not (fresh and ended.code == 1):
            wrong.append(f"{number.name}: exit code {ended.code}")
    ended = run(command.next_words(place), place, fresh)
    return met, wrong + ([f"end: exit code {ended.code}: {ended.said[-200:]}"] if ended.code else [])


def campaign(name: str, kills: int, minutes: float, seed: int, fresh: bool) -> tuple[int, list[str]]:
    """Kills done, and what went wrong."""
    command, rng, met, wrong = COMMANDS[name], random.Random(seed), 0, list[str]()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as made:
        prepared = Path(made) / "prepared" / "place"
        prepared.mkdir(parents=True)
        if command.before:
            run(command.before, prepared, fresh)
        place = Path(made) / "run" / "place"
        shutil.copytree(prepared, place)
        whole = run(command.words, place, fresh)
        if whole.code:
            return 0, [f"uninterrupted: exit code {whole.code}: {whole.said[-200:]}"]
        wanted = contents(place)
        while met < kills and time.monotonic() - began < 60 * minutes:
            shutil.rmtree(place)
            shutil.copytree(prepared, place)
            more, faults = trial(command, place, whole.seconds, rng, fresh)
            met, wrong = met + more, wrong + faults + _differences(wanted, contents(place))
    return met, wrong


def _differences(wanted: dict[str, Any], found: dict[str, Any]) -> list[str]:
    both = wanted.keys() & found.keys()
    return [
        *(f"{file} is there" for file in found.keys() - both),
        *(f"{file} is lacking" for file in wanted.keys() - both),
        *(f"{file} differs" for file in both if wanted[file] != found[file]),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100, help="of each command")
    parser.add_argument("--minutes", type=float, default=60.0, help="for each command at most")
    parser.add_argument("--only", help="one of " + ", ".join(COMMANDS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fresh", action="store_true", help="a new interpreter each time: kills fall on its start too")
    given = parser.parse_args()
    print("| command | kills | failures | minutes |\n|---|---|---|---|")
    failed = 0
    for name in [given.only] if given.only else COMMANDS:
        began = time.monotonic()
        kills, wrong = campaign(name, given.kills, given.minutes, given.seed, given.fresh)
        failed += len(wrong)
        print(f"| {name} | {kills} | {json.dumps(wrong)} | {(time.monotonic() - began) / 60:.1f} |", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

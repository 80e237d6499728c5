"""Mutants of the statistics, the credits, the measurement, the judge and the exact games: do tests see them?

    python -m scripts.campaigns.mutants                                        60 of each room
    python -m scripts.campaigns.mutants --drawn 5 --only judge
    python -m scripts.campaigns.mutants --at dgpg_verify/statistics/lines.py:134  of the drawn ones those of a line

Of all mutants of a room (`altered`) some are drawn at random. Each is imported in a process of its own, forked once
torch and its like are loaded, in place of the module's own source; no file is altered. First run the tests that carry
the module's name, then, the quickest first, the room's others. Killed: a test fails, or they take longer than
5 times what they take otherwise and 10 s more. Tests that start another interpreter see no mutant. Hypothesis draws the
same examples each time. Exit code 1 if one survives that `equivalent.toml` does not explain.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import resource
import select
import signal
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType
from typing import Any, NoReturn

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: threads do not outlive a fork

import hypothesis
import joblib  # noqa: F401
import matplotlib.pyplot  # noqa: F401
import pandas  # noqa: F401
import pydantic  # noqa: F401
import pytest
import torch
import torch._dynamo
import typer  # noqa: F401
from scipy.stats import binomtest

from scripts.campaigns.altered import ROOT, Mutant, draw

SLOWER, LATER = 5.0, 10.0  # times the usual time of the tests, and seconds more
MEMORY = 2**32  # more than the process had
HEAD = "| room | mutants | drawn | killed | equivalent | survived | killed, 95 % | s |"
EQUIVALENT = Path(__file__).with_name("equivalent.toml")
OPTIONS = ["-x", "-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]


@dataclass(frozen=True)
class Room:
    """Patterns of its sources and tests, from the root; others: of sources that belong to another room."""

    sources: Sequence[str]
    tests: Sequence[str]
    others: Sequence[str] = ()

    def files(self) -> list[Path]:
        left_out = set(_found(self.others))
        return [path for path in _found(self.sources) if path not in left_out]


JUDGE = [
    *(f"dgpg_verify/claims/{name}.py" for name in ("deciding", "question", "readings", "outcome")),
    *(f"dgpg_verify/statistics/{name}.py" for name in ("verdict", "headline")),
    "dgpg_verify/reporting/summary.py",
]
JUDGED = [
    *(f"tests/claims/test_{name}.py" for name in ("deciding", "question", "readings", "outcome")),
    *(f"tests/statistics/test_{name}.py" for name in ("verdict", "headline", "allowed_set")),
    *(f"tests/reporting/test_{name}.py" for name in ("summary", "matrix")),
]
ROOMS = {
    "statistics": Room(["dgpg_verify/statistics/**/*.py"], ["tests/statistics/**/test_*.py"], JUDGE),
    "credits": Room(["dgpg_verify/credits/*.py"], ["tests/credits/test_*.py"]),
    "measurement": Room(["dgpg_verify/measurement/*.py"], ["tests/measurement/test_*.py"]),
    "judge": Room(JUDGE, JUDGED),
    "exact": Room(["dgpg_verify/equilibria/exact/*.py"],
                  [f"tests/equilibria/{folder}/test_*.py" for folder in ("exact", "counterexamples")]),
    "games": Room(["dgpg_verify/equilibria/games/*.py"],
                  [*(f"tests/equilibria/{folder}/test_*.py" for folder in ("games", "nash")),
                   "tests/cli/test_equilibria.py"]),
}  # fmt: skip


def _found(patterns: Iterable[str]) -> list[Path]:
    return sorted(path for pattern in patterns for path in ROOT.glob(pattern))


@dataclass(eq=False)
class _Times:
    """A plugin of pytest: writes down the seconds that each file of tests takes, with its fixtures."""

    path: Path
    seconds: Counter[str] = field(default_factory=Counter)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid.partition("::")[0]] += report.duration

    def pytest_sessionfinish(self) -> None:
        self.path.write_text(json.dumps(self.seconds))


class _Altered(SourceFileLoader):
    """Loads a module from a mutant, and writes no compiled file of it."""

    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self.source = source

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.source, self.path, "exec", dont_inherit=True)


@dataclass(frozen=True)
class _Finder(MetaPathFinder):
    mutant: Mutant

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname != self.mutant.module:
            return None
        file = str(ROOT / self.mutant.file)
        return spec_from_file_location(fullname, file, loader=_Altered(fullname, file, self.mutant.source))


def run(tests: Sequence[str], mutant: Mutant | None, most: float, plugins: Sequence[object] = ()) -> tuple[int, str]:
    """Run tests in a forked process with a mutant, if any, for at most so many seconds: pytest's exit code, minus a
    signal's number, and what was written."""
    if any(name.partition(".")[0] == "dgpg_verify" for name in sys.modules):
        raise RuntimeError("what is imported before the fork cannot be altered")
    with tempfile.TemporaryDirectory() as place, open(Path(place) / "said", "w+b") as said:
        child = os.fork()
        if not child:
            _become(tests, mutant, Path(place) / "tests", said.fileno(), plugins)
        watch = os.pidfd_open(child)
        select.select([watch], [], [], most)
        os.close(watch)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # itself, or what it left behind
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        return code, said.read().decode(errors="replace")


def _become(tests: Sequence[str], mutant: Mutant | None, place: Path, said: int, plugins: Sequence[object]) -> NoReturn:
    """Be the process of one run of pytest."""
    code = 99
    try:
        os.setsid()  # what it starts ends with it
        os.chdir(ROOT)
        for number in (1, 2):
            os.dup2(said, number)
        _limit_memory()
        torch.set_num_threads(1)
        if mutant:
            sys.meta_path.insert(0, _Finder(mutant))
        slow = [hypothesis.HealthCheck.too_slow]  # which says nothing of a mutant on a busy machine
        hypothesis.settings.register_profile(
            "mutants", derandomize=True, database=None, deadline=None, suppress_health_check=slow
        )
        hypothesis.settings.load_profile("mutants")
        code = int(pytest.main([*OPTIONS, f"--basetemp={place}", *tests], plugins=plugins))
    finally:
        sys.stdout.flush()
        os._exit(code)


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


@dataclass(frozen=True)
class Usual:
    """Tests without a mutant: seconds of each file, and seconds until the first begins."""

    seconds: dict[str, float]
    start: float

    @classmethod
    def measure(cls, tests: Sequence[str]) -> Usual:
        with tempfile.TemporaryDirectory() as place:
            written, began = Path(place) / "times", time.perf_counter()
            code, said = run(tests, None, 3600.0, [_Times(written)])
            if code:
                raise RuntimeError(f"without a mutant the tests end with {code}:\n{said[-3000:]}")
            seconds = json.loads(written.read_text())
        return cls(seconds, time.perf_counter() - began - sum(seconds.values()))

    def stages(self, mutant: Mutant) -> list[list[str]]:
        """The tests that carry the module's name, then all others, the quickest first."""
        name = f"test_{Path(mutant.file).stem}"
        ordered = sorted(self.seconds, key=lambda test: self.seconds[test])
        own = [test for test in ordered if Path(test).stem.startswith(name)]
        return [part for part in (own, [test for test in ordered if test not in own]) if part]

    def survives(self, mutant: Mutant) -> bool:
        for tests in self.stages(mutant):
            usual = self.start + sum(self.seconds[test] for test in tests)
            if run(tests, mutant, SLOWER * usual + LATER)[0]:
                return False
        return True


@dataclass
class Tested:
    """What became of the mutants of one room."""

    possible: int = 0
    drawn: int = 0
    equivalent: int = 0
    seconds: float = 0.0
    survivors: list[Mutant] = field(default_factory=list)

    @property
    def killed(self) -> int:
        return self.drawn - self.equivalent - len(self.survivors)

    def line(self, name: str) -> str:
        share = binomtest(self.killed, self.drawn).proportion_ci(0.95, "exact")
        cells = (name, self.possible, self.drawn, self.killed, self.equivalent, len(self.survivors),
                 f"{share.low:.3f} - {share.high:.3f}", f"{self.seconds:.0f}")  # fmt: skip
        return f"| {' | '.join(map(str, cells))} |"


def campaign(name: str, drawn: int, seed: int, minutes: float, lines: Sequence[str] = ()) -> Tested:
    """Draw mutants of a room and test them, for at most so many minutes; lines: FILE:LINE, where only those count."""
    room, began, explained = ROOMS[name], time.monotonic(), explanations()
    possible, mutants = draw(room.files(), drawn, f"{seed} {name}")
    tested = Tested(possible)
    usual = Usual.measure([str(path.relative_to(ROOT)) for path in _found(room.tests)])
    for mutant in mutants:
        if lines and f"{mutant.file}:{mutant.line}" not in lines:
            continue
        if time.monotonic() - began > 60.0 * minutes:
            break
        tested.drawn += 1
        if (mutant.file, *mutant.change) in explained:
            tested.equivalent += 1
        elif usual.survives(mutant):
            tested.survivors.append(mutant)
            print(text_of(mutant), file=sys.stderr, flush=True)
    tested.seconds = time.monotonic() - began
    return tested


def explanations() -> dict[tuple[str, str, str], str]:
    """Why a mutant does what the source does, by file, lines before and lines after."""
    entries = tomllib.loads(EQUIVALENT.read_text())["mutant"]
    return {(entry["file"], entry["before"], entry["after"]): entry["why"] for entry in entries}


def text_of(mutant: Mutant) -> str:
    before, after = mutant.change
    return f"{mutant.file}:{mutant.line}\n- {before}\n+ {after}\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--drawn", type=int, default=60, help="mutants of each room")
    parser.add_argument("--minutes", type=float, default=60.0, help="for each room at most")
    parser.add_argument("--only", default=",".join(ROOMS), help="rooms, with commas between")
    parser.add_argument("--at", default="", help="of the drawn ones those of FILE:LINE, with commas between")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    gc.freeze()
    print(f"{HEAD}\n{'|---' * HEAD.count(' | ')}|---|")
    survivors = list[Mutant]()
    for name in given.only.split(","):
        tested = campaign(name, given.drawn, given.seed, given.minutes, [line for line in given.at.split(",") if line])
        survivors += tested.survivors
        if tested.drawn:
            print(tested.line(name), flush=True)
    print("\nsurvived:\n" if survivors else "", *map(text_of, survivors), sep="\n")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())

"""Wall times of the commands themselves. Only noted, never asserted: a test does not race against a clock.

Each row takes as long as the command it times, so all are skipped unless a speed table is being written
(DGPG_SPEED_TABLE), and the standard run also needs DGPG_SPEED_STANDARD=1.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
GRADIENTS = ("--claims", "C1,A1,A3")
TRAINING = ("--claims", "C4,C5")
COMMANDS = {
    "`pytest theorems/` without benchmark": ((), 180),
    "`--benchmark --scale smoke`, C1 + A1 + A3": (("--benchmark", "--scale", "smoke", *GRADIENTS), 30),
    "`--benchmark --scale smoke`, C4 + C5": (("--benchmark", "--scale", "smoke", *TRAINING), 30),
    "`--benchmark --scale standard`, C1 + A1 + A3": (("--benchmark", "--scale", "standard", *GRADIENTS), 480),
    "`--benchmark --scale standard`, C4 + C5": (("--benchmark", "--scale", "standard", *TRAINING), 720),
}


@pytest.mark.parametrize("what", COMMANDS)
def test_wall_time_of_a_command(what: str, tmp_path: Path, benchmark: Any, speed_row: Callable[..., None]) -> None:
    options, goal = COMMANDS[what]
    if "DGPG_SPEED_TABLE" not in os.environ:
        pytest.skip("timed only when a speed table is written (DGPG_SPEED_TABLE)")
    if "standard" in options and os.environ.get("DGPG_SPEED_STANDARD") != "1":
        pytest.skip("takes minutes: DGPG_SPEED_STANDARD=1 asks for it")
    where = ("--out", str(tmp_path / "run")) if options else ()

    def run() -> float:
        began = time.perf_counter()
        command = [sys.executable, "-m", "pytest", "theorems/", "-q", *options, *where]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-2000:]
        return time.perf_counter() - began

    seconds = benchmark.pedantic(run, rounds=1)
    note = "wall time on 2 cores, other work kept away; measuring, judging, drawing and tests"
    speed_row(what, f"<= {goal} s", f"{seconds:.0f} s", seconds <= goal, note)

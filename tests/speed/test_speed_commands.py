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
# claims, and the files of theorems/ that test their rows
GRADIENTS = ("C1,A1,A3", ("test_06", "test_08", "test_1"))
TRAINING = ("C4,C5", ("test_4", "test_5"))
COMMANDS: dict[str, tuple[str, tuple[str, tuple[str, ...]] | None, int]] = {
    "`pytest theorems/` without benchmark": ("", None, 180),
    "`--benchmark --scale smoke`, C1 + A1 + A3": ("smoke", GRADIENTS, 30),
    "`--benchmark --scale smoke`, C4 + C5": ("smoke", TRAINING, 30),
    "`--benchmark --scale standard`, C1 + A1 + A3": ("standard", GRADIENTS, 480),
    "`--benchmark --scale standard`, C4 + C5": ("standard", TRAINING, 720),
}


@pytest.mark.parametrize("what", COMMANDS)
def test_wall_time_of_a_command(what: str, tmp_path: Path, benchmark: Any, speed_row: Callable[..., None]) -> None:
    scale, family, goal = COMMANDS[what]
    if "DGPG_SPEED_TABLE" not in os.environ:
        pytest.skip("timed only when a speed table is written (DGPG_SPEED_TABLE)")
    if scale == "standard" and os.environ.get("DGPG_SPEED_STANDARD") != "1":
        pytest.skip("takes minutes: DGPG_SPEED_STANDARD=1 asks for it")
    command = [sys.executable, "-m", "pytest", "-q", *_arguments(scale, family, tmp_path / "run")]

    def run() -> float:
        began = time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-2000:]
        return time.perf_counter() - began

    seconds = benchmark.pedantic(run, rounds=1)
    counted = "measuring, judging, drawing, the tests of these claims" if family else "all exact checks, properties"
    note = f"wall time on 2 cores, other work kept away; {counted}"
    speed_row(what, f"<= {goal} s", f"{seconds:.0f} s", seconds <= goal, note)


def _arguments(scale: str, family: tuple[str, tuple[str, ...]] | None, out: Path) -> list[str]:
    """A family of claims with the tests of its rows; the exact checks and properties have a line of their own."""
    if family is None:
        return ["theorems/"]
    claims, starts = family
    files = [path for path in sorted((ROOT / "theorems").glob("test_*.py")) if path.name.startswith(starts)]
    assert len(files) >= len(starts)
    return [*map(str, files), "--benchmark", "--scale", scale, "--claims", claims, "--out", str(out)]

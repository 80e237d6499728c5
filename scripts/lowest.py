"""Run unit tests with every direct dependency at its lower bound, in a new environment.

    make lowest                           the tests below
    make lowest ARGS="tests/training"     others

What the dependencies need in turn is as new as it may be; nothing is compiled. On Linux the lower bound of torch comes
with 3 GB of GPU libraries.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Every room that calls numpy, scipy, torch or pandas in its own way, and the plugin of pytest.
ROOMS = ("core", "systems", "policies", "credits", "measurement", "runs", "reporting", "cli")
TESTS = [*(f"tests/{room}" for room in ROOMS), "tests/claims/test_ledger_rows.py"]


def lowest() -> list[str]:
    """The dependencies of pyproject.toml, each at its lower bound."""
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    return [requirement.replace(">=", "==") for requirement in stated]


def main(tests: list[str]) -> int:
    """Install, print the versions, test; pytest's exit code."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / "bin" / "python")
        install = [python, "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
        subprocess.run([*install, *lowest(), str(ROOT)], check=True)
        subprocess.run([python, "-m", "pip", "freeze"], check=True)
        return subprocess.run([python, "-m", "pytest", *tests], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or TESTS))

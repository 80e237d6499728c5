"""What a reader needs to repeat a run: commit, versions, processor, command. No host, user or path."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

ENVIRONMENT = "environment.json"
NUMERIC = ("numpy", "scipy", "torch")
PACKAGES = (*NUMERIC, "statsmodels", "hypothesis", "pytest", "joblib")


def describe_run(options: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The content of environment.json. options: scale, seed, claims ...; source: hash of the package."""
    commit, dirty = _commit()
    return {
        "schema": 1,
        "commit": commit,
        "dirty": dirty,
        "source": source,
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "command": relative_command(sys.argv, Path.cwd()),
        **options,
    }


def numeric_versions() -> dict[str, str | None]:
    """The versions that the last digits of a number may depend on."""
    return {"python": ".".join(platform.python_version_tuple()[:2])} | {name: _version(name) for name in NUMERIC}


def relative_command(arguments: Sequence[str], here: Path) -> str:
    """The command line with the program's name and paths made relative; outer ones keep their last part. The address
    of a cluster is left out."""
    program = Path(arguments[0]).name if arguments and arguments[0] else "python"
    if program == "__main__.py":
        program = Path(arguments[0]).parent.name
    return " ".join([program, *(_relative(argument, here) for argument in arguments[1:])])


def _relative(argument: str, here: Path) -> str:
    option, equals, value = argument.partition("=") if argument.startswith("-") else ("", "", argument)
    if "://" in value:  # of a cluster: a place
        return f"{option}{equals}ADDRESS"
    path = Path(value).expanduser() if value.startswith("~") else Path(value)
    if path.is_absolute():
        value = path.relative_to(here).as_posix() if path.is_relative_to(here) else path.name
    return f"{option}{equals}{value}"


def _commit() -> tuple[str | None, bool | None]:
    """Commit and dirty flag of the checkout that holds the package; (None, None) outside one. Reports are left out of
    the flag: a sitting of a long run writes into its own."""
    package = Path(__file__).resolve().parent
    try:
        commit = _git(package, "rev-parse", "HEAD").strip()
        return commit, bool(_git(package, "status", "--porcelain", "--", ":/", ":(top,exclude)reports").strip())
    except (OSError, subprocess.SubprocessError):
        return None, None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=20).stdout


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"

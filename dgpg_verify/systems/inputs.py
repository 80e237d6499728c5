"""Files that a trained system was built from: found again where they were, and compared with what they held then."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dgpg_verify.core import InputError, System

DIGEST = "sha256"
TRACES = "DGPG_TRACES"  # environment variable: folder with recorded nodes and jobs, and with real networks


def file_digest(*paths: Path) -> str:
    """First 16 hex digits of the SHA-256 of files: enough to tell two inputs apart."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def digests(files: Mapping[str, Path]) -> dict[str, dict[str, str]] | None:
    """What a system records of its input files, by option; None without any."""
    return {option: {DIGEST: file_digest(path)} for option, path in files.items()} or None


@contextlib.contextmanager
def within_range(what: str) -> Iterator[None]:
    """InputError naming what was read where its numbers, each finite, are too large or too small for a calculation."""
    try:
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            yield
    except ArithmeticError as error:
        raise InputError(f"{what} holds numbers too large or too small to calculate with ({error})") from None


def recorded_place(folder: Path) -> str:
    """The working directory as seen from a run folder, so that both can be moved together."""
    try:
        return os.path.relpath(Path.cwd(), folder)
    except ValueError:  # another drive
        return str(Path.cwd())


def at_place(config: Mapping[str, Any], place: Path) -> dict[str, Any]:
    """A system's `config()` with the relative paths of its inputs, KIND:PATH or NAME.SUFFIX, taken from `place`."""
    found = dict(config)
    for name in config.get("inputs", {}):
        text = str(config.get(name))
        kind, colon, path = text.partition(":") if ":" in text else ("", "", text)
        if colon or Path(path).suffix:  # else one that comes with the package, or follows from another option
            found[name] = f"{kind}{colon}{place / Path(path).expanduser()}"
    return found


def check_inputs(recorded: Mapping[str, Any], system: System) -> None:
    """InputError where an input holds something else than when its digest was recorded."""
    now = system.config()
    for name, origin in recorded.get("inputs", {}).items():
        then, held = (facts.get(DIGEST) for facts in (origin, now.get("inputs", {}).get(name, {})))
        if then is not None and then != held:
            given = f"the file of {name}" if now.get(name) is None else f"{name} = {now[name]!r}"
            raise InputError(
                f"{given} has changed since the run was trained: its sha256 begins {held}, that of "
                f"the run {then}; put the file of the run back, or train again"
            )

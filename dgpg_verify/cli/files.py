"""Places that a command writes to: looked at before any work, written whole at its end."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from dgpg_verify.core import InputError
from dgpg_verify.runs.files import write_atomic

LEAST_FREE = 2**20  # bytes on the disk before a command starts


def check_folder(option: str, path: Path | None) -> None:
    """InputError unless `path` is, or can become, a folder that can be written; leaves nothing behind."""
    if path is not None:
        _check_writable(option, path, path)


def _check_writable(option: str, path: Path, folder: Path) -> None:
    """InputError unless `folder` can be written, on behalf of the `path` that the user named."""
    nearest = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    if not nearest.is_dir():
        raise InputError(f"{option} = {str(path)!r} is not allowed: {str(nearest)!r} is a file, not a folder")
    try:
        with tempfile.TemporaryFile(dir=nearest):  # without a name: a kill leaves none
            free = shutil.disk_usage(nearest).free
    except OSError as error:
        raise InputError(f"{option} = {str(path)!r} cannot be written ({error.strerror})") from None
    if free < LEAST_FREE:
        raise InputError(f"{option} = {str(path)!r} cannot be written: {free} bytes are free, 1 MiB is needed")


def check_new_folder(option: str, path: Path | None) -> None:
    """InputError unless `path` is, or can become, an empty folder that can be written."""
    check_folder(option, path)
    if path is not None and path.exists() and any(path.iterdir()):
        raise InputError(f"{option} = {str(path)!r} is not empty: choose another folder")


def check_file(option: str, path: Path | None) -> None:
    """InputError unless `path` is a file that can be written, or a new name for one; a file there is replaced."""
    if path is None:
        return
    if path.is_dir():
        raise InputError(f"{option} = {str(path)!r} is a folder: it must be a file")
    if not path.exists() or path.is_file():
        _check_writable(option, path, path.parent)


def write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Records as CSV with one header; unknown numbers are empty. A device such as /dev/stdout is written directly."""
    text = pd.DataFrame(rows).to_csv(index=False)
    if path.exists() and not path.is_file():
        path.write_text(text)
    else:
        write_atomic(path, text)

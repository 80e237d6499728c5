"""What a command has written, file by file, without the times that it holds: equal runs give equal contents."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

# Fields that hold times, or how the last of several runs was called.
TIMES = ("seconds", "measuring_seconds", "cell_seconds", "kept_cells", "resume", "command")


def contents(place: Path) -> dict[str, Any]:
    """Every file below a place by its name, without the times that it holds."""
    files = [path for path in place.rglob("*") if path.is_file()]
    return {path.relative_to(place).as_posix(): READERS.get(path.suffix, Path.read_bytes)(path) for path in files}


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _timeless(item) for name, item in value.items() if name not in TIMES}
    return [_timeless(item) for item in value] if isinstance(value, list) else value


def _cell(path: Path) -> Any:
    with np.load(io.BytesIO(path.read_bytes())) as stored:
        arrays = {name: (stored[name].dtype.str, stored[name].shape, stored[name].tobytes()) for name in stored.files}
        return arrays | {"record": _timeless(json.loads(str(stored["record"][()])))}


def _checkpoint(path: Path) -> Any:
    def plain(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return str(value.dtype), tuple(value.shape), value.numpy().tobytes()
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        return {name: plain(item) for name, item in value.items()} if isinstance(value, dict) else value

    stored = plain(torch.load(path, weights_only=True))
    return stored | {"plain": _timeless(json.loads(stored["plain"]))}


def _table(path: Path) -> Any:
    head, *rows = [line.split(",") for line in path.read_text().splitlines()]
    kept = [k for k, name in enumerate(head) if name not in TIMES]
    return [[row[k] for k in kept] for row in (head, *rows)]


def _page(path: Path) -> Any:
    """A page without the lines that say how long things took and which command was the last."""
    return [line for line in path.read_text().splitlines() if not any(name in line for name in ("seconds", "commit"))]


READERS: dict[str, Callable[[Path], Any]] = {
    ".npz": _cell,
    ".pt": _checkpoint,
    ".json": lambda path: _timeless(json.loads(path.read_text())),
    ".csv": _table,
    ".html": _page,
}

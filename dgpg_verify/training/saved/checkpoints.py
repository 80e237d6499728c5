"""Checkpoints hold everything a run is made of, so that a resumed run equals the uninterrupted one bit for bit.

A run folder holds `config.json` (configuration), `checkpoint.pt` (tensors only) and `log.csv`. Files are data: tensors
are read with weights_only, the rest is JSON.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dgpg_verify.core import InputError, check_int, check_real
from dgpg_verify.runs.files import in_short, read_json, write_atomic
from dgpg_verify.training.saved.logs import LogLine

CONFIG, CHECKPOINT = "config.json", "checkpoint.pt"
# In config.json beside the configuration: the working directory as seen from the folder, and the episodes that a run
# had before it was resumed for more.
PLACE, EARLIER = "place", "earlier_episodes"
BESIDE = (PLACE, EARLIER)
SCHEMA = 2


@dataclass(frozen=True)
class Progress:
    """How far a run has come. done: episodes; seconds: of learning; history: lines of the log; evaluations: episode
    and held-out returns."""

    done: int
    seconds: float
    history: tuple[LogLine, ...]
    evaluations: tuple[tuple[int, NDArray[np.float64]], ...]

    def to_json(self) -> str:
        history = [asdict(record) for record in self.history]
        evaluations = [[episode, returns.tolist()] for episode, returns in self.evaluations]
        parts = {"done": self.done, "seconds": self.seconds, "history": history, "evaluations": evaluations}
        return json.dumps(parts, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Progress:
        """Raises KeyError, TypeError or ValueError for what `to_json` has not written."""
        parts = json.loads(text)
        history = tuple(LogLine(**record) for record in parts["history"])
        evaluations = tuple(
            (check_int("episode", episode, 0), np.asarray(returns, dtype=np.float64))
            for episode, returns in parts["evaluations"]
        )
        return cls(
            check_int("done", parts["done"], 0), check_real("seconds", parts["seconds"], 0.0), history, evaluations
        )


def save_checkpoint(folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Any], progress: Progress) -> None:
    """Write tensors (nested dicts of tensors and numbers) and progress as JSON atomically, config inside."""
    stored = {"schema": SCHEMA, "config": canonical(config), "plain": progress.to_json(), **tensors}
    content = io.BytesIO()
    torch.save(stored, content)
    write_atomic(folder / CHECKPOINT, content.getvalue())


def load_checkpoint(folder: Path, config: Mapping[str, Any] | None = None) -> tuple[dict[str, Any], Progress]:
    """(tensors, progress) of a folder's checkpoint.

    Raises InputError when there is none, when it is corrupt, or when it belongs to another configuration: then the
    first value that differs is named.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        raise InputError(f"{folder} holds no {CHECKPOINT}: there is nothing to resume or to evaluate")
    try:
        stored = torch.load(path, weights_only=True)
        later = isinstance(stored["schema"], int) and stored["schema"] > SCHEMA
        if stored["schema"] != SCHEMA and not later:
            raise ValueError(f"schema {stored['schema']} is not {SCHEMA}")
        parsed = None if later else (json.loads(stored["config"]), Progress.from_json(stored["plain"]))
    except Exception as error:  # torch.load raises many kinds on a damaged file
        reason = f"checkpoint {path.name} in {folder} is corrupt ({in_short(error)}): delete it and train again"
        raise InputError(reason) from None
    if parsed is None:
        raise InputError(f"{path.name} in {folder} is of schema {stored['schema']}, of a later version: take that one")
    known, progress = parsed
    if config is not None:
        check_same(known, longer(json.loads(canonical(config)), known), folder)
    return {name: value for name, value in stored.items() if name not in ("schema", "config", "plain")}, progress


def resumable(folder: Path, config: Mapping[str, Any]) -> tuple[dict[str, Any], Progress] | None:
    """The checkpoint that a run of this configuration left; None = it was stopped before its first one.

    Raises InputError when train has not written the folder, or when it belongs to another configuration.
    """
    if (folder / CHECKPOINT).exists():
        return load_checkpoint(folder, config)
    known = {name: value for name, value in read_config(folder).items() if name not in BESIDE}
    check_same(known, json.loads(canonical(config)), folder)
    return None


def longer(config: dict[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with the episodes of a shorter run of the same kind, which it may go on with."""
    had, asked = known.get("episodes"), config.get("episodes")
    more = isinstance(had, int) and isinstance(asked, int) and asked > had
    return {**config, "episodes": had} if more else config


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    write_atomic(folder / CONFIG, json.dumps(config, indent=1, sort_keys=True, allow_nan=False) + "\n")


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration of a run folder. Raises InputError when there is none or it cannot be read."""
    if not (folder / CONFIG).exists():
        raise InputError(f"{folder} holds no {CONFIG}: it is not a folder written by train")
    config = read_json(folder / CONFIG)
    if not isinstance(config, dict):
        raise InputError(f"{CONFIG} in {folder} is a {type(config).__name__}: it must be a JSON object")
    if not isinstance(config.get(PLACE, ""), str):
        raise InputError(f"{CONFIG} in {folder}: {PLACE} = {config[PLACE]!r} is not allowed: it must be a path")
    return config


def canonical(config: Mapping[str, Any]) -> str:
    return json.dumps(config, sort_keys=True, allow_nan=False)


def check_same(known: Mapping[str, Any], current: Mapping[str, Any], folder: Path, prefix: str = "") -> None:
    """Raise InputError at the first value that differs from the folder's, named as settings.epochs."""
    for name in sorted({*known, *current}):
        old, new = known.get(name), current.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            check_same(old, new, folder, f"{prefix}{name}.")
        elif old != new:
            raise InputError(
                f"{prefix}{name} = {new!r} is not allowed here: the checkpoint in {folder} was made with {old!r}"
            )

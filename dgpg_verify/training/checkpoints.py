"""Checkpoints hold everything a run is made of, so that a resumed run equals the uninterrupted one bit for bit.

A run folder holds `config.json` (what was asked), `checkpoint.pt` (tensors only) and `log.csv`. Files are data: tensors
are read with weights_only, the rest is JSON.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from dgpg_verify.core import InputError

CONFIG, CHECKPOINT = "config.json", "checkpoint.pt"
SCHEMA = 2


def save_checkpoint(
    folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Any], plain: Mapping[str, Any]
) -> None:
    """Write tensors (nested dicts of tensors and numbers) and plain JSON values atomically, config inside."""
    stored = {"schema": SCHEMA, "config": canonical(config), "plain": json.dumps(plain, allow_nan=False), **tensors}
    temporary = folder / f".{CHECKPOINT}.{os.getpid()}.tmp"
    try:
        torch.save(stored, temporary)
        temporary.replace(folder / CHECKPOINT)
    finally:
        temporary.unlink(missing_ok=True)


def load_checkpoint(folder: Path, config: Mapping[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """(tensors, plain values) of a folder's checkpoint.

    Raises InputError when there is none, when it is corrupt, or when it belongs to another configuration: then the
    first value that differs is named.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        raise InputError(f"{folder} holds no {CHECKPOINT}: there is nothing to resume or to evaluate")
    try:
        stored = torch.load(path, weights_only=True)
        if stored["schema"] != SCHEMA:
            raise ValueError(f"schema {stored['schema']} is not {SCHEMA}")
        known, plain = json.loads(stored["config"]), json.loads(stored["plain"])
    except Exception as error:  # torch.load raises many kinds on a damaged file
        reason = " ".join(str(error).split())[:120]
        raise InputError(
            f"checkpoint {path.name} in {folder} is corrupt ({reason}): delete it and train again"
        ) from None
    if config is not None:
        _same(known, json.loads(canonical(config)), folder)
    return {name: value for name, value in stored.items() if name not in ("schema", "config", "plain")}, plain


def check_resumable(folder: Path, config: Mapping[str, Any]) -> bool:
    """Whether a run of this configuration left a checkpoint; False = it was stopped before its first one.

    Raises InputError when the folder is none of train's, or belongs to another configuration.
    """
    if (folder / CHECKPOINT).exists():
        load_checkpoint(folder, config)
        return True
    _same(read_config(folder), json.loads(canonical(config)), folder)
    return False


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{CONFIG}.{os.getpid()}.tmp"
    temporary.write_text(json.dumps(config, indent=1, sort_keys=True, allow_nan=False) + "\n")
    temporary.replace(folder / CONFIG)


def read_config(folder: Path) -> dict[str, Any]:
    """What a run folder was made with. Raises InputError when there is none or it cannot be read."""
    try:
        config: dict[str, Any] = json.loads((folder / CONFIG).read_text())
        return config
    except FileNotFoundError:
        raise InputError(f"{folder} holds no {CONFIG}: it is no run folder of train") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{CONFIG} in {folder} cannot be read ({error})") from None


def canonical(config: Mapping[str, Any]) -> str:
    return json.dumps(config, sort_keys=True, allow_nan=False)


def _same(known: Mapping[str, Any], asked: Mapping[str, Any], folder: Path, prefix: str = "") -> None:
    """Raise InputError at the first value that differs, named as settings.epochs."""
    for name in sorted({*known, *asked}):
        old, new = known.get(name), asked.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            _same(old, new, folder, f"{prefix}{name}.")
        elif old != new:
            raise InputError(
                f"{prefix}{name} = {new!r} is not allowed here: the checkpoint in {folder} was made with {old!r}"
            )

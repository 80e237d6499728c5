"""Finished cells on disk: one atomic file each, keyed by package source, configuration and seed.

A cell's file name depends on the cell alone, the key inside also on the source that measured it: a resumed
run re-uses a file only if the key matches; a later judgement finds one file per cell whatever the code is.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dgpg_verify.core.errors import InputError, NonFiniteError
from dgpg_verify.core.records import Cell, Evidence, to_json
from dgpg_verify.runs.files import in_short, write_atomic

SCHEMA = 1
CELL_FOLDER = "cells"
Finished = tuple[Evidence, str]  # what a cell measured, and its key
Source = str | Callable[[Cell], str]  # hash of the code that measures a cell
ADVICE = "delete the file, or run again with --resume after deleting it"


def cell_name(cell: Cell) -> str:
    """The cell in one readable line."""
    return f"{cell.claim} {cell.row} n={cell.n} replicate={cell.replicate} seed={cell.seed}"


def cell_file(cell: Cell) -> str:
    """Path of a cell's file below the run folder; a function of the cell alone."""
    digest = hashlib.sha256(_canonical(to_json(cell)).encode()).hexdigest()[:16]
    return f"{_slug(cell.claim, cell.row)}-n{cell.n}-r{cell.replicate}-{digest}.npz"


def cell_files(cell: Cell) -> str:
    """Pattern of the files of all cells of this cell's row, below the run folder."""
    return f"{_slug(cell.claim, cell.row)}-n*-r*.npz"


def _slug(claim: str, row: str) -> str:
    return f"{CELL_FOLDER}/" + re.sub(r"[^A-Za-z0-9.]+", "-", f"{claim}-{row}").strip("-.")[:80]


def cell_key(source: Source, cell: Cell) -> str:
    """sha256 of (source, cell with its options and seed)."""
    found = source if isinstance(source, str) else source(cell)
    return hashlib.sha256(_canonical([found, to_json(cell)]).encode()).hexdigest()


class CellStore:
    """Finished cells of one run folder, in its sub-folder `cells`.

    folder: the run folder. source: hash of the code that measures, or a function of the cell that gives it. Only a cell
    whose key matches counts as finished. kept: where else finished cells lie; None for a cell that is not there.
    """

    def __init__(
        self,
        folder: str | Path,
        source: Source,
        kept: Callable[[Cell], Finished | None] = lambda cell: None,
    ) -> None:
        self.folder = Path(folder)
        self.source, self._kept = source, kept

    def key(self, cell: Cell) -> str:
        return cell_key(self.source, cell)

    def path(self, cell: Cell) -> Path:
        return self.folder / cell_file(cell)

    def has(self, cell: Cell) -> bool:
        """Whether the cell is finished under its present key. A corrupt file raises InputError."""
        return self.find(cell, self.key(cell)) is not None

    def find(self, cell: Cell, key: str) -> Evidence | None:
        """The evidence of a cell that holds this key; None if there is none. A corrupt file raises InputError."""
        path = self.path(cell)
        if path.exists():
            evidence, held = read_cell(path)
            if held == key:
                return evidence
        kept = self._kept(cell)
        return kept[0] if kept is not None and kept[1] == key else None

    def load(self, cell: Cell) -> Evidence:
        """The evidence of a finished cell; InputError if there is none, or if it is corrupt."""
        evidence = self.find(cell, self.key(cell))
        if evidence is None:
            raise InputError(f"no finished cell for {cell_name(cell)} in {self.folder}: run again with --resume")
        return evidence


def write_cell(path: Path, key: str, evidence: Evidence) -> None:
    """Write evidence and key to `path` atomically; raises what `cell_bytes` raises, and OSError."""
    write_atomic(path, cell_bytes(key, evidence))


def cell_bytes(key: str, evidence: Evidence) -> bytes:
    """The content of a cell's file. Arrays are kept as arrays, everything else as JSON.

    Raises NonFiniteError for NaN or infinity (unknown numbers are None), TypeError for what has no JSON form.
    """
    plain: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}
    for name, value in evidence.values.items():
        _refuse_non_finite(evidence.cell, name, value)
        if isinstance(value, np.ndarray) and value.dtype.kind not in "biuf":
            raise TypeError(f"{cell_name(evidence.cell)}: array {name!r} has dtype {value.dtype}, not a number")
        (arrays if isinstance(value, np.ndarray) else plain)[name] = value
    record = {
        "schema": SCHEMA,
        "key": key,
        "cell": to_json(evidence.cell),
        "seconds": float(evidence.seconds),
        "values": to_json(plain),
        "arrays": list(arrays),
    }
    stored: dict[str, Any] = {f"array{k}": array for k, array in enumerate(arrays.values())}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, record=np.array(_canonical(record)), **stored)
    return buffer.getvalue()


def read_cell(path: Path) -> Finished:
    """Evidence and key of one file. A corrupt, truncated or foreign file raises InputError naming it."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"cell file {path.name} is corrupt ({error}): {ADVICE}") from None
    return unpack_cell(content, path.name)


def unpack_cell(content: bytes, file: str) -> Finished:
    """The inverse of `cell_bytes`; InputError naming the file where it is not one."""
    try:
        with np.errstate(all="raise"), np.load(io.BytesIO(content), allow_pickle=False) as stored:
            record = json.loads(str(stored["record"][()]))
            if record["schema"] != SCHEMA:
                raise ValueError(f"schema {record['schema']} is not {SCHEMA}")
            values = dict(record["values"])
            for k, name in enumerate(record["arrays"]):
                values[name] = stored[f"array{k}"]
            cell = Cell(**record["cell"])
            return Evidence(cell, values, float(record["seconds"])), str(record["key"])
    except Exception as error:  # numpy, zipfile and their decoders raise many kinds on a damaged file
        raise InputError(f"cell file {file} is corrupt ({in_short(error)}): {ADVICE}") from None


def unique_cells(cells: Iterable[Cell]) -> list[Cell]:
    """The cells without repeats, in order of first appearance: rows may share a measurement."""
    return list({cell_file(cell): cell for cell in cells}.values())


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _refuse_non_finite(cell: Cell, name: str, value: Any) -> None:
    """Raise NonFiniteError naming the cell and the value; looks into lists and mappings."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            where = [int(k) for k in np.argwhere(~np.isfinite(value))[0]]
            raise NonFiniteError(f"{cell_name(cell)}: {name}{where} = {value[tuple(where)]} is not finite")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _refuse_non_finite(cell, f"{name}.{key}", item)
    elif isinstance(value, list | tuple):
        for k, item in enumerate(value):
            _refuse_non_finite(cell, f"{name}[{k}]", item)
    elif isinstance(value, float | np.floating) and not math.isfinite(value):
        raise NonFiniteError(f"{cell_name(cell)}: {name} = {value} is not finite")

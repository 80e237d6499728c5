"""Compact evidence: the finished cells of a run in one file a family, small enough to be committed and judged again.

Thousands of small records shrink far better together. A family's file is an .npz, data and never code: the records of
its cells as JSON text, their keys, and one long array per dtype that holds their arrays end to end, bit for bit.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dgpg_verify.core.errors import InputError
from dgpg_verify.core.records import Cell, Evidence, to_json
from dgpg_verify.runs.cells import Finished, cell_file
from dgpg_verify.runs.files import in_short, read_json, write_atomic

SCHEMA = 1
EVIDENCE_FOLDER = "evidence"
EVIDENCE_INDEX = f"{EVIDENCE_FOLDER}/index.json"
ADVICE = "take the committed file again, or delete the evidence folder and measure with --resume"


def is_compact(folder: Path) -> bool:
    """Whether the folder holds compact evidence and no cells: the form in which a run is committed."""
    return (folder / EVIDENCE_INDEX).is_file() and not (folder / "cells").is_dir()


def write_evidence(folder: Path, index: Mapping[str, Any], cells: Iterable[Finished]) -> list[Path]:
    """Write finished cells as compact evidence.

    Parameters
    ----------
    folder : the folder to write into, below its sub-folder `evidence`.
    index : what the run says of itself; kept in the index of the evidence beside the sha256 of every file.
    cells : evidence with its key, in the order in which it is kept.

    Returns
    -------
    The families' files.
    """
    families: dict[str, list[Finished]] = {}
    for finished in cells:
        families.setdefault(finished[0].cell.claim, []).append(finished)
    paths, hashes = [], {}
    for family, found in families.items():
        content = _packed(found)
        hashes[family] = hashlib.sha256(content).hexdigest()
        paths.append(write_atomic(_path(folder, family), content))
    text = json.dumps(to_json({**index, "families": hashes}), separators=(",", ":"), allow_nan=False)
    write_atomic(folder / EVIDENCE_INDEX, text + "\n")
    return paths


class CompactEvidence:
    """The compact evidence of a folder, if it holds any; a family's file is read when it is first needed.

    Raises InputError, naming the file, for one that is missing, corrupt, or not the one that the index names.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, dict[str, Finished]] = {}

    def find(self, cell: Cell) -> Finished | None:
        """Evidence and key of a cell; None if it is not here."""
        return self._family(cell.claim).get(cell_file(cell)) if cell.claim in self._hashes else None

    def keys(self) -> dict[str, str]:
        """File name of every cell -> its key."""
        return {file: key for family in self._hashes for file, (_, key) in self._family(family).items()}

    @cached_property
    def _hashes(self) -> dict[str, str]:
        path = self.folder / EVIDENCE_INDEX
        if not path.is_file():
            return {}
        data = read_json(path)
        families = data.get("families") if isinstance(data, dict) else None
        if not isinstance(families, dict):
            raise InputError(f"{self.folder.name}/{EVIDENCE_INDEX} names no families: {ADVICE}")
        return families

    def _family(self, family: str) -> dict[str, Finished]:
        if family not in self._read:
            path = _path(self.folder, family)
            name = f"{EVIDENCE_FOLDER}/{path.name}"
            if not path.is_file():
                raise InputError(f"{name} is missing in {self.folder.name}: {ADVICE}")
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != self._hashes[family]:
                raise InputError(f"{name} is not the file that {EVIDENCE_INDEX} names: {ADVICE}")
            try:
                self._read[family] = {cell_file(found[0].cell): found for found in _unpacked(content)}
            except Exception as error:  # as of a cell
                raise InputError(f"{name} is corrupt ({in_short(error)}): {ADVICE}") from None
        return self._read[family]


def _path(folder: Path, family: str) -> Path:
    return folder / EVIDENCE_FOLDER / (re.sub(r"[^A-Za-z0-9.]+", "-", family).strip("-.") + ".npz")


def _packed(cells: Sequence[Finished]) -> bytes:
    """The content of a family's file; the same cells give the same bytes."""
    parts: dict[str, list[np.ndarray]] = {}
    records = []
    for evidence, _ in cells:
        arrays = {name: value for name, value in evidence.values.items() if isinstance(value, np.ndarray)}
        plain = {name: value for name, value in evidence.values.items() if name not in arrays}
        places = []
        for name, array in arrays.items():
            parts.setdefault(array.dtype.str, []).append(array.ravel(_order(array)))
            places.append([name, array.dtype.str, array.shape, _order(array)])
        records.append({"cell": evidence.cell, "seconds": evidence.seconds, "values": plain, "arrays": places})
    content = to_json({"schema": SCHEMA, "dtypes": list(parts), "cells": records})
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    keys = np.frombuffer(bytes.fromhex("".join(key for _, key in cells)), np.uint8)
    stored = {"records": np.frombuffer(text.encode(), np.uint8), "keys": keys.reshape(len(cells), -1)}
    return _zipped(stored | {f"array{k}": np.concatenate(found) for k, found in enumerate(parts.values())})


def _zipped(arrays: Mapping[str, np.ndarray]) -> bytes:
    """An .npz as np.load reads it, packed by LZMA, without the time of day."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")
            member.compress_type = zipfile.ZIP_LZMA
            with file.open(member, "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, array, allow_pickle=False)
    return buffer.getvalue()


def _unpacked(content: bytes) -> Iterator[Finished]:
    """The inverse of `_packed`."""
    with np.errstate(all="raise"), np.load(io.BytesIO(content), allow_pickle=False) as stored:
        data = json.loads(stored["records"].tobytes())
        if data["schema"] != SCHEMA:
            raise ValueError(f"schema {data['schema']} is not {SCHEMA}")
        arrays = {dtype: stored[f"array{k}"] for k, dtype in enumerate(data["dtypes"])}
        keys = stored["keys"]
    taken = dict.fromkeys(arrays, 0)
    for record, key in zip(data["cells"], keys, strict=True):
        values = dict(record["values"])
        for name, dtype, shape, order in record["arrays"]:
            first, taken[dtype] = taken[dtype], taken[dtype] + math.prod(shape)
            values[name] = arrays[dtype][first : taken[dtype]].reshape(shape, order=order)
        yield Evidence(Cell(**record["cell"]), values, float(record["seconds"])), key.tobytes().hex()


def _order(array: np.ndarray) -> Literal["C", "F"]:
    """Order in memory: sums over an array depend on it in their last bit."""
    return "F" if array.flags.fnc else "C"

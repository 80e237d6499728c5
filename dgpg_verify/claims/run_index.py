"""What a run folder holds: which rows of which claims, under which keys; and which folders a run may write to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.design import SCALES, Row, row_from_json
from dgpg_verify.claims.subjects import TRACES, trace_digests
from dgpg_verify.core import Cell, Evidence, InputError, check_choice, check_int
from dgpg_verify.runs import CellStore, cell_file
from dgpg_verify.runs.environment import ENVIRONMENT
from dgpg_verify.runs.evidence import EVIDENCE_INDEX, CompactEvidence
from dgpg_verify.runs.files import read_json, write_json
from dgpg_verify.runs.lock import is_empty
from dgpg_verify.runs.sources import measuring_hash

INDEX = "cells/index.json"
SCHEMA = 2
RowName = tuple[str, str]  # family and key


@dataclass(frozen=True)
class RunIndex:
    """What a run measures: the rows of all claims, each row once, which claims asked for them, and the keys that the
    cells must hold."""

    scale: str
    seed: int
    claims: Mapping[str, Sequence[RowName]]
    rows: Mapping[RowName, Row]
    folder: Path = Path()
    keys: Mapping[str, str] = field(default_factory=dict)
    compact: CompactEvidence = field(default_factory=lambda: CompactEvidence(Path()))

    @classmethod
    def planned(cls, claims: Sequence[Claim], scale: str, seed: int) -> tuple[RunIndex, dict[RowName, Claim]]:
        """The index of a new run, and the claim that measures each row; InputError where two claims declare one row
        differently."""
        rows: dict[RowName, Row] = {}
        owners: dict[RowName, Claim] = {}
        names: dict[str, list[RowName]] = {}
        for claim in claims:
            for row in claim.design(scale):
                name = row.family, row.key
                if rows.setdefault(name, row) != row:
                    raise InputError(f"row {'/'.join(name)} of {claim.id} differs from that of {owners[name].id}")
                owners.setdefault(name, claim)
                names.setdefault(claim.id, []).append(name)
        return cls(scale, seed, names, rows), owners

    def joined(self, earlier: RunIndex) -> RunIndex:
        """This index of a resumed run with the claims that it had before and that were not asked for again: their rows
        stay as they were measured, whatever the design says now."""
        claims = {name: rows for name, rows in earlier.claims.items() if name not in self.claims}
        kept = {name: earlier.rows[name] for rows in claims.values() for name in rows if name not in self.rows}
        files = {cell_file(cell) for row in kept.values() for cell in row.cells(self.seed)}
        keys = {file: key for file, key in earlier.keys.items() if file in files}
        return replace(self, claims={**claims, **self.claims}, rows={**kept, **self.rows}, keys={**keys, **self.keys})

    def write(self, folder: Path) -> None:
        """What the folder says of itself."""
        write_json(folder / INDEX, {**self.head(), "cells": self.keys})

    def head(self) -> dict[str, Any]:
        """All but the keys."""
        head = {"schema": SCHEMA, "scale": self.scale, "seed": self.seed}
        return head | {"claims": self.claims, "rows": list(self.rows.values())}

    @classmethod
    def read(cls, folder: Path) -> RunIndex:
        """The index of the cells, else that of compact evidence, whose cells all hold the keys that they should."""
        name = next((name for name in (INDEX, EVIDENCE_INDEX) if (folder / name).exists()), None)
        if name is None:
            raise InputError(f"{str(folder)!r} is not a run folder: it holds no {INDEX}")
        data = read_json(folder / name)
        broken = f"{folder.name}/{name}"
        if isinstance(data, dict) and isinstance(data.get("schema"), int) and data["schema"] > SCHEMA:
            raise InputError(f"{broken} is of schema {data['schema']}, of a later version: take that version for it")
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            raise InputError(f"{broken} is not of schema {SCHEMA}: delete the folder and measure again")
        compact = CompactEvidence(folder)
        keys = compact.keys() if name == EVIDENCE_INDEX else None
        try:
            rows = [row_from_json(row) for row in data["rows"]]
            claims = {str(name): [(family, key) for family, key in names] for name, names in data["claims"].items()}
            check_choice("scale", data["scale"], SCALES)
            by_name = {(row.family, row.key): row for row in rows}
            _ = [by_name[name] for names in claims.values() for name in names]
            seed = check_int("seed", data["seed"], 0)
            held = dict(data["cells"]) if keys is None else keys
            return cls(data["scale"], seed, claims, by_name, folder, held, compact)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{broken} is damaged ({error!r}): delete it and run with --resume") from None

    def evidence(self, unfinished: bool) -> tuple[dict[RowName, list[Evidence]], int, int]:
        """The cells of every row, how many cells are missing, and of how many."""
        store = CellStore(self.folder, "", self.compact.find)
        claimed, missing = set(), 0
        evidence: dict[RowName, list[Evidence]] = {}
        groups = ((name, row.cells_at(n, self.seed)) for name, row in self.rows.items() for n in row.n_values)
        for name, planned in groups:  # the cells of a row at one N are judged together or not at all
            files = [cell_file(cell) for cell in planned]
            claimed |= set(files)
            cells = [store.find(cell, self.keys.get(file, "")) for cell, file in zip(planned, files)]
            whole = [cell for cell in cells if cell is not None]
            if len(whole) == len(cells):
                evidence.setdefault(name, []).extend(whole)
            elif unfinished:
                missing += len(cells)
            else:
                lost = files[cells.index(None)]
                raise InputError(
                    f"{len(cells) - len(whole)} of {len(cells)} cells of {'/'.join(name)} are not finished ({lost}): "
                    "measure them with --resume, or judge what is whole with `dgpg-verify report --unfinished`"
                )
        unclaimed = sorted(set(self.keys) - claimed)
        if unclaimed:
            raise InputError(f"{len(unclaimed)} cells belong to no row of {INDEX} ({unclaimed[0]}): measure again")
        return evidence, missing, len(claimed)


def store_of(folder: Path, owners: Mapping[RowName, Claim]) -> CellStore:
    """The cells of a run folder, under the keys that the claims which measure them give now."""
    measures = {name: claim.measure for name, claim in owners.items()}  # alone, since they travel to other machines

    def source(cell: Cell) -> str:
        return measuring_hash(measures[cell.claim, cell.row])

    return CellStore(folder, source, CompactEvidence(folder).find)


def is_run(folder: Path) -> bool:
    """Whether a run has begun there, or its compact evidence lies there."""
    return (folder / INDEX).exists() or (folder / EVIDENCE_INDEX).exists()


def check_folder(folder: Path, scale: str, seed: int, resume: bool) -> None:
    """Refuse a file, a non-empty folder without resume, and a resumed folder of another scale or seed."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"out = {str(folder)!r} is not allowed: it is a file, not a folder")
    if not folder.exists() or is_empty(folder):
        return
    if not resume:
        raise InputError(f"out = {str(folder)!r} exists already: choose another folder, or resume it with --resume")
    if is_run(folder):
        index = RunIndex.read(folder)
        if (index.scale, index.seed) != (scale, seed):
            held = f"scale {index.scale}, seed {index.seed}"
            raise InputError(f"out = {str(folder)!r} holds {held}, not scale {scale}, seed {seed}")
        _check_traces(folder)


def _check_traces(folder: Path) -> None:
    """InputError where a recorded file is not the one that the run's cells were measured with."""
    path = folder / ENVIRONMENT
    then, now = (read_json(path) if path.exists() else {}).get("traces", {}), trace_digests()
    for name in then.keys() & now.keys():
        if then[name] != now[name]:
            raise InputError(
                f"{name} in ${TRACES} is not the file of the run in {str(folder)!r}: its sha256 begins {now[name]}, "
                f"that of the run {then[name]}; put the file of the run back, or choose another folder"
            )

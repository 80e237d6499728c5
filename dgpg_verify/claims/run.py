"""A run: measure the cells of the selected claims, judge from files alone, write the report."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dgpg_verify.claims.registry import SCALES, Claim, select_claims
from dgpg_verify.core import Cell, Evidence, InputError, LedgerRow, check_choice, check_int, check_unique, to_json
from dgpg_verify.reporting import write_ledger, write_records, write_report, write_variance_csv
from dgpg_verify.runs import CellStore, cell_file, run_cells, source_hash, unique_cells
from dgpg_verify.runs.cells import read_cell
from dgpg_verify.runs.environment import describe_run
from dgpg_verify.runs.files import check_schema, read_json, write_json
from dgpg_verify.runs.sitting import Sitting
from dgpg_verify.runs.sources import measuring_hash

INDEX = "cells/index.json"
ENVIRONMENT = "environment.json"
SPEED = "speed.json"


@dataclass(frozen=True)
class RunResult:
    """The judged rows, where they lie, and from which scale on each row has to be decided. missing: cells that a
    judgement of an unfinished run did without."""

    rows: tuple[LedgerRow, ...]
    folder: Path
    scale: str
    decided_at: Mapping[str, str]
    missing: int = 0


def default_workers() -> int:
    """Two workers where there are two cores."""
    return min(2, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def default_folder(scale: str, seed: int) -> Path:
    return Path("reports") / f"{scale}-seed{seed}"


def run_claims(
    claims: str | Sequence[Claim] | None = None,
    scale: str = "standard",
    seed: int = 0,
    workers: int | None = None,
    resume: bool = False,
    out: str | Path | None = None,
    progress: bool = True,
    rows: str | None = None,
    n_max: int | None = None,
) -> RunResult:
    """Measure, judge and report.

    claims: prefixes ("C1,A3"), claim objects, or None for all. scale: smoke, standard or full. out: the run
    folder, `reports/<scale>-seed<seed>` by default; an existing one is refused unless `resume`, which keeps
    every finished cell whose key (package source, configuration, seed) matches. rows, n_max: measure only the cells
    whose row fits one of these patterns ("dgpg/*,mappo") and whose N is at most n_max, then judge what is whole, as
    `rejudge` does of an unfinished run; other sittings go on with `resume`. The ledger does not depend on `workers`
    but for `seconds`. Raises InputError before anything is written.
    """
    chosen = select_claims(claims) if claims is None or isinstance(claims, str) else list(claims)
    check_unique("claims", [claim.id for claim in chosen])
    check_choice("scale", scale, SCALES)
    seed = check_int("seed", seed, 0, 2**63 - 1)
    workers = default_workers() if workers is None else check_int("workers", workers, 1, 1024)
    folder = Path(out) if out is not None else default_folder(scale, seed)
    options = {"scale": scale, "seed": seed, "workers": workers, "resume": resume}
    options["claims"] = [claim.id for claim in chosen]
    _check_folder(folder, scale, seed, resume)
    wanted = {claim.id: unique_cells(claim.cells(scale, seed)) for claim in chosen}
    every = [cell for cells in wanted.values() for cell in cells]
    now = Sitting.of(rows, n_max).chosen(every)

    owners = _owners(chosen, wanted)
    store = CellStore(folder, owners.source)
    described = describe_run(options, source_hash())
    write_json(folder / ENVIRONMENT, described)
    listed = {name: {cell_file(cell): store.key(cell) for cell in cells} for name, cells in wanted.items()}
    write_json(folder / INDEX, {"schema": 1, "scale": scale, "seed": seed, "claims": listed})
    kept = sum(store.has(cell) for cell in unique_cells(every)) if resume else 0
    began = time.perf_counter()
    measured = iter(run_cells(now, owners.measure, store, workers, resume, progress, owners.cost))
    timed = {"measuring_seconds": round(time.perf_counter() - began, 1), "kept_cells": kept}
    write_json(folder / ENVIRONMENT, described | timed)
    if len(now) < len(every):
        return rejudge(folder, chosen, unfinished=True)
    evidence = {name: [next(measured) for _ in cells] for name, cells in wanted.items()}
    return _judge_and_report(chosen, evidence, folder, scale)


def rejudge(folder: str | Path, claims: Sequence[Claim] | None = None, unfinished: bool = False) -> RunResult:
    """Judge and draw again from the cells of a run folder alone; measures nothing.

    claims: the claim objects if they are not registered. unfinished: allow for missing cells; a row is then judged at
    those N at which all its replicates are there, never from some of them (whoever looks would choose the sample), and
    the page says what is missing. Raises InputError if the folder is no run, or not finished without `unfinished`.
    """
    folder = Path(folder)
    index = _read_index(folder)
    known = {claim.id: claim for claim in (select_claims() if claims is None else claims)}
    unknown = [name for name in index["claims"] if name not in known]
    if unknown:
        raise InputError(f"{folder.name}/{INDEX} names unknown claims: {', '.join(unknown)}")
    listed: Mapping[str, Mapping[str, str]] = index["claims"]
    missing: set[str] = set()
    if unfinished:
        whole = {name: _whole_groups(folder, files) for name, files in listed.items()}
        missing = {file for name, files in listed.items() for file in files if file not in whole[name]}
        listed = {name: files for name, files in whole.items() if files}
        if not listed:
            raise InputError(f"{folder.name} holds no row with all its replicates at any N: run on with --resume")
    _note_missing(folder, len(missing), len({file for files in index["claims"].values() for file in files}))
    evidence = {name: _read_listed(folder, name, files) for name, files in listed.items()}
    judged = _judge_and_report([known[name] for name in listed], evidence, folder, index["scale"])
    return replace(judged, missing=len(missing))


@dataclass(frozen=True)
class _Owners:
    """Which claim measures a cell: the first that lists its (claim, row)."""

    by_row: Mapping[tuple[str, str], Claim]

    def measure(self, cell: Cell) -> Evidence:
        return self.by_row[cell.claim, cell.row].measure(cell)

    def cost(self, cell: Cell) -> float:
        hook = getattr(self.by_row[cell.claim, cell.row], "cost", None)
        return float(hook(cell)) if hook else float(cell.n)

    def source(self, cell: Cell) -> str:
        return measuring_hash(self.by_row[cell.claim, cell.row].measure)


def _owners(claims: Sequence[Claim], cells: Mapping[str, Sequence[Cell]]) -> _Owners:
    by_row: dict[tuple[str, str], Claim] = {}
    for claim in claims:
        for cell in cells[claim.id]:
            by_row.setdefault((cell.claim, cell.row), claim)
    return _Owners(by_row)


def _judge_and_report(
    claims: Sequence[Claim], evidence: Mapping[str, Sequence[Evidence]], folder: Path, scale: str
) -> RunResult:
    """Judge every claim, then write ledger, records, CSV and page."""
    rows: list[LedgerRow] = []
    tables: dict[str, dict[str, Any]] = {}
    decided: dict[str, str] = {}
    for claim in claims:
        seen = evidence[claim.id]
        judged = list(claim.judge(seen))
        rows += judged
        at = getattr(claim, "decided_at", "standard")
        decided.update({row.row: at if isinstance(at, str) else at.get(row.row, "standard") for row in judged})
        made = claim.tables(seen) if hasattr(claim, "tables") else {}
        for name, records in made.items():  # claims that share cells make the same records: keep one of each
            plain = (to_json(record) for record in records)
            tables.setdefault(name, {}).update({json.dumps(r, sort_keys=True): r for r in plain})
    check_unique("row keys of the ledger", [row.row for row in rows])
    _note_seconds(folder, evidence)
    records_of = {name: list(records.values()) for name, records in tables.items()}
    if (folder / SPEED).exists():  # written beside the run by the speed suite, see `make reference`
        records_of["speed"] = json.loads((folder / SPEED).read_text())
    write_ledger(folder, rows)
    write_records(folder, records_of)
    write_variance_csv(folder, records_of.get("moments", []))
    write_report(folder)
    return RunResult(tuple(rows), folder, scale, decided)


def _check_folder(folder: Path, scale: str, seed: int, resume: bool) -> None:
    """Refuse a file, a non-empty folder without resume, and a resumed folder of another scale or seed."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"out = {str(folder)!r} is not allowed: it is a file, not a folder")
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not resume:
        raise InputError(f"out = {str(folder)!r} exists already: choose another folder, or resume it with --resume")
    if (folder / INDEX).exists():
        index = _read_index(folder)
        if (index["scale"], index["seed"]) != (scale, seed):
            held = f"scale {index['scale']}, seed {index['seed']}"
            raise InputError(f"out = {str(folder)!r} holds {held}, not scale {scale}, seed {seed}")


def _read_index(folder: Path) -> dict[str, Any]:
    """Scale, seed and, claim by claim, the files of a run with the keys they must hold."""
    if not (folder / INDEX).exists():
        raise InputError(f"{str(folder)!r} is no run folder: it holds no {INDEX}")
    index = read_json(folder / INDEX)
    claims = check_schema(folder / INDEX, index, "claims", dict)
    whole = all(isinstance(files, dict) for files in claims.values())
    if not whole or index.get("scale") not in SCALES or not isinstance(index.get("seed"), int):
        raise InputError(f"{folder.name}/{INDEX} lacks scale, seed or files: delete it and run with --resume")
    return {"scale": index["scale"], "seed": index["seed"], "claims": claims}


def _whole_groups(folder: Path, files: Mapping[str, str]) -> dict[str, str]:
    """The files of those rows and N of which no cell is missing, or measured by another state of the code."""

    def group(file: str) -> str:
        return re.sub(r"-r\d+-[0-9a-f]+\.npz$", "", file)

    lacking = {group(file) for file, key in files.items() if _finished(folder / file, key) is None}
    return {file: key for file, key in files.items() if group(file) not in lacking}


def _note_missing(folder: Path, missing: int, cells: int) -> None:
    """Say in environment.json, which the page reads, how much of the run a judgement did without."""
    if not (folder / ENVIRONMENT).exists():
        return
    described = read_json(folder / ENVIRONMENT)
    described.pop("unfinished", None)
    write_json(
        folder / ENVIRONMENT, described | ({"unfinished": {"missing": missing, "cells": cells}} if missing else {})
    )


def _note_seconds(folder: Path, evidence: Mapping[str, Sequence[Evidence]]) -> None:
    """Say in environment.json what all cells took together, in however many sittings."""
    seconds = {cell_file(item.cell): item.seconds for items in evidence.values() for item in items}
    if (folder / ENVIRONMENT).exists():
        described = read_json(folder / ENVIRONMENT)
        write_json(folder / ENVIRONMENT, described | {"cell_seconds": round(sum(seconds.values()), 1)})


def _finished(path: Path, key: str) -> Evidence | None:
    """The evidence of a cell; None if it is missing or of another state of the code."""
    found = read_cell(path) if path.exists() else None
    return found[0] if found is not None and found[1] == key else None


def _read_listed(folder: Path, claim: str, files: Mapping[str, str]) -> list[Evidence]:
    """The evidence of one claim; a missing cell, or one of another state of the code, raises InputError."""
    found = {file: _finished(folder / file, key) for file, key in files.items()}
    lost = [file for file, evidence in found.items() if evidence is None]
    if lost:
        raise InputError(
            f"{len(lost)} of {len(files)} cells of {claim} are not finished ({lost[0]}): measure them with --resume, "
            "or judge what is whole with `dgpg-verify report --unfinished`"
        )
    return [evidence for evidence in found.values() if evidence is not None]

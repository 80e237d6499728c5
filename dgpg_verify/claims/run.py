"""A run: measure the cells of the selected claims into a folder, then judge the folder.

`judge_folder` is the only way from cells to rows, also right after measuring. The folder's index holds the rows of the
design that were measured, so a judgement reads them there and never guesses how a cell was made.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dgpg_verify.claims.claim import Claim, Tables, select_claims
from dgpg_verify.claims.design import SCALES, Row, row_from_json
from dgpg_verify.claims.question import ledger_rows
from dgpg_verify.claims.readings import READINGS
from dgpg_verify.claims.series import Measured, Series, make_series
from dgpg_verify.core import (
    Cell,
    Evidence,
    InputError,
    LedgerRow,
    check_choice,
    check_int,
    check_unique,
    to_json,
)
from dgpg_verify.reporting import write_ledger, write_records, write_report, write_variance_csv
from dgpg_verify.reporting.figures import all_figures
from dgpg_verify.runs import CellStore, cell_file, run_cells, unique_cells
from dgpg_verify.runs.environment import describe_run
from dgpg_verify.runs.evidence import EVIDENCE_INDEX, CompactEvidence
from dgpg_verify.runs.files import read_json, write_json
from dgpg_verify.runs.sitting import Sitting
from dgpg_verify.runs.sources import measuring_hash, package_hash
from dgpg_verify.runs.workers import default_workers

INDEX = "cells/index.json"
SCHEMA = 2
ENVIRONMENT = "environment.json"
SPEED = "speed.json"
RowName = tuple[str, str]  # family and key


@dataclass(frozen=True)
class RunResult:
    """The judged rows, where they lie, and from which scale on each row has to be decided. missing: cells that a
    judgement of an unfinished run went without. silent: claims that were measured and have no row at this scale; they
    are named wherever the rows are printed, so that none disappears."""

    rows: tuple[LedgerRow, ...]
    folder: Path
    scale: str
    decided_at: Mapping[str, str]
    missing: int = 0
    silent: tuple[str, ...] = ()


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

    Parameters
    ----------
    claims : prefixes ("C1,A3"), claim objects, or None for all.
    scale : smoke, standard or full.
    seed : of all random streams of the run.
    workers : processes that measure; the ledger does not depend on it but for `seconds`.
    resume : keep every finished cell whose key (source, configuration, seed) matches, also one of compact evidence;
        without it a folder that exists is refused.
    out : the run folder, `reports/<scale>-seed<seed>` by default.
    rows, n_max : measure only the cells whose row fits one of these patterns ("dgpg/*,mappo") and whose N is at most
        n_max, then judge what is whole; other sittings go on with `resume`.

    Raises
    ------
    InputError : before anything is written, also for a figure of another package that cannot be used.
    """
    chosen = select_claims(claims) if claims is None or isinstance(claims, str) else list(claims)
    check_unique("claims", [claim.id for claim in chosen])
    check_choice("scale", scale, SCALES)
    seed = check_int("seed", seed, 0, 2**63 - 1)
    workers = default_workers() if workers is None else check_int("workers", workers, 1, 1024)
    folder = Path(out) if out is not None else Path("reports") / f"{scale}-seed{seed}"
    _check_folder(folder, scale, seed, resume)
    all_figures()  # refuses what another package offers wrongly, before anything is measured
    index, owners = RunIndex.planned(chosen, scale, seed)
    cells = unique_cells(cell for row in index.rows.values() for cell in row.cells(seed))
    now = Sitting.of(rows, n_max).chosen(cells)

    def owner(cell: Cell) -> Claim:
        return owners[cell.claim, cell.row]

    store = CellStore(folder, lambda cell: measuring_hash(owner(cell).measure), CompactEvidence(folder).find)
    options = {"scale": scale, "seed": seed, "workers": workers, "resume": resume, "claims": list(index.claims)}
    write_json(folder / ENVIRONMENT, describe_run(options, package_hash()))
    index.write(folder, {cell_file(cell): store.key(cell) for cell in cells})
    kept = sum(store.has(cell) for cell in cells) if resume else 0
    began = time.perf_counter()
    run_cells(now, lambda cell: owner(cell).measure(cell), store, workers, resume, progress, lambda c: owner(c).cost(c))
    if progress:
        print("judging, then drawing the figures: up to a minute", file=sys.stderr, flush=True)
    _note(folder, measuring_seconds=round(time.perf_counter() - began, 1), kept_cells=kept)
    return judge_folder(folder, chosen, unfinished=len(now) < len(cells))


def judge_folder(folder: str | Path, claims: Sequence[Claim] | None = None, unfinished: bool = False) -> RunResult:
    """Judge and draw from the cells of a run folder, or its compact evidence, alone; measures nothing.

    Parameters
    ----------
    claims : the claim objects if they are not registered.
    unfinished : allow for missing cells. A row is then judged at those N at which all its replicates are there, never
        from some of them (whoever looks would choose the sample), and the page says what is missing.

    Raises
    ------
    InputError : the folder is not a run, is not finished without `unfinished`, or holds evidence that no row claims.
    """
    folder = Path(folder)
    index = RunIndex.read(folder)
    known = {claim.id: claim for claim in (select_claims() if claims is None else claims)}
    unknown = [name for name in index.claims if name not in known]
    if unknown:
        raise InputError(f"{folder.name}/{INDEX} names unknown claims: {', '.join(unknown)}")
    evidence, missing, planned = index.evidence(unfinished)
    series = {name: make_series(index.rows[name], cells) for name, cells in evidence.items()}
    measured = {
        claim: {name[1]: series[name] for name in names if name in series} for claim, names in index.claims.items()
    }
    judged = [(known[name], series) for name, series in measured.items() if series]
    if not judged:
        raise InputError(f"{folder.name} holds no row with all its replicates at any N: run on with --resume")
    _note(
        folder,
        unfinished={"missing": missing, "cells": planned} if missing else None,
        cell_seconds=round(sum(item.seconds for cells in evidence.values() for item in cells), 1),
        titles={claim.id: claim.title for claim, _ in judged},
    )
    rows, decided_at = _judge(judged)
    _report(folder, rows, judged)
    silent = tuple(claim.id for claim, _ in judged if not any(row.id == claim.id for row in rows))
    return RunResult(tuple(rows), folder, index.scale, decided_at, missing, silent)


def _judge(claims: Sequence[tuple[Claim, Measured]]) -> tuple[list[LedgerRow], dict[str, str]]:
    """All rows of the ledger, and from which scale on each has to be decided."""
    rows: list[LedgerRow] = []
    decided_at: dict[str, str] = {}
    for claim, measured in claims:
        judged = ledger_rows(claim.id, claim.statement, list(claim.questions(measured)), claim.recorded)
        rows += judged
        decided_at |= {row.row: claim.scale_of(row.row) for row in judged}
    if rows:
        check_unique("row keys of the ledger", [row.row for row in rows])
    return rows, decided_at


def _report(folder: Path, rows: Sequence[LedgerRow], claims: Sequence[tuple[Claim, Measured]]) -> None:
    """Ledger, records, CSV and page."""
    tables = _tables(claims)
    tables["readings"] = [to_json(reading) for reading in READINGS.values()]
    if (folder / SPEED).exists():  # written beside the run by the speed suite, see `make reference`
        tables["speed"] = json.loads((folder / SPEED).read_text())
    write_ledger(folder, rows)
    write_records(folder, tables)
    write_variance_csv(folder, tables.get("moments", []))
    write_report(folder)


def _tables(claims: Sequence[tuple[Claim, Measured]]) -> dict[str, list[Any]]:
    """The records of all claims. Claims of one family share cells and make the same tables: they are made once, of all
    that the family measured, and of equal records one is kept."""
    families: dict[Callable[[Measured], Tables], dict[str, Series[Evidence]]] = {}
    for claim, measured in claims:
        families.setdefault(claim.tables, {}).update(measured)
    unique: dict[str, dict[str, Any]] = {}
    for make, whole in families.items():
        for name, records in make(whole).items():
            plain = (to_json(record) for record in records)
            unique.setdefault(name, {}).update({json.dumps(record, sort_keys=True): record for record in plain})
    return {name: list(records.values()) for name, records in unique.items()}


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

    def write(self, folder: Path, keys: Mapping[str, str]) -> None:
        """What the folder says of itself; keys: file of a cell -> its key."""
        write_json(folder / INDEX, {**self.head(), "cells": keys})

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


def _check_folder(folder: Path, scale: str, seed: int, resume: bool) -> None:
    """Refuse a file, a non-empty folder without resume, and a resumed folder of another scale or seed."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"out = {str(folder)!r} is not allowed: it is a file, not a folder")
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not resume:
        raise InputError(f"out = {str(folder)!r} exists already: choose another folder, or resume it with --resume")
    if (folder / INDEX).exists() or (folder / EVIDENCE_INDEX).exists():
        index = RunIndex.read(folder)
        if (index.scale, index.seed) != (scale, seed):
            held = f"scale {index.scale}, seed {index.seed}"
            raise InputError(f"out = {str(folder)!r} holds {held}, not scale {scale}, seed {seed}")


def _note(folder: Path, **facts: Any) -> None:
    """Add facts to environment.json, which the page reads; None takes one away."""
    path = folder / ENVIRONMENT
    described = (read_json(path) if path.exists() else {"schema": 1}) | facts
    write_json(path, {name: value for name, value in described.items() if value is not None})

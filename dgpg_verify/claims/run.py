"""A run: measure the cells of the selected claims into a folder, then judge the folder.

`judge_folder` is the only way from cells to rows, also right after measuring. The folder's index holds the rows of the
design that were measured, so a judgement reads them there and never guesses how a cell was made.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dgpg_verify.claims.claim import Claim, Tables, select_claims
from dgpg_verify.claims.design import SCALES
from dgpg_verify.claims.question import ledger_rows
from dgpg_verify.claims.readings import READINGS
from dgpg_verify.claims.run_index import INDEX, RowName, RunIndex, check_folder, is_run, store_of
from dgpg_verify.claims.series import Measured, Series, make_series
from dgpg_verify.claims.subjects import trace_digests
from dgpg_verify.core import (
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
from dgpg_verify.runs import cell_file, run_cells, unique_cells
from dgpg_verify.runs.cluster import Cluster, connected
from dgpg_verify.runs.environment import ENVIRONMENT, describe_run, numeric_versions
from dgpg_verify.runs.files import read_json, write_json
from dgpg_verify.runs.lock import only_writer
from dgpg_verify.runs.sitting import Sitting
from dgpg_verify.runs.sources import package_hash
from dgpg_verify.runs.workers import default_workers

SPEED = "speed.json"


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

    @property
    def preliminary(self) -> tuple[str, ...]:
        """Claims of which no primary row has to be decided at this scale: smaller sizes may say another thing."""
        decided: dict[str, bool] = {}
        for row in self.rows:
            if row.primary and row.kind in ("claim", "audit"):
                now = SCALES.index(self.decided_at[row.row]) <= SCALES.index(self.scale)
                decided[row.id] = decided.get(row.id, False) or now
        return tuple(claim for claim, any_row in decided.items() if not any_row)


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
    cluster: str | None = None,
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
    cluster : address of a Dask scheduler whose workers measure in place of local ones, such as "tcp://HOST:8786".

    Raises
    ------
    InputError : before anything is written, also for a figure of another package that cannot be used and for a cluster
        that cannot be reached; later for a cluster that is lost and for a worker of another version.
    """
    chosen = select_claims(claims) if claims is None or isinstance(claims, str) else list(claims)
    check_unique("claims", [claim.id for claim in chosen])
    check_choice("scale", scale, SCALES)
    seed = check_int("seed", seed, 0, 2**63 - 1)
    if cluster is not None and workers is not None:
        raise InputError(f"workers = {workers} has no effect together with cluster: its workers measure")
    workers = default_workers() if workers is None else check_int("workers", workers, 1, 1024)
    folder = Path(out) if out is not None else Path("reports") / f"{scale}-seed{seed}"
    all_figures()  # refuses what another package offers wrongly, before anything is measured
    sitting = Sitting.of(rows, n_max)
    planned = RunIndex.planned(chosen, scale, seed)
    check_folder(folder, scale, seed, resume)
    with connected(cluster, machine_state) as pool, only_writer(folder):
        check_folder(folder, scale, seed, resume)  # what another run has written since
        return _measured(chosen, planned, folder, sitting, workers, resume, progress, pool)


def machine_state() -> dict[str, str | None]:
    """What must be the same wherever cells of one run are measured, beside the code that their keys name."""
    return {**numeric_versions(), **trace_digests()}


def _measured(
    chosen: Sequence[Claim], planned: tuple[RunIndex, Mapping[RowName, Claim]], folder: Path, sitting: Sitting,
    workers: int, resume: bool, progress: bool, cluster: Cluster | None,
) -> RunResult:  # fmt: skip
    """Measure into a folder that nobody else writes to, then judge it with the claims that it had before."""
    index, owners = planned
    cells = unique_cells(cell for row in index.rows.values() for cell in row.cells(index.seed))
    now = sitting.chosen(cells)

    measures = {name: claim.measure for name, claim in owners.items()}
    costs = {name: claim.cost for name, claim in owners.items()}
    store = store_of(folder, owners)
    index = replace(index, keys={cell_file(cell): store.key(cell) for cell in cells})
    whole = index.joined(RunIndex.read(folder)) if resume and is_run(folder) else index
    options = {"scale": index.scale, "seed": index.seed, "workers": cluster.workers if cluster else workers,
               "resume": resume, "claims": list(whole.claims), "traces": trace_digests()}  # fmt: skip
    write_json(folder / ENVIRONMENT, describe_run(options, package_hash()))
    whole.write(folder)
    kept = sum(store.has(cell) for cell in cells) if resume else 0
    began = time.perf_counter()
    run_cells(
        now, lambda cell: measures[cell.claim, cell.row](cell), store, workers, resume, progress,
        lambda cell: costs[cell.claim, cell.row](cell), cluster,
    )  # fmt: skip
    if progress:
        print("judging, then drawing the figures: up to a minute", file=sys.stderr, flush=True)
    _note(folder, measuring_seconds=round(time.perf_counter() - began, 1), kept_cells=kept)
    others = [claim for claim in select_claims() if claim.id not in index.claims]
    part = len(now) < len(cells)
    judged = judge_folder(folder, [*chosen, *others], unfinished=part or whole.claims != index.claims)
    asked, silent = (tuple(row for row in judged.rows if row.id in index.claims),
                     tuple(claim for claim in judged.silent if claim in index.claims))  # fmt: skip
    return replace(judged, rows=asked, silent=silent, missing=judged.missing if part else 0)


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
    result = RunResult(tuple(rows), folder, index.scale, decided_at, missing)
    _note(folder, preliminary=list(result.preliminary) or None)
    _report(folder, rows, judged)
    silent = tuple(claim.id for claim, _ in judged if not any(row.id == claim.id for row in rows))
    return replace(result, silent=silent)


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


def _note(folder: Path, **facts: Any) -> None:
    """Add facts to environment.json, which the page reads; None takes one away."""
    path = folder / ENVIRONMENT
    described = (read_json(path) if path.exists() else {"schema": 1}) | facts
    write_json(path, {name: value for name, value in described.items() if value is not None})

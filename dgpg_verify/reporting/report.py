"""Redraw everything a run folder shows, from its files alone: figures, ledger.md, the pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dgpg_verify.core import InputError
from dgpg_verify.reporting.domains.foreign import foreign_tables
from dgpg_verify.reporting.draw import draw_all
from dgpg_verify.reporting.ledger import LEDGER, ledger_markdown, read_ledger
from dgpg_verify.reporting.pages import FAMILIES, INDEX, RunFiles, render_pages
from dgpg_verify.reporting.provenance import run_claims
from dgpg_verify.reporting.records import (
    RECORDS,
    SUMMARY,
    VARIANCE_CSV,
    Tables,
    expected_tables,
    read_records,
    write_summary,
)
from dgpg_verify.runs.environment import ENVIRONMENT
from dgpg_verify.runs.evidence import is_compact
from dgpg_verify.runs.files import read_json, write_atomic

OLD_PAGE = "report.html"  # the name that the page had; it leads on to the first one
LEADS_ON = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Report</title><meta http-equiv="refresh" content="0; url=index.html">
</head><body><a href="index.html">The report begins at index.html</a></body></html>
"""
FILES = (LEDGER, "ledger.md", RECORDS, VARIANCE_CSV, ENVIRONMENT)  # beside the page
COMPACT = (LEDGER, "ledger.md", SUMMARY, ENVIRONMENT)  # of them, those of a committed run


def page_path(folder: Path) -> Path:
    """The page with which a reader begins."""
    return Path(folder) / INDEX


def write_report(folder: Path) -> Path:
    """Redraw figures/, ledger.md and the pages of a run folder from its ledger, records and environment; returns the
    first page.

    A table that is missing or empty leaves its figures out, and the first page notes it. Raises InputError if one of
    the three files is missing or corrupt. Cost: about a second per figure; the same files give the same bytes.
    """
    rows, tables, environment = read_ledger(folder), read_records(folder), read_json(folder / ENVIRONMENT)
    figures, left_out = draw_all(tables, environment, folder)
    write_atomic(folder / "ledger.md", ledger_markdown(rows))
    # the pages of a committed run are the same before and after they are drawn again
    files = COMPACT if is_compact(folder) else FILES
    notes = [*_empty(tables, environment), *left_out]
    foreign = foreign_tables(folder) if any(tables.get("domains", ())) else ()
    run = RunFiles(rows, tables, environment, figures, files, _warnings(environment), notes, foreign)
    return _write_pages(folder, render_pages(run))


def _write_pages(folder: Path, pages: Mapping[str, str]) -> Path:
    """Write the pages, remove those that an earlier drawing left and this one has not; returns the first page."""
    for family in FAMILIES:
        if family.file not in pages:
            (folder / family.file).unlink(missing_ok=True)
    for name, text in pages.items():
        write_atomic(folder / name, text)
    write_atomic(folder / OLD_PAGE, LEADS_ON)
    return page_path(folder)


def _warnings(environment: Mapping[str, Any]) -> list[str]:
    """The cells that the run lacks, in a sentence."""
    if not (lacking := environment.get("unfinished")):
        return []
    return [
        f"This run is not finished: {lacking['missing']} of {lacking['cells']} cells were done without. A row is "
        "judged at those N at which all its replicates are there; its label may change with the others."
    ]


def _empty(tables: Tables, environment: Mapping[str, Any]) -> list[str]:
    """The tables that this run should have filled and did not, in a sentence."""
    empty = [name for name in expected_tables(run_claims(environment)) if not tables.get(name)]
    return [f"Empty tables: {', '.join(empty)}."] if empty else []


def leave_out_derived(folder: Path, figures: Sequence[str] = ()) -> None:
    """Reduce a judged folder to what is committed: no CSV, a summary of the records, and of the figures' files the PNGs
    that are named.

    Parameters
    ----------
    folder : with compact evidence, from which all of it is made again.
    figures : names of figures.

    Raises
    ------
    InputError : a named figure is not there.
    """
    drawn = {path.stem for path in (folder / "figures").glob("*.png")}
    unknown = sorted(set(figures) - drawn)
    if unknown:
        raise InputError(f"figures = {', '.join(unknown)}: it must be among {', '.join(sorted(drawn)) or 'none'}")
    write_summary(folder)
    pictures = [path for path in (folder / "figures").glob("*") if path.suffix != ".png" or path.stem not in figures]
    for path in (folder / RECORDS, folder / VARIANCE_CSV, *pictures):
        path.unlink(missing_ok=True)

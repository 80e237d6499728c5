"""The form in which a run is committed: compact evidence in place of its cells, without what is made from it again."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.run import SPEED, RunResult, judge_folder
from dgpg_verify.claims.run_index import RunIndex
from dgpg_verify.core import InputError
from dgpg_verify.reporting.report import leave_out_derived
from dgpg_verify.runs import cell_file
from dgpg_verify.runs.environment import ENVIRONMENT
from dgpg_verify.runs.evidence import write_evidence


def compact_folder(
    folder: str | Path,
    out: str | Path | None = None,
    figures: Sequence[str] = (),
    claims: Sequence[Claim] | None = None,
    unfinished: bool = False,
) -> RunResult:
    """Write the compact form of a run folder, and judge it there: what is committed is what its evidence says.

    Parameters
    ----------
    folder : the run folder; it stays as it is.
    out : the new folder, `<folder>-compact` by default.
    figures : names of figures to keep as PNG; the page shows all of them.
    claims : the claim objects if they are not registered.
    unfinished : allow for missing cells; what is there of a row at one N, but not whole, is then left out.

    Raises
    ------
    InputError : `out` holds something, `folder` cannot be judged, or a figure of `figures` is not drawn.
    """
    folder = Path(folder)
    out = Path(out) if out is not None else folder.with_name(f"{folder.name}-compact")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"out = {str(out)!r} exists already: it must be a new folder")
    index = RunIndex.read(folder)
    evidence, *_ = index.evidence(unfinished)
    write_evidence(
        out, index.head(), ((item, index.keys[cell_file(item.cell)]) for items in evidence.values() for item in items)
    )
    for name in (ENVIRONMENT, SPEED):
        if (folder / name).is_file():
            shutil.copyfile(folder / name, out / name)
    result = judge_folder(out, claims, unfinished)
    leave_out_derived(out, figures)
    return result

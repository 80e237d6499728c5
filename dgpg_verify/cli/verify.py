"""Commands around claims: verify, theorems, report, compact."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dgpg_verify.cli.options import Claims, NMax, Rows, Scale, Seed, Workers

if TYPE_CHECKING:
    from dgpg_verify.claims.run import RunResult

ROW_FAILED = 1  # exit code
PACKAGE = Path(__file__).resolve().parents[1]
PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}  # for `theorems`: its options are pytest's


def verify(
    scale: Scale = "standard",
    claims: Claims = None,
    seed: Seed = 0,
    workers: Workers = None,
    resume: Annotated[bool, typer.Option("--resume", help="keep the finished cells of the run folder")] = False,
    out: Annotated[Path | None, typer.Option(help="run folder (default: reports/<scale>-seed<seed>)")] = None,
    rows: Rows = None,
    n_max: NMax = None,
    cluster: Annotated[str | None, typer.Option(help="Dask scheduler whose workers measure: tcp://HOST:8786")] = None,
) -> None:
    """Measure and judge the claims, as `pytest theorems/ --benchmark` does; exit code 1 if a row fails."""
    from dgpg_verify.claims.run import run_claims
    from dgpg_verify.cli.files import check_folder

    check_folder("--out", out)
    try:
        run = run_claims(
            claims, scale=scale, seed=seed, workers=workers, resume=resume, out=out, rows=rows, n_max=n_max,
            cluster=cluster,
        )  # fmt: skip
    except KeyboardInterrupt:
        raise KeyboardInterrupt(what_is_kept(out, scale, seed)) from None
    _show(run)


def what_is_kept(out: Path | None, scale: str, seed: int) -> str:
    """What an interrupted run leaves in its folder, from the files that are there; without `out` the default one."""
    from dgpg_verify.runs.workers import kept_text

    folder = out or Path("reports") / f"{scale}-seed{seed}"
    finished = sum(1 for _ in folder.glob("cells/*.npz"))
    return kept_text(finished, f" in {folder}")


def theorems(context: typer.Context) -> None:
    """Run pytest on the theorems that come with the package: exact checks, and with --benchmark every claim; takes
    pytest's options and those of `pytest theorems/` (-- --help lists them), and leaves with pytest's exit code."""
    import pytest

    root = PACKAGE if (PACKAGE / "theorems").is_dir() else PACKAGE.parent  # installed, or a checkout
    # Settings and conftest files of whatever lies around the package or the user are not this run's.
    here = ["-c", os.devnull, "--rootdir", str(root), "--confcutdir", str(root), "-p", "no:cacheprovider"]
    plugin = ["-p", "dgpg_verify.cli.pytest_plugin", "--import-mode", "importlib", "-ra"]
    raise typer.Exit(pytest.main([*here, *plugin, str(root / "theorems"), *context.args]))


def report(
    folder: Annotated[Path, typer.Argument(help="a run folder", metavar="DIR")],
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="judge the complete rows of a run that is not finished")
    ] = False,
) -> None:
    """Judge a run folder again and draw its report, from its cells alone; exit code 1 if a row fails."""
    from dgpg_verify.claims.run import judge_folder

    _show(judge_folder(folder, unfinished=unfinished))


def compact(
    folder: Annotated[Path, typer.Argument(help="a run folder", metavar="RUN")],
    out: Annotated[Path | None, typer.Option(help="a new folder (default: RUN-compact)")] = None,
    figure: Annotated[list[str] | None, typer.Option(help="a figure to keep as PNG, by name; repeatable")] = None,
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="keep the complete rows of a run that is not finished")
    ] = False,
) -> None:
    """Write a run folder in the form in which it is committed: small, and `report` judges it again; exit code 1 if a
    row fails."""
    from dgpg_verify.claims.compact import compact_folder

    _show(compact_folder(folder, out, figure or (), unfinished=unfinished))


def _show(run: RunResult) -> None:
    """Ledger, failures and the report's path; exit code 1 if a row fails."""
    from dgpg_verify.claims.outcome import row_outcome
    from dgpg_verify.reporting import matrix_lines, page_path, terminal_table

    typer.echo(terminal_table(run.rows))
    for claim in run.silent:
        typer.echo(f"{claim} has no row at this scale")
    outcomes = [row_outcome(row, run.scale, run.decided_at[row.row]) for row in run.rows]
    failures = [outcome.message for outcome in outcomes if outcome.result == "fail"]
    if run.missing:  # an inconclusive row, for example, may lack most of its N
        typer.echo(f"not finished: {run.missing} cells were missing; rows that need them are left undecided")
        failures = []
    for message in failures:
        typer.echo(f"FAILED {message}")
    width = shutil.get_terminal_size((120, 24)).columns
    typer.echo("\n".join(matrix_lines(run.rows, width, preliminary=run.preliminary)))
    typer.echo(f"report: {page_path(run.folder)}")
    if failures:
        raise typer.Exit(ROW_FAILED)

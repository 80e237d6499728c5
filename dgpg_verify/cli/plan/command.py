"""The options of `plan`, which are those of `verify` and where to learn from."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from dgpg_verify.cli.options import MOST_AGENTS, Claims, NMax, Rows, Scale, Seed, Workers

REPORTS = Path(__file__).resolve().parents[3] / "reports"  # of a checkout; its committed runs are reference*


def plan(
    scale: Scale = "standard",
    claims: Claims = None,
    seed: Seed = 0,
    workers: Workers = None,
    out: Annotated[Path | None, typer.Option(help="run folder whose finished cells are kept")] = None,
    rows: Rows = None,
    n_max: NMax = None,
    like: Annotated[
        list[Path] | None, typer.Option(help="a run to learn from; repeatable (default: reports/reference*)")
    ] = None,
    n: Annotated[int | None, typer.Option("--n", help="on paper: every row at this N instead")] = None,
    fleets: Annotated[int | None, typer.Option(help="on paper: fleets at --n (default: 1)")] = None,
) -> None:
    """What `verify` with these options takes: cells, time, disk and memory, from cells that were measured before; with
    --n on paper, for another N and number of fleets. Measures nothing."""
    from dgpg_verify.claims.claim import select_claims
    from dgpg_verify.claims.design import SCALES
    from dgpg_verify.claims.run_index import is_run
    from dgpg_verify.core import check_choice

    chosen, scale = select_claims(claims), check_choice("scale", scale, SCALES)
    folders = like or sorted(folder for folder in REPORTS.glob("reference*") if is_run(folder))
    if n is None:
        _refuse("without", fleets=fleets)
        _run(chosen, scale, seed, workers, out, rows, n_max, folders)
    else:
        _refuse("together with", out=out, rows=rows, n_max=n_max, workers=workers)
        _paper(chosen, scale, n, 1 if fleets is None else fleets, folders)
    typer.echo(f"learnt from {', '.join(folder.name for folder in folders) or 'nothing: name a run with --like DIR'}")


def _refuse(how: str, **values: Any) -> None:
    from dgpg_verify.core import InputError

    for name, value in values.items():
        if value is not None:
            raise InputError(f"{name} = {str(value)!r} has no effect {how} --n")


def _run(
    claims: Sequence[Any], scale: str, seed: int, workers: int | None, out: Path | None, rows: str | None,
    n_max: int | None, folders: Sequence[Path],
) -> None:  # fmt: skip
    from dgpg_verify.claims.planning import Earlier, needs_of
    from dgpg_verify.cli.plan.text import needs_text, rules_text
    from dgpg_verify.core import check_int
    from dgpg_verify.runs.progress import size_text
    from dgpg_verify.runs.sitting import Sitting
    from dgpg_verify.runs.workers import default_workers

    workers = default_workers() if workers is None else check_int("workers", workers, 1, 1024)
    sitting, seed = Sitting.of(rows, n_max), check_int("seed", seed, 0, 2**63 - 1)
    made = needs_of(claims, scale, seed, sitting, Earlier(folders), out)
    text = f"{needs_text(made, workers)}\n\n{rules_text(made)}" if made.needs else "nothing is left to measure"
    typer.echo(text)
    if out is not None:
        place = next(place for place in (out.absolute(), *out.absolute().parents) if place.exists())
        typer.echo(f"free on the disk of {out}: {size_text(shutil.disk_usage(place).free)}")


def _paper(claims: Sequence[Any], scale: str, n: int, fleets: int, folders: Sequence[Path]) -> None:
    from dgpg_verify.claims.planning import Earlier, reach
    from dgpg_verify.cli.plan.text import reach_text
    from dgpg_verify.core import check_int

    n, fleets = check_int("n", n, 1, MOST_AGENTS), check_int("fleets", fleets, 1, MOST_AGENTS)
    typer.echo(reach_text(*reach(claims, scale, n, Earlier(folders)), n, fleets))

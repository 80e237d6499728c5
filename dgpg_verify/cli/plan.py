"""The command `plan`: what a run takes, before it starts."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dgpg_verify.cli.options import MOST_AGENTS, Claims, NMax, Rows, Scale, Seed, Workers, text_table

if TYPE_CHECKING:
    from dgpg_verify.claims.planning import Need, Plan, Range, Reach
    from dgpg_verify.claims.run_index import RowName
    from dgpg_verify.core import Cell

REPORTS = Path(__file__).resolve().parents[2] / "reports"  # of a checkout; its committed runs are reference*
NOT_KNOWN = "not known"
NEEDS = ("claim", "cells", "processor", "wall", "disk", "memory")
RULES = ("family", "N", "cells", "new", "N known", "known", "power", "off by")
REACHES = ("row", "N", "time", "processor", "disk")


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
    fleets: Annotated[int, typer.Option(help="on paper: fleets at --n")] = 1,
) -> None:
    """What `verify` with these options takes: cells, time, disk and memory, from cells that were measured before; with
    --n on paper, for another N and number of fleets. Measures nothing."""
    from dgpg_verify.claims.claim import select_claims
    from dgpg_verify.claims.design import SCALES
    from dgpg_verify.claims.planning import Earlier, needs_of, reach
    from dgpg_verify.claims.run_index import is_run
    from dgpg_verify.core import InputError, check_choice, check_int
    from dgpg_verify.runs.sitting import Sitting
    from dgpg_verify.runs.workers import default_workers

    chosen, scale = select_claims(claims), check_choice("scale", scale, SCALES)
    workers = default_workers() if workers is None else check_int("workers", workers, 1, 1024)
    seed, fleets = check_int("seed", seed, 0, 2**63 - 1), check_int("fleets", fleets, 1, MOST_AGENTS)
    for name, value in {"out": out, "rows": rows, "n-max": n_max}.items():
        if n is not None and value is not None:
            raise InputError(f"--{name} = {str(value)!r} has no effect together with --n")
    if fleets > 1 and n is None:
        raise InputError(f"fleets = {fleets} has an effect only together with --n")
    folders = like or sorted(folder for folder in REPORTS.glob("reference*") if is_run(folder))
    learnt = f"learnt from {', '.join(folder.name for folder in folders) or 'nothing: name a run with --like DIR'}"
    if n is None:
        made = needs_of(chosen, scale, seed, Sitting.of(rows, n_max), Earlier(folders), out)
        tables = f"{_needs_text(made, workers)}\n\n{_rules_text(made)}\n{learnt}"
        typer.echo(tables if made.needs else "nothing is left: every cell is finished")
    else:
        n = check_int("n", n, 1, MOST_AGENTS)
        typer.echo(_reach_text(*reach(chosen, scale, n, fleets, Earlier(folders)), n, fleets) + f"\n{learnt}")
    if out is not None and n is None:
        place = next(place for place in (out.absolute(), *out.absolute().parents) if place.exists())
        typer.echo(f"free on the disk of {out}: {_bytes(shutil.disk_usage(place).free)}")


def _needs_text(made: Plan, workers: int) -> str:
    from dgpg_verify.cli.memory import cell_memory
    from dgpg_verify.runs.progress import duration_text

    def line(name: str, need: Need) -> list[str]:
        times = [duration_text(seconds) for seconds in (need.seconds, need.wall(workers))]
        known = [_partly(need, text) for text in (*times, _bytes(need.size))]
        memory = max((memories[cell.claim, cell.row] for cell in _largest(need.cells)), default=0.0)
        return [name, str(len(need.cells)), *known, f"> {_bytes(memory)}" if memory else NOT_KNOWN]

    memories = {(cell.claim, cell.row): cell_memory(cell) or 0.0 for cell in _largest(made.total.cells)}
    lines = [line(name, need) for name, need in (*made.needs.items(), ("all", made.total))]
    told = f"wall: on {workers} worker{'s' * (workers > 1)}; all: cells that claims share once; memory: of one cell"
    return text_table(NEEDS, lines, right=NEEDS[1:]) + f"\n{told}"


def _largest(cells: Sequence[Cell]) -> list[Cell]:
    """Of every row that is played its cell of the largest N."""
    ordered = sorted((cell for cell in cells if cell.options.get("rollouts")), key=lambda cell: cell.n)
    return list({(cell.claim, cell.row): cell for cell in ordered}.values())


def _partly(need: Need, text: str) -> str:
    if not need.known:
        return NOT_KNOWN
    return text if need.known == len(need.cells) else f"> {text}"


def _rules_text(made: Plan) -> str:
    lines = []
    for rule in made.rules:
        head = [rule.family, _range(rule.planned), str(rule.cells), str(rule.new)]
        learnt = [_range(rule.n_measured), str(rule.measured), f"{rule.power:.2f}", f"x {rule.scatter:.1f}"] if (
            rule.n_measured and rule.power is not None) else [NOT_KNOWN, "0", "-", "-"]  # fmt: skip
        lines.append(head + learnt)
    told = (
        "new: a guess, of rows that were not measured, or with other options; known:\n"
        "measured cells; power: seconds = rate cost^power, with a factor for each row\n"
        "and N of it; off by: two of three measured cells are within this factor"
    )
    return text_table(RULES, lines, right=RULES[1:]) + f"\n{told}"


def _reach_text(found: Sequence[Reach], unknown: Sequence[RowName], n: int, fleets: int) -> str:
    """A table for each family, and how many rows are not known."""
    from dgpg_verify.runs.progress import duration_text

    parts = [f"extrapolated, not measured: {fleets} fleets of {n} agents\n"]
    for family in dict.fromkeys(item.row[0] for item in found):
        own = [item for item in found if item.row[0] == family]
        each = [(item.cells * item.seconds, item.cells * item.size) for item in own]
        times = [f"N^({item.time.value:.2f} ± {item.half:.2f})" for item in own]
        lines = [[item.row[1], _range(item.n_measured), time] for item, time in zip(own, times)] + [["all", "", ""]]
        taken = [*each, tuple(map(sum, zip(*each)))]
        told = [[*line, duration_text(total), _bytes(size)] for line, (total, size) in zip(lines, taken)]
        low, high = (round(end(item.growth.value or 0.0 for item in own), 2) + 0.0 for end in (min, max))
        parts.append(f"{family}; bytes of a cell grow like N^{low:.2f} to N^{high:.2f}\n")
        parts.append(text_table(REACHES, told, right=REACHES[1:]) + "\n")
    families = ", ".join(dict.fromkeys(family for family, _ in unknown))
    parts += [f"{NOT_KNOWN}: {len(unknown)} rows of {families}; four N must be measured\n"] if unknown else []
    return "\n".join(parts) + "time: of a cell, over the top decade of the N that were measured, 95 % interval"


def _range(ends: Range) -> str:
    low, high = (f"{n:.0e}".replace("e+0", "e") if n >= 10_000 and n % 1000 == 0 else str(n) for n in ends)
    return low if low == high else f"{low}-{high}"


def _bytes(count: float) -> str:
    from dgpg_verify.runs.progress import size_text

    return size_text(count)

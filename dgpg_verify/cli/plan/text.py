"""A plan in words: tables of 80 columns."""

from __future__ import annotations

from collections.abc import Sequence

from dgpg_verify.claims.planning import Need, Plan, Range, Reach
from dgpg_verify.claims.run_index import RowName
from dgpg_verify.cli.memory import cell_memory
from dgpg_verify.cli.options import text_table
from dgpg_verify.core import Cell
from dgpg_verify.runs.progress import duration_text, size_text

NOT_KNOWN = "not known"
NEEDS = ("claim", "cells", "processor", "wall", "disk", "memory")
RULES = ("family", "N", "cells", "new", "N known", "known", "power", "off by")
REACHES = ("row", "N", "time", "processor", "disk")


def needs_text(made: Plan, workers: int) -> str:
    """A line for each claim, and one for all."""

    def line(name: str, need: Need) -> list[str]:
        times = [duration_text(seconds) for seconds in (need.seconds, need.wall(workers))]
        known = [_partly(need, text) for text in (*times, size_text(need.size))]
        memory = max((memories[cell.claim, cell.row] for cell in _largest(need.cells)), default=0.0)
        return [name, str(len(need.cells)), *known, f"> {size_text(memory)}" if memory else NOT_KNOWN]

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


def rules_text(made: Plan) -> str:
    """A line for each family: what was measured of it, and how well that fits."""
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


def reach_text(found: Sequence[Reach], unknown: Sequence[RowName], n: int, fleets: int) -> str:
    """A table for each family, and how many rows are not known."""
    parts = [f"extrapolated, not measured: {fleets} fleets of {n} agents\n"]
    for family in dict.fromkeys(item.row[0] for item in found):
        own = [item for item in found if item.row[0] == family]
        each = [(item.cells * item.seconds, item.cells * item.size) for item in own]
        times = [f"N^({item.time.value:.2f} ± {item.half:.2f})" for item in own]
        lines = [[item.row[1], _range(item.n_measured), time] for item, time in zip(own, times)] + [["all", "", ""]]
        taken = [*each, tuple(map(sum, zip(*each)))]
        told = [[*line, duration_text(total), size_text(size)] for line, (total, size) in zip(lines, taken)]
        low, high = (round(end(item.growth.value or 0.0 for item in own), 2) + 0.0 for end in (min, max))
        parts.append(f"{family}; bytes of a cell grow like N^{low:.2f} to N^{high:.2f}\n")
        parts.append(text_table(REACHES, told, right=REACHES[1:]) + "\n")
    families = ", ".join(dict.fromkeys(family for family, _ in unknown))
    parts += [f"{NOT_KNOWN}: {len(unknown)} rows of {families}; four N must be measured\n"] if unknown else []
    return "\n".join(parts) + "time: of a cell, over the top decade of the N that were measured, 95 % interval"


def _range(ends: Range) -> str:
    low, high = (f"{n:.0e}".replace("e+0", "e") if n >= 10_000 and n % 1000 == 0 else str(n) for n in ends)
    return low if low == high else f"{low}-{high}"

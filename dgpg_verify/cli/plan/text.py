"""A plan in words: tables of 80 columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dgpg_verify.claims.planning import WIDEST, Need, Plan, Range, Reach
from dgpg_verify.claims.run_index import RowName
from dgpg_verify.cli.memory import cell_memory
from dgpg_verify.cli.options import text_table
from dgpg_verify.core import Cell
from dgpg_verify.runs.progress import duration_text, size_text

NOT_KNOWN = "not known"
NEEDS = ("claim", "cells", "processor", "wall", "disk", "memory")
RULES = ("family", "N", "cells", "new", "N known", "known", "power", "off by")
REACHES = ("row", "N known", "power", "processor", "disk", "memory")


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
    return text if need.known == len(need.cells) else _least(text)


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
    """A table for each family, how many rows are in none, and the rule by which a row is known."""
    parts = [f"on paper, not measured: {fleets} fleets of {n} agents\n"]
    for family in dict.fromkeys(item.cell.claim for item in found):
        own = [item for item in found if item.cell.claim == family]
        memories = [cell_memory(item.cell) or 0.0 for item in own]
        heads = [[item.cell.row, _range(item.n_measured), _power(item, n)] for item in own]
        lines = [[*head, *_taken([item], [need], fleets)] for head, item, need in zip(heads, own, memories)]
        lines += [["all", "", "", *_taken(own, memories, fleets)]]
        parts += [f"{family}\n", text_table(REACHES, lines, right=REACHES[1:]) + "\n"]
    families = ", ".join(dict.fromkeys(family for family, _ in unknown))
    parts += (
        [f"not listed: {len(unknown)} rows of {families}; fewer than four N of them are known\n"] if unknown else []
    )
    return "\n".join(parts) + (
        "power: time grows like N^power beyond the N known, fitted over their top decade\n"
        "with its 95 % interval; or `cost`, as the claim declares it, where the fitted\n"
        "one is smaller, which is overhead at small N: the time is rather too long then\n"
        f"{NOT_KNOWN}, time and disk: the N known reach less than a decade, or\n"
        f"N = {n} lies more than two decades beyond them, or fewer than four are in\n"
        f"their top decade, or the interval is wider than ± {WIDEST}\n"
        "disk: as time, by its own power; memory: of one cell, from shapes; >: at least"
    )


def _power(item: Reach, n: int) -> str:
    if item.seconds is None or n <= item.n_measured[1]:
        return "-"
    return f"{item.fitted.value:.2f} ± {item.half:.2f}" if item.is_fitted else f"cost {item.declared:.2f}"


def _taken(items: Sequence[Reach], memories: Sequence[float], fleets: int) -> list[str]:
    """Seconds and bytes of the rows together, for all fleets, and the memory of the largest cell."""
    seconds = _sum([item.seconds for item in items], fleets, duration_text)
    size, memory = _sum([item.size for item in items], fleets, size_text), max(memories)
    return [seconds, size, f"> {size_text(memory)}" if memory else NOT_KNOWN]


def _sum(each: Sequence[float | None], fleets: int, text: Callable[[float], str]) -> str:
    known = [value for value in each if value is not None]
    said = text(fleets * sum(known)) if known else NOT_KNOWN
    return said if len(known) in (0, len(each)) else _least(said)


def _least(text: str) -> str:
    return f"> {text.removeprefix('> ')}"  # a duration may say so itself


def _range(ends: Range) -> str:
    low, high = (f"{n:.0e}".replace("e+0", "e") if n >= 10_000 and n % 1000 == 0 else str(n) for n in ends)
    return low if low == high else f"{low}-{high}"

"""Options and output that several commands share."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from dgpg_verify.core import Policy, System

MOST_AGENTS = 1_000_000_000
GAP = 2  # blanks between columns of a table

SYSTEM = "a name (dgpg-verify list), module:Object or path/to/file.py:Object"
Agents = Annotated[int, typer.Option("--n", help="number of agents")]
Scale = Annotated[str, typer.Option(help="smoke, standard or full")]
Claims = Annotated[str | None, typer.Option(help="id prefixes, with commas between: C1,A3")]
Workers = Annotated[int | None, typer.Option(help="processes that measure (default: 2, or the cores)")]
Rows = Annotated[str | None, typer.Option(help="measure only rows such as 'dgpg/*,mappo' in this sitting")]
NMax = Annotated[int | None, typer.Option(help="measure only cells of at most N agents in this sitting")]
Seed = Annotated[int, typer.Option(help="root of every random stream")]
SystemOptions = Annotated[list[str] | None, typer.Option(help="NAME=VALUE of the system; repeatable")]
AsJson = Annotated[bool, typer.Option("--json", help="machine-readable, in full")]


def build_system(
    name: str,
    n: int,
    seed: int,
    option: list[str] | None,
    policy: Callable[[System], Policy],
    rollouts: int,
    credits: int,
) -> System:
    """The system named on the command line; InputError on any value, and where measuring `credits` on `rollouts` of it
    under `policy` needs more memory than there is."""
    from dgpg_verify.cli.memory import check_memory
    from dgpg_verify.contracts.named import make_any_system
    from dgpg_verify.core import GIVEN_APART, check_int, parse_pairs

    check_int("seed", seed, 0)
    check_int("n", n, 1, MOST_AGENTS)
    options = parse_pairs(option or [], GIVEN_APART)
    check_memory(lambda size: make_any_system(name, size, seed, options, check=False), policy, n, rollouts, credits)
    return make_any_system(name, n, seed, options)


def print_answer(answer: Any, text: Callable[[Any], str], as_json: bool) -> None:
    """An answer as one JSON object, or in the words of `text`."""
    from dgpg_verify.core import to_json

    typer.echo(json.dumps(to_json(answer), indent=1, allow_nan=False) if as_json else text(answer))


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str] = ()) -> str:
    """Columns two spaces apart. A narrow terminal wraps cells between words; a word is never cut or left out."""
    from rich.console import Console
    from rich.table import Table

    console = Console(markup=False, emoji=False, highlight=False)
    columns = [[row[k] for row in (head, *rows)] for k in range(len(head))]
    words = [max(len(word) for cell in cells for word in cell.split()) for cells in columns]
    widths = [max(map(len, cells)) for cells in columns]
    room = console.width - GAP * (len(head) - 1)
    while console.is_terminal and sum(widths) > room and widths != words:
        slack = [width - word for width, word in zip(widths, words)]
        widths[slack.index(max(slack))] -= 1
    console.width = sum(widths) + GAP * len(head)
    table = Table(box=None, pad_edge=False)
    for name, width in zip(head, widths):
        table.add_column(name, justify="right" if name in right else "left", width=width)
    for row in rows:
        table.add_row(*row)
    with console.capture() as text:
        console.print(table)
    return "\n".join(line.rstrip() for line in text.get().splitlines())

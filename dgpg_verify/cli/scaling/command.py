"""The command `scaling`: its options and its files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dgpg_verify.cli.options import SYSTEM, AsJson, Seed, SystemOptions, print_answer

if TYPE_CHECKING:
    from dgpg_verify.cli.scaling.answer import Answer


def scaling(
    system: Annotated[str, typer.Argument(help=SYSTEM)],
    credits: Annotated[str, typer.Option(help="names or objects, with commas between")] = "return,guidance,difference",
    n: Annotated[str, typer.Option("--n", help="numbers of agents, 4 of them within a decade")] = "16,32,64,128",
    fleets: Annotated[int, typer.Option(help="independent systems at each N")] = 24,
    policy: Annotated[str, typer.Option(help="uniform, tabular, linear, mlp, ... or module:Object")] = "uniform",
    rollouts: Annotated[int, typer.Option(help="independent episodes of each system")] = 512,
    seed: Seed = 0,
    setting: Annotated[str, typer.Option(help="sum, mean, mixed, parts, both or joint")] = "sum",
    target: Annotated[str | None, typer.Option(help="quiet unbiased credit that stands for grad J")] = None,
    option: SystemOptions = None,
    out: Annotated[Path | None, typer.Option(help="new folder for table, CSV and figure", metavar="DIR")] = None,
    csv: Annotated[Path | None, typer.Option(help="one line per credit, N and fleet", metavar="FILE")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure the noise of each credit over N: exponents with intervals, and whether they are O(1) or O(N)."""
    from dgpg_verify.cli.files import check_file, check_new_folder, write_table
    from dgpg_verify.cli.scaling.answer import make_request, scaling_answer
    from dgpg_verify.cli.scaling.text import answer_text

    check_new_folder("--out", out)
    check_file("--csv", csv)
    request = make_request(system, credits, n, policy, option or [], fleets=fleets, rollouts=rollouts, seed=seed,
                           setting=setting, target=target)  # fmt: skip
    answer = scaling_answer(request)
    if csv is not None:
        write_table(csv, answer.rows)
    if out is not None:
        _write(out, answer)
    print_answer(answer.values(), lambda _: answer_text(answer), as_json)


def _write(out: Path, answer: Answer) -> None:
    from dgpg_verify.cli.files import write_table
    from dgpg_verify.cli.scaling.figure import draw_scaling
    from dgpg_verify.cli.scaling.text import answer_text
    from dgpg_verify.reporting.drawing.saving import save_figure
    from dgpg_verify.runs.files import write_atomic

    write_atomic(out / "scaling.txt", answer_text(answer) + "\n")
    write_table(out / "scaling.csv", answer.rows)
    save_figure(draw_scaling(answer), out, "scaling")

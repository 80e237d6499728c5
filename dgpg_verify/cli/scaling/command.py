"""The command `scaling`: its options, its table and its files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dgpg_verify.cli.options import SYSTEM, AsJson, Seed, SystemOptions, interval_text, print_answer, text_table

if TYPE_CHECKING:
    from dgpg_verify.cli.scaling.answer import Answer

HEAD = ("credit", "N", "variance", "noise-to-signal")
FIT_HEAD = ("credit", "quantity", "exponent of N", "O(1)?", "O(N)?")
NOTE = """\
variance: tr Cov of an agent's gradient, mean over agents; noise-to-signal: that over |E g|^2
both are geometric means over fleets; intervals at 95 %; - = not measurable on every fleet
O(1)?, O(N)?: supported where the interval of the exponent lies below 0.15, 1.15, refuted where it lies above"""


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

    check_new_folder("--out", out)
    check_file("--csv", csv)
    request = make_request(system, credits, n, policy, option or [], fleets=fleets, rollouts=rollouts, seed=seed,
                           setting=setting, target=target)  # fmt: skip
    answer = scaling_answer(request)
    if csv is not None:
        write_table(csv, answer.rows)
    if out is not None:
        _write(out, answer)
    print_answer(answer.values(), lambda _: _text(answer), as_json)


def _write(out: Path, answer: Answer) -> None:
    from dgpg_verify.cli.files import write_table
    from dgpg_verify.cli.scaling.figure import draw_scaling
    from dgpg_verify.reporting.drawing.saving import save_figure
    from dgpg_verify.runs.files import write_atomic

    write_atomic(out / "scaling.txt", _text(answer) + "\n")
    write_table(out / "scaling.csv", answer.rows)
    save_figure(draw_scaling(answer), out, "scaling")


def _text(answer: Answer) -> str:
    """What was measured, its means, its exponents with verdicts, and why a verdict is missing."""
    rows: list[tuple[str, ...]] = []
    for (name, size), means in answer.means.items():
        rows.append((name, str(size), *(interval_text(mean) for mean in means.values())))
    fits = [
        (fit.credit, fit.quantity.replace("_", "-"), interval_text(fit.fit.estimate), fit.constant.label,
         fit.linear.label)
        for fit in answer.fits
    ]  # fmt: skip
    about = ", ".join(f"{name} {value}" for name, value in answer.about.items())
    values, exponents = text_table(HEAD, rows, right=("N",)), text_table(FIT_HEAD, fits)
    return "\n\n".join([about + "\n" + values, exponents, "\n".join([NOTE, *_reasons(answer)])])


def _reasons(answer: Answer) -> list[str]:
    """One line for each fit that left something undecided."""
    lines: dict[str, Any] = {}
    for fit in answer.fits:
        for question, verdict in (("O(1)", fit.constant), ("O(N)", fit.linear)):
            if verdict.label == "inconclusive":
                asked = question if fit.fit.measurable else "exponent"
                lines[f"{fit.credit}, {fit.quantity.replace('_', '-')}, {asked}: {verdict.why}"] = None
    return list(lines)

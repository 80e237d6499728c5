"""The command line `dgpg-verify`: measure a policy's gradients, verify the claims, report on a finished run.

Bad input ends in one line on stderr and exit code 2, before any work. Heavy imports wait for the command, so that
the number of threads is set before numpy and torch load.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import click
import typer

from dgpg_verify.cli import equilibria as cli_equilibria
from dgpg_verify.cli import samples as cli_complexity
from dgpg_verify.cli import train as cli_training

if TYPE_CHECKING:
    from dgpg_verify.claims.run import RunResult
    from dgpg_verify.core import Estimate
    from dgpg_verify.measurement import GradientMoments

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
HEAD = ("credit", "variance", "noise-to-signal", "efficiency", "alignment", "cross-agent")
NOT_FINITE, BAD_INPUT, INTERRUPTED = 1, 2, 130

app = typer.Typer(
    help="Checks the theorems of Descent-Guided Policy Gradient empirically and exactly.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.command()
def measure(
    system: Annotated[str, typer.Argument(help="load_balancing, linear_quadratic or cloud")],
    n: Annotated[int, typer.Option("--n", help="number of agents")] = 10,
    credits: Annotated[str, typer.Option(help="names, with commas between")] = "return,guidance,guided:0.5",
    rollouts: Annotated[int, typer.Option(help="independent episodes")] = 256,
    seed: Annotated[int, typer.Option(help="root of every random stream")] = 0,
    policy: Annotated[str, typer.Option(help="uniform, tabular, linear, mlp, heuristic:NAME:TEMP")] = "uniform",
    setting: Annotated[str, typer.Option(help="sum, mean, mixed or parts")] = "sum",
    pick_freeze: Annotated[int, typer.Option(help="roll-out pairs for the cross-agent share")] = 0,
    target: Annotated[str | None, typer.Option(help="quiet unbiased credit that stands for grad J")] = None,
    option: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of the system; repeatable")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable, per agent")] = False,
) -> None:
    """Measure variance, noise-to-signal, efficiency and alignment of each credit at a fixed policy."""
    from dgpg_verify.core import GIVEN_APART, check_int, parse_pairs
    from dgpg_verify.measurement import measure_gradients
    from dgpg_verify.policies import make_policy
    from dgpg_verify.systems import make_system

    check_int("seed", seed, 0)
    built = make_system(system, check_int("n", n, 1), seed, **parse_pairs(option or [], GIVEN_APART))
    moments = measure_gradients(
        built,
        make_policy(policy, built, seed),
        [name.strip() for name in credits.split(",")],
        rollouts=rollouts,
        seed=seed,
        target=target,
        setting=setting,
        pick_freeze=pick_freeze,
        device=device,
        progress=not as_json,
    )
    asked = {"system": system, "n": n, "policy": policy, "setting": setting, "rollouts": rollouts, "seed": seed}
    typer.echo(_moments_json(moments, asked) if as_json else _moments_table(moments, asked))


@app.command()
def verify(
    scale: Annotated[str, typer.Option(help="smoke, standard or full")] = "standard",
    claims: Annotated[str | None, typer.Option(help="id prefixes, with commas between: C1,A3")] = None,
    seed: Annotated[int, typer.Option(help="root of every random stream")] = 0,
    workers: Annotated[int | None, typer.Option(help="processes that measure (default: 2, or the cores)")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="keep the finished cells of the run folder")] = False,
    out: Annotated[Path | None, typer.Option(help="run folder (default: reports/<scale>-seed<seed>)")] = None,
    rows: Annotated[str | None, typer.Option(help="measure only rows such as 'dgpg/*,mappo' in this sitting")] = None,
    n_max: Annotated[int | None, typer.Option(help="measure only cells of at most N agents in this sitting")] = None,
) -> None:
    """Measure and judge the claims, as `pytest theorems/ --benchmark` does; exit code 1 if a row fails."""
    from dgpg_verify.claims.run import run_claims

    asked = {"scale": scale, "seed": seed, "workers": workers, "resume": resume, "out": out, "rows": rows}
    _show(run_claims(claims, **asked, n_max=n_max))  # type: ignore[arg-type]


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="a run folder", metavar="DIR")],
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="judge what is whole of a run that is not finished")
    ] = False,
) -> None:
    """Judge a run folder again and draw its report, from its cells alone; exit code 1 if a row fails."""
    from dgpg_verify.claims.run import judge_folder

    _show(judge_folder(folder, unfinished=unfinished))


for _command in (
    cli_training.train,
    cli_training.evaluate,
    cli_training.compare,
    cli_equilibria.equilibria,
    cli_complexity.complexity,
):
    app.command()(_command)


def _show(run: RunResult) -> None:
    """Ledger, failures and the report's path; exit code 1 if a row fails."""
    from dgpg_verify.claims.outcome import row_outcome
    from dgpg_verify.reporting import terminal_table

    typer.echo(terminal_table(run.rows))
    outcomes = [row_outcome(row, run.scale, run.decided_at[row.row]) for row in run.rows]
    failures = [outcome.message for outcome in outcomes if outcome.result == "fail"]
    if run.missing:  # such as an inconclusive row that has yet to see most of its N
        typer.echo(f"not finished: {run.missing} cells were done without; rows neither pass nor fail before that")
        failures = []
    for message in failures:
        typer.echo(f"FAILED {message}")
    typer.echo(f"report: {run.folder / 'report.html'}")
    if failures:
        raise typer.Exit(1)


def _moments_table(moments: GradientMoments, asked: dict[str, Any]) -> str:
    """One line a credit: mean variance of an agent, pooled ratios with their intervals."""
    lines = [", ".join(f"{name} {value}" for name, value in asked.items())]
    lines.append(f"{HEAD[0]:<24}{HEAD[1]:>12}  {HEAD[2]:<32}{HEAD[3]:<26}{HEAD[4]:<26}{HEAD[5]}")
    for name, credit in moments.items():
        cross = "-" if credit.cross_agent_share is None else f"{credit.cross_agent_share:.3g}"
        cells = [_text(credit.noise_to_signal), _text(credit.efficiency), _text(credit.alignment)]
        lines.append(f"{name:<24}{credit.variance.mean():>12.4g}  {cells[0]:<32}{cells[1]:<26}{cells[2]:<26}{cross}")
    lines.append("variance: mean over agents of tr Cov; intervals at 95 %; - = not measured")
    return "\n".join(lines)


def _text(estimate: Estimate | None) -> str:
    if estimate is None or estimate.value is None:
        return "-"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3g}"
    return f"{estimate.value:.3g} [{estimate.low:.3g}, {estimate.high:.3g}]"


def _moments_json(moments: GradientMoments, asked: dict[str, Any]) -> str:
    """Everything but the [N, P] means, as one JSON object."""
    from dgpg_verify.core import to_json

    fields = ("variance", "signal_squared", "noise_to_signal", "efficiency", "alignment", "cross_agent_share", "team")
    rows = {name: {field: getattr(credit, field) for field in fields} for name, credit in moments.items()}
    return json.dumps(to_json({**asked, "credits": rows}), indent=1, allow_nan=False)


def main() -> None:
    """Entry point: one line on stderr for bad input and usage (exit code 2) and for a number that is not finite (1)."""
    for name in THREADS:
        os.environ.setdefault(name, "1")
    if len(sys.argv) == 1:
        sys.argv.append("--help")
    try:
        code = app(standalone_mode=False, prog_name="dgpg-verify")
    except click.ClickException as error:
        _leave(error.format_message(), BAD_INPUT)
    except (KeyboardInterrupt, click.Abort):
        code = INTERRUPTED
    except ArithmeticError as error:
        from dgpg_verify.core import NonFiniteError

        if not isinstance(error, NonFiniteError):
            raise
        _leave(str(error), NOT_FINITE)
    except ValueError as error:
        from dgpg_verify.core import InputError

        if not isinstance(error, InputError):
            raise
        _leave(str(error), BAD_INPUT)
    if code == INTERRUPTED:
        _leave("interrupted; finished cells are kept, --resume goes on", INTERRUPTED)
    sys.exit(code if isinstance(code, int) else 0)


def _leave(message: str, code: int) -> NoReturn:
    print("error: " + " ".join(message.split()), file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()

"""The command line `dgpg-verify`: its commands, its one-line errors and its exit codes.

Bad input ends in one line on stderr and exit code 2, before any work. Heavy imports wait for the command, so that
the number of threads is set before numpy and torch load.
"""

from __future__ import annotations

import contextlib
import os
import sys
from importlib import metadata
from typing import Annotated, Any, NoReturn

import typer

from dgpg_verify import THREADS
from dgpg_verify.cli.equilibria import equilibria
from dgpg_verify.cli.listing import list_names
from dgpg_verify.cli.measure import measure
from dgpg_verify.cli.plan import plan
from dgpg_verify.cli.samples import samples
from dgpg_verify.cli.scaling import scaling
from dgpg_verify.cli.train import compare, evaluate, train
from dgpg_verify.cli.verify import PASSED_ON, compact, report, theorems, verify

COMPLETING = "_DGPG_VERIFY_COMPLETE"
KEEP_NOTHING = ("measure", "scaling", "equilibria", "samples", "complexity")  # after an interrupt
OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "not enough memory")  # as torch words it
# What all errors of the parser are: of click, or of newer typers, which hold their own copy of it.
PARSER_ERROR: type[Any] = typer.BadParameter.__mro__[2]
NOT_FINITE, BAD_INPUT, INTERRUPTED = 1, 2, 130

app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)
for _command in (measure, scaling, plan, verify, report, compact, train, evaluate, compare, equilibria, samples):
    app.command()(_command)
app.command("list")(list_names)
app.command(context_settings=PASSED_ON)(theorems)
app.command("complexity", hidden=True)(samples)  # its name in earlier versions


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dgpg-verify {metadata.version('dgpg-verify')}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True, help="print it")] = False,
) -> None:
    """Checks the theorems of Descent-Guided Policy Gradient empirically and exactly."""


def main() -> None:
    """Run the command of sys.argv, then leave.

    Exit codes: 0; 1 if a row fails or a number is not finite; 2 for what the user can correct (bad input, a place that
    cannot be written, too little memory), in one line on stderr; 130 after an interrupt. A defect of the package
    keeps its traceback.
    """
    for name in THREADS:
        os.environ.setdefault(name, "1")
    try:
        if sys.stdout is None:
            raise OSError("it is closed")
        _run(sys.argv[1:] or ["--help"])
        sys.stdout.flush()  # an error of the last write belongs here, not to the end of the interpreter
    except typer.Exit as left:
        sys.exit(left.exit_code)
    except PARSER_ERROR as error:
        _leave(error.format_message(), BAD_INPUT)
    except KeyboardInterrupt as error:
        kept = ["nothing was kept"] if not error.args and sys.argv[1:2] and sys.argv[1] in KEEP_NOTHING else error.args
        _leave("; ".join(("interrupted", *map(str, kept))), INTERRUPTED)
    except Exception as error:
        failure = failure_of(error)
        if failure is None:
            raise
        _leave(*failure)
    sys.exit(0)


def _run(words: list[str]) -> None:
    """The command without click's own handling of errors, which turns a closed output into exit code 1."""
    command = typer.main.get_command(app)
    if COMPLETING in os.environ:  # the shell asks what could follow; click answers and leaves
        command.main(words, prog_name="dgpg-verify")
    with command.make_context("dgpg-verify", words) as context:
        command.invoke(context)


def failure_of(error: Exception) -> tuple[str, int] | None:
    """Message and exit code of a failure that is not a defect of the package; None for a defect."""
    from concurrent.futures.process import BrokenProcessPool

    from dgpg_verify.core import InputError, NonFiniteError

    match error:
        case InputError():
            return str(error), BAD_INPUT
        case NonFiniteError():
            return str(error), NOT_FINITE
        case OSError(filename=None):
            return f"the output cannot be written ({error.strerror or error})", BAD_INPUT
        case OSError():
            return f"{error.filename!r} cannot be read or written ({error.strerror})", BAD_INPUT
        case MemoryError():
            return f"not enough memory ({error}): ask for fewer agents or roll-outs", BAD_INPUT
        case RuntimeError() if any(words in str(error) for words in OUT_OF_MEMORY):
            return "not enough memory: ask for fewer agents or roll-outs", BAD_INPUT
        case BrokenProcessPool():
            return "a worker process was killed", BAD_INPUT
    return None


def _leave(message: str, code: int) -> NoReturn:
    with contextlib.suppress(OSError):
        print("error: " + " ".join(message.split()), file=sys.stderr)
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:  # what cannot be written is not tried again at the end of the interpreter
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


if __name__ == "__main__":
    main()

"""A plugin of pytest: the options of `pytest theorems/ --benchmark`, the one seed of stochastic tests, the ledger.

The root conftest of a checkout loads it, and so does `dgpg-verify theorems` where the package is installed.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dgpg_verify import THREADS

for _name in THREADS:  # before anything else loads numpy and torch
    os.environ.setdefault(_name, "1")

WORKERS = ("--workers", "--cell-workers")
FEW_EXAMPLES = 10
SCALES = ("smoke", "standard", "full")
RUN: pytest.StashKey[Any] = pytest.StashKey()
SEED: pytest.StashKey[int] = pytest.StashKey()
TESTED: pytest.StashKey[set[str]] = pytest.StashKey()
OUTCOMES: pytest.StashKey[list[Any]] = pytest.StashKey()
# How a row is counted where pytest's own words would say less: category, letter, word under -v, colour.
WORDS: dict[str, tuple[str, str, tuple[str, dict[str, bool]]]] = {
    "undecided": ("skipped", "s", ("UNDECIDED", {"yellow": True})),
    "no longer decided": ("no longer decided", "u", ("NO LONGER DECIDED", {"yellow": True})),
    "not compared": ("not compared", "n", ("SUPPORTED, NOT COMPARED", {"yellow": True})),
    "refuted (not compared)": ("refuted (not compared)", "r", ("REFUTED, NOT COMPARED", {"yellow": True})),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("theorems", "measuring the theorems")
    group.addoption("--benchmark", action="store_true", help="measure the claims and judge them, row by row")
    group.addoption("--scale", choices=SCALES, help="size of the measurement (default: standard)")
    group.addoption("--claims", metavar="C1,A3", help="only the claims whose id starts so (default: all)")
    group.addoption("--seed", type=int, default=0, metavar="S", help="root of every random stream (default: 0)")
    _add_workers(parser, group)
    group.addoption("--resume", action="store_true", help="keep the finished cells of the run folder")
    group.addoption("--out", metavar="DIR", help="run folder (default: reports/<scale>-seed<S>)")
    group.addoption("--rows", metavar="PATTERNS", help="measure only rows such as 'dgpg/*,mappo' in this sitting")
    group.addoption("--n-max", type=int, metavar="N", help="measure only cells of at most N agents in this sitting")
    group.addoption("--cluster", metavar="ADDRESS", help="Dask scheduler whose workers measure: tcp://HOST:8786")
    group.addoption("--vary-seed", action="store_true", help="draw the seed of stochastic tests, and print it")


def _add_workers(parser: pytest.Parser, group: Any) -> None:
    """--workers, or --cell-workers beside a plug-in that has taken that name, such as pytest-parallel."""
    groups = (parser._anonymous, *parser._groups)
    taken = {name for other in groups for option in other.options for name in option.names()}
    name = next(name for name in WORKERS if name not in taken)
    about = "processes that measure (default: 2, or the cores)"
    group.addoption(name, dest="cell_workers", type=int, metavar="W", help=about)


def pytest_configure(config: pytest.Config) -> None:
    if config.option.seed < 0:
        raise pytest.UsageError(f"--seed = {config.option.seed} is not allowed: it must be an integer >= 0")
    if config.option.vary_seed and config.option.benchmark:
        raise pytest.UsageError("--vary-seed is for tests: choose the seed of --benchmark with --seed")
    config.stash[SEED] = secrets.randbelow(2**31) if config.option.vary_seed else config.option.seed
    config.stash[TESTED], config.stash[OUTCOMES] = set(), []
    for name in ("scale", "claims", "cell_workers", "out", "resume", "rows", "n_max", "cluster"):
        value = getattr(config.option, name)
        if value is not None and value is not False and not config.option.benchmark:
            said = "workers" if name == "cell_workers" else name.replace("_", "-")
            raise pytest.UsageError(f"--{said} has an effect only together with --benchmark")
    if config.option.benchmark:
        _configure_benchmark(config.option)


def _configure_benchmark(option: Any) -> None:
    """Options of other plugins beside --benchmark: refused where they would drop rows, else one row a line."""
    spread = {
        "-n": getattr(option, "numprocesses", None),
        "--tx": getattr(option, "tx", None),
        "--dist": getattr(option, "dist", "no") not in (None, "no"),
    }
    for name, given in spread.items():
        if given:
            raise pytest.UsageError(f"{name} cannot be used with --benchmark: cells go to processes by --workers")
    if getattr(option, "workers", None):
        raise pytest.UsageError(
            f"--workers is another plug-in's here, and cannot be used with --benchmark: {WORKERS[1]}"
        )
    for name in ("skip", "disable"):
        if getattr(option, f"benchmark_{name}", False):
            raise pytest.UsageError(f"--benchmark-{name} cannot be used with --benchmark: every row is a benchmark")
    if getattr(option, "benchmark_compare", None) in (None, []):
        option.benchmark_quiet = True  # the ledger is the table; comparisons have one of their own
    option.fold_skipped = False  # each with its id


def pytest_report_header(config: pytest.Config) -> str:
    return f"seed of stochastic tests: {config.stash[SEED]} (--seed S, --vary-seed)"


@pytest.fixture(scope="session")
def seed(pytestconfig: pytest.Config) -> int:
    """The seed of stochastic tests: 0, or --seed, or drawn by --vary-seed."""
    return pytestconfig.stash[SEED]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Measure before collecting, so that every row is a test with its own name and progress stays visible."""
    config = session.config
    if not config.option.benchmark or config.option.collectonly or not _theorems_asked(config):
        return
    from dgpg_verify.claims.run import run_claims
    from dgpg_verify.cli.files import check_folder
    from dgpg_verify.cli.main import failure_of
    from dgpg_verify.cli.verify import what_is_kept

    scale, seed = config.option.scale or "standard", config.option.seed
    out = Path(config.option.out) if config.option.out else None
    try:
        check_folder("--out", out)
        config.stash[RUN] = run_claims(
            config.option.claims,
            scale=scale,
            seed=seed,
            workers=config.option.cell_workers,
            resume=config.option.resume,
            out=config.option.out,
            rows=config.option.rows,
            n_max=config.option.n_max,
            cluster=config.option.cluster,
        )
    except KeyboardInterrupt:
        kept = what_is_kept(out, scale, seed)
        pytest.exit(f"interrupted; {kept}", returncode=pytest.ExitCode.INTERRUPTED)
    except Exception as error:
        failure = failure_of(error)
        if failure is None:
            raise
        raise pytest.UsageError(failure[0]) from error
    config.pluginmanager.register(Ending(), "end of the run")
    _beside_a_measurement(config.option)


def _beside_a_measurement(option: Any) -> None:
    """A few examples of each exact property; `pytest theorems/` without --benchmark draws them all."""
    if not getattr(option, "hypothesis_profile", None):
        from hypothesis import settings

        settings.register_profile("beside", max_examples=FEW_EXAMPLES)
        settings.load_profile("beside")


def _theorems_asked(config: pytest.Config) -> bool:
    """Whether any path of the command line holds theorems/ or lies in it."""
    folder = config.rootpath / "theorems"
    paths = [(config.invocation_params.dir / arg.split("::")[0]).resolve() for arg in config.args]
    return any(folder.is_relative_to(path) or path.is_relative_to(folder) for path in paths)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with the argument `outcome` runs once for each row of the ledger."""
    if "outcome" not in metafunc.fixturenames:
        return
    run = metafunc.config.stash.get(RUN, None)
    if run is None:
        params = [_skipped("needs-benchmark", "the rows of the ledger are measured with --benchmark")]
    else:
        metafunc.config.stash[TESTED] |= {row.row for row in run.rows}
        params = _row_params(metafunc.config, run)
        params += [_skipped(f"{claim}-no-row", f"{claim} has no row at this scale") for claim in run.silent]
    metafunc.parametrize("outcome", params)


def _skipped(name: str, reason: str) -> Any:
    return pytest.param(None, marks=pytest.mark.skip(reason=reason), id=name)


def _row_params(config: pytest.Config, run: Any) -> list[Any]:
    """Every row as a parameter. Rows of a run that is not finished are not compared: an inconclusive one, for example,
    may have yet to see most of its N."""
    from dgpg_verify.claims.deciding import Deciding
    from dgpg_verify.claims.outcome import row_outcome
    from dgpg_verify.claims.run import default_workers

    if run.missing:
        so_far = "the run is not finished: its rows neither pass nor fail before that; so far"
        return [_skipped(row.row, f"{so_far} {row.verdict} ({row.because})") for row in run.rows]
    deciding = Deciding(run.folder, config.option.cell_workers or default_workers())
    strict = bool(config.getini("strict"))  # pytest's own --strict
    for row in run.rows:
        step = partial(deciding.next_step, row)
        config.stash[OUTCOMES].append(row_outcome(row, run.scale, run.decided_at[row.row], strict, step))
    return [_row_param(outcome) for outcome in config.stash[OUTCOMES]]


def _row_param(outcome: Any) -> Any:
    """One row: its outcome, a strict xfail where it is refuted as recorded, and a timer of its recorded seconds."""
    from dgpg_verify.core import ClaimRefuted

    marks = [pytest.mark.benchmark(timer=_timer(outcome.row.seconds))]
    if outcome.result == "refuted":
        marks.append(pytest.mark.xfail(strict=True, raises=ClaimRefuted, reason=outcome.message))
    return pytest.param(outcome, marks=marks, id=outcome.row.row)


def _timer(seconds: float) -> Callable[[], float]:
    """A timer that is read twice, the recorded seconds apart."""
    readings = iter((0.0, seconds))

    def seconds_of_the_cells() -> float:
        return next(readings)

    return seconds_of_the_cells


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With --claims, of the exact properties only those that a selected claim rests on; each file names its claims."""
    run = config.stash.get(RUN, None)
    if run is None or config.option.claims is None:
        return
    from dgpg_verify.core.claim_ids import is_named

    folder, ids = config.rootpath / "theorems" / "properties", {row.id for row in run.rows} | set(run.silent)

    def apart(item: Any) -> bool:
        names = getattr(item.module, "CLAIMS", ())
        return item.path.is_relative_to(folder) and not any(is_named(key, name) for key in ids for name in names)

    config.hook.pytest_deselected(items=[item for item in items if apart(item)])
    items[:] = [item for item in items if not apart(item)]


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: Any) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """Rows that are undecided or not compared are counted by what they are, never as passed."""
    return WORDS.get(getattr(report, "row_word", "")) if report.when == "call" and not report.failed else None


def pytest_benchmark_update_json(output_json: dict[str, Any]) -> None:
    """A row's entry is its name, seconds and extra_info; the parameter is an object of this run alone."""
    for entry in output_json["benchmarks"]:
        entry["params"] = None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Print the seed beside every failure, and say what a row is counted as."""
    report: Any = yield
    outcome: Any = item.callspec.params.get("outcome") if hasattr(item, "callspec") else None
    report.row_word = getattr(outcome, "word", "")
    if report.row_word and report.skipped:
        report.longrepr = (*report.longrepr[:2], outcome.message)
    if report.failed:
        report.sections.append(("seed", f"seed of stochastic tests: {item.config.stash[SEED]}"))
    return report


def _untested(config: pytest.Config) -> list[str]:
    """Rows of the ledger without a test, if theorems/ was asked for as a whole."""
    run = config.stash.get(RUN, None)
    whole = any((config.invocation_params.dir / arg).resolve() == config.rootpath / "theorems" for arg in config.args)
    return [row.row for row in run.rows if row.row not in config.stash[TESTED]] if run and whole else []


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A row that no test looks at could never fail: the run fails instead."""
    if session.exitstatus in (0, 5) and _untested(session.config):
        session.exitstatus = 1


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The rows of the ledger that are refuted or not as recorded; all with -v."""
    run = config.stash.get(RUN, None)
    if run is None:
        return
    from dgpg_verify.reporting import terminal_table
    from dgpg_verify.reporting.terminal import WIDE

    terminalreporter.section("ledger")
    width = terminalreporter._tw.fullwidth if terminalreporter.isatty() else WIDE
    terminalreporter.write_line(terminal_table(run.rows, max(120, width), whole=config.option.verbose > 0))


class Ending:
    """The end of the terminal, below pytest's own summary: the claims, what is not as recorded, the page."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any, config: Any) -> Iterator[None]:
        yield
        from dgpg_verify.claims.outcome import not_as_recorded
        from dgpg_verify.reporting import matrix_lines, page_path

        run, write = config.stash[RUN], terminalreporter.write_line
        terminalreporter.section("claims")
        for line in matrix_lines(run.rows, terminalreporter._tw.fullwidth, terminalreporter.hasmarkup, run.preliminary):
            write(line)
        for line in not_as_recorded(config.stash[OUTCOMES], whole=config.option.verbose > 0):
            write(line, yellow=True)
        for row in _untested(config):
            write(f"no test in theorems/ looks at row {row}", red=True)
        if run.missing:
            write(f"not finished: {run.missing} cells are missing; go on with --resume")
        if config.option.benchmark_compare and not config._benchmarksession.compared_mapping:
            write("nothing to compare with: no saved run fits --benchmark-compare; --benchmark-autosave keeps one")
        page, here = page_path(run.folder), Path.cwd()
        shown = page.resolve().relative_to(here) if page.resolve().is_relative_to(here) else page
        write(f"report: {shown}")

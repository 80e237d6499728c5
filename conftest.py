"""Options of `pytest theorems/ --benchmark`, the one seed of stochastic tests, and the ledger at the end."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# One thread per process, before numpy and torch load: cells go through workers, and sums keep one order.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

SCALES = ("smoke", "standard", "full")
RUN: pytest.StashKey[Any] = pytest.StashKey()
SEED: pytest.StashKey[int] = pytest.StashKey()
TESTED: pytest.StashKey[set[str]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("theorems", "measuring the theorems")
    group.addoption("--benchmark", action="store_true", help="measure the claims and judge them, row by row")
    group.addoption("--scale", choices=SCALES, help="size of the measurement (default: standard)")
    group.addoption("--claims", metavar="C1,A3", help="only the claims whose id starts so (default: all)")
    group.addoption("--seed", type=int, default=0, metavar="S", help="root of every random stream (default: 0)")
    group.addoption("--workers", type=int, metavar="W", help="processes that measure (default: 2, or the cores)")
    group.addoption("--resume", action="store_true", help="keep the finished cells of the run folder")
    group.addoption("--out", metavar="DIR", help="run folder (default: reports/<scale>-seed<S>)")
    group.addoption("--rows", metavar="PATTERNS", help="measure only rows such as 'dgpg/*,mappo' in this sitting")
    group.addoption("--n-max", type=int, metavar="N", help="measure only cells of at most N agents in this sitting")
    group.addoption("--vary-seed", action="store_true", help="draw the seed of stochastic tests, and print it")


def pytest_configure(config: pytest.Config) -> None:
    if config.option.seed < 0:
        raise pytest.UsageError(f"--seed = {config.option.seed} is not allowed: it must be an integer >= 0")
    if config.option.vary_seed and config.option.benchmark:
        raise pytest.UsageError("--vary-seed is for tests: choose the seed of --benchmark with --seed")
    config.stash[SEED] = secrets.randbelow(2**31) if config.option.vary_seed else config.option.seed
    config.stash[TESTED] = set()
    for name in ("scale", "claims", "workers", "out", "resume", "rows", "n_max"):
        value = getattr(config.option, name)
        if value is not None and value is not False and not config.option.benchmark:
            raise pytest.UsageError(f"--{name.replace('_', '-')} has an effect only together with --benchmark")


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
    from dgpg_verify.core import InputError

    try:
        config.stash[RUN] = run_claims(
            config.option.claims,
            scale=config.option.scale or "standard",
            seed=config.option.seed,
            workers=config.option.workers,
            resume=config.option.resume,
            out=config.option.out,
            rows=config.option.rows,
            n_max=config.option.n_max,
        )
    except InputError as error:
        raise pytest.UsageError(str(error)) from error


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
        params = [_row_param(run, row) for row in run.rows]
        params += [_skipped(f"{claim}-no-row", f"{claim} has no row at this scale") for claim in run.silent]
    metafunc.parametrize("outcome", params)


def _skipped(name: str, reason: str) -> Any:
    return pytest.param(None, marks=pytest.mark.skip(reason=reason), id=name)


def _row_param(run: Any, row: Any) -> Any:
    """One row as a parameter: its outcome, and a strict xfail where it is refuted as recorded."""
    from dgpg_verify.claims.outcome import row_outcome
    from dgpg_verify.core import ClaimRefuted

    if run.missing:  # such as an inconclusive row that has yet to see most of its N
        return _skipped(row.row, "the run is not finished: its rows neither pass nor fail before that")
    outcome = row_outcome(row, run.scale, run.decided_at[row.row])
    marks = [pytest.mark.xfail(strict=True, raises=ClaimRefuted, reason=outcome.message)]
    return pytest.param(outcome, marks=marks if outcome.result == "refuted" else [], id=row.row)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Print the seed beside every failure."""
    report: Any = yield
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
    """The ledger as a table and the path of the report."""
    run = config.stash.get(RUN, None)
    if run is None:
        return
    from dgpg_verify.reporting import matrix_lines, terminal_table

    terminalreporter.section("ledger")
    terminalreporter.write_line(terminal_table(run.rows))
    for row in _untested(config):
        terminalreporter.write_line(f"no test in theorems/ looks at row {row}", red=True)
    if run.missing:
        terminalreporter.write_line(f"not finished: {run.missing} cells are missing; go on with --resume")
    page = run.folder / "report.html"
    here = Path.cwd()
    shown = page.resolve().relative_to(here) if page.resolve().is_relative_to(here) else page
    for line in matrix_lines(run.rows):
        terminalreporter.write_line(line)
    terminalreporter.write_line(f"report: {shown}")

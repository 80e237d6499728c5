"""A run on a Dask cluster of this machine, in real processes: workers and scheduler killed, other code refused.

`make cluster-test` installs what these tests need.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from dgpg_verify.claims.run import RunResult, run_claims
from dgpg_verify.core import InputError
from dgpg_verify.runs import CellFailed
from tests.claims.toy_claim import toy_claim

pytest.importorskip("distributed", reason="the package distributed is not installed: make cluster-test")

ROOT = Path(__file__).resolve().parents[2]
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
FREE = ("seconds", "files")


@dataclass
class Local:
    """A scheduler on 127.0.0.1 and its workers."""

    port: int
    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def start(self, command: str, *options: str, code: Path = ROOT, **environment: str) -> subprocess.Popen[bytes]:
        """`dask scheduler` or `dask worker`, which imports the package from `code`."""
        given = {**os.environ, **ONE_THREAD, "PYTHONPATH": str(code), **environment}
        words = [sys.executable, "-m", f"distributed.cli.dask_{command}", *options, "--no-dashboard"]
        with (self.folder / f"{command}{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(words, env=given, cwd=self.folder, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def worker(self, *options: str, **given: object) -> subprocess.Popen[bytes]:
        name = f"w{len(self.processes)}"
        return self.start(
            "worker", self.address, "--no-nanny", "--name", name, *(options or ("--nthreads", "1")), **given
        )  # type: ignore[arg-type]

    def ready(self, workers: int = 0) -> None:
        from distributed import Client

        with Client(self.address, timeout=30, set_as_default=False) as client:
            while len(client.nthreads()) < workers:
                time.sleep(0.1)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Local]:
    """A scheduler without workers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        local = Local(free.getsockname()[1], tmp_path)
    local.start("scheduler", "--host", "127.0.0.1", "--port", str(local.port))
    try:
        yield local
    finally:
        for process in local.processes:
            process.kill()
            process.wait()


def _run(out: Path, pause: float = 0.0, **options: object) -> RunResult:
    return run_claims([toy_claim(pause=pause)], "smoke", 5, out=out, progress=False, **options)  # type: ignore[arg-type]


def _ledger(folder: Path) -> list[dict[str, object]]:
    rows = json.loads((folder / "ledger.json").read_text())["rows"]
    return [{key: value for key, value in row.items() if key not in FREE} for row in rows]


def _cells(folder: Path) -> list[Path]:
    return sorted(folder.glob("cells/*.npz"))


def _when(until: Callable[[], bool], then: Callable[[], object]) -> None:
    """Do something as soon as something holds, beside what follows."""

    def watch() -> None:
        while not until():
            time.sleep(0.02)
        then()

    threading.Thread(target=watch, daemon=True).start()


def test_worker_and_scheduler_are_killed_and_the_run_goes_on_here(cluster: Local, tmp_path: Path) -> None:
    first = cluster.worker()
    cluster.worker()
    cluster.ready(2)
    out, scheduler = tmp_path / "run", cluster.processes[0]
    _when(lambda: len(_cells(out)) >= 4, first.kill)
    _when(lambda: first.poll() is not None and len(_cells(out)) >= 10, scheduler.kill)
    with pytest.raises(InputError, match=r"is lost .*: [0-9]+ finished cells are kept, --resume goes on"):
        _run(out, pause=0.3, cluster=cluster.address)
    kept = {path: path.stat().st_mtime_ns for path in _cells(out)}
    assert 10 <= len(kept) < 24 and not (out / "ledger.json").exists()

    _run(out, resume=True, workers=2)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    _run(tmp_path / "alone", workers=1)
    assert _ledger(out) == _ledger(tmp_path / "alone")


def test_a_claim_from_the_command_line_has_the_ledger_of_a_local_run(cluster: Local, tmp_path: Path) -> None:
    """Cells of a worker with four threads are measured one at a time."""
    cluster.worker("--nthreads", "4")
    cluster.worker()
    cluster.ready(2)
    for name, options in (("far", ("--cluster", cluster.address)), ("near", ("--workers", "1"))):
        command = [sys.executable, "-m", "dgpg_verify", "verify", "--claims", "A3", "--scale", "smoke"]
        done = subprocess.run(
            [*command, "--out", str(tmp_path / name), *options], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    assert _ledger(tmp_path / "far") == _ledger(tmp_path / "near")
    environment = json.loads((tmp_path / "far" / "environment.json").read_text())
    assert environment["workers"] == 2
    assert environment["command"].endswith("--cluster ADDRESS") and "127.0.0.1" not in json.dumps(environment)


def _copied(folder: Path) -> Path:
    """The code of this checkout, in a place of its own."""
    for name in ("dgpg_verify", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def _change(code: Path) -> None:
    """One line of a module behind every measurement."""
    with (code / "dgpg_verify" / "core" / "errors.py").open("a") as file:
        file.write("# other\n")


def test_a_worker_of_other_code_is_refused(cluster: Local, tmp_path: Path) -> None:
    code = _copied(tmp_path / "code")
    _change(code)
    cluster.worker(code=code)
    cluster.ready(1)
    with pytest.raises(InputError, match=r"worker tcp://.* is refused, it measures toy .* by other code"):
        _run(tmp_path / "run", cluster=cluster.address)
    assert _cells(tmp_path / "run") == []


def test_a_worker_whose_files_were_changed_beneath_it_is_refused(cluster: Local, tmp_path: Path) -> None:
    """It would work the right key out from the files, and measure with what it has loaded before."""
    code = _copied(tmp_path / "code")
    cluster.worker(code=code)
    cluster.ready(1)
    _run(tmp_path / "before", cluster=cluster.address)
    _change(code)
    with pytest.raises(InputError, match="has files of dgpg_verify that are newer than what it has loaded"):
        _run(tmp_path / "after", cluster=cluster.address)


def test_a_worker_without_the_package_is_said_at_once(cluster: Local, tmp_path: Path) -> None:
    hidden = tmp_path / "without" / "dgpg_verify"  # found before an installed one
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ModuleNotFoundError(name='dgpg_verify')\n")
    cluster.worker(code=hidden.parent)
    cluster.ready(1)
    with pytest.raises(InputError, match=r"worker tcp://.* cannot be used .* must have the dgpg_verify of this"):
        _run(tmp_path / "run", cluster=cluster.address)
    assert not (tmp_path / "run").exists()


def test_a_worker_with_more_threads_in_its_libraries_is_refused(cluster: Local, tmp_path: Path) -> None:
    cluster.worker(OPENBLAS_NUM_THREADS="4")
    cluster.ready(1)
    with pytest.raises(InputError, match="has OPENBLAS_NUM_THREADS = '4': it must be '1'"):
        _run(tmp_path / "run", cluster=cluster.address)


def test_a_worker_that_comes_later_is_looked_at_too(cluster: Local, tmp_path: Path) -> None:
    cluster.worker()
    cluster.ready(1)
    out = tmp_path / "run"
    _when(lambda: len(_cells(out)) >= 2, lambda: cluster.worker(MKL_NUM_THREADS="2"))
    with pytest.raises(InputError, match="has MKL_NUM_THREADS = '2': it must be '1'"):
        _run(out, pause=1.0, cluster=cluster.address)
    assert len(_cells(out)) >= 2


def test_a_cell_that_fails_is_named(cluster: Local, tmp_path: Path) -> None:
    cluster.worker()
    cluster.ready(1)
    with pytest.raises(CellFailed, match=r"cell toy one n=\d .* failed: ValueError: sleep length"):
        _run(tmp_path / "run", pause=-1.0, cluster=cluster.address)


def test_an_interrupt_keeps_finished_cells(cluster: Local, tmp_path: Path) -> None:
    cluster.worker()
    cluster.ready(1)
    out = tmp_path / "run"
    _when(lambda: len(_cells(out)) >= 3, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        _run(out, pause=0.2, cluster=cluster.address)
    assert 3 <= len(_cells(out)) < 24


def test_no_worker_and_no_scheduler_are_one_line_at_once(cluster: Local, tmp_path: Path) -> None:
    cluster.ready()
    with pytest.raises(InputError, match="has no worker"):
        _run(tmp_path / "run", cluster=cluster.address)
    cluster.processes[0].kill()
    cluster.processes[0].wait()
    dashboard = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    threading.Thread(target=dashboard.serve_forever, daemon=True).start()
    wrong = f"tcp://127.0.0.1:{dashboard.server_port}"
    for address in (cluster.address, "tcp://no.such.host.invalid:8786", "foo://x:1", wrong):
        began = time.monotonic()
        with pytest.raises(InputError, match=r"cannot be reached .* such as tcp://HOST:8786"):
            _run(tmp_path / "run", cluster=address)
        assert time.monotonic() - began < 10.0
    dashboard.shutdown()
    dashboard.server_close()
    assert not (tmp_path / "run").exists()

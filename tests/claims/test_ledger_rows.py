"""`pytest theorems/ --benchmark` from outside: one test a row, options, the table at the end, usage errors."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dgpg_verify.cli import pytest_plugin

ROOT = Path(__file__).parents[2]
PLAIN: dict[str, Any] = dict(  # noqa: C408 - reads as the options do
    benchmark=True,
    scale=None,
    claims=None,
    seed=0,
    cell_workers=None,
    resume=False,
    vary_seed=False,
    collectonly=False,
    rows=None,
    n_max=None,
    cluster=None,
)

CLAIMS = """
import dataclasses, sys
sys.path.insert(0, {root!r})
from dgpg_verify.claims.claim import register_claim
from tests.claims.toy_claim import question, toy_claim

VERDICTS = dict(good="supported", new="refuted", known="refuted", wrong="refuted", open="inconclusive",
                control="supported", alone="supported")
RECORDS = dict(good="supported", known="refuted", wrong="supported", open="supported")

def outcomes(measured):
    if "one" not in measured:
        return []
    asked = question(measured["one"])
    return [
        dataclasses.replace(
            asked, key=name, verdict=dataclasses.replace(asked.verdict, label=verdict, why="the toy says so"),
            composite=True, kind="control" if name == "control" else "claim",
            expected_label="refuted" if name == "control" else None,
        )
        for name, verdict in VERDICTS.items()
    ]

register_claim(toy_claim(questions=outcomes,
                         recorded={{f"C99.1/{{name}}": (label, "by hand") for name, label in RECORDS.items()}}))
register_claim(toy_claim("C99.2"))
register_claim(toy_claim("C99.4", questions=lambda measured: [
    question for question in outcomes(measured) if question.key == "open"],
    decided_at="smoke", recorded={{"C99.4/open": ("supported", "by hand")}}))
register_claim(toy_claim("C99.3", questions=lambda measured: []))
"""


# Loads what every run needs, which takes most of its time, and forks for each list of arguments that it is sent.
FORKS = """
import json, os, signal, sys
import pytest
import dgpg_verify.reporting.report
from dgpg_verify.claims.claim import all_claims

all_claims()
for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if not child:
        signal.alarm(120)
        for number, name in ((0, os.devnull), (1, asked["stdout"]), (2, asked["stderr"])):
            os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC), number)
        code = pytest.main(asked["arguments"])
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@dataclass
class Project:
    """A folder, and the process in it whose forks run pytest there, as `python -m pytest` would."""

    root: Path
    forks: subprocess.Popen[str]

    def __truediv__(self, name: str) -> Path:
        return self.root / name

    def pytest(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        words = ["-p", "no:cacheprovider", "theorems/", *arguments]
        said = {name: str(self.root / f"{name}.txt") for name in ("stdout", "stderr")}
        assert self.forks.stdin and self.forks.stdout
        print(json.dumps({"arguments": words, **said}), file=self.forks.stdin, flush=True)
        code = int(self.forks.stdout.readline())
        return subprocess.CompletedProcess(words, code, *(Path(path).read_text() for path in said.values()))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The root conftest, the test of the ledger, and three toy claims."""
    root = tmp_path_factory.mktemp("project")
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, root)
    (root / "theorems").mkdir()
    (root / "theorems" / "conftest.py").write_text(CLAIMS.format(root=str(ROOT)))
    shutil.copy(ROOT / "theorems" / "test_ledger.py", root / "theorems")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(root)]), "COLUMNS": "200"}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", FORKS], cwd=root, env=environment, **pipes) as forks:
        yield Project(root, forks)
        forks.kill()


def test_every_row_is_a_test_with_its_own_outcome(project: Project) -> None:
    ran = project.pytest("--benchmark", "--scale", "smoke", "--claims", "C99", "--workers", "1", "-v")
    found = dict(re.findall(r"^theorems/\S+\[(C99\.[14]/\w+)\] ([A-Z, ]+?) +(?:\(|\[)", ran.stdout, re.MULTILINE))
    assert found == {
        "C99.1/good": "PASSED",
        "C99.1/new": "REFUTED, NOT COMPARED",
        "C99.1/known": "XFAIL",
        "C99.1/wrong": "FAILED",
        "C99.1/open": "UNDECIDED",
        "C99.1/control": "FAILED",
        "C99.1/alone": "SUPPORTED, NOT COMPARED",
        "C99.4/open": "NO LONGER DECIDED",
    }
    assert ran.returncode == 1
    assert "2 failed, 1 passed, 2 skipped, 1 xfailed" in ran.stdout
    assert "1 refuted (not compared)" in ran.stdout and "3 not compared" in ran.stdout
    assert "1 no longer decided" in ran.stdout
    assert "100 % of the work, 24/24 cells" in ran.stderr
    end = ran.stdout.split(" claims ===")[1].splitlines()
    assert end[-2] == "report: reports/smoke-seed0/index.html"
    assert "not as recorded: 3" in end and any(line.startswith("C99.1") for line in end)
    assert any(line.startswith("- REVERSED, recorded as supported (by hand), measured otherwise") for line in end)
    assert any(line.startswith("- control must be refuted") for line in end)
    assert sum("pytest theorems/ --benchmark --claims C99." in line for line in end) == 2

    again = project.pytest("--benchmark", "--scale", "smoke", "--claims", "C99.1")  # without --resume
    assert again.returncode == 4
    assert "exists already" in again.stderr + again.stdout


def _honest(project: Project, *arguments: str, out: str = "honest") -> subprocess.CompletedProcess[str]:
    return project.pytest("--benchmark", "--scale=smoke", "--workers=1", "--resume", "--out", out, *arguments)


def test_a_run_without_a_reversal_ends_well_unless_strict(project: Project) -> None:
    ran = _honest(project, "--claims", "C99.2,C99.4")
    assert ran.returncode == 0, ran.stdout
    assert "2 not compared, 1 no longer decided" in ran.stdout or "1 no longer decided, 2 not compared" in ran.stdout
    assert " passed" not in ran.stdout.splitlines()[-1]
    strict = _honest(project, "--claims", "C99.2,C99.4", "--strict")
    assert strict.returncode == 1 and "3 failed" in strict.stdout


def test_only_refuted_rows_and_those_against_a_record_are_listed_unless_verbose(project: Project) -> None:
    ran, verbose = _honest(project, "--claims", "C99.1"), _honest(project, "--claims", "C99.1", "-v")

    def listed(text: str) -> list[str]:
        ledger = re.split(r"=+ (?:ledger|short test summary info) =+", text)[1]
        return re.findall(r"^C99\.1\*? +(\w+)", ledger, re.MULTILINE)

    assert sorted(listed(ran.stdout)) == ["control", "known", "new", "open", "wrong"]
    assert sorted(listed(verbose.stdout)) == ["alone", "control", "good", "known", "new", "open", "wrong"]
    assert "2 more rows are neither refuted nor against a record" in ran.stdout


def test_every_row_is_an_entry_of_pytest_benchmark(project: Project) -> None:
    nothing = _honest(project, "--claims", "C99.1", "--benchmark-compare")
    assert "nothing to compare with" in nothing.stdout
    options = ("--claims", "C99.1", "--benchmark-json", "bench.json", "--benchmark-autosave", "--benchmark-only")
    _honest(project, *options)
    entries = json.loads((project / "bench.json").read_text())["benchmarks"]
    ledger = json.loads((project / "honest" / "ledger.json").read_text())["rows"]
    rows = {row["row"]: row for row in ledger if row["id"] == "C99.1"}  # the folder holds other claims of earlier runs
    assert {entry["param"] for entry in entries} == set(rows) and len(rows) == 7
    for entry in entries:
        row, facts = rows[entry["param"]], entry["extra_info"]
        assert entry["stats"]["min"] == entry["stats"]["total"] == row["seconds"] > 0
        assert {name: facts[name] for name in ("verdict", "estimate", "low", "high", "reading", "primary")} == {
            name: row[name] for name in ("verdict", "estimate", "low", "high", "reading", "primary")
        }
        assert facts["N"] == row["n_values"]
    compared = _honest(project, "--claims", "C99.1", "--benchmark-compare")
    assert "(NOW)" in compared.stdout and "(0001_" in compared.stdout
    assert "(NOW)" not in _honest(project, "--claims", "C99.1").stdout


def test_with_claims_only_their_exact_properties_run(project: Project) -> None:
    folder = project / "theorems" / "properties"
    folder.mkdir()
    try:
        for name in ("C99.2", "C99", "C77"):
            (folder / f"test_{name.replace('.', '_')}.py").write_text(f"CLAIMS = ({name!r},)\ndef test_it(): ...\n")
        ran = _honest(project, "--claims", "C99.4", "-v")
        whole = project.pytest()
    finally:
        shutil.rmtree(folder)
    assert re.findall(r"test_(\w+)\.py::test_it", ran.stdout) == ["C99"]
    assert "2 deselected" in ran.stdout and "3 passed" in whole.stdout


def test_beside_a_measurement_properties_draw_fewer_examples(project: Project) -> None:
    folder = project / "theorems" / "properties"
    folder.mkdir()
    drawn = "import pytest\nfrom dgpg_verify.testing import EXACT\nCLAIMS = ('C99',)\n"
    drawn += "@pytest.mark.parametrize('n', [EXACT.max_examples])\ndef test_it(n): ...\n"
    try:
        (folder / "test_examples.py").write_text(drawn)
        beside, alone = _honest(project, "--claims", "C99.4", "-v"), project.pytest("-v")
        asked = _honest(project, "--claims", "C99.4", "-v", "--hypothesis-profile=default")
    finally:
        shutil.rmtree(folder)
    assert [re.findall(r"test_it\[(\d+)\]", ran.stdout) for ran in (beside, alone, asked)] == [["10"], ["40"], ["40"]]


def test_a_claim_without_a_row_is_named(project: Project) -> None:
    ran = project.pytest("--benchmark", "--scale", "smoke", "--claims", "C99.3", "--workers", "1", "--out", "silent")
    assert ran.returncode == 0, ran.stdout
    assert "C99.3 has no row at this scale" in ran.stdout


def test_a_sitting_neither_passes_nor_fails(project: Project) -> None:
    options = ("--benchmark", "--scale", "smoke", "--claims", "C99.1", "--workers", "1", "--out", "sitting")
    ran = project.pytest(*options, "--rows", "o*", "--n-max", "4")
    assert ran.returncode == 0, ran.stdout
    assert "8/8 cells" in ran.stderr
    assert "so far refuted (the toy says so)" in ran.stdout
    assert "7 skipped" in ran.stdout and "passed" not in ran.stdout
    assert "not finished: 16 cells are missing; go on with --resume" in ran.stdout
    assert "no test in theorems/" not in ran.stdout


def test_an_option_of_another_plugin_is_left_to_it(project: Project) -> None:
    """pytest-parallel has --workers too: plain `pytest theorems/` runs, and cells have --cell-workers."""
    (project / "parallel_plugin.py").write_text(
        "def pytest_addoption(parser):\n    parser.getgroup('parallel').addoption('--workers', default=None)\n"
    )
    beside = ("-p", "parallel_plugin")
    assert project.pytest(*beside).returncode == 0
    helped = project.pytest(*beside, "--help").stdout
    assert "--cell-workers=W" in helped and "--workers=WORKERS" in helped
    refused = project.pytest(*beside, "--benchmark", "--workers", "2")
    assert refused.returncode == 4 and "--workers is another plug-in's here" in refused.stderr + refused.stdout
    options = ("--benchmark", "--scale=smoke", "--claims=C99.2", "--cell-workers=1", "--out", "beside")
    assert project.pytest(*beside, *options).returncode == 0


def test_without_benchmark_nothing_is_measured(project: Project) -> None:
    ran = project.pytest()
    assert ran.returncode == 0
    assert "the rows of the ledger are measured with --benchmark" in ran.stdout
    assert "1 skipped" in ran.stdout
    assert not (project / "reports" / "standard-seed0").exists()


def test_a_row_without_a_test_fails_the_run(project: Project) -> None:
    hidden = project / "theorems" / "test_ledger.py"
    text = hidden.read_text()
    hidden.write_text("def test_other() -> None: ...\n")
    try:
        ran = project.pytest(
            "--benchmark", "--scale", "smoke", "--claims", "C99.2", "--workers", "1", "--out", "hidden"
        )
    finally:
        hidden.write_text(text)
    assert ran.returncode == 1
    assert "no test in theorems/ looks at row C99.2/one" in ran.stdout


# As pytest-xdist leaves its options; with a claim that is not there, so that nothing is measured if they pass.
XDIST: dict[str, dict[str, Any]] = {
    "-n": {"numprocesses": 2, "dist": "load", "tx": ["popen"] * 2},
    "--tx": {"numprocesses": None, "dist": "no", "tx": ["2*popen"]},
    "--dist": {"numprocesses": None, "dist": "load", "tx": []},
}
USAGE = {
    "unknown claim": ({"claims": "C77"}, "claims = 'C77' is not allowed"),
    "no workers": ({"cell_workers": 0}, "workers = 0 is not allowed"),
    "negative seed": ({"seed": -1}, "--seed = -1 is not allowed"),
    "scale without benchmark": ({"benchmark": False, "scale": "smoke"}, "--scale has an effect only together"),
    "resume without benchmark": ({"benchmark": False, "resume": True}, "--resume has an effect only together"),
    "rows without benchmark": ({"benchmark": False, "rows": "dgpg/*"}, "--rows has an effect only together"),
    "n_max without benchmark": ({"benchmark": False, "n_max": 5}, "--n-max has an effect only together"),
    "n_max 0 without benchmark": ({"benchmark": False, "n_max": 0}, "--n-max has an effect only together"),
    "no rows without benchmark": ({"benchmark": False, "rows": ""}, "--rows has an effect only together"),
    "cluster without benchmark": (
        {"benchmark": False, "cluster": "tcp://h:1"},
        "--cluster has an effect only together",
    ),
    "two kinds of workers": ({"cluster": "tcp://h:1", "cell_workers": 2}, "workers = 2 has no effect together with"),
    "no row of that name": ({"claims": "C4", "scale": "smoke", "rows": "dgp"}, "rows = 'dgp' fits no row"),
    **{
        f"xdist by {name}": ({"claims": "C77", **given}, f"{name} cannot be used with --benchmark")
        for name, given in XDIST.items()
    },
    "workers of another plugin": ({"workers": "2"}, "--workers is another plug-in's here"),
    "benchmarks skipped": ({"benchmark_skip": True}, "--benchmark-skip cannot be used with --benchmark"),
    "benchmarks disabled": ({"benchmark_disable": True}, "--benchmark-disable cannot be used with --benchmark"),
    "no place to write": ({"out": "/proc/x"}, "--out = '/proc/x' cannot be written"),
    "two kinds of seed": ({"vary_seed": True}, "--vary-seed is for tests"),
}


def _config(**given: Any) -> Any:
    """What the plug-in reads of pytest's configuration."""
    here = SimpleNamespace(dir=ROOT)
    config = SimpleNamespace(
        option=SimpleNamespace(**{**PLAIN, **given}), stash=pytest.Stash(), rootpath=ROOT, invocation_params=here,
        args=["theorems"],
    )  # fmt: skip
    config.addinivalue_line = lambda name, line: None
    return config


@pytest.mark.parametrize("given, said", USAGE.values(), ids=USAGE.keys())
def test_usage_errors_come_before_any_work(given: dict[str, Any], said: str, tmp_path: Path) -> None:
    """pytest turns a UsageError into one line and exit code 4, as seen above for an existing folder."""
    config = _config(**{"out": str(tmp_path / "x"), **given})
    if not config.option.benchmark:
        config.option.out = None
    session: Any = SimpleNamespace(config=config)
    with pytest.raises(pytest.UsageError, match=said):
        pytest_plugin.pytest_configure(config)
        pytest_plugin.pytest_sessionstart(session)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("given", [{"tx": [], "dist": "no", "numprocesses": None}, {"numprocesses": 0, "dist": "no"}])
def test_xdist_that_spreads_nothing_is_no_usage_error(given: dict[str, Any]) -> None:
    pytest_plugin.pytest_configure(_config(out=None, **given))


@pytest.mark.parametrize("out", [None, "mine"])
def test_an_interrupt_says_what_is_kept(out: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dgpg_verify.claims.run.run_claims", interrupted)
    monkeypatch.chdir(tmp_path)
    folder = Path(out or "reports/smoke-seed7")
    for files, said in (0, "nothing was kept"), (2, f"2 finished cells are kept in {folder}, --resume goes on"):
        for k in range(files):
            (folder / "cells").mkdir(parents=True, exist_ok=True)
            (folder / "cells" / f"{k}.npz").touch()
        session: Any = SimpleNamespace(config=_config(out=out, scale="smoke", seed=7))
        with pytest.raises(pytest.exit.Exception) as stopped:
            pytest_plugin.pytest_sessionstart(session)
        assert (stopped.value.msg, stopped.value.returncode) == (f"interrupted; {said}", 2)

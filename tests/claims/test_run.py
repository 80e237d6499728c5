"""A whole run on a toy claim, in real processes: kill and resume, one and two workers, judging from files alone."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dgpg_verify.claims import run as runner
from dgpg_verify.claims.design import Row
from dgpg_verify.claims.question import Question
from dgpg_verify.claims.run import RunResult, judge_folder, run_claims
from dgpg_verify.claims.run_index import INDEX
from dgpg_verify.claims.series import Measured
from dgpg_verify.claims.subjects import NETWORK_FILES, TRACE_FILES, TRACES
from dgpg_verify.core import Cell, InputError, to_json
from dgpg_verify.runs import CellFailed, environment
from dgpg_verify.runs.environment import relative_command
from dgpg_verify.runs.lock import only_writer
from tests.claims import toy_claim as toy
from tests.claims.toy_claim import toy_claim

PROGRAM = Path(__file__).with_name("toy_claim.py")
FREE = ("seconds", "files")  # the two columns that may differ between runs


def _ledger(folder: Path) -> list[dict]:
    rows = json.loads((folder / "ledger.json").read_text())["rows"]
    return [{key: value for key, value in row.items() if key not in FREE} for row in rows]


def _run(folder: Path, seed: int = 5, **options: object) -> RunResult:
    return run_claims([toy_claim()], "smoke", seed, 1, out=folder, progress=False, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _run(tmp_path_factory.mktemp("runs") / "finished").folder


def test_a_run_folder_holds_everything(finished: Path) -> None:
    names = {path.name for path in finished.iterdir()}
    assert {"ledger.json", "ledger.md", "records.json", "variance_vs_n.csv", "index.html"} <= names
    assert {"environment.json", "cells"} <= names
    assert len(list((finished / "cells").glob("*.npz"))) == 24
    assert len((finished / "variance_vs_n.csv").read_text().splitlines()) == 25


def test_environment_names_no_place_and_no_person(finished: Path) -> None:
    text = (finished / "environment.json").read_text()
    environment = json.loads(text)
    asked = {"scale": "smoke", "seed": 5, "workers": 1, "resume": False, "claims": ["C99.1"]}
    assert {name: environment[name] for name in asked} == asked
    assert {"commit", "dirty", "versions", "processor", "command", "source"} <= set(environment)
    for secret in (str(Path.cwd()), str(Path.home()), os.uname().nodename):
        assert secret not in text


def test_command_lines_lose_their_absolute_paths() -> None:
    arguments = ["/usr/bin/pytest", "/data/here/theorems/", "--out=/elsewhere/run", "--scale", "smoke"]
    assert relative_command(arguments, Path("/data/here")) == "pytest theorems --out=run --scale smoke"
    assert relative_command(["/x/pytest/__main__.py"], Path("/data")) == "pytest"


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _wait(until: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    """Whether the process runs; a zombie that nobody has collected yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for the workers in /proc")
def test_kill_and_resume_give_the_uninterrupted_ledger(finished: Path, tmp_path: Path) -> None:
    """The run is killed once a few cells are finished; its two workers go with it, the finished cells stay."""
    out = tmp_path / "killed"
    command = [sys.executable, str(PROGRAM), str(out), "2", "0.3"]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        _wait(lambda: len(list(out.glob("cells/*.npz"))) >= 4)
        workers = _children(process.pid)
        process.kill()
        process.wait()
        assert len(workers) >= 2
        _wait(lambda: not any(map(_alive, workers)), seconds=20.0)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    kept = {path: path.stat().st_mtime_ns for path in out.glob("cells/*.npz")}
    assert 4 <= len(kept) < 24
    assert not (out / "ledger.json").exists()
    with pytest.raises(InputError, match=r"cells of toy/one are not finished|cells of toy/two are not finished"):
        judge_folder(out, [toy_claim()])
    with pytest.raises(InputError, match="--resume"):
        _run(out)

    subprocess.run([*command[:3], "2", "0", "resume"], check=True, stderr=subprocess.DEVNULL)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept  # what was finished was not measured again
    assert _ledger(out) == _ledger(finished)
    assert not list(out.glob("cells/.*"))


def test_another_seed_gives_other_numbers_and_the_same_verdicts(finished: Path, tmp_path: Path) -> None:
    other = _run(tmp_path / "other", seed=6).rows
    rows = _ledger(finished)
    assert [row.verdict for row in other] == [row["verdict"] for row in rows]
    assert all(row.estimate != before["estimate"] for row, before in zip(other, rows))


def _never(*arguments: object) -> Any:
    raise AssertionError("a judgement reads files alone")


def test_the_ledger_is_judged_from_files_alone(finished: Path) -> None:
    before = _ledger(finished)
    (finished / "ledger.json").unlink()
    result = judge_folder(finished, [toy_claim(measure=_never, design=_never)])
    assert _ledger(finished) == before
    assert result.decided_at == {"C99.1/one": "standard", "C99.1/two": "standard"}
    assert result.preliminary == ("C99.1",)  # at smoke
    assert replace(result, scale="standard").preliminary == ()
    assert json.loads((finished / "environment.json").read_text())["preliminary"] == ["C99.1"]
    assert "to be decided at a larger scale" in (finished / "index.html").read_text()


def test_a_row_is_judged_as_it_was_measured_whatever_the_design_says_now(finished: Path, tmp_path: Path) -> None:
    """The folder keeps the rows: a design that has changed since neither drops a row nor describes it anew."""
    seen: list[Row] = []

    def questions(measured: Measured) -> list[Question]:
        seen.extend(series.row for series in measured.values())
        return toy.questions(measured)

    def design(scale: str) -> list[Row]:
        return [replace(row, options={"scale": scale, "horizon": 13}) for row in toy.design(scale)[:1]]

    other = run_claims([toy_claim(design=design)], "smoke", 5, 1, out=tmp_path / "other", progress=False)
    assert [row.row for row in other.rows] == ["C99.1/one"]
    judge_folder(tmp_path / "other", [toy_claim(questions=questions)])
    assert [row.options for row in seen] == [{"scale": "smoke", "horizon": 13}]


def test_evidence_that_no_row_claims_is_refused(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "x")
    path = tmp_path / "x" / INDEX
    index = json.loads(path.read_text())
    index["rows"][0]["options"]["scale"] = "another"  # its cells are no longer those that were measured
    path.write_text(json.dumps(index))
    with pytest.raises(InputError, match=r"12 cells belong to no row of cells/index\.json"):
        judge_folder(tmp_path / "x", [toy_claim()], unfinished=True)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"schema": 1}, "is not of schema 2"),
        ({"rows": [{}]}, "is damaged"),
        ({"claims": {"C99.1": [["toy", "three"]]}}, "is damaged"),
        ({"seed": "x"}, "seed = 'x'"),
        ({"scale": "huge"}, "scale = 'huge'"),
    ],
)
def test_an_index_that_is_not_whole_is_refused(
    change: dict[str, Any], message: str, finished: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished, tmp_path / "x")
    path = tmp_path / "x" / INDEX
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match=message):
        judge_folder(tmp_path / "x", [toy_claim()])


def test_two_claims_that_declare_one_row_differently_are_refused(tmp_path: Path) -> None:
    def design(scale: str) -> list[Row]:
        return [replace(row, notes={"other": 1}) for row in toy.design(scale)]

    with pytest.raises(InputError, match=r"row toy/one of C99\.2 differs from that of C99\.1"):
        run_claims([toy_claim(), toy_claim("C99.2", design=design)], "smoke", 5, 1, out=tmp_path / "x", progress=False)


def test_a_claim_without_a_row_is_named(tmp_path: Path) -> None:
    claims = [toy_claim(), toy_claim("C99.2", questions=lambda measured: [])]
    assert run_claims(claims, "smoke", 5, 1, out=tmp_path / "x", progress=False).silent == ("C99.2",)


def test_judging_again_sees_another_judge(finished: Path) -> None:
    rows = judge_folder(finished, [toy_claim(expected=0.9)]).rows
    assert [row.verdict for row in rows] == ["refuted", "refuted"]
    judge_folder(finished, [toy_claim()])


def test_shared_cells_are_measured_once(tmp_path: Path) -> None:
    calls: list[str] = []

    def noted(cell: Cell) -> dict[str, Any]:
        calls.append(cell.row)
        return toy.measure(cell)

    claims = [toy_claim(measure=noted), toy_claim("C99.2", measure=noted)]
    result = run_claims(claims, "smoke", 5, 1, out=tmp_path / "shared", progress=False)
    assert len(calls) == 24
    assert [row.row for row in result.rows] == ["C99.1/one", "C99.1/two", "C99.2/one", "C99.2/two"]
    records = json.loads((tmp_path / "shared" / "records.json").read_text())["tables"]
    assert len(records["moments"]) == 24 and len(records["declared"]) == 1


def test_a_resumed_run_keeps_the_claims_it_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Resumed for another claim, the ledger holds both; what the first one measured is neither lost nor measured."""
    first = toy_claim(design=lambda scale: toy.design(scale)[:1])
    second = toy_claim("C99.2", design=lambda scale: toy.design(scale)[1:])
    out = {"out": tmp_path / "x", "progress": False}
    run_claims([first], "smoke", 5, 1, **out)
    again = replace(first, measure=_never, design=_never)
    monkeypatch.setattr(runner, "select_claims", lambda *_: [again])
    result = run_claims([second], "smoke", 5, 1, resume=True, **out)
    assert [row.row for row in result.rows] == ["C99.2/two"] and result.missing == 0  # what was asked for
    assert [row["row"] for row in _ledger(tmp_path / "x")] == ["C99.1/one", "C99.2/two"]
    assert json.loads((tmp_path / "x" / "environment.json").read_text())["claims"] == ["C99.1", "C99.2"]
    next((tmp_path / "x" / "cells").glob("toy-one-n8-*.npz")).unlink()
    assert run_claims([second], "smoke", 5, 1, resume=True, **out).missing == 0
    assert "not finished: 4 of 24 cells" in (tmp_path / "x" / "index.html").read_text()


def test_two_runs_do_not_share_a_folder(finished: Path, tmp_path: Path) -> None:
    """Neither at the same time, nor with the recorded files of another run."""
    shutil.copytree(finished, tmp_path / "x")
    with only_writer(tmp_path / "x"), pytest.raises(InputError, match="is being written by process"):
        _run(tmp_path / "x", resume=True)
    with only_writer(tmp_path / "new"), pytest.raises(InputError, match="is being written by process"):
        _run(tmp_path / "new")
    _run(tmp_path / "x", resume=True)


@pytest.mark.parametrize("names", [TRACE_FILES, NETWORK_FILES])
def test_a_run_is_not_resumed_with_other_recorded_files(
    names: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traces = tmp_path / "traces"
    (traces / names[0]).parent.mkdir(parents=True)
    for name in names:
        (traces / name).write_text("one")
    monkeypatch.setenv(TRACES, str(traces))
    _run(tmp_path / "x")
    _run(tmp_path / "x", resume=True)
    (traces / names[0]).write_text("two")
    with pytest.raises(InputError, match=rf"{names[0]} in \$DGPG_TRACES is not the file of the run"):
        _run(tmp_path / "x", resume=True)


def test_only_changed_code_makes_a_run_dirty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sitting writes into the report it goes on with; that is no change of what measures."""
    package = tmp_path / "package" / "claims"
    package.mkdir(parents=True)
    (tmp_path / "reports").mkdir()
    for path in (package / "environment.py", tmp_path / "reports" / "ledger.md"):
        path.write_text("one\n")
    author = ("-c", "user.name=a", "-c", "user.email=a@b")
    for command in (("init", "-q"), ("add", "."), (*author, "commit", "-q", "-m", "first")):
        subprocess.run(("git", *command), cwd=tmp_path, check=True)
    monkeypatch.setattr(environment, "__file__", str(package / "environment.py"))
    dirty = lambda: environment.describe_run({}, "")["dirty"]  # noqa: E731
    assert dirty() is False
    (tmp_path / "reports" / "ledger.md").write_text("two\n")
    assert dirty() is False
    (package / "environment.py").write_text("two\n")
    assert dirty() is True


def test_two_rows_with_one_key_are_refused(tmp_path: Path) -> None:
    def twice(measured: Measured) -> list[Question]:
        return [toy.question(measured["one"])] * 2

    with pytest.raises(InputError, match=r"row keys of the ledger holds 'C99\.1/one' more than once"):
        run_claims([toy_claim(questions=twice)], "smoke", 5, 1, out=tmp_path / "x", progress=False)


def test_a_failing_cell_leaves_the_rest_for_resume(tmp_path: Path) -> None:
    lucky = False

    def measure(cell: Cell) -> dict[str, Any]:
        if (cell.row, cell.n, cell.replicate) == ("two", 2, 3) and not lucky:
            raise RuntimeError("no luck")
        return toy.measure(cell)

    claim, options = toy_claim(measure=measure), {"out": tmp_path / "x", "progress": False}
    with pytest.raises(CellFailed, match=r"toy two n=2 replicate=3 .*no luck"):
        run_claims([claim], "smoke", 5, 1, **options)
    assert len(list((tmp_path / "x/cells").glob("*.npz"))) == 23
    lucky = True
    assert len(run_claims([claim], "smoke", 5, 1, resume=True, **options).rows) == 2


def test_rows_know_from_which_scale_on_they_must_be_decided(finished: Path) -> None:
    late = toy_claim(decided_at={"C99.1/two": "full"})
    assert judge_folder(finished, [late]).decided_at == {"C99.1/one": "standard", "C99.1/two": "full"}


def test_an_unfinished_run_is_judged_where_all_replicates_are_there(finished: Path, tmp_path: Path) -> None:
    """A row loses the N at which a replicate is missing and keeps the others; the page says so."""
    out = tmp_path / "cut"
    shutil.copytree(finished, out)
    sizes = sorted({int(path.name.split("-n")[1].split("-")[0]) for path in out.glob("cells/*.npz")})
    (lost,) = out.glob(f"cells/toy-one-n{sizes[-1]}-r2-*.npz")
    lost.unlink()
    with pytest.raises(InputError, match=r"1 of 4 cells of toy/one are not finished.*--unfinished"):
        judge_folder(out, [toy_claim()])
    result = judge_folder(out, [toy_claim()], unfinished=True)
    one, two = result.rows
    assert one.n_values == tuple(sizes[:-1]) and two.n_values == tuple(sizes)
    assert result.missing == 4  # all replicates of the row at that N
    assert "not finished: 4 of 24 cells" in (out / "index.html").read_text()

    for path in out.glob("cells/toy-two-*-r0-*.npz"):
        path.unlink()
    assert [row.row for row in judge_folder(out, [toy_claim()], unfinished=True).rows] == ["C99.1/one"]
    shutil.copytree(finished / "cells", out / "cells", dirs_exist_ok=True)
    assert judge_folder(out, [toy_claim()], unfinished=True).missing == 0
    assert "not finished" not in (out / "index.html").read_text()
    for path in out.glob("cells/*-r1-*.npz"):
        path.unlink()
    with pytest.raises(InputError, match="no row with all its replicates"):
        judge_folder(out, [toy_claim()], unfinished=True)


REFUSED = {
    "unknown scale": ({"scale": "huge"}, "scale = 'huge'.*smoke, standard, full"),
    "negative seed": ({"seed": -1}, "seed = -1"),
    "fractional seed": ({"seed": 0.5}, "seed = 0.5"),
    "no workers": ({"workers": 0}, "workers = 0"),
    "unknown claim": ({"claims": "C77"}, "claims = 'C77'"),
    "empty claim": ({"claims": ""}, "claims = ''"),
    "the same claim twice": ({"claims": [toy_claim(), toy_claim()]}, "'C99.1' more than once"),
    "no claim": ({"claims": []}, "claims is empty"),
}


@pytest.mark.parametrize("options, said", REFUSED.values(), ids=REFUSED.keys())
def test_bad_options_leave_nothing_behind(options: dict, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        run_claims(**{"claims": [toy_claim()], "scale": "smoke", "out": tmp_path / "x", **options})
    assert not (tmp_path / "x").exists()


def test_folders_that_are_refused(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"exists already.*--resume"):
        _run(finished)
    with pytest.raises(InputError, match="holds scale smoke, seed 5, not scale smoke, seed 6"):
        _run(finished, seed=6, resume=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        _run(tmp_path / "file")
    with pytest.raises(InputError, match="not a run folder"):
        judge_folder(tmp_path / "nothing", [toy_claim()])
    with pytest.raises(InputError, match=r"unknown claims: C99\.1"):
        judge_folder(finished, [dataclasses.replace(toy_claim(), id="C99.7")])


@pytest.mark.parametrize("text", ["", "{", '{"schema": 2}', '{"schema": 1, "claims": {}, "scale": "tiny"}'])
def test_a_corrupt_index_is_refused(text: str, finished: Path, tmp_path: Path) -> None:
    (tmp_path / "cells").mkdir()
    (tmp_path / INDEX).write_text(text)
    with pytest.raises(InputError, match=r"index\.json"):
        judge_folder(tmp_path, [toy_claim()])


def test_rows_go_through_json(finished: Path) -> None:
    rows = judge_folder(finished, [toy_claim()]).rows
    assert json.loads((finished / "ledger.json").read_text())["rows"] == [to_json(row) for row in rows]

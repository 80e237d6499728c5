"""The command line: what each command prints, that it agrees with the library, and its exit codes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dgpg_verify import measurement, training
from dgpg_verify.claims import compact
from dgpg_verify.claims import run as runner
from dgpg_verify.cli import main as cli
from dgpg_verify.cli.scaling import answer as scaling_answer
from dgpg_verify.core import LedgerRow, NonFiniteError
from dgpg_verify.credits.registry import MIXED, OF_NUMBER, ON_VALUE, PLAIN
from dgpg_verify.measurement import measure_gradients
from dgpg_verify.policies import policy_names
from dgpg_verify.systems import LoadBalancingGame
from dgpg_verify.systems.registry import _FACTORIES
from tests.cli.command import run as _run

ROOT = Path(__file__).parents[2]
GAME = ["measure", "load_balancing", "--n", "5", "--rollouts", "32", "--option", "n_candidates=3"]


def test_measure_prints_the_numbers_of_the_library(capsys: pytest.CaptureFixture[str]) -> None:
    credits = ["return", "guidance", "guided:0.5"]
    code, out, _ = _run(*GAME, "--seed", "3", "--credits", ",".join(credits), "--json", capsys=capsys)
    said = json.loads(out)
    game = LoadBalancingGame.random(5, seed=3, n_candidates=3)
    direct = measure_gradients(game, "uniform", credits, rollouts=32, seed=3, progress=False)
    assert code == 0
    assert (said["system"], said["n"], said["seed"]) == ("load_balancing", 5, 3)
    assert list(said["credits"]) == list(direct)
    for name, credit in said["credits"].items():
        np.testing.assert_array_equal(credit["variance"], direct[name].variance)
        assert credit["noise_to_signal"]["value"] == direct[name].noise_to_signal.value


def test_every_option_of_measure_has_an_effect(capsys: pytest.CaptureFixture[str]) -> None:
    """An option that is accepted and ignored would print the same numbers."""
    plain = _run(*GAME, "--json", capsys=capsys)[1]
    assert _run(*GAME, "--json", capsys=capsys)[1] == plain
    changes = [
        ("--seed", "1"),
        ("--rollouts", "33"),
        ("--n", "6"),
        ("--policy", "heuristic:capacity_proportional:0.5"),
        ("--option", "cost=delay"),
        ("--setting", "mean"),
        ("--credits", "return"),
        ("--pick-freeze", "8"),
        ("--target", "difference"),
    ]
    for change in changes:
        code, out, err = _run(*GAME, *change, "--json", capsys=capsys)
        assert code == 0, err
        assert json.loads(out)["credits"] != json.loads(plain)["credits"], change


def test_measure_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run(*GAME, "--pick-freeze", "8", capsys=capsys)
    lines = out.splitlines()
    assert code == 0
    assert lines[1].split()[:2] == ["credit", "variance"]
    assert [line.split()[0] for line in lines[2:5]] == ["return", "guidance", "guided:0.5@return"]
    assert all(len(line) <= 140 for line in lines)


@pytest.mark.parametrize("command", [[], ["--help"], ["measure", "--help"], ["verify", "--help"], ["report", "--help"]])
def test_help(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = _run(*command, capsys=capsys)
    assert code == 0 and err == ""
    assert out.startswith("Usage: dgpg-verify")


def test_only_commands_that_work_are_offered() -> None:
    offered = {command.callback.__name__ for command in cli.app.registered_commands}
    assert offered == {
        "measure",
        "scaling",
        "plan",
        "list_names",
        "verify",
        "report",
        "compact",
        "theorems",
        "train",
        "evaluate",
        "compare",
        "equilibria",
        "samples",
    }


def test_train_evaluate_and_compare_tell_the_same_story(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What `train` printed last is what `evaluate` finds in the folder, and `compare` lists it."""
    folder = str(tmp_path / "run")
    train = ["train", "cloud", "--n", "5", "--episodes", "2", "--workloads", "20", "--option", "horizon=30"]
    code, out, _ = _run(*train, "--method", "mappo", "--out", folder, "--set", "epochs=1", capsys=capsys)
    assert code == 0
    last = next(line for line in out.splitlines() if line.startswith("episode     2  samples       60"))
    assert out.splitlines()[-1].startswith("score: Best-Fit minus Random = ")
    code, out, _ = _run("evaluate", folder, "--workloads", "20", "--json", capsys=capsys)
    said = json.loads(out)
    assert code == 0
    assert f"return {said['return']:>14.2f}" in last
    assert f"score {said['score']:>6.3f}" in last
    code, out, _ = _run("compare", folder, capsys=capsys)
    assert code == 0
    assert " ".join(out.splitlines()[1].split()).startswith("run mappo 0 independent N=5 seed 0 - - 2 ")


def test_compare_and_evaluate_print_what_distinguishes_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = ["train", "cloud", "--n", "3", "--episodes", "1", "--workloads", "2", "--option", "horizon=5"]
    changes = {"a": ["--set", "setting=parts"], "b": ["--set", "setting=sum"], "c": ["--guidance", "exact"]}
    folders = [str(tmp_path / name) for name in changes]
    for folder, change in zip(folders, changes.values()):
        assert _run(*train, *change, "--out", folder, capsys=capsys)[0] == 0
    code, out, _ = _run("compare", *folders, capsys=capsys)
    lines = [" ".join(line.split()) for line in out.splitlines()[1:4]]
    method = "dgpg 0.9->0.2 independent N=3 seed 0"
    assert code == 0
    for line, said in zip(lines, ("a {} parts guidance 1 ", "b {} sum guidance 1 ", "c {} sum exact 1 ")):
        assert line.startswith(said.format(method))
    code, out, _ = _run("evaluate", folders[2], "--workloads", "2", capsys=capsys)
    assert code == 0 and out.startswith(f"c: {method}, setting sum, guidance exact, after 1 episodes: return ")
    copied = tmp_path / "copy" / "a"
    shutil.copytree(folders[0], copied)
    _, out, _ = _run("compare", folders[0], str(copied), capsys=capsys)
    assert [line.split()[0] for line in out.splitlines()[1:3]] == [folders[0], str(copied)]


def test_a_score_that_noise_could_make_is_not_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On one step nobody can be better than Random: no score, and the reason."""
    train = ["train", "cloud", "--n", "5", "--episodes", "1", "--workloads", "4", "--option", "horizon=1"]
    code, out, _ = _run(*train, "--method", "mappo", "--set", "epochs=1", capsys=capsys)
    assert code == 0
    assert out.splitlines()[-1].startswith("no score: Best-Fit minus Random = ")
    assert "  score " not in out


def test_guidance_may_have_another_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = ["train", "cloud", "--n", "3", "--episodes", "1", "--workloads", "2", "--option", "horizon=5"]
    for form in ("exact", "multi_step"):
        folder = tmp_path / form
        code, *_ = _run(*train, "--method", "guidance_only", "--guidance", form, "--out", str(folder), capsys=capsys)
        assert code == 0
        assert json.loads((folder / "config.json").read_text())["method"]["guidance"] == f"guidance:{form}"


@pytest.mark.parametrize(
    "wrong",
    [
        ["--method", "nobody"],
        ["--alpha", "1.5"],
        ["--alpha", "later"],
        ["--episodes", "0"],
        ["--sharing", "none"],
        ["--set", "epochs=0"],
        ["--set", "unknown=1"],
        ["--resume"],
        ["--workloads", "0"],
        ["--method", "happo", "--sharing", "shared"],
        ["--method", "mappo", "--guidance", "exact"],
        ["--guidance", "half"],
        ["--set", "guidance=exact"],
    ],
    ids=lambda words: " ".join(words),
)
def test_bad_training_input_ends_in_one_line(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = _run("train", "cloud", "--n", "3", "--option", "horizon=5", *wrong, capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: ")


@pytest.mark.parametrize("option", ["--resume", "--tensorboard"])
def test_an_option_that_needs_a_folder_says_so_in_the_words_of_the_shell(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = _run("train", "cloud", option, capsys=capsys)
    assert (code, err) == (2, f"error: {option} needs the run folder: say which with --out\n")


@pytest.mark.parametrize("command", ["evaluate", "compare"])
def test_a_folder_without_a_run_is_refused(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = _run(command, str(tmp_path), capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)


def _row(verdict: str, recorded: str | None) -> LedgerRow:
    record = {"label": recorded, "reason": "by hand"} if recorded else None
    words = dict.fromkeys(("statement", "holds_when", "system", "policy", "sharing", "setting", "statistic"), "-")
    numbers = dict.fromkeys(("estimate", "low", "high", "expected", "margin", "return_share"))
    return LedgerRow(
        row=f"C1.1/{verdict}",
        id="C1.1",
        primary=True,
        relation="theta",
        level=0.99,
        verdict=verdict,  # type: ignore[arg-type]
        verdict_margins={},
        recorded=record,
        because="told so",
        n_values=(2,),
        replicates=2,
        seeds=(0,),
        files=(),
        seconds=0.0,
        **words,
        **numbers,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    "row, code", [(_row("supported", "supported"), 0), (_row("refuted", None), 0), (_row("refuted", "supported"), 1)]
)
@pytest.mark.parametrize(
    "command",
    [
        ["verify", "--scale", "smoke", "--seed", "4"],
        ["report", "some/run"],
        ["compact", "a/run", "--out", "some/run", "--figure", "one", "--figure", "two"],
    ],
)
def test_a_failing_row_is_exit_code_1(
    command: list[str], row: LedgerRow, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[object] = []

    def ran(*given: object, **options: object) -> SimpleNamespace:
        asked.extend([*given, options])
        return runner.RunResult((row,), Path("some/run"), "smoke", {row.row: "full"})

    monkeypatch.setattr(runner, "run_claims", ran)
    monkeypatch.setattr(runner, "judge_folder", ran)
    monkeypatch.setattr(compact, "compact_folder", ran)
    left, out, _ = _run(*command, capsys=capsys)
    assert left == code
    assert "C1.1*" in out and row.verdict in out and "report: some/run/index.html" in out
    assert ("FAILED" in out) == (code == 1)
    if command[0] == "verify":
        wanted = {"scale": "smoke", "seed": 4, "workers": None, "resume": False, "out": None}
        wanted |= {"rows": None, "n_max": None, "cluster": None}
        assert asked == [None, wanted]
    elif command[0] == "compact":
        assert asked == [Path("a/run"), Path("some/run"), ["one", "two"], {"unfinished": False}]
    else:
        assert asked == [Path("some/run"), {"unfinished": False}]


def test_an_unfinished_run_neither_passes_nor_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = _row("refuted", "supported")  # a failure, were the run finished
    ran = runner.RunResult((row,), Path("some/run"), "full", {row.row: "full"}, missing=7)
    monkeypatch.setattr(runner, "judge_folder", lambda *_, **options: ran if options == {"unfinished": True} else None)
    code, out, _ = _run("report", "some/run", "--unfinished", capsys=capsys)
    assert code == 0 and "FAILED" not in out
    assert "not finished: 7 cells were missing" in out


def _stopped(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_an_interrupt_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner, "run_claims", _stopped)
    monkeypatch.chdir(tmp_path)
    assert _run("verify", capsys=capsys) == (130, "", "error: interrupted; nothing was kept\n")
    (tmp_path / "reports/standard-seed0/cells").mkdir(parents=True)
    (tmp_path / "reports/standard-seed0/cells/a.npz").touch()
    code, _, err = _run("verify", capsys=capsys)
    assert (code, err) == (130, "error: interrupted; 1 finished cells are kept in reports/standard-seed0, --resume "
                                "goes on\n")  # fmt: skip


def test_an_interrupt_promises_nothing_where_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`measure` keeps nothing; `train` keeps its checkpoint, once there is one."""
    monkeypatch.setattr(measurement, "measure_gradients", _stopped)
    monkeypatch.setattr(training, "train", _stopped)
    train = ["train", "load_balancing", "--n", "3"]
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "checkpoint.pt").touch()
    monkeypatch.setattr("dgpg_verify.cli.games.drawn_game", _stopped)
    monkeypatch.setattr(scaling_answer, "measure_gradients", _stopped)
    for command in (GAME, ["scaling", "load_balancing", "--n", "4"], ["equilibria"]):
        assert _run(*command, capsys=capsys) == (130, "", "error: interrupted; nothing was kept\n")
    for out in ([], ["--out", str(tmp_path / "new")]):
        assert _run(*train, *out, capsys=capsys) == (130, "", "error: interrupted; nothing was kept\n")
    code, _, err = _run(*train, "--out", str(kept), capsys=capsys)
    assert code == 130 and err.endswith("checkpoint.pt is kept, --resume goes on\n")


@pytest.mark.parametrize(
    "error, said, code",
    [
        (OSError(28, "No space left on device"), "the output cannot be written (No space left on device)", 2),
        (PermissionError(13, "Permission denied", "/proc/x"), "'/proc/x' cannot be read or written (Permission den", 2),
        (MemoryError("Unable to allocate 7 TiB"), "not enough memory (Unable to allocate 7 TiB)", 2),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "not enough memory: ask for fewer", 2),
        (BrokenProcessPool("killed"), "a worker process was killed", 2),
        (NonFiniteError("reward[0] = nan"), "reward[0] = nan", 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_failures_that_are_no_defect_are_one_line(
    error: Exception, said: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(runner, "run_claims", failing)
    left, out, err = _run("verify", capsys=capsys)
    assert (left, out, err.count("\n")) == (code, "", 1) and err.startswith(f"error: {said}")


def _process(*command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dgpg_verify", *command],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        **options,
    )


@pytest.mark.parametrize("command", [["train", "cloud", "--n", "2", "--episodes", "1"], ["verify", "--scale", "smoke"]])
def test_a_folder_that_cannot_be_written_ends_in_one_line(command: list[str]) -> None:
    ran = _process(*command, "--out", "/proc/x/run", stdout=subprocess.PIPE)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert (
        ran.stderr.splitlines()[-1].startswith("error: --out = '/proc/x/run' cannot be written")
        and "Traceback" not in ran.stderr
    )


@pytest.mark.parametrize("place", ["a closed pipe", "a full device"])
def test_an_output_that_cannot_be_written_ends_in_one_line(place: str) -> None:
    if place == "a closed pipe":
        read, write = os.pipe()
        os.close(read)
    else:
        write = os.open("/dev/full", os.O_WRONLY)
    ran = _process("--help", stdout=write)
    os.close(write)
    assert ran.returncode == 2
    assert ran.stderr.startswith("error: the output cannot be written (") and ran.stderr.count("\n") == 1


def test_no_output_at_all_ends_in_one_line() -> None:
    command = f"{sys.executable} -m dgpg_verify --help >&-"
    ran = subprocess.run(["sh", "-c", command], cwd=ROOT, stderr=subprocess.PIPE, text=True, timeout=120)
    assert (ran.returncode, ran.stderr) == (2, "error: the output cannot be written (it is closed)\n")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--version", capsys=capsys) == (0, f"dgpg-verify {metadata.version('dgpg-verify')}\n", "")


def test_completion_offers_commands() -> None:
    asked = {"_DGPG_VERIFY_COMPLETE": "complete_bash", "COMP_WORDS": "dgpg-verify sca", "COMP_CWORD": "1"}
    ran = _process(stdout=subprocess.PIPE, env=os.environ | asked)
    assert ran.stdout.split() == ["scaling"], ran.stderr


def test_list_explains_every_name_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run("list", "--json", capsys=capsys)
    said = json.loads(out)
    assert code == 0
    assert list(said["systems"])[:-1] == list(_FACTORIES)
    assert list(said["policies"]) == ["uniform", "tabular", "linear", "mlp", "gaussian", *policy_names()[-2:]]
    assert set(said["policies"]) == set(policy_names())
    default = {"gae", "return:centred", "guidance:chain_rule"}  # other names of gae:central, return and guidance
    assert set(PLAIN) - default <= set(said["credits"])
    assert all(any(name.startswith(kind) for name in said["credits"]) for kind in (*MIXED, *ON_VALUE, *OF_NUMBER))
    assert list(said["methods"]) == list(training.method_names())
    assert said["claims"]["C1.1"] and said["heuristics"]["best_fit"] == "of cloud"
    assert all(line for section in said.values() for line in section.values())
    code, out, _ = _run("list", capsys=capsys)
    assert code == 0 and all(name in out for section in said.values() for name in section)


def test_measure_says_why_a_number_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = _run(*GAME, "--credits", "guidance", capsys=capsys)
    assert "not measurable: efficiency of guidance: no target is measured: add an unbiased" in out
    _, out, _ = _run("measure", "load_balancing", "--n", "1", "--credits", "guidance", capsys=capsys)
    assert "not measurable: all ratios of guidance: its gradient is the same in every roll-out" in out
    few = ["measure", "load_balancing", "--n", "32", "--credits", "return", "--rollouts", "4", "--seed", "1"]
    _, out, _ = _run(*few, capsys=capsys)
    assert "not measurable: noise-to-signal of return: " in out and "more --rollouts" in out
    many = ["--rollouts", "2048", "--credits", "guidance,return", "--target", "difference"]
    _, out, _ = _run(*GAME, *many, capsys=capsys)
    assert "not measurable" not in out and "target: grad J is the mean of difference," in out
    _, out, _ = _run(*GAME, "--credits", "guidance,return,difference", capsys=capsys)
    assert "target: grad J is the mean of difference," in out


def test_measure_writes_a_table_with_every_interval(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "table.csv"
    told = ["--rollouts", "256", "--credits", "guidance,difference"]
    said = json.loads(_run(*GAME, *told, "--csv", str(path), "--json", capsys=capsys)[1])["credits"]
    table = pd.read_csv(path).set_index("credit")
    assert list(table.index) == list(said)
    for name, credit in said.items():
        for column, field in (("variance", "mean_variance"), ("alignment", "alignment")):
            ends = table.loc[name, [column, f"{column}_low", f"{column}_high"]].tolist()
            assert ends == pytest.approx([credit[field][end] for end in ("value", "low", "high")], rel=1e-12)


def test_complexity_is_another_name_of_samples(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["--n", "3", "--fleets", "4", "--eps-factors", "3", "--budget", "100", "--json"]
    first, second = (_run(name, *command, capsys=capsys)[:2] for name in ("samples", "complexity"))
    assert first == second and first[0] == 0


def test_a_defect_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("no bad input, a bug")

    monkeypatch.setattr(runner, "judge_folder", broken)
    monkeypatch.setattr(sys, "argv", ["dgpg-verify", "report", "x"])
    with pytest.raises(ValueError, match="a bug"):
        cli.main()


def test_threads_are_set_before_anything_heavy_loads() -> None:
    code = "import sys, dgpg_verify.cli.main; print('torch' in sys.modules, 'numpy' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.split() == ["False", "False"]

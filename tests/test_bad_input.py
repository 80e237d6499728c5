"""Bad input, kind by kind: one clear line that names the value, exit code 2, and nothing half-written."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from dgpg_verify.claims.design import Row
from dgpg_verify.claims.outcome import row_outcome
from dgpg_verify.claims.run import run_claims
from dgpg_verify.cli import main as cli
from dgpg_verify.core import Evidence, InputError, to_json
from dgpg_verify.measurement import measure_gradients
from dgpg_verify.reporting import read_ledger, read_records, write_report
from dgpg_verify.runs import CellStore, run_cells
from dgpg_verify.runs.cells import write_cell
from dgpg_verify.statistics import fit_scaling, judge
from dgpg_verify.systems import LoadBalancingGame, make_system

MEASURE = ["measure", "cloud", "--n", "3", "--rollouts", "2", "--option", "horizon=2"]

# What stands on the command line -> what the one line must say.
COMMANDS: dict[str, tuple[list[str], str]] = {
    "unknown command": (["mesure"], "No such command 'mesure'"),
    "unknown option": (["measure", "cloud", "--roll-outs", "3"], "No such option"),
    "unknown system": (["measure", "clouds"], "system = 'clouds' is not allowed: it must be one of load_balancing"),
    "unknown policy": ([*MEASURE, "--policy", "greedy"], "policy = 'greedy' is not allowed: it must be one of"),
    "unknown heuristic": ([*MEASURE, "--policy", "heuristic:luck:1"], "heuristic = 'luck' is not allowed"),
    "heuristic without temperature": ([*MEASURE, "--policy", "heuristic:best_fit"], "NAME:TEMPERATURE"),
    "unknown credit": ([*MEASURE, "--credits", "reward"], "credit = 'reward' is not allowed: it must be one of"),
    "no credit": ([*MEASURE, "--credits", ""], "credits is empty: at least one value is needed"),
    "credit twice": ([*MEASURE, "--credits", "return,guidance,return"], "credits holds 'return' more than once"),
    "unknown base of a credit": ([*MEASURE, "--credits", "guided:0.5@best"], "credit = 'best' is not allowed"),
    "alpha above 1": ([*MEASURE, "--credits", "guided:1.5"], "alpha = 1.5 is not allowed"),
    "alpha below 0": ([*MEASURE, "--credits", "guided:-0.1"], "alpha = -0.1 is not allowed"),
    "alpha no number": ([*MEASURE, "--credits", "guided:half"], "alpha must be a number in [0, 1]"),
    "alpha NaN": ([*MEASURE, "--credits", "guided:nan"], "alpha = nan is not allowed"),
    "no agents": (["measure", "cloud", "--n", "0"], "n = 0 is not allowed: it must be an integer in [1, 1000000000]"),
    "more agents than an array holds": (
        ["measure", "cloud", "--n", "9" * 20],
        "is not allowed: it must be an integer",
    ),
    "agents no number": (["measure", "cloud", "--n", "many"], "'many' is not a valid integer"),
    "one roll-out": ([*MEASURE[:4], "--rollouts", "1"], "rollouts = 1 is not allowed: it must be an integer >= 2"),
    "negative seed": ([*MEASURE, "--seed", "-1"], "seed = -1 is not allowed"),
    "unknown setting": ([*MEASURE, "--setting", "half"], "setting = 'half' is not allowed: it must be one of sum"),
    "unknown device": ([*MEASURE, "--device", "abacus"], "device = 'abacus' is not allowed: it must be cpu"),
    "unknown target": ([*MEASURE, "--target", "truth"], "credit = 'truth' is not allowed"),
    "negative pick-freeze": ([*MEASURE, "--pick-freeze", "-2"], "pick_freeze = -2 is not allowed"),
    "option without a value": ([*MEASURE, "--option", "load"], "option = 'load' is not allowed: it must be NAME=VALUE"),
    "option twice": ([*MEASURE, "--option", "horizon=3"], "option holds 'horizon' more than once"),
    "option given apart": ([*MEASURE, "--option", "n_agents=3"], "n_agents has an option of its own"),
    "setting given apart": (["train", "cloud", "--set", "episodes=3"], "episodes has an option of its own"),
    "setting of no use": (["train", "cloud", "--method", "mappo", "--set", "setting=parts"], "it mixes nothing with"),
    "unknown system option": (["measure", "load_balancing", "--option", "speed=3"], "'speed' is not allowed"),
    "more candidates than servers": ([*MEASURE, "--option", "n_candidates=4"], "n_candidates = 4 is not allowed"),
    "no load": ([*MEASURE, "--option", "load=0"], "load = 0 is not allowed: it must be a finite number in (0"),
    "negative load": ([*MEASURE, "--option", "load=-0.5"], "load = -0.5 is not allowed"),
    "NaN load": ([*MEASURE, "--option", "load=NaN"], "load = nan is not allowed"),
    "more roll-outs than an integer": ([*MEASURE[:4], "--rollouts", "9" * 20], "integer in [2, 18446744073709551615]"),
    "a larger seed than an integer": ([*MEASURE, "--seed", "9" * 30], "integer in [0, 18446744073709551615]"),
    "more steps than can be played": ([*MEASURE[:4], "--option", "horizon=" + "9" * 20], "integer in [1, 1000000]"),
    "more servers than can be held": ([*MEASURE, "--option", "n_servers=" + "9" * 20], "integer in [1, 10000000]"),
    "a name that is too long": ([*MEASURE, "--csv", "x" * 300], "File name too long"),
    "a game with too long a name": (["equilibria", "--game", "x" * 300], "cannot be read (OSError)"),
    "no step": (["measure", "cloud", "--n", "3", "--option", "horizon=0"], "horizon = 0 is not allowed"),
    "unknown fleet": ([*MEASURE, "--option", "fleet=azure"], "fleet = 'azure' is not allowed: it must be one of aws"),
    "unknown workload": ([*MEASURE, "--option", "workload=none"], "workload = 'none' is not allowed"),
    "unknown reference": ([*MEASURE, "--option", "reference=best"], "reference = 'best' is not allowed"),
    "lag without a number": ([*MEASURE, "--option", "reference=lagged:x"], "reference = 'lagged:x' is not allowed"),
    "fleet file that is not there": ([*MEASURE, "--option", "fleet=csv:no.csv"], "no.csv is missing"),
    "trace that is not there": ([*MEASURE, "--option", "workload=trace:no.csv"], "no.csv is missing"),
    "unknown cost": (["measure", "load_balancing", "--option", "cost=max"], "cost = 'max' is not allowed"),
    "alignment above 1": (["measure", "linear_quadratic", "--option", "alignment=2"], "alignment = 2 is not allowed"),
    "unknown scale": (["verify", "--scale", "huge"], "scale = 'huge' is not allowed: it must be one of smoke"),
    "unknown claim": (["verify", "--scale", "smoke", "--claims", "C77"], "claims = 'C77' is not allowed"),
    "claim twice": (["verify", "--scale", "smoke", "--claims", "A1,A1"], "claims holds 'A1' more than once"),
    "no workers": (["verify", "--scale", "smoke", "--workers", "0"], "workers = 0 is not allowed"),
    "report on nothing": (["report", "nowhere"], "'nowhere' is not a run folder"),
    "compact form of nothing": (["compact", "nowhere"], "'nowhere' is not a run folder"),
    "too many joint actions": (["equilibria", "--agents", "15"], "3^15 joint actions is not allowed"),
    "alpha of a game above 1": (["equilibria", "--alpha", "1.5"], "alpha = 1.5 is not allowed"),
    "costs that overflow": (["equilibria", "--reference", "biased:1e200"], "every entry must be finite"),
}

HEAD = "name,cores,memory_gib,speed\n"
FLEETS: dict[str, tuple[str, str]] = {
    "empty file": ("", "columns name, cores, memory_gib are missing"),
    "header only": (HEAD, "holds no row"),
    "missing column": ("name,cores\na,4\n", "columns memory_gib are missing"),
    "text in a number": (HEAD + "a,four,8,1\n", "row 2: cores = 'four' must be a finite number > 0"),
    "negative capacity": (HEAD + "a,4,8,1\nb,4,-8,1\n", "row 3: memory_gib = '-8' must be a finite number > 0"),
    "NaN capacity": (HEAD + "a,nan,8,1\n", "row 2: cores = 'nan'"),
    "infinite capacity": (HEAD + "a,4,inf,1\n", "row 2: memory_gib = 'inf'"),
    "zero cores": (HEAD + "a,0,8,1\n", "row 2: cores = '0' must be a finite number > 0"),
    "blank field": (HEAD + "a,4,,1\n", "row 2: memory_gib = ''"),
    "no name": (HEAD + ",4,8,1\n", "row 2: name = '' must be a non-empty text"),
    "zero speed": (HEAD + "a,4,8,0\n", "row 2: speed = '0'"),
    "two bad rows": (HEAD + "a,x,8,1\nb,4,8,1\nc,4,y,1\n", "row 2: cores = 'x' must be a finite number > 0; row 4"),
}
TRACE = "arrival_s,cores,memory_gib,duration_s\n"
TRACES: dict[str, tuple[str, str]] = {
    "empty trace": (TRACE, "holds no row"),
    "one job": (TRACE + "0,1,1,5\n", "at least two jobs"),
    "all at one moment": (TRACE + "3,1,1,5\n3,1,1,5\n", "two different arrival_s"),
    "negative duration": (TRACE + "0,1,1,5\n1,1,1,-5\n", "row 3: duration_s = '-5'"),
    "job without cores": (TRACE + "0,0,1,5\n1,1,1,5\n", "row 2: cores = '0'"),
}


def _refused(command: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The command leaves with code 2, says `said` in one line on stderr, and nothing on stdout."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["dgpg-verify", *command])
        with pytest.raises(SystemExit) as left:
            cli.main()
    out, err = capsys.readouterr()
    assert left.value.code == 2
    assert out == ""
    assert len(err.splitlines()) == 1, err
    assert err.startswith("error: ") and said in err


@pytest.fixture(autouse=True)
def _nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Every case runs in a folder of its own, which holds nothing new afterwards."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    yield
    assert not list(here.iterdir())


@pytest.mark.parametrize("command, said", COMMANDS.values(), ids=COMMANDS.keys())
def test_commands(command: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    _refused(command, said, capsys)


def test_a_run_that_diverges_ends_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No bad input, so another exit code: which number, and where."""
    command = ["train", "cloud", "--n", "3", "--method", "mappo", "--episodes", "3", "--workloads", "2", "--option",
               "horizon=5", "--set", "critic_lr=1e38", "--set", "layer_norm=False"]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["dgpg-verify", *command])
    with pytest.raises(SystemExit) as left:
        cli.main()
    said = capsys.readouterr().err.splitlines()[-1]
    assert left.value.code == 1 and "iteration 0: critic parameter [" in said


@pytest.mark.parametrize("text, said", FLEETS.values(), ids=FLEETS.keys())
def test_fleet_files(text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "fleet.csv").write_text(text)
    _refused([*MEASURE, "--option", f"fleet=csv:{tmp_path}/fleet.csv"], said, capsys)


@pytest.mark.parametrize("text, said", TRACES.values(), ids=TRACES.keys())
def test_trace_files(text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "trace.csv").write_text(text)
    _refused([*MEASURE, "--option", f"workload=trace:{tmp_path}/trace.csv"], said, capsys)


SMALL_GAMES: dict[str, tuple[str, str]] = {
    "ragged table": ('{"reward": [[1, 2], [3]], "guidance": [[1, 2], [3, 4]]}', "rows must be equally long"),
    "not a number": (
        '{"reward": [[1, "x"], [3, 4]], "guidance": [1]}',
        "reward[0][1] = 'x' is not allowed: it should",
    ),
    "truth value": ('{"reward": [1, true], "guidance": [1, 2]}', "reward[1] = True is not allowed"),
    "unknown field": ('{"reward": [1], "guidance": [1], "alpha": 0}', "field of game.json = 'alpha' is not allowed"),
}


@pytest.mark.parametrize("text, said", SMALL_GAMES.values(), ids=SMALL_GAMES.keys())
def test_game_files(text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "game.json").write_text(text)
    _refused(["equilibria", "--game", f"{tmp_path}/game.json"], said, capsys)


@pytest.mark.parametrize("broken", [b"\x1f\x8b\x08 no gzip", gzip.compress(b"arrival_s\n" * 99)[:-12], b"\xff\xfe"])
def test_trace_files_that_are_no_text(broken: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "jobs.csv.gz").write_bytes(broken)
    _refused([*MEASURE, "--option", f"workload=trace:{tmp_path}/jobs.csv.gz"], "must be CSV text in UTF-8", capsys)


def test_a_real_process_leaves_with_2_and_no_traceback() -> None:
    command = [sys.executable, "-m", "dgpg_verify", "measure", "load_balancing", "--n", "-3"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=Path(cli.__file__).parents[2])
    assert ran.returncode == 2
    assert ran.stderr == "error: n = -3 is not allowed: it must be an integer in [1, 1000000000]\n"


def test_a_run_folder_that_exists_is_not_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    command = ["verify", "--scale", "smoke", "--out", str(tmp_path / "run")]
    _refused(command, "exists already: choose another folder, or resume it with --resume", capsys)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["notes.txt"]


def _game(**parts: torch.Tensor) -> LoadBalancingGame:
    whole = {
        "jobs": torch.ones(3),
        "capacity": torch.ones(2),
        "background": torch.zeros(2),
        "candidates": torch.tensor([[0, 1], [1, 0], [0, 1]]),
        "weights": torch.ones(2),
        "target": torch.zeros(2),
        "reference_state": torch.zeros(2),
    }
    floats = {k: v.double() if v.is_floating_point() else v for k, v in {**whole, **parts}.items()}
    return LoadBalancingGame(cost="quadratic", **floats)


NAN = torch.tensor([1.0, float("nan")])
GAMES: dict[str, tuple[dict[str, torch.Tensor], str]] = {
    "NaN capacity": ({"capacity": NAN}, r"capacity\[1\] = nan is not allowed"),
    "negative capacity": ({"capacity": torch.tensor([-1.0, 1.0])}, r"capacity\[0\] = -1.0 is not allowed"),
    "NaN background": ({"background": NAN}, r"background\[1\] = nan"),
    "infinite weight": ({"weights": torch.tensor([1.0, float("inf")])}, r"weights\[1\] = inf"),
    "job of size 0": ({"jobs": torch.tensor([1.0, 0.0, 1.0])}, r"jobs\[1\] = 0.0"),
    "a server that is not there": ({"candidates": torch.tensor([[0, 2]] * 3)}, r"servers in \[0, 1\]"),
    "a candidate twice": ({"candidates": torch.tensor([[1, 1]] * 3)}, "servers may not appear twice"),
    "no candidate": ({"candidates": torch.zeros((3, 0), dtype=torch.int64)}, "at least one for each agent"),
    "one job too few": ({"jobs": torch.ones(2)}, "do not fit"),
    "reference of another size": ({"reference_state": torch.zeros(3)}, r"reference_state has shape \(3,\)"),
}


def test_the_plain_game_is_allowed() -> None:
    assert _game().n_agents == 3


@pytest.mark.parametrize("parts, said", GAMES.values(), ids=GAMES.keys())
def test_games(parts: dict[str, torch.Tensor], said: str) -> None:
    with pytest.raises(InputError, match=said):
        _game(**parts)


FOUR, NOISE = [8, 16, 32, 64], np.ones((4, 3))
CALLS: dict[str, tuple[Callable[[], object], str]] = {
    "no agents": (lambda: make_system("load_balancing", 0), "n_agents = 0"),
    "half an agent": (lambda: make_system("load_balancing", 2.5), "n_agents = 2.5"),  # type: ignore[arg-type]
    "K above M": (lambda: LoadBalancingGame.random(4, n_candidates=5), "n_candidates = 5 is not allowed"),
    "gradient of another shape": (lambda: _measure(target=np.zeros((2, 2))), "target has shape"),
    "NaN gradient": (lambda: _measure(target=np.full((3, 3), np.nan)), "target holds a value that is not finite"),
    "agents of a built system": (lambda: _measure(agents=4), "agents = 4 is not allowed"),
    "no credits": (lambda: _measure(credits=[]), "credits is empty"),
    "an object that is no credit": (lambda: _measure(credits=[3]), "3"),
    "duplicate N": (lambda: fit_scaling([8, 8, 16, 32], NOISE), "n_values holds 8 more than once"),
    "one row of replicates too few": (lambda: fit_scaling(FOUR, NOISE[1:]), "replicates"),
    "level of 1": (lambda: fit_scaling(FOUR, _rising(), level=1.0), "level = 1.0 is not allowed"),
    "unknown relation": (lambda: judge(_fit(), 0.0, 0.15, "omega"), "relation = 'omega' is not allowed"),
    "negative margin": (lambda: judge(_fit(), 0.0, -0.15, "theta"), "margin = -0.15 is not allowed"),
    "unknown scale of an outcome": (lambda: row_outcome(None, "huge"), "scale = 'huge'"),  # type: ignore[arg-type]
    "negative seed of a run": (lambda: run_claims(scale="smoke", seed=-1), "seed = -1 is not allowed"),
    "workers of a run": (lambda: run_cells([], lambda c: None, CellStore(".", "source"), 0), "workers = 0"),
}


def _measure(**options: object) -> object:
    return measure_gradients(LoadBalancingGame.random(3, n_candidates=3), rollouts=4, **options)  # type: ignore[arg-type]


def _rising() -> np.ndarray:
    return np.array(FOUR)[:, None] * (1.0 + 0.01 * np.random.default_rng(0).random((4, 3)))


def _fit() -> object:
    return fit_scaling(FOUR, _rising())


@pytest.mark.parametrize("call, said", CALLS.values(), ids=CALLS.keys())
def test_calls(call: Callable[[], object], said: str) -> None:
    with pytest.raises(InputError, match=said) as refused:
        call()
    assert "\n" not in str(refused.value)


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """One finished cell, its index and an empty ledger."""
    folder = tmp_path / "run"
    store, row = CellStore(folder, "source"), Row("A1", "toy", {2: 1})
    (cell,) = row.cells(0)
    path = store.path(cell)
    write_cell(path, store.key(cell), Evidence(cell, {"x": 1.0}, 0.1))
    index = {"schema": 2, "scale": "smoke", "seed": 0, "claims": {"A1": [["A1", "toy"]]}, "rows": [to_json(row)]}
    (folder / "cells" / "index.json").write_text(json.dumps(index | {"cells": {f"cells/{path.name}": store.key(cell)}}))
    (folder / "ledger.json").write_text('{"schema": 1, "rows": []}')
    return folder


def _truncate(folder: Path) -> None:
    path = next(folder.glob("cells/*.npz"))
    path.write_bytes(path.read_bytes()[:-30])


def _remove(folder: Path) -> None:
    next(folder.glob("cells/*.npz")).unlink()


def _rename_claim(folder: Path) -> None:
    path = folder / "cells" / "index.json"
    path.write_text(path.read_text().replace('{"A1"', '{"A77"'))


def _other_source(folder: Path) -> None:
    path = folder / "cells" / "index.json"
    path.write_text(path.read_text().replace('.npz": "', '.npz": "0'))


def _corrupt_index(folder: Path) -> None:
    (folder / "cells" / "index.json").write_text('{"schema": 1')


FOLDERS: dict[str, tuple[Callable[[Path], None], str]] = {
    "corrupt cell": (_truncate, "A1-toy-n2-r0-"),
    "lost cell": (_remove, "1 of 1 cells of A1/toy are not finished"),
    "cell of another source": (_other_source, "1 of 1 cells of A1/toy are not finished"),
    "index of an unknown claim": (_rename_claim, "names unknown claims: A77"),
    "corrupt index": (_corrupt_index, "index.json"),
}


@pytest.mark.parametrize("break_it, said", FOLDERS.values(), ids=FOLDERS.keys())
def test_run_folders(
    break_it: Callable[[Path], None], said: str, run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    break_it(run_folder)
    before = {path: path.read_bytes() for path in run_folder.rglob("*.*")}
    _refused(["report", str(run_folder)], said, capsys)
    assert {path: path.read_bytes() for path in run_folder.rglob("*.*")} == before


LEDGERS: dict[str, tuple[str, str]] = {
    "not JSON": ("{", "ledger.json is not JSON"),
    "unknown schema": ('{"schema": 7, "rows": []}', "schema = 7 is not allowed"),
    "NaN": ('{"schema": 1, "rows": [NaN]}', "holds NaN"),
    "row without fields": ('{"schema": 1, "rows": [{"row": "x"}]}', "missing"),
}


@pytest.mark.parametrize("text, said", LEDGERS.values(), ids=LEDGERS.keys())
def test_ledgers(text: str, said: str, run_folder: Path) -> None:
    (run_folder / "ledger.json").write_text(text)
    for read in (read_ledger, write_report):
        with pytest.raises(InputError, match=said):
            read(run_folder)
    assert not (run_folder / "index.html").exists()


def test_records_that_are_nested(run_folder: Path) -> None:
    (run_folder / "records.json").write_text('{"schema": 1, "tables": {"moments": [{"n": {"a": 1}}]}}')
    with pytest.raises(InputError, match="is nested: it must be flat"):
        read_records(run_folder)
    shutil.rmtree(run_folder)


def test_there_are_enough_kinds() -> None:
    kinds = [COMMANDS, FLEETS, TRACES, SMALL_GAMES, GAMES, CALLS, FOLDERS, LEDGERS]
    assert sum(map(len, kinds)) >= 25

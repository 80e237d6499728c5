"""Runs on a system without Best-Fit, built in or of a user's own: trained, evaluated and compared on its own scale."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dgpg_verify.training import heldout
from dgpg_verify.training.saved.folder import read_run
from tests.cli.command import run

OWN = "from tests.contracts.outsiders import Lights\ndef hall(n_agents, seed=0, lamps=1): return Lights(n_agents)\n"
SHORT = ["--n", "3", "--episodes", "2", "--method", "mappo", "--workloads", "8", "--set", "epochs=1"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    (tmp_path / "own.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    code, out, err = run("train", "own.py:hall", *SHORT, "--option", "lamps=2", "--out", "a", capsys=capsys)
    assert code == 0, err
    Path("said").write_text(out)
    return tmp_path


def test_train_tells_returns_with_intervals_and_what_they_are_above_random(folder: Path) -> None:
    lines = Path("said").read_text().splitlines()
    stored = read_run("a", trusted=["own.py:hall"])
    on = heldout(stored.system, 0, 8)
    for line, (episode, returns) in zip(lines[1:3], stored.progress.evaluations, strict=True):
        assert line.startswith(f"episode     {episode}  samples")
        assert line.endswith(f"minus random {on.gains(returns)['random']}") and "score" not in line
    assert f"random {on.random.mean():.4g}, the policy above it" in lines[4]
    assert lines[-1] == on.width_in_words() and lines[-1].endswith("on the system's own scale")


def test_evaluate_and_compare_make_the_system_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert read_run("a", trusted=["own.py:hall"]).config["origin"] == {
        "name": "own.py:hall",
        "n_agents": 3,
        "seed": 0,
        "options": {"lamps": 2},
    }
    code, out, _ = run("evaluate", "a", "--system", "own.py:hall", "--workloads", "8", "--json", capsys=capsys)
    said, (_, last) = json.loads(out), read_run("a", trusted=["own.py:hall"]).progress.evaluations[-1]
    assert code == 0 and said["return"] == last.mean() and said["score"] is None
    gain = heldout(read_run("a", trusted=["own.py:hall"]).system, 0, 8).gains(last)["random"]
    assert said["gains"]["random"]["low"] == gain.low and said["gains"]["random"]["value"] == gain.value
    code, out, _ = run("compare", "a", "--system", "own.py:hall", capsys=capsys)
    assert code == 0 and str(gain) in out.splitlines()[1] and "minus random" in out.splitlines()[0]


@pytest.mark.parametrize("command", ["evaluate", "compare"])
def test_code_that_a_folder_names_is_not_run_unasked(
    command: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "own.py").write_text("raise SystemExit('it ran')")
    for asked in ([], ["--system", "other.py:hall"]):
        code, out, err = run(command, "a", *asked, capsys=capsys)
        assert (code, out, err.count("\n")) == (2, "", 1) and "--system own.py:hall imports it" in err


@pytest.mark.parametrize("command", ["evaluate", "compare"])
def test_a_system_that_is_gone_is_told_in_one_line(
    command: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "own.py").unlink()
    code, out, err = run(command, "a", "--system", "own.py:hall", capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "a was trained on a system of your own that cannot be made again from here" in err and "'own.py'" in err


def test_a_system_with_heuristics_but_no_best_fit_is_told_beside_them(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run("train", "load_balancing", *SHORT, capsys=capsys)
    lines = out.splitlines()
    assert code == 0 and not any(" score " in line for line in lines[:-1])
    named = [line.split()[0] for line in lines[4:-1]]
    assert named == ["random", "capacity_proportional", "least_committed"]
    assert np.all(["the policy above it" in line and "[" in line for line in lines[4:-1]])

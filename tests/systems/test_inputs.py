"""Files that a run was built from: found from anywhere, and refused once they have changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dgpg_verify.core import InputError
from dgpg_verify.systems import CloudScheduling
from dgpg_verify.systems.inputs import file_digest
from dgpg_verify.training import train
from dgpg_verify.training.saved.folder import read_run
from tests.cli.command import run as _run

NODES = "name,cores,memory_gib\na,4,16\nb,8,32\n"


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place with nodes.csv and a run beside it, trained on the list by its relative path."""
    place = tmp_path / "place"
    place.mkdir()
    (place / "nodes.csv").write_text(NODES)
    monkeypatch.chdir(place)
    cloud = CloudScheduling(2, fleet="csv:nodes.csv", n_servers=2, horizon=4)
    train(cloud, "mappo", 1, workloads=2, out="run", progress=False, epochs=1, hidden=8)
    return place


def test_paths_are_taken_from_where_the_run_was_started(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "nodes.csv").write_text(NODES.replace("16", "2"))  # another list of the same name
    monkeypatch.chdir(elsewhere)
    assert read_run("../place/run").system.fleet.memory.tolist() == [16.0, 32.0]
    shutil.move(trained, tmp_path / "moved")  # folder and file together
    assert read_run("../moved/run").system.fleet.memory.tolist() == [16.0, 32.0]


@pytest.mark.parametrize("command", [["compare"], ["evaluate"]])
def test_a_changed_file_is_refused_with_both_digests(
    trained: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    then = file_digest(trained / "nodes.csv")
    assert _run(*command, "run", capsys=capsys)[0] == 0
    (trained / "nodes.csv").write_text(NODES.replace("32", "2"))
    code, out, err = _run(*command, "run", capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "nodes.csv" in err and then in err and file_digest(trained / "nodes.csv") in err


def test_a_resumed_run_is_refused_with_another_file(trained: Path) -> None:
    (trained / "nodes.csv").write_text(NODES.replace("32", "2"))
    cloud = CloudScheduling(2, fleet="csv:nodes.csv", n_servers=2, horizon=4)
    with pytest.raises(InputError, match=r"inputs\.fleet\.sha256"):
        train(cloud, "mappo", 1, workloads=2, out="run", resume=True, progress=False, epochs=1, hidden=8)

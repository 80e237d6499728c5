"""road_network on the command line: its three commands, its networks by name, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import run
from tests.systems.roads.test_road_network import DIAMOND, write_network, write_trips

COMMANDS = [
    ["measure", "road_network", "--n", "6", "--rollouts", "16"],
    ["measure", "road_network:braess", "--n", "4", "--rollouts", "16", "--option", "reference=user_equilibrium"],
    ["measure", "road_network", "--n", "4", "--rollouts", "16", "--option", "network=pigou"],
    ["scaling", "road_network", "--n", "4,8,16,32", "--fleets", "2", "--rollouts", "8", "--option", "n_paths=2"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_roads_are_measured(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(*command, "--json", capsys=capsys)
    assert code == 0, err
    assert json.loads(out)["system"] == command[1]


def test_roads_are_learned(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run("train", "road_network:pigou", "--n", "4", "--episodes", "2", capsys=capsys)
    assert code == 0, err
    assert (
        "episode     2" in out and "best_response -1, the policy above it" in out
    )  # nobody else there: all take the second link
    assert "user_equilibrium -1, the policy above it" in out and "iterated_best_response -0.75, " in out
    assert "picture" not in out


def test_a_run_folder_holds_its_map(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "run"
    short = ["--n", "4", "--episodes", "4", "--workloads", "4", "--out", str(place)]
    code, out, err = run("train", "road_network:braess", *short, capsys=capsys)
    assert code == 0 and f"picture: {place / 'road_map.png'}" in out, err
    drawn = (place / "road_map.svg").read_bytes()
    (place / "road_map.svg").unlink()
    code, out, err = run("evaluate", str(place), "--workloads", "4", "--figure", capsys=capsys)
    assert code == 0 and f"picture: {place / 'road_map.png'}" in out, err
    assert (place / "road_map.svg").read_bytes() == drawn
    _, out, _ = run("evaluate", str(place), "--workloads", "4", "--figure", "--json", capsys=capsys)
    assert json.loads(out)["picture"] == f"picture: {place / 'road_map.png'}"
    code, _, err = run("evaluate", str(place), "--figure", "--n", "5", capsys=capsys)
    assert code == 2 and "not allowed with --n" in err


def test_a_run_without_a_picture_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    short = ["--n", "3", "--episodes", "1", "--workloads", "2", "--out", str(tmp_path / "run")]
    code, out, err = run("train", "load_balancing", *short, capsys=capsys)
    assert code == 0 and "picture" not in out, err
    code, _, err = run("evaluate", str(tmp_path / "run"), "--workloads", "2", "--figure", capsys=capsys)
    assert code == 2 and "LoadBalancingGame has no picture" in err


def test_what_is_not_allowed_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    for command, said in (
        (["measure", "road_network:paris"], "module 'road_network'"),
        (
            ["measure", "road_network", "--option", "network=paris"],
            "anaheim, path/to",
        ),
        (["measure", "road_network", "--option", "lanes=2"], "option of system road_network = 'lanes'"),
    ):
        code, out, err = run(*command, capsys=capsys)
        assert code == 2 and not out and said in err
    assert "road_network:braess" in run("list", capsys=capsys)[1]


def test_a_run_on_files_is_evaluated_from_elsewhere_while_the_files_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "roads"
    place.mkdir()
    file = write_network(place, *DIAMOND, "2 3 1 1 1 0 0;", "2 4 1 1 1 0 0;", "4 1 1 1 1 0 0;", "3 1 1 1 1 0 0;")
    trips = write_trips(place, "2 : 7.0;", "Origin 2", "1 : 3.0;", total="10")
    monkeypatch.chdir(place)
    short = ["--n", "4", "--episodes", "2", "--workloads", "4", "--out", "r"]
    code, _, err = run("train", "road_network", "--option", f"network={file.name}", *short, capsys=capsys)
    assert code == 0, err
    monkeypatch.chdir(tmp_path)
    code, out, err = run("evaluate", "roads/r", "--workloads", "4", capsys=capsys)
    assert code == 0 and "return" in out, err
    trips.write_text(trips.read_text().replace("7.0", "6.5").replace("3.0", "3.5"))
    code, out, err = run("evaluate", "roads/r", capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1) and "the file of trips has changed since the run" in err

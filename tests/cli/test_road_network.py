"""road_network on the command line: its three commands, its networks by name, and what is refused."""

from __future__ import annotations

import json

import pytest

from tests.cli.command import run

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


def test_what_is_not_allowed_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    for command, said in (
        (["measure", "road_network:paris"], "module 'road_network'"),
        (["measure", "road_network", "--option", "network=paris"], "it must be one of grid, braess, pigou, path/to"),
        (["measure", "road_network", "--option", "lanes=2"], "option of system road_network = 'lanes'"),
    ):
        code, out, err = run(*command, capsys=capsys)
        assert code == 2 and not out and said in err
    assert "road_network:braess" in run("list", capsys=capsys)[1]

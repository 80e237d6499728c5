"""inventory on the command line: its commands, a saved run that is evaluated again, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import run

COMMANDS = {
    "measure": ["measure", "inventory", "--n", "4", "--rollouts", "16", "--option", "horizon=5"],
    "warehouse": ["measure", "inventory", "--n", "4", "--rollouts", "16", "--option", "horizon=5",
                  "--option", "warehouse=0.9", "--credits", "return,guidance,difference:replay"],
    "scaling": ["scaling", "inventory", "--n", "4,8,16,32", "--fleets", "2", "--rollouts", "8",
                "--credits", "return,guidance", "--option", "horizon=4"],
}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
def test_measured(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(*command, capsys=capsys)
    assert (code, "guidance" in out) == (0, True), err


def test_a_run_is_scored_beside_base_stock_and_evaluated_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "run")
    options = ["--option", "warehouse=0.9", "--option", "horizon=5"]
    code, said, err = run("train", "inventory", "--n", "3", "--episodes", "2", "--workloads", "4", *options,
                          "--out", out, capsys=capsys)  # fmt: skip
    assert code == 0, err
    assert "base_stock" in said and "s_S" in said and "no score: Random and Best-Fit" in said
    code, said, err = run("evaluate", out, "--json", "--workloads", "4", capsys=capsys)
    assert code == 0, err
    assert set(json.loads(said)["heuristics"]) == {"random", "base_stock", "s_S"}


def test_it_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    sections = json.loads(run("list", "--json", capsys=capsys)[1])
    assert "inventory" in sections["systems"]
    assert sections["heuristics"]["base_stock"] == "of inventory"
    assert sections["references (--option reference=NAME)"]["newsvendor"] == "of inventory"


def test_a_bad_value_ends_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run("measure", "inventory", "--option", "warehouse=-1", capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "warehouse = -1 is not allowed: it must be a finite number in (0, 10]" in err

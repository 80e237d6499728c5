"""The comparison with BenchMARL, as far as it goes without it: what is run, once, and how it is scored."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dgpg_verify.reporting.domains.foreign import markdown, runs_table

ROOT = Path(__file__).resolve().parent.parent


def printed_table(records: list[dict[str, Any]]) -> str:
    return markdown(runs_table(records))


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmarl_runs", ROOT / "scripts" / "benchmarl_runs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(script: ModuleType, monkeypatch: pytest.MonkeyPatch, out: Path, *arguments: str) -> list[dict[str, Any]]:
    monkeypatch.setattr(sys, "argv", ["benchmarl_runs.py", *arguments, "--out", str(out)])
    script.main()
    return json.loads(out.read_text())


def test_a_run_is_scored_between_random_and_the_rule_and_not_repeated(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("road_network", "--episodes", "32", "--seeds", "1", "2", "--settings", "tuned", "--algorithms", "mappo",
             "qmix", "--implementations", "ours")  # fmt: skip
    out = tmp_path / "runs.json"
    records = run(script, monkeypatch, out, *asked)
    assert [(record["seed"], record["algorithm"]) for record in records] == [(1, "mappo"), (2, "mappo")]
    for record in records:
        last, rules = record["curve"][-1], record["rules"]
        assert last["samples"] == 32
        gained = last["mean"] - rules["random"]
        assert last["score"] == pytest.approx(gained / (rules["user_equilibrium"] - rules["random"]))
    monkeypatch.setattr(script, "_run", lambda record: pytest.fail("a run that is there was repeated"))
    assert run(script, monkeypatch, out, *asked) == records
    assert "MAPPO, tuned, ours | 2 | 32 |" in capsys.readouterr().out


def test_what_is_left_is_paired_by_seed(script: ModuleType) -> None:
    same = {"system": "cloud", "n_agents": 5, "episodes": 2, "options": {"horizon": 30}, "algorithm": "mappo"}

    def record(implementation: str, setting: str, seed: int, score: float) -> dict[str, Any]:
        named = {"setting": setting, "implementation": implementation, "seed": seed, "seconds": 1.0}
        return {**same, **named, "curve": [{"samples": 8, "score": score, "greedy": score}]}

    ours = [record("ours", "tuned", seed, float(seed)) for seed in (1, 2, 3)]
    theirs = [record("benchmarl", setting, seed, seed - 0.5) for setting in ("tuned", "candidates") for seed in (1, 2)]
    lines = printed_table([*ours, *theirs]).splitlines()[2:]
    assert ["-0.50 (-0.50 to -0.50)" in line for line in lines] == ["benchmarl |" in line for line in lines]
    assert len(lines) == 3


def test_the_committed_runs_are_those_of_the_results(script: ModuleType) -> None:
    """Every row of the table in docs/results.md is a row of what the script prints from reports/benchmarl.json."""
    printed = printed_table(json.loads((ROOT / "reports" / "benchmarl.json").read_text()))
    text = (
        (ROOT / "docs" / "results.md").read_text().partition("## Baselines that are not ours")[2].partition("\n## ")[0]
    )
    shown = re.findall(r"-?\d+\.\d\d \[-?\d+\.\d\d, -?\d+\.\d\d\]", text)
    assert len(shown) > 15
    for interval in shown:
        assert interval.replace("[", "(").replace(", ", " to ").replace("]", ")") in printed, interval

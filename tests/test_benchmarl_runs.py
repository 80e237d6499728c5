"""The comparison with BenchMARL, as far as it goes without it: what is run, once, and how it is scored."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent


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

"""README and pages cannot drift from the committed runs, their snippets run, and the site builds without a warning."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from dgpg_verify.measurement import measure_gradients

ROOT = Path(__file__).resolve().parent.parent


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("readme_claims", ROOT / "scripts" / "readme_claims.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tables_are_those_of_the_reference_report() -> None:
    for path, text in _script().rendered().items():
        assert text == (ROOT / path).read_text(), path


def test_a_changed_verdict_would_be_noticed() -> None:
    script = _script()
    text = (ROOT / "README.md").read_text()
    label = re.search(r"\*\*(supported|refuted|depends|inconclusive)\*\*", text)
    assert label is not None
    assert script.rendered()["README.md"] != text.replace(label.group(0), "**unknown**", 1)


TEXT = "".join(path.read_text() for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))))
SNIPPETS = re.findall(r"```python\n(.*?)```", TEXT, re.S)


def _snippet(word: str) -> str:
    (found,) = [text for text in SNIPPETS if word in text]
    return found


def test_the_measuring_and_the_credit_example_run_as_printed() -> None:
    scope: dict[str, Any] = {}
    exec(_snippet("LoadBalancingGame.random"), scope)  # our own README
    assert scope["m"]["guidance"].variance.shape == (64,)
    exec(_snippet("register_credit("), scope)
    found = scope["measure_gradients"](scope["system"], "uniform", credits=["own_load"], rollouts=8)
    assert (found["own_load"].variance > 0).all()


def test_the_model_example_runs_as_printed() -> None:
    scope: dict[str, Any] = {"torch": torch, "measure_gradients": measure_gradients}
    exec(_snippet("AnalyticalModel("), scope)
    assert scope["game"].n_agents == 12


@pytest.mark.parametrize("word", ["run = train(", "train_together("])
def test_the_training_examples_run_on_fewer_agents(word: str) -> None:
    text = re.sub(r"n_agents=\d+", "n_agents=3", _snippet(word))
    text = re.sub(r"episodes=\d+", "episodes=1", text).replace("range(6)", "range(2)")
    scope: dict[str, Any] = {}
    exec(text, scope)
    assert "run" in scope or len(scope["runs"]) == 2


@pytest.mark.parametrize("word", ["register_credit(", "class Toy", "AnalyticalModel("])
def test_extension_examples_stay_under_twenty_lines(word: str) -> None:
    assert len(_snippet(word).splitlines()) < 20


def test_tests_that_the_pages_name_are_there() -> None:
    """As `file::name` below `tests/`."""
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", TEXT)
    assert named
    assert not [(path, name) for path, name in named if f"def {name}(" not in (ROOT / "tests" / path).read_text()]


def test_reports_name_no_path_of_a_machine() -> None:
    for path in (ROOT / "reports").glob("reference*/**/*"):
        if path.suffix in {".json", ".html", ".md", ".csv"}:
            assert not re.search(r"(?<![\w.])/(home|root|work|tmp|Users)/", path.read_text()), path.name


def test_the_readme_is_read_in_five_minutes() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 200


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.name
)
def test_every_file_that_is_linked_is_there(page: Path) -> None:
    """Pictures of committed runs too, which the site's builder does not look for."""
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    """Links, anchors and every name of the Python interface are checked by the builder."""
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "results" / "index.html").is_file()

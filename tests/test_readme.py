"""The README cannot drift from the committed reference report, and its snippets run."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("readme_claims", ROOT / "scripts" / "readme_claims.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tables_are_those_of_the_reference_report() -> None:
    assert _script().rendered() == (ROOT / "README.md").read_text()


def test_a_changed_verdict_would_be_noticed() -> None:
    script = _script()
    text = (ROOT / "README.md").read_text()
    label = re.search(r"\*\*(supported|refuted|inconclusive)\*\*", text)
    assert label is not None
    assert script.rendered() != text.replace(label.group(0), "**unknown**", 1)


def test_snippets_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The measuring example and the credit example, as printed."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    scope: dict[str, Any] = {}
    exec(blocks[0], scope)  # our own README
    exec(blocks[1], scope)
    assert scope["m"]["guidance"].variance.shape == (64,)


@pytest.mark.parametrize("block", range(3))
def test_extension_examples_stay_under_twenty_lines(block: int) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert len(blocks[block].splitlines()) < 20


def test_reports_name_no_path_of_a_machine() -> None:
    for path in (ROOT / "reports").glob("reference*/**/*"):
        if path.suffix in {".json", ".html", ".md", ".csv"}:
            assert not re.search(r"(?<![\w.])/(home|root|work|tmp|Users)/", path.read_text()), path.name

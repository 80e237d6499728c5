"""Choices that the paper leaves open, declared before measuring: one Markdown list per family, printed on the page."""

from __future__ import annotations

import re
from importlib.resources import files


def declared(family: str) -> list[dict[str, str]]:
    """The records of the table `declared`: one per item of `<family>.md`."""
    text = files(__package__).joinpath(f"{family}.md").read_text(encoding="utf-8")
    return [{"text": " ".join(item.split())} for item in re.split(r"(?m)^- ", text)[1:]]

"""What tests of figures ask of one: its texts, and the tables it is drawn from with some records changed."""

from __future__ import annotations

import re
from typing import Any

from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.saving import svg_text

Tables = dict[str, list[dict[str, Any]]]


def said(figure: Figure) -> str:
    """Title, subtitle and caption on one line."""
    return " ".join(text.get_text() for text in figure.texts).replace("\n", " ").replace("\u00a0", " ")


def title(figure: Figure) -> str:
    return figure.texts[0].get_text().replace("\n", " ").replace("\u00a0", " ")


def changed(made: Tables, table: str, change: dict[str, Any], **which: Any) -> Tables:
    """The tables with some records of one changed."""
    rows = [{**r, **change} if all(r.get(k) == v for k, v in which.items()) else r for r in made[table]]
    return {**made, table: rows}


def unknown_in(figure: Figure) -> list[str]:
    """Texts of the figure as it is saved that show a missing number as one."""
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg_text(figure, "one"))
    assert texts, "a figure has texts"
    return [text for text in texts if re.search(r"\b(nan|None|inf)\b", text)]

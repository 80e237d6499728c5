"""A figure gives the same SVG each time, and one that fits into a page."""

from __future__ import annotations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.look import Look, styled
from dgpg_verify.reporting.drawing.marks import dots, key
from dgpg_verify.reporting.drawing.saving import inline_svg, svg_text
from dgpg_verify.reporting.drawing.sheet import panels, sign

COUNT = 70


def draw(x: float = 1.0) -> Figure:
    look = Look("#0072b2")
    with styled():
        figure, axes = panels(1, 1, title="99.9 %", subtitle="b", caption="c", keys=[key("return", look)])
        dots(axes[0, 0], [x] * COUNT, range(COUNT), look)
        sign(figure, "Dispute it: now")
    return figure


def test_the_same_marks_give_the_same_svg_and_others_do_not() -> None:
    assert svg_text(draw(), "k") == svg_text(draw(), "k") != svg_text(draw(2.0), "k")


def test_inline_svg_is_selfcontained_and_keeps_its_text() -> None:
    text = inline_svg(svg_text(draw(), "k"), "f7", 'a "title" <b>')
    assert "http" not in text and "xmlns" not in text
    assert text.count("<use") >= COUNT
    assert 'aria-label="a &quot;title&quot; &lt;b>"' in text
    assert "99.9" in text and "var(--ink" in text and "Dispute it: now" in text
    ids = {part.split('"')[0] for part in text.split(' id="')[1:]}
    used = {part.split('"')[0] for part in text.split('href="#')[1:]}
    assert used and used <= ids and all(name.startswith("f7-") for name in ids)


@pytest.mark.parametrize("caption", ["short", "long " * 100], ids=["short", "long"])
def test_caption_and_command_do_not_touch(caption: str) -> None:
    with styled():
        figure, _ = panels(1, 2, title="a", subtitle="b", caption=caption)
        sign(figure, "Dispute it: now")
        renderer = FigureCanvasAgg(figure).get_renderer()
        boxes = [text.get_window_extent(renderer) for text in figure.texts[-2:]]
    assert boxes[0].y0 > boxes[1].y1 and boxes[1].y0 > 0

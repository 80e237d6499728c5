"""A figure gives the same SVG each time, and one that fits into a page."""

from __future__ import annotations

import re

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.look import INK, Look, styled
from dgpg_verify.reporting.drawing.marks import dots, key
from dgpg_verify.reporting.drawing.saving import MIDDLE, inline_svg, many_as_pixels, slim, svg_text
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
    assert "99.9" in text and "var(--ink" in text
    assert "Dispute it: now" in svg_text(draw(), "k") and "Dispute it" not in text  # it stands below
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


def test_many_dots_over_all_panels_become_pixels() -> None:
    with styled():
        figure, axes = panels(1, 2, title="a", subtitle="b", caption="c")
        for ax in axes.flat:
            dots(ax, [1.0] * COUNT, range(COUNT), Look("#0072b2"))
    few = svg_text(figure, "k")
    assert few.count("<use") >= 2 * COUNT and "base64" not in few
    many_as_pixels(figure, most=2 * COUNT - 1)
    text = svg_text(figure, "k")
    assert text.count("<use") < COUNT and text.count("base64") == 2


def test_ink_in_pixels_can_be_seen_on_light_and_on_dark() -> None:
    figure, axes = panels(1, 1, title="a", subtitle="b", caption="c")
    for color in (INK, "#0072b2"):
        dots(axes[0, 0], [1.0] * COUNT, range(COUNT), Look(color))
    many_as_pixels(figure, most=1)
    shown = {to_hex(dot.get_facecolor()[0]) for dot in axes[0, 0].collections}
    assert shown == {MIDDLE, "#0072b2"}


def test_slim_says_the_same_in_fewer_bytes() -> None:
    line = '<path d="M{} 0.04 \nL 7.126 -0.01 \n" clip-path="url(#p0123456789)" style="fill: none; stroke: #000"/>'
    filled = '<path d="M0 0L1 1z" style="fill: #fff"/>'
    svg = f"<svg><style></style><clipPath id='x'/><g>\n{line.format(1)}\n</g>\n{line.format(2)}\n{filled}{filled}</svg>"
    text = slim(svg.replace("id='x'", 'id="p0123456789"'))
    assert 'd="M1 0L7.1 0M2 0L7.1 0"' in text  # lines of one style in one path
    assert text.count('"M0 0L1 1z"') == 2  # areas stay apart: where two overlap, both are seen
    assert 'id="i0"' in text and "url(#i0)" in text and "<g>" not in text
    curve = slim('<svg><path d="M0 1.9412C0.5149 1.9412 1 1 2 2"/></svg>')
    assert 'd="M0 1.94C0.51 1.94 1 1 2 2"' in curve


def test_styles_become_classes_that_say_the_same() -> None:
    text = svg_text(draw(), "k")
    rules = dict(re.findall(r"\.(s\w+)\{([^}]*)\}", text))
    assert rules and set(re.findall(r'class="(s\w{8})"', text)) == set(rules)
    styles = re.findall(r' style="([^"]+)"', text)
    assert max(map(styles.count, styles)) <= 2 and not set(styles) & set(rules.values())
    assert any("font-size" in rule for rule in rules.values())

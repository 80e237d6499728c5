"""Axis labels do not touch, and a slope that rounds to nothing is not said to fall."""

from __future__ import annotations

import itertools

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.style import n_axis, styled
from dgpg_verify.reporting.wording import slope_phrase

AIR = 7.0  # points at 72 to the inch: about a letter and a half


@pytest.mark.parametrize("width", [0.15, 0.2, 0.3])
def test_ticks_in_n_do_not_touch(width: float) -> None:
    with styled():
        fig = Figure(figsize=(12.0, 4.0))
        ax = fig.add_axes((0.1, 0.2, width, 0.6))
        n_axis(ax, [5, 8, 16, 50, 64, 200, 256, 1024, 1500, 10_000, 20_000, 40_000, 100_000])
        renderer = FigureCanvasAgg(fig).get_renderer()
        fig.draw(renderer)
        boxes = [text.get_window_extent(renderer) for text in ax.get_xticklabels() if text.get_text()]
    assert len(boxes) >= 3
    assert all(left.x1 + AIR < right.x0 for left, right in itertools.pairwise(sorted(boxes, key=lambda box: box.x0)))


@pytest.mark.parametrize(
    ("slope", "said"),
    [
        ((-0.001, -0.002, -0.0005), "stays flat (N^0.00)"),
        ((-0.5, -0.6, -0.4), "falls like N^-0.50"),
        ((1.0, 0.9, 1.1), "grows like N^1.00"),
        ((0.1, -0.1, 0.3), "shows no trend (N^0.10)"),
    ],
)
def test_a_slope_in_words(slope: tuple[float, float, float], said: str) -> None:
    assert slope_phrase(*slope) == said

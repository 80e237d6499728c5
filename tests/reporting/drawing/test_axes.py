"""Axis labels do not touch, and a slope that rounds to nothing is not said to fall."""

from __future__ import annotations

import itertools

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import equal_spans, limits, log_y, n_axis
from dgpg_verify.reporting.drawing.look import styled
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


def test_log_limits_hold_the_positive_values_and_enough_decades() -> None:
    low, high = limits([0.0, -1.0, 2.0, 50.0], least_decades=3.0)
    assert low < 2.0 and high > 50.0 and high / low >= 1e3
    spans = equal_spans([[1.0, 10.0], [1.0, 1e6]])
    assert spans[0][1] / spans[0][0] == pytest.approx(spans[1][1] / spans[1][0])
    assert spans[0][0] < 1.0 < 10.0 < spans[0][1]


@pytest.mark.parametrize(
    ("ends", "texts"),
    [
        ((0.9, 11.0), ["1", "2", "5", "10"]),
        ((1e-7, 1e7), ["10\u207b\u2076", "10\u207b\u2074", "0.01", "1", "100", "10\u2009000", "10\u2076"]),
    ],
)
def test_log_ticks_are_few_and_plain(ends: tuple[float, float], texts: list[str]) -> None:
    ax = Figure().add_axes((0.1, 0.1, 0.8, 0.8))
    log_y(ax, *ends)
    assert [text.get_text() for text in ax.get_yticklabels()] == texts

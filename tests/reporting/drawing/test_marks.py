"""Marks: no replicate is lost, labels at line ends keep apart."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.look import Look
from dgpg_verify.reporting.drawing.marks import bars, dots, fitted, spread, summary

LOOK = Look("#0072b2")


def axes() -> Figure:
    figure = Figure()
    figure.add_axes((0.1, 0.1, 0.8, 0.8))
    return figure


def test_dots_beyond_the_limits_sit_hollow_on_the_edge_and_missing_ones_are_left_out() -> None:
    ax = axes().axes[0]
    dots(ax, [1, 2, 3, 4], [0.5, -7.0, 9.0, np.nan], LOOK, limits=(0.0, 1.0))
    drawn = [c for c in ax.collections if isinstance(c, PathCollection)]
    assert all(c.get_gid() == "replicates" for c in drawn)
    assert [c.get_offsets().tolist() for c in drawn] == [[[1.0, 0.5]], [[2.0, 0.0]], [[3.0, 1.0]]]
    assert [len(c.get_facecolor()) for c in drawn] == [1, 0, 0]


def test_dots_without_limits_are_cut_off_by_the_frame_and_those_on_an_edge_are_not() -> None:
    ax = axes().axes[0]
    dots(ax, [1.0], [5.0], LOOK)
    dots(ax, [1.0], [1.0], LOOK, limits=(0.0, 1.0))
    assert [c.get_clip_on() for c in ax.collections] == [True, False]


def test_dots_at_one_place_are_all_drawn() -> None:
    ax = axes().axes[0]
    dots(ax, [1.0, 2.0, 3.0], 5.0, LOOK, across=True, limits=(0.0, 2.5))
    assert [len(c.get_offsets()) for c in ax.collections] == [2, 1]


def test_points_without_both_ends_have_no_bar() -> None:
    ax = axes().axes[0]
    bars(ax, [1, 2], [0.0, np.nan], [1.0, 1.0], LOOK)
    assert len(ax.collections[0].get_segments()) == 1
    summary(ax, pd.DataFrame(columns=["n", "value", "low", "high"]), LOOK)
    assert len(ax.lines) == 0


def test_a_fit_is_drawn_over_its_own_n_with_its_slope() -> None:
    ax = axes().axes[0]
    fit = {"n_used": [10, 100], "intercept": 1.0, "exponent": 2.0, "low": np.nan, "high": 2.1}
    assert fitted(ax, fit, LOOK) == [10.0, 100.0]
    x, y = ax.lines[0].get_data()
    assert np.allclose(y, 10 * np.asarray(x) ** 2) and not ax.collections
    assert fitted(ax, None, LOOK) == [] and fitted(ax, fit | {"n_used": [10]}, LOOK) == []


def test_labels_are_pushed_apart() -> None:
    heights = spread(np.array([0.5, 0.5, 0.51, 0.9]), [0.1] * 4)
    assert all(b - a >= 0.1 - 1e-5 for a, b in pairwise(heights))

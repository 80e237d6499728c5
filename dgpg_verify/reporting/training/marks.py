"""Marks of the training figures: runs as thin lines with their median, runs that never settle, means on a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from dgpg_verify.reporting.drawing.axes import Limits
from dgpg_verify.reporting.drawing.look import Look
from dgpg_verify.reporting.drawing.marks import bars, dots, joined
from dgpg_verify.reporting.frame import Frame
from dgpg_verify.reporting.training.aggregate import median_curve, run_curves
from dgpg_verify.reporting.training.axes import FLOOR

MANY = 4000  # points beyond which thin lines are kept as pixels


def draw_runs(ax: Axes, rows: Frame, look: Look) -> None:
    """Every run as a thin line, their median thick, with a few markers so that nothing hangs on colour alone."""
    curves = run_curves(rows)
    if not curves:
        return
    style: dict[str, Any] = {"colors": look.color, "linewidths": 0.6, "alpha": 0.35, "zorder": 2}
    thin = LineCollection(curves, rasterized=sum(map(len, curves)) > MANY, gid="replicates", **style)
    ax.add_collection(thin, autolim=False)
    middle = median_curve(rows).to_numpy(dtype=float)
    if len(middle):
        episode, score = middle.T
        ax.plot(episode, score, color="white", lw=3.0, alpha=0.7, zorder=3)
        joined(ax, episode, score, look, lw=1.8, ms=5.2, mew=0.8, markevery=_evenly(ax, middle), zorder=4)


def _evenly(ax: Axes, points: np.ndarray, count: int = 5) -> list[int]:
    """Places in `points` of markers that stand about evenly apart on paper."""
    x = ax.transScale.transform(points)[:, 0]
    return sorted({int(np.argmin(np.abs(x - wanted))) for wanted in np.linspace(x[0], x[-1], count)})


def draw_by_row(ax: Axes, rows: Frame, looks: Mapping[Any, Look]) -> None:
    """`draw_runs` for each training row, in the order of the legend."""
    curves = dict(list(rows.groupby("row")))
    for row in (row for row in looks if row in curves):
        draw_runs(ax, curves[row], looks[row])


def settle_dots(ax: Axes, x: Sequence[float], settled_at: pd.Series, look: Look, top: float) -> None:
    """Episodes to settle of every run; never (missing) as a hollow triangle at `top`, 0 on the lower edge."""
    dots(ax, x, settled_at.fillna(2 * top).clip(lower=FLOOR), look, limits=(FLOOR, top))


def diamonds(ax: Axes, points: Frame, limits: Limits, look: Look, face: str | None = None) -> None:
    """Means (columns value, low, high, y) across the panel with their intervals; means beyond `limits` have no mark."""
    ends = points[["low", "high"]].clip(*limits)
    bars(ax, points["y"], ends["low"], ends["high"], look, across=True, lw=1.8)
    inside = points[points["value"].between(*limits)]
    style: dict[str, Any] = {"marker": "D", "ms": 5.4, "mfc": face or look.color, "mec": look.color, "mew": 1.1}
    joined(ax, inside["value"], inside["y"], look, ls="none", **style)

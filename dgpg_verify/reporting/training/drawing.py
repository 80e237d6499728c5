"""Axes and marks of the training figures: scores (Random = 0, Best-Fit = 1), episodes, runs, medians, means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from numpy.typing import ArrayLike

from dgpg_verify.reporting.drawing.axes import Limits, log_y, nothing_in, plain_text, quiet, rule
from dgpg_verify.reporting.drawing.look import Look
from dgpg_verify.reporting.drawing.marks import bars, dots, joined
from dgpg_verify.reporting.frame import Frame
from dgpg_verify.reporting.training.aggregate import median_curve, run_curves

CLAIMED = (10, 20)  # episodes to converge as claimed: v1, and v3 on average
STRAIGHT = 10.0  # a long episode axis is linear up to here, logarithmic beyond
LONG = 100.0  # from here on an episode axis is long
FLOOR = 0.8  # lower end of a logarithmic axis of episodes
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)  # between ticks of a score axis
REFERENCES = {0.0: "Random 0", 1.0: "Best-Fit 1"}
MANY = 4000  # points beyond which thin lines are kept as pixels


def score_axis(ax: Axes, limits: Limits, *, named: bool = True) -> None:
    """Score upwards, with Random = 0 and Best-Fit = 1 as reference lines, named beside the axis (`named`)."""
    low, high = limits
    ax.set_ylim(low, high)
    step = next((s for s in STEPS if (high - low) / s < 7), STEPS[-1])
    ticks = np.round(np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step, 6) + 0.0  # no -0.0
    texts = REFERENCES if named else {}
    ax.set_yticks(ticks, [texts.get(float(t), f"{t:.{2 if step < 0.1 else 1}f}") for t in ticks])
    for score in REFERENCES:
        if low <= score <= high:
            rule(ax, score, zorder=1.5)


def settle_axis(ax: Axes, top: float) -> None:
    """Episodes upwards from 1 to `top`, logarithmic; the claimed 10 and 20 dotted."""
    log_y(ax, FLOOR, top * 1.25)
    ticks = [m * 10**k for k in range(6) for m in (1, 2, 5) if m * 10**k <= top * 1.25]
    ax.set_yticks(ticks, [plain_text(t) for t in ticks])
    for episodes in CLAIMED:
        rule(ax, episodes, lw=1.2, ls=":")


def episode_axis(ax: Axes, last: float) -> None:
    """Episodes to the right, the claimed 10 and 20 dotted; beyond 100 episodes linear to 10, then logarithmic."""
    if last > LONG:
        ax.set_xscale("symlog", linthresh=STRAIGHT, linscale=0.8)
        marks = [0, 5, 10, *(m * 10**k for k in range(1, 6) for m in (2, 5, 10) if m * 10**k <= last * 1.02)]
        marks = [m for m in marks if last <= 300 or m < 20 or str(m)[0] == "1"]
    else:
        marks = list(range(0, int(last) + 1, 5 if last <= 20 else 10 if last <= 50 else 20))
    ax.set_xlim(-0.02 * max(last, 1.0), max(last, 1.0) * 1.03)
    ax.set_xticks(marks, [plain_text(m) for m in marks])
    for episode in CLAIMED:
        if episode <= last:
            rule(ax, x=episode, lw=0.9, ls=":", alpha=0.7, zorder=0.5)


def curves_panel(
    ax: Axes, rows: Frame, by: str, looks: Mapping[Any, Look], limits: Limits, last: float, *, named: bool
) -> None:
    """Learning curves up to episode `last`, one look for each value of column `by`, in the order of the legend."""
    score_axis(ax, limits, named=named)
    episode_axis(ax, last)
    curves = dict(list(rows.groupby(by)))
    for value in (value for value in looks if value in curves):
        _draw_runs(ax, curves[value], looks[value])
    if not curves:
        nothing_in(ax)
    quiet(ax)


def _draw_runs(ax: Axes, rows: Frame, look: Look) -> None:
    """Every run as a thin line, their median thick, with a few markers so that nothing hangs on colour alone."""
    curves = run_curves(rows)
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
    return sorted({int(np.argmin(np.abs(x - target))) for target in np.linspace(x[0], x[-1], count)})


def run_dots(level: Axes, settle: Axes, x: ArrayLike, runs: Frame, look: Look, limits: Limits, top: float) -> None:
    """A dot per run on an axis of levels and on one of episodes to settle.

    A run that never settled is a hollow triangle at `top`; one that settled at 0 sits on the lower edge.
    """
    dots(level, x, runs["level"], look, limits=limits)
    dots(settle, x, runs["settled_at"].fillna(2 * top).clip(lower=FLOOR), look, limits=(FLOOR, top))


def diamonds(ax: Axes, points: Frame, limits: Limits, look: Look, face: str | None = None) -> None:
    """Means (columns value, low, high, y) across the panel with their intervals; means beyond `limits` have no mark."""
    ends = points[["low", "high"]].clip(*limits)
    bars(ax, points["y"], ends["low"], ends["high"], look, across=True, lw=1.8)
    inside = points[points["value"].between(*limits)]
    style: dict[str, Any] = {"marker": "D", "ms": 5.4, "mfc": face or look.color, "mec": look.color, "mew": 1.1}
    joined(ax, inside["value"], inside["y"], look, ls="none", **style)

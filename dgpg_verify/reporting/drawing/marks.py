"""Marks: a dot per replicate, bars and bands for intervals, joined means, fitted powers, legend entries, end labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike
from scipy.optimize import isotonic_regression

from dgpg_verify.reporting.drawing.axes import Limits
from dgpg_verify.reporting.drawing.look import MUTED, Look


def key(label: str, look: Look, **line: Any) -> tuple[Line2D, str]:
    """A legend entry: line and marker as in the panels."""
    return Line2D([], [], **look.line | {"ms": 6.5, "lw": 1.4, "mew": 0.7} | line), label


def dots(
    ax: Axes,
    x: ArrayLike,
    y: ArrayLike,
    look: Look,
    *,
    limits: Limits | None = None,
    across: bool = False,
    **marks: Any,
) -> None:
    """One faint dot per replicate; those beyond `limits` in y sit on the edge as hollow triangles.

    With `across` the limits are those of x. Without limits the panel's frame cuts off what lies beyond it. Missing
    values are left out.
    """
    places = np.array(np.broadcast_arrays(np.asarray(x, dtype=float), np.asarray(y, dtype=float))).reshape(2, -1)
    moved = places.copy()
    axis = 0 if across else 1
    low, high = limits or (-np.inf, np.inf)
    moved[axis] = np.clip(places[axis], low, high)
    style: dict[str, Any] = {
        "s": 15, "color": look.color, "marker": look.marker, "alpha": 0.4, "linewidths": 0, "zorder": 2,
        "clip_on": limits is None,
    }  # fmt: skip
    hollow = {"s": 22, "facecolors": "none", "edgecolors": look.color, "linewidths": 0.8, "zorder": 3, "clip_on": False}
    below, above = places[axis] < low, places[axis] > high
    inside = ~(below | above) & np.isfinite(places).all(axis=0)
    for chosen, how in (
        (inside, style | marks),
        (below, {**hollow, "marker": "v<"[axis == 0]}),
        (above, {**hollow, "marker": "^>"[axis == 0]}),
    ):
        if chosen.any():
            ax.scatter(*moved[:, chosen], **how).set_gid("replicates")


def bars(
    ax: Axes, at: ArrayLike, low: ArrayLike, high: ArrayLike, look: Look, *, across: bool = False, **line: Any
) -> None:
    """The interval of each point as a thin bar, upright or `across`; points without both ends have none."""
    places = np.array([np.atleast_1d(np.asarray(v, dtype=float)) for v in (at, low, high)])
    places = places[:, np.isfinite(places).all(axis=0)]
    style: dict[str, Any] = {"color": look.color, "lw": 1.6, "zorder": 4} | line
    (ax.hlines if across else ax.vlines)(*places, **style)


def joined(ax: Axes, x: ArrayLike, y: ArrayLike, look: Look, **line: Any) -> None:
    """Marks joined by a line."""
    ax.plot(x, y, **look.line | {"ms": 6.2, "lw": 1.3, "mew": 0.5, "zorder": 5} | line)


def summary(ax: Axes, points: pd.DataFrame, look: Look, shift: float = 1.0, **line: Any) -> None:
    """`points` of frame.over_n (n, value, low, high): joined marks with the interval of each as a bar."""
    if not points.empty:
        bars(ax, points["n"] * shift, points["low"], points["high"], look)
        joined(ax, points["n"] * shift, points["value"], look, **line)


def fitted(ax: Axes, fit: Mapping[str, Any] | None, look: Look) -> list[float]:
    """The deciding power of N over the N it was fitted on, with the fan of slopes inside its interval.

    `fit` is a row of table `fits`; returns the N used, none where nothing was fitted.
    """
    used = [float(n) for n in fit["n_used"]] if fit and isinstance(fit["n_used"], list) else []
    if fit is None or len(used) < 2 or not np.isfinite(fit["intercept"]):
        return []
    n = np.geomspace(min(used), max(used), 12)
    centre = np.exp(np.mean(np.log(used)))
    level = 10.0 ** (fit["intercept"] + fit["exponent"] * np.log10(centre))
    middle, *ends = (level * (n / centre) ** fit[name] for name in ("exponent", "low", "high"))
    ax.plot(n, middle, color=look.color, lw=2.2, zorder=3, solid_capstyle="round")
    if np.isfinite(ends).all():
        ax.fill_between(n, np.minimum(*ends), np.maximum(*ends), color=look.color, alpha=0.16, lw=0, zorder=1)
    return used


@dataclass(frozen=True)
class EndLabel:
    """A label for a line's end: where the line ends, its name, and a smaller second line."""

    x: float
    y: float
    name: str
    detail: str
    color: str


def label_ends(ax: Axes, labels: Sequence[EndLabel], *, size: float = 9.3) -> None:
    """Write labels right of the panel at their lines' heights, pushed apart where they would overlap."""
    if not labels:
        return
    figure = ax.get_figure(root=True)
    assert figure is not None
    inches = ax.get_position().height * figure.get_figheight()
    ends = (ax.transScale + ax.transLimits).transform([(label.x, label.y) for label in labels])
    ends[:, 1] = ends[:, 1].clip(0.0, 1.0)
    order = ends[:, 1].argsort(kind="stable")
    need = [(0.36 if labels[k].detail else 0.2) / inches for k in order]
    for k, y in zip(order, spread(ends[order, 1], need)):
        label, (x0, y0) = labels[k], ends[k]
        at: dict[str, Any] = {"transform": ax.transAxes, "clip_on": False}
        ax.plot([x0 + 0.015, 1.03, 1.06], [y0, y, y], color=label.color, lw=0.8, alpha=0.6, **at)
        va = "bottom" if label.detail else "center"
        ax.text(1.075, y, label.name, color=label.color, weight="bold", size=size, va=va, ha="left", **at)
        if label.detail:
            ax.text(1.075, y - 0.01, label.detail, color=MUTED, size=size - 1.0, va="top", ha="left", **at)


def spread(heights: np.ndarray, need: Sequence[float]) -> np.ndarray:
    """Heights nearest to `heights` (ascending), neighbours half their summed `need` apart, none below the panel if all
    have room; in shares of the panel's height.
    """
    apart = np.concatenate([[0.0], np.cumsum(np.add(need[1:], need[:-1]) / 2)])
    lowest = -0.05 if apart[-1] < 1.1 else -np.inf
    return np.maximum(isotonic_regression(heights - apart).x, lowest) + apart

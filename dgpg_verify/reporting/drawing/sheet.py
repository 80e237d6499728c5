"""The sheet a figure is drawn on: title and subtitle above, a legend row, panels, caption and command below."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Hashable, Sequence
from typing import Any, TypeVar

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.look import MUTED

WIDTH = 12.0  # inches; at the page's width one point of text is about one CSS point
MARGIN = 0.25  # inches of air at the outer edges
LEFT = 0.85  # inches left of the first panel, for its axis
LINE = 0.17  # inches per line of the caption
SMALL: Any = {"size": 8.6, "color": MUTED, "va": "bottom", "linespacing": 1.3}  # caption and command
FOOTER = 1  # lines kept free below the caption for the command
Keys = Sequence[tuple[Any, str]]  # legend handles with their labels
Item = TypeVar("Item", bound=Hashable)


def panels(
    rows: int,
    cols: int,
    *,
    title: str,
    subtitle: str,
    caption: str,
    height: float = 2.9,
    width: float | None = None,
    label_room: float = 0.0,
    gap: tuple[float, float] = (0.75, 0.8),
    keys: Keys = (),
    detailed: bool = False,
) -> tuple[Figure, np.ndarray]:
    """A figure of rows x cols panels, all sizes in inches.

    Parameters
    ----------
    height : height of one panel.
    width : width of the sheet; by default that of the page, less for a single column.
    label_room : kept free right of every panel for labels at the lines' ends.
    gap : between panels, across and down.
    keys : the legend, as (handle, label).
    detailed : leaves room for a second line above each panel (see `detail`).

    Returns
    -------
    The figure and its axes as an array [rows, cols].
    """
    width = width or (WIDTH if cols > 1 else 7.5)
    head = textwrap.wrap(title, int(width * 8.2)) or [""]
    sub = textwrap.wrap(subtitle, int(width * 12.4))
    foot = textwrap.wrap(caption, int(width * 14.0))
    key_rows = _rows_of_keys(keys, width)
    above = 0.16 + 0.27 * len(head) + 0.2 * len(sub) + 0.25 * len(key_rows) + 0.09 * bool(keys)
    above += 0.6 if detailed else 0.42
    below = 0.7 + LINE * (len(foot) + FOOTER)
    total = above + rows * height + (rows - 1) * gap[1] + below
    fig = Figure(figsize=(width, total))
    _write(fig, total - 0.16, head, size=14, weight="bold", va="top", linespacing=1.25)
    y = total - 0.19 - 0.27 * len(head)
    _write(fig, y, sub, size=10, color=MUTED, va="top", linespacing=1.35)
    _write_keys(fig, key_rows, y - 0.2 * len(sub) - 0.09)
    _write(fig, 0.08 + LINE * FOOTER, foot, **SMALL)
    across, between = width - LEFT - MARGIN - label_room, gap[0] + label_room
    axes = fig.subplots(rows, cols, squeeze=False)
    fig.subplots_adjust(
        left=LEFT / width,
        right=(LEFT + across) / width,
        top=1.0 - above / total,
        bottom=below / total,
        wspace=between * cols / (across - (cols - 1) * between),
        hspace=gap[1] / height,
    )
    return fig, axes


def grid(
    items: Sequence[Item], *, most: int = 3, gap: tuple[float, float] = (0.85, 1.05), **layout: Any
) -> tuple[Figure, dict[Item, Axes]]:
    """One panel per item, at most `most` side by side; `layout` goes to `panels`."""
    cols = 2 if len(items) == 4 and most == 3 else min(len(items), most)
    layout = {"height": 2.5, "width": WIDTH if cols > 1 else 8.5, "detailed": True} | layout
    fig, axes = panels(math.ceil(len(items) / cols), cols, gap=gap, **layout)
    for ax in axes.flat[len(items) :]:
        ax.remove()
    return fig, dict(zip(items, axes.flat))


def given_or_new(ax: Axes | None) -> Axes:
    """`ax`, or the panel of a new pyplot figure, which notebooks and `plt.show` display."""
    if ax is not None:
        return ax
    return plt.subplots(figsize=(7.5, 3.6), layout="constrained", facecolor="white")[1]


def sign(fig: Figure, text: str) -> None:
    """Write the last line of the sheet: the command that disputes the figure."""
    _write(fig, 0.08, [text], **SMALL)


def detail(ax: Axes, title: str, text: str) -> None:
    """A panel's title in bold and, small below it, what it shows."""
    ax.set_title(title, pad=19 if text else 6)
    ax.annotate(text, (0, 1), (0, 5), xycoords="axes fraction", textcoords="offset points", color=MUTED, size=8.8)


def indent(fig: Figure, axes: np.ndarray, left: float, right: float = MARGIN) -> None:
    """Leave `left` and `right` inches beside the first and the last column, taken from all columns alike."""
    width = fig.get_figwidth()
    boxes = [ax.get_position() for ax in axes.flat]
    first, last = min(box.x0 for box in boxes), max(box.x1 for box in boxes)
    share = (1.0 - (left + right) / width) / (last - first)
    for ax, box in zip(axes.flat, boxes):
        ax.set_position((left / width + (box.x0 - first) * share, box.y0, box.width * share, box.height))


def _write(fig: Figure, y: float, lines: Sequence[str], **style: Any) -> None:
    """Text at the left margin, `y` inches above the sheet's lower edge."""
    width, total = fig.get_size_inches()
    fig.text(MARGIN / width, y / total, "\n".join(lines), **style)


def _write_keys(fig: Figure, key_rows: Sequence[Keys], y: float) -> None:
    width, total = fig.get_size_inches()
    for k, row in enumerate(key_rows):
        place = ((MARGIN - 0.02) / width, (y - 0.25 * k) / total)
        fig.legend(
            *zip(*row), loc="upper left", bbox_to_anchor=place, ncols=len(row), frameon=False,
            handletextpad=0.5, columnspacing=1.5, borderaxespad=0.0, borderpad=0.0,
        )  # fmt: skip


def _rows_of_keys(keys: Keys, width: float) -> list[list[tuple[Any, str]]]:
    """Legend entries broken into rows that fit the sheet's width."""
    rows: list[list[tuple[Any, str]]] = []
    room = 0.0
    for key in keys:
        wide = 0.62 + 0.088 * len(key[1])
        if not rows or wide > room:
            rows.append([])
            room = width - 2 * MARGIN
        rows[-1].append(key)
        room -= wide
    return rows

"""A road network with the load of every link, one map per load: before training, after it, the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from dgpg_verify.reporting.drawing.look import MUTED, styled
from dgpg_verify.reporting.drawing.sheet import MARGIN, WIDTH, detail, indent, panels
from dgpg_verify.reporting.frame import NothingToDraw

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
BANDS = ("below 0.5", "0.5 to 1", "1 to 2", "2 to 4", "4 and more")  # of load; each has a colour and a width, in points
ENDS = (0.5, 1.0, 2.0, 4.0)
COLOURS = ("#b9c3d0", "#6fb1dd", "#0072b2", "#e69f00", "#d55e00")
WIDTHS = (0.8, 1.4, 2.2, 3.2, 4.4)
ROOM = 26.0  # points between neighbouring nodes at which lines have these widths; on a denser map they are thinner
THINNEST = 0.5  # share of the widths
MOST_LINKS = 3000  # beyond which no reader could tell links apart
TALLEST = 4.6  # inches of one map
AIR = 0.1  # around a map, as a share of its shorter side
WIDE = 0.2  # height over width of a map below which maps stand below each other
GAP = 0.35  # inches between maps
CAPTION = (
    "Line: a link, on the right of who drives along it; colour and width show its load (flow over capacity), on "
    "average over the policy's random choices. Dot: a node; places: {source}. Travel time: of all together, mean over "
    "{workloads} evaluations; that of the {reference} as if platoons could be split over their paths. {others}"
)


def draw_road_map(
    start: Ints, end: Ints, places: Array, loads: Mapping[str, Array], details: Mapping[str, str], **words: Any
) -> Figure:
    """One map for each of `loads`, side by side, or below each other where the network is wide.

    Parameters
    ----------
    start, end : nodes of each link, [L].
    places : [nodes, 2].
    loads : title of a map -> flow over capacity of each link, [L].
    details : title of a map -> what stands below it.
    words : title, subtitle and what the caption leaves open.

    Raises NothingToDraw for more than 3 000 links.
    """
    if len(start) > MOST_LINKS:
        raise NothingToDraw(f"{len(start)} links are too many for a map: {MOST_LINKS} can be told apart")
    low, high = _frame(places)
    shape = (high - low)[1] / (high - low)[0]
    rows, cols = (len(loads), 1) if shape < WIDE else (1, len(loads))
    across = (WIDTH - 2 * MARGIN - (cols - 1) * GAP) / cols
    height = min(TALLEST, across * shape)
    title, subtitle = words.pop("title"), words.pop("subtitle")
    handles = [(Line2D([], [], color=c, lw=w), name) for c, w, name in zip(COLOURS, WIDTHS, BANDS)]
    with styled():
        figure, axes = panels(
            rows, cols, title=title, subtitle=subtitle, caption=CAPTION.format(**words), height=height, width=WIDTH,
            keys=[(Line2D([], [], lw=0), "load:"), *handles], detailed=True, gap=(GAP, 0.75),
        )  # fmt: skip
        indent(figure, axes, MARGIN)
        scale = max((high - low)[0] / across, (high - low)[1] / height) / 72.0  # of the places' unit a point
        lines = _lines(start, end, places, scale)
        length = float(np.median(np.hypot(*(places[end] - places[start]).T))) / scale
        thin = min(1.0, max(THINNEST, length / ROOM))
        for ax, (name, load) in zip(axes.flat, loads.items()):
            _map(ax, lines(thin), load, thin)
            ax.scatter(*places.T, s=9.0 * min(1.0, length / ROOM) ** 2 + 0.4, color=MUTED, linewidths=0, zorder=6)
            ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal", anchor="NW")
            ax.set_axis_off()
            detail(ax, name, details[name])
    return figure


def _frame(places: Array) -> tuple[Array, Array]:
    """Lower and upper limits, with room for the lines beside the outermost nodes."""
    low, high = places.min(0), places.max(0)
    side = high - low
    room = AIR * max(side.min(), 0.25 * side.max(), 1e-12)
    return low - room, high + room


def _lines(start: Ints, end: Ints, places: Array, scale: float) -> Any:
    """Segments [L, 2, 2] right of their direction, those of one pair of nodes beside each other, as a function of how
    thin they are."""
    pair = start * (1 + int(max(start.max(), end.max()))) + end
    rank = np.array([int((pair[:k] == pair[k]).sum()) for k in range(len(pair))])
    way = places[end] - places[start]
    right = np.stack([way[:, 1], -way[:, 0]], axis=1) / np.maximum(np.hypot(*way.T), 1e-12)[:, None]

    def at(thin: float) -> Array:
        shift = (0.5 + rank)[:, None] * right * (WIDTHS[-1] + 0.6) * thin * scale
        return np.stack([places[start] + shift, places[end] + shift], axis=1)

    return at


def _map(ax: Axes, lines: Array, load: Array, thin: float) -> None:
    band = np.searchsorted(ENDS, load, side="right")
    for k, (colour, width) in enumerate(zip(COLOURS, WIDTHS)):
        own: Sequence[Any] = list(lines[band == k])
        ax.add_collection(
            LineCollection(own, colors=colour, linewidths=width * thin, capstyle="butt", zorder=2 + 0.1 * k)
        )

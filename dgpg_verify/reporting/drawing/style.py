"""How figures look: one colour and marker per credit, one frame, quiet axes, labels at the lines' ends.

Colours are those of Okabe and Ito (safe for colour-blind readers); markers differ too, so that nothing hangs on
colour alone. The four neutral tones below are swapped for the page's own when a figure is put into it, which is
how figures follow the page's light or dark scheme.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from dgpg_verify.reporting.drawing.sheet import FOOTER, LINE

INK, MUTED, GRID, BAND = "#1f2430", "#5b6473", "#dde2ea", "#f0f3f8"
GOOD, BAD = "#009e73", "#d55e00"
MIX = LinearSegmentedColormap.from_list("mix", ["#d55e00", "#a8569f", "#0072b2"])  # alpha 0 (return) to 1 (guidance)
WIDTH = 12.0  # inches; at the page's width one point of text is about one CSS point
MARGIN = 0.25  # inches of air at the outer edges


@dataclass(frozen=True)
class CreditStyle:
    """Colour and marker of a credit; `order` sorts legends."""

    color: str
    marker: str
    order: int


_STYLES = {
    "return": CreditStyle("#d55e00", "o", 0),
    "return:raw": CreditStyle("#e69f00", "p", 1),
    "return:to_go": CreditStyle("#b08a4a", "h", 2),
    "gae:central": CreditStyle("#8a5fb5", "v", 3),
    "gae:local": CreditStyle("#cc79a7", "^", 4),
    "guidance": CreditStyle("#0072b2", "s", 5),
    "guidance:exact": CreditStyle("#56b4e9", "D", 6),
    "difference": CreditStyle("#009e73", "P", 7),
    "branch": CreditStyle("#6b7a2b", "X", 8),
    "guidance:multi_step": CreditStyle("#1b3a5c", "<", 9),
    "normalised@gae:central": CreditStyle("#5d4a66", ">", 10),
}
_ALIASES = {"return:centred": "return", "guidance:chain_rule": "guidance", "guidance:chain": "guidance"}
_SPARE = ("#8c6d46", "#7f7f7f", "#a0522d", "#4d6a8f")


def credit_style(name: str) -> CreditStyle:
    """The look of a credit, the same in every figure; guided credits lie between return and guidance."""
    base = _ALIASES.get(name, name)
    if base in _STYLES:
        return _STYLES[base]
    if base.startswith("guided:"):
        alpha = alpha_value(base.split(":", 1)[1].split("@")[0])
        return CreditStyle(alpha_color(alpha), "d", 20 + round(10 * (alpha or 0)))
    family = base.split(":")[0]
    if family in _STYLES:
        return _STYLES[family]
    return CreditStyle(_SPARE[sum(map(ord, base)) % len(_SPARE)], "*", 40)


def alpha_value(alpha: float | str | None) -> float | None:
    """The number behind an alpha: 0.4, '0.4', or a schedule's point ('0.9->0.2@start', '@middle', '@end')."""
    if isinstance(alpha, int | float):
        return float(alpha)
    text, _, point = str(alpha).partition("@")
    try:
        ends = [float(part) for part in text.split("->")]
    except ValueError:
        return None
    if len(ends) == 1:
        return ends[0]
    return {"start": ends[0], "middle": (ends[0] + ends[1]) / 2, "mid": (ends[0] + ends[1]) / 2}.get(point, ends[1])


def alpha_color(alpha: float | None) -> str:
    """Return's colour at 0, guidance's at 1; grey for a rule without a number."""
    return "#7f7f7f" if alpha is None else to_hex(MIX(min(max(alpha, 0.0), 1.0)))


@contextmanager
def styled() -> Iterator[None]:
    """The look for drawing and saving; leaves matplotlib's global settings as they were."""
    look = {
        **sns.axes_style("white"),
        "font.family": ["DejaVu Sans"],
        "font.size": 10.0,
        "axes.titlesize": 10.5,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titley": 1.0,  # said outright: looking for a free height costs a second layout
        "axes.labelsize": 10.0,
        "axes.edgecolor": MUTED,
        "axes.linewidth": 0.8,
        "axes.labelcolor": INK,
        "axes.titlecolor": INK,
        "axes.facecolor": "none",
        "figure.facecolor": "none",
        "text.color": INK,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelsize": 9.0,
        "ytick.labelsize": 9.0,
        "legend.fontsize": 9.5,
        "svg.fonttype": "none",
        "axes.unicode_minus": False,
    }
    with matplotlib.rc_context(look):
        yield


def panels(
    rows: int,
    cols: int,
    *,
    title: str,
    subtitle: str,
    caption: str,
    height: float = 2.9,
    width: float = WIDTH,
    label_room: float = 0.0,
    gap: tuple[float, float] = (0.75, 0.8),
    keys: Sequence[tuple[Any, str]] = (),
    detailed: bool = False,
) -> tuple[Figure, list[list[Axes]]]:
    """A figure of rows x cols panels, title and subtitle above, caption below; sizes in inches.

    `label_room` keeps space right of every panel for labels at the lines' ends; `keys` make one row of
    legend; `detailed` leaves room for a second line above each panel.
    """
    head = textwrap.wrap(title, int(width * 8.2)) or [""]
    sub = textwrap.wrap(subtitle, int(width * 12.4))
    foot = textwrap.wrap(caption, int(width * 14.0))
    key_rows = _rows_of_keys(keys, width)
    top = (
        0.16
        + 0.27 * len(head)
        + 0.2 * len(sub)
        + 0.25 * len(key_rows)
        + (0.09 if keys else 0.0)
        + (0.6 if detailed else 0.42)
    )
    bottom = 0.62 + LINE * (len(foot) + FOOTER) + 0.08
    total = top + rows * height + (rows - 1) * gap[1] + bottom
    fig = Figure(figsize=(width, total))
    y = total - 0.16
    fig.text(MARGIN / width, y / total, "\n".join(head), size=14, weight="bold", va="top", linespacing=1.25)
    y -= 0.27 * len(head) + 0.03
    fig.text(MARGIN / width, y / total, "\n".join(sub), size=10, color=MUTED, va="top", linespacing=1.35)
    y -= 0.2 * len(sub) + 0.09
    for row in key_rows:
        place = ((MARGIN - 0.02) / width, y / total)
        one_row = Legend(fig, *zip(*row), loc="upper left", bbox_to_anchor=place, ncols=len(row), frameon=False,
                         handletextpad=0.5, columnspacing=1.5, borderaxespad=0.0, borderpad=0.0)  # fmt: skip
        fig.add_artist(one_row)
        y -= 0.25
    fig.text(
        MARGIN / width,
        (0.08 + LINE * FOOTER) / total,
        "\n".join(foot),
        size=8.6,
        color=MUTED,
        va="bottom",
        linespacing=1.3,
    )
    left = 0.85
    cell = (width - left - MARGIN - (cols - 1) * gap[0]) / cols
    axes: list[list[Axes]] = []
    for r in range(rows):
        line = []
        for c in range(cols):
            x0 = left + c * (cell + gap[0])
            y0 = total - top - (r + 1) * height - r * gap[1]
            box = (x0 / width, y0 / total, (cell - label_room) / width, height / total)
            line.append(fig.add_axes(box))
        axes.append(line)
    return fig, axes


def _rows_of_keys(keys: Sequence[tuple[Any, str]], width: float) -> list[list[tuple[Any, str]]]:
    """Legend entries broken into rows that fit the figure's width (inches)."""
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


def power_text(exponent: int) -> str:
    """10^exponent as a short label: 0.01, 1, 1000, then 10 with a raised exponent."""
    if -3 <= exponent <= 4:
        return f"{10.0**exponent:g}" if exponent < 4 else "10\u2009000"
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def n_axis(ax: Axes, ns: Iterable[float], label: str | None = "agents N") -> None:
    """Log axis in N whose ticks are measured values of N, thinned so that labels do not touch."""
    values = sorted(set(ns))
    ax.set_xscale("log")
    span = max(values[-1] / values[0], 2.0)
    ax.set_xlim(values[0] / span**0.06, values[-1] * span**0.06)
    decade = max(ax.get_position().width * WIDTH, 0.5) / np.log10(span**1.12)  # inches
    texts = {values[-1]: _plain(values[-1])}
    last = values[-1]
    for value in reversed(values[:-1]):
        letters = 0.5 * (len(texts[last]) + len(_plain(value)))
        if decade * np.log10(last / value) >= 0.12 + 0.072 * letters:  # their width at this size, and air
            last, texts[value] = value, _plain(value)
    ax.set_xticks(values, [texts.get(value, "") for value in values])
    ax.set_xticks([], minor=True)
    if label:
        ax.set_xlabel(label)


def _plain(n: float) -> str:
    return f"{n:,.0f}".replace(",", "\u2009") if n < 1e6 else power_text(round(np.log10(n)))


def log_y(ax: Axes, low: float, high: float) -> None:
    """Log axis in y from `low` to `high` with a handful of plainly written ticks."""
    ax.set_yscale("log")
    ax.set_ylim(low, high)
    decades = np.log10(high / low)
    marks = (1, 2, 5) if decades < 1.6 else (1, 3) if decades < 2.4 else (1,)
    step = max(1, int(np.ceil(decades / 7)))
    ticks, texts = [], []
    for exponent in range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1):
        if len(marks) == 1 and exponent % step:
            continue
        for mark in marks:
            value = mark * 10.0**exponent
            if low <= value <= high:
                ticks.append(value)
                plain = mark == 1 or not -3 <= exponent <= 4
                texts.append(power_text(exponent) if plain and mark == 1 else f"{value:g}")
    ax.set_yticks(ticks, texts)
    ax.set_yticks([], minor=True)


def detail(ax: Axes, title: str, text: str) -> None:
    """A panel's title in bold and, small below it, what it shows."""
    ax.set_title(title, pad=19 if text else 6)
    ax.annotate(text, (0, 1), (0, 5), xycoords="axes fraction", textcoords="offset points", color=MUTED, size=8.8)


def make_room(fig: Figure, axes: Sequence[Axes], inches: float) -> None:
    """Move the panels right by `inches` and narrow them, so that long row names fit on their left."""
    width = inches / fig.get_figwidth()
    right = max(ax.get_position().x1 for ax in axes)
    left = min(ax.get_position().x0 for ax in axes)
    shrink = (right - left - width) / (right - left)
    for ax in axes:
        box = ax.get_position()
        ax.set_position((right - (right - box.x0) * shrink, box.y0, box.width * shrink, box.height))


def dodge(ax: Axes, k: int, count: int) -> float:
    """Factor on N that sets series k of `count` apart from its neighbours, the same on paper in every panel."""
    low, high = ax.get_xlim()
    return float((high / low) ** (0.0065 * (k - (count - 1) / 2)))


def quiet(ax: Axes) -> None:
    """Horizontal grid lines only, no box."""
    sns.despine(ax=ax)
    ax.grid(True, axis="y", color=GRID, linewidth=0.8)
    ax.grid(False, axis="x")
    ax.set_axisbelow(True)
    ax.tick_params(length=3, width=0.8)


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
    to_axes = ax.transScale + ax.transLimits
    wanted = sorted(
        ((float(np.clip(to_axes.transform((lab.x, lab.y))[1], 0, 1)), lab) for lab in labels), key=lambda p: p[0]
    )
    need = [(0.36 if lab.detail else 0.2) / inches for _, lab in wanted]
    heights = spread([y for y, _ in wanted], need)
    for (y0, lab), y in zip(wanted, heights):
        x0 = to_axes.transform((lab.x, lab.y))[0]
        ax.plot(
            [x0 + 0.015, 1.03, 1.06],
            [y0, y, y],
            transform=ax.transAxes,
            color=lab.color,
            lw=0.8,
            alpha=0.6,
            clip_on=False,
        )
        at: dict[str, Any] = {"transform": ax.transAxes, "clip_on": False, "ha": "left"}
        ax.text(1.075, y, lab.name, color=lab.color, weight="bold", size=size,
                va="bottom" if lab.detail else "center", **at)  # fmt: skip
        if lab.detail:
            ax.text(1.075, y - 0.01, lab.detail, color=MUTED, size=size - 1.0, va="top", **at)


def spread(wanted: Sequence[float], need: Sequence[float]) -> list[float]:
    """Heights near `wanted` (ascending) with centres at least half their summed `need` apart, kept around [0, 1]."""
    heights = list(wanted)
    for _ in range(200):
        moved = False
        for k in range(len(heights) - 1):
            least = (need[k] + need[k + 1]) / 2
            short = least - (heights[k + 1] - heights[k])
            if short > 1e-6:
                heights[k] -= short / 2
                heights[k + 1] += short / 2
                moved = True
        if heights[0] < -0.05 and len(heights) * need[0] < 1.1:
            lift = -0.05 - heights[0]
            heights = [heights[0] + lift, *heights[1:]]
            moved = True
        if not moved:
            break
    return heights

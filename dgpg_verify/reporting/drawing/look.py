"""How marks look: neutral tones, one colour and marker per credit, the style that drawing and saving share.

Colours are those of Okabe and Ito (safe for colour-blind readers); markers differ too, so that nothing hangs on
colour alone. The four neutral tones below are swapped for the page's own when a figure is put into it, which is
how figures follow the page's light or dark scheme.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
import seaborn as sns
from matplotlib.colors import LinearSegmentedColormap, to_hex

INK, MUTED, GRID, BAND = "#1f2430", "#5b6473", "#dde2ea", "#f0f3f8"
GOOD, BAD = "#009e73", "#d55e00"
MIX = LinearSegmentedColormap.from_list("mix", ["#d55e00", "#a8569f", "#0072b2"])  # alpha 0 (return) to 1 (guidance)
MIXED = LinearSegmentedColormap.from_list("mixed", ["#c2187a", "#23408e"])  # the same where J is a mean and G a sum
SIZES = LinearSegmentedColormap.from_list("sizes", ["#9fd0ee", "#0072b2", "#10263f"])  # small to large N
SOLID: Any = "-"
DASHED: Any = (0, (2.4, 1.1))


@dataclass(frozen=True)
class Look:
    """Colour, marker and dashes of one series; `order` sorts legends. Dashed lines have hollow marks."""

    color: str
    marker: str = "o"
    order: int = 0
    dash: Any = SOLID

    @property
    def face(self) -> str:
        """Filled, or hollow with dashes: dashes alone are hard to see behind a marker."""
        return "white" if self.dash == DASHED else self.color

    @property
    def edge(self) -> str:
        """White; a hollow mark has its own colour, and so have plus and star, of which a rim would leave little."""
        return self.color if self.face == "white" or self.marker in ("P", "*") else "white"

    @property
    def line(self) -> dict[str, Any]:
        """The look as arguments of matplotlib's lines."""
        return {"color": self.color, "marker": self.marker, "ls": self.dash, "mfc": self.face, "mec": self.edge}


_CREDITS = {
    "return": Look("#d55e00", "o", 0),
    "return:raw": Look("#e69f00", "p", 1),
    "return:to_go": Look("#b08a4a", "h", 2),
    "gae:central": Look("#8a5fb5", "v", 3),
    "gae:local": Look("#cc79a7", "^", 4),
    "guidance": Look("#0072b2", "s", 5),
    "guidance:exact": Look("#56b4e9", "D", 6),
    "difference": Look("#009e73", "P", 7),
    "branch": Look("#6b7a2b", "X", 8),
    "guidance:multi_step": Look("#1b3a5c", "<", 9),
    "normalised@gae:central": Look("#5d4a66", ">", 10),
}
_SPARE = ("#8c6d46", "#7f7f7f", "#a0522d", "#4d6a8f")


def credit_look(name: str) -> Look:
    """The look of a credit, the same in every figure; guided credits lie between return and guidance."""
    if name in _CREDITS:
        return _CREDITS[name]
    if name.startswith("guided:"):
        text, _, setting = name.split(":", 1)[1].split("@")[0].partition("/")
        alpha = alpha_value(text)
        mark, colors = ("*", MIXED) if setting == "mixed" else ("d", MIX)
        return Look(alpha_color(alpha, colors), mark, 20 + round(10 * (alpha or 0)))
    family = name.split(":")[0]
    return _CREDITS.get(family) or Look(_SPARE[sum(map(ord, name)) % len(_SPARE)], "*", 40)


def alpha_value(alpha: str) -> float | None:
    """The number behind an alpha's text: '0.4', or the last one of a schedule ('0.9->0.2'); None for a rule's name."""
    try:
        return float(alpha.rpartition("->")[2])
    except ValueError:
        return None


def alpha_color(alpha: float | None, colors: LinearSegmentedColormap = MIX) -> str:
    """Return's colour at 0, guidance's at 1; grey for a rule without a number."""
    return "#7f7f7f" if alpha is None else to_hex(colors(min(max(alpha, 0.0), 1.0)))


def shades(values: Iterable[Any], colors: LinearSegmentedColormap = SIZES) -> dict[Any, str]:
    """One shade for each value, by rank: for the sizes N, or with `colors=MIX` for alphas that lie close."""
    ranked = sorted(set(values))
    return {value: to_hex(colors(k / max(len(ranked) - 1, 1))) for k, value in enumerate(ranked)}


@contextmanager
def styled() -> Iterator[None]:
    """The style for drawing and saving; leaves matplotlib's global settings as they were."""
    style = {
        **sns.axes_style("white"),
        "font.family": ["DejaVu Sans"],
        "font.size": 10.0,
        "axes.titlesize": 10.5,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titley": 1.0,  # set, because looking for a free height costs a second layout
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
    with matplotlib.rc_context(style):
        yield

"""Figure: where gradient ascent goes in one two-agent game, with J alone and with guidance mixed in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dgpg_verify.reporting.drawing.select import Group, need, number
from dgpg_verify.reporting.drawing.style import BAD, GOOD, MUTED, credit_style, detail, panels, styled
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.wording import sentence

KEPT, LOST, GAINED = "equilibrium of both", "of J only: lost", "of J_\u03b1 only: gained"
OBJECTIVES = ("j", "mixed")
SAME = 1e-6  # equilibria closer than this are one
Point = tuple[float, ...]  # the chances of the two second actions


def _columns(record: Record, *names: str) -> list[tuple[float, ...]]:
    """Lists of the record side by side, places where one is unknown left out."""
    rows = zip(*(record.get(name) or [] for name in names))
    return [tuple(float(v) for v in row) for row in rows if all(number(v) is not None for v in row)]


def _near(point: Point, others: Sequence[Point], within: float = SAME) -> bool:
    return any(max(abs(point[0] - x), abs(point[1] - y)) <= within for x, y, *_ in others)


def _field(ax: Axes, arrows: Sequence[Point], color: str, marked: Sequence[Point]) -> None:
    """Arrows of one length, stronger colour where the gradient is steeper: direction first, size second."""
    whole = np.array(arrows)
    covered = np.array([_near(tuple(row), marked, 0.03) for row in whole], dtype=bool)
    x, y, u, v = whole[~covered].T
    size = np.hypot(u, v)
    unit = np.where(size > 0, size, 1.0)
    strength = np.sqrt(size / max(float(size.max()), 1e-300))
    shades = np.array([[*_rgb(color), 0.18 + 0.72 * float(s)] for s in strength])
    step = 0.8 / max(len(set(x.tolist())) - 1, 1)
    drawn = ax.quiver(x, y, u / unit * step, v / unit * step, color=shades, angles="xy", scale_units="xy", scale=1.0,
                       width=0.006, headwidth=4.0, headlength=4.5, pivot="mid", zorder=2)  # fmt: skip
    drawn.set_gid("replicates")


def _rgb(color: str) -> tuple[float, float, float]:
    return tuple(int(color[k : k + 2], 16) / 255 for k in (1, 3, 5))  # type: ignore[return-value]


def _marks(ax: Axes, points: Sequence[Point], others: Sequence[Point], alone: str) -> None:
    """Full where the equilibrium is one of both, else in the colour of what happened to it."""
    for x, y in points:
        both = _near((x, y), others)
        ax.plot([x], [y], ls="none", marker="o" if both else "D", ms=10, color=GOOD if both else alone, mec="white",
                mew=1.2, zorder=5, clip_on=False)  # fmt: skip
    for x, y in others:
        if not _near((x, y), points):
            ax.plot([x], [y], ls="none", marker="o", ms=10, mfc="none", mec=MUTED, mew=1.2, zorder=4, clip_on=False)


def draw_equilibrium_field(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """Vector fields of grad J and grad J_alpha over both agents' probabilities, equilibria of both marked.

    tables["equilibrium_field"], its first record: lists p1, p2 and slopes on the grid, lists of equilibria, alpha,
    words. Raises NothingToDraw.
    """
    table = tables.get("equilibrium_field", ())
    need(table, "equilibrium_field", "game")
    record = table[0]
    arrows = [_columns(record, "p1", "p2", f"{of}_slope_1", f"{of}_slope_2") for of in OBJECTIVES]
    need(arrows[0] if arrows[1] else [], "equilibrium_field", "slope")
    of_j, of_alpha = (_columns(record, f"{of}_equilibria_1", f"{of}_equilibria_2") for of in OBJECTIVES)
    alpha, words = number(record.get("alpha")), sentence(str(record.get("words") or ""))
    lost = sum(not _near(p, of_alpha) for p in of_j)
    gained = sum(not _near(p, of_j) for p in of_alpha)
    mixed = "" if alpha is None else f"\u03b1 = {alpha:g}"
    keys = [
        (Line2D([], [], ls="none", marker="o", ms=9, color=GOOD, mec="white"), KEPT),
        (Line2D([], [], ls="none", marker="D", ms=8, color=BAD, mec="white"), LOST),
        (Line2D([], [], ls="none", marker="D", ms=8, color="#8a5fb5", mec="white"), GAINED),
        (Line2D([], [], ls="none", marker="o", ms=9, mfc="none", mec=MUTED), "where the other one has it"),
    ]
    caption = (
        f"{words} Arrows point along the gradient with respect to the two probabilities, paler where it is "
        "flatter. Exact values on the whole grid; equilibria from the tables of the game, mixed ones inside. "
        f"{dispute}"
    )
    with styled():
        fig, axes = panels(
            1, 2, title=f"One game of two agents, {mixed}: {lost} of {len(of_j)} equilibria lost, {gained} gained",
            subtitle="Where every agent goes that follows the gradient of J (left) and of J_\u03b1 (right).",
            caption=caption, keys=keys, height=4.0, gap=(0.9, 0.8), detailed=True, width=10.0,
        )  # fmt: skip
        colors = (credit_style("return").color, "#a8569f")
        names = ("Gradient of J", f"Gradient of J_\u03b1, {mixed}")
        panes = ((of_j, of_alpha, BAD), (of_alpha, of_j, "#8a5fb5"))
        for ax, color, name, field, (points, others, alone) in zip(axes[0], colors, names, arrows, panes):
            _field(ax, field, color, points)
            _marks(ax, points, others, alone)
            ax.set_xlim(-0.06, 1.06)
            ax.set_ylim(-0.06, 1.06)
            ax.set_xticks([0, 0.5, 1.0], ["0", "0.5", "1"])
            ax.set_yticks([0, 0.5, 1.0], ["0", "0.5", "1"])
            ax.set_xlabel("agent 1: probability of its second action")
            detail(ax, name, "")
        axes[0][0].set_ylabel("agent 2: probability of its second action")
    return fig

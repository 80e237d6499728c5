"""Figure: where gradient ascent goes in one two-agent game, with J alone and with guidance mixed in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.look import BAD, GOOD, MUTED, Look, credit_look
from dgpg_verify.reporting.drawing.marks import key
from dgpg_verify.reporting.drawing.sheet import detail, panels
from dgpg_verify.reporting.equilibria.aggregate import columns_of, near
from dgpg_verify.reporting.frame import Frames, need
from dgpg_verify.reporting.wording import sentence

NEW = "#8a5fb5"  # of an equilibrium that only J_alpha has
COVERED = 0.03  # arrows closer to a mark than this would hide under it
KEYS = (
    key("equilibrium of both", Look(GOOD), ls="none", ms=9),
    key("of J only: lost", Look(BAD, "D"), ls="none", ms=8),
    key("of J_\u03b1 only: gained", Look(NEW, "D"), ls="none", ms=8),
    key("where the other one has it", Look(MUTED), ls="none", ms=9, mfc="none", mec=MUTED),
)


@dataclass(frozen=True)
class _Pane:
    """One objective: name, colour of its arrows and of equilibria that it alone has, its field and equilibria."""

    name: str
    color: str
    alone: str
    arrows: np.ndarray  # [points, 4]: two probabilities, two slopes
    points: np.ndarray  # [equilibria, 2]


def draw_equilibrium_field(frames: Frames) -> Figure:
    """Vector fields of grad J and grad J_alpha over both agents' probabilities, equilibria of both marked."""
    record = need(frames["equilibrium_field"], "equilibrium_field", "game").iloc[0]
    mixture = "" if pd.isna(record["alpha"]) else f"\u03b1 = {record['alpha']:g}"
    panes = [
        _pane(record, "j", "Gradient of J", credit_look("return").color, BAD),
        _pane(record, "mixed", f"Gradient of J_\u03b1, {mixture}", "#a8569f", NEW),
    ]
    lost, gained = (int((~near(a.points, b.points)).sum()) for a, b in (panes, panes[::-1]))
    fig, axes = panels(
        1, 2, keys=KEYS, height=4.0, gap=(0.9, 0.8), detailed=True, width=10.0,
        title=f"One game of two agents, {mixture}: {lost} of {len(panes[0].points)} equilibria lost, {gained} gained",
        subtitle="Where every agent goes that follows the gradient of J (left) and of J_\u03b1 (right).",
        caption=f"{sentence(record['words'])} Arrows point along the gradient with respect to the two probabilities, "
        "paler where it is flatter. Exact values on the whole grid; equilibria from the tables of the game, mixed ones "
        "inside.",
    )  # fmt: skip
    for ax, pane, other in zip(axes.flat, panes, panes[::-1]):
        _arrows(ax, pane)
        _marks(ax, pane, other.points)
        ax.set(xlim=(-0.06, 1.06), ylim=(-0.06, 1.06), xlabel="agent 1: probability of its second action")
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_ticks([0, 0.5, 1.0], ["0", "0.5", "1"])
        detail(ax, pane.name, "")
    axes[0, 0].set_ylabel("agent 2: probability of its second action")
    return fig


def _pane(record: pd.Series, objective: str, name: str, color: str, alone: str) -> _Pane:
    arrows = columns_of(record, ("p1", "p2", f"{objective}_slope_1", f"{objective}_slope_2"))
    points = columns_of(record, (f"{objective}_equilibria_1", f"{objective}_equilibria_2"))
    need(arrows, "equilibrium_field", "slope")
    return _Pane(name, color, alone, arrows.to_numpy(), points.to_numpy())


def _arrows(ax: Axes, pane: _Pane) -> None:
    """Arrows of one length, stronger colour where the gradient is steeper: direction first, size second."""
    x, y, u, v = pane.arrows[~near(pane.arrows[:, :2], pane.points, COVERED)].T
    size = np.hypot(u, v)
    strength = 0.18 + 0.72 * np.sqrt(size / max(float(size.max()), 1e-300))
    length = 0.8 / max(len(np.unique(x)) - 1, 1) / np.where(size > 0, size, 1.0)
    drawn = ax.quiver(
        x, y, u * length, v * length, color=[(*to_rgb(pane.color), s) for s in strength], angles="xy",
        scale_units="xy", scale=1.0, width=0.006, headwidth=4.0, headlength=4.5, pivot="mid", zorder=2,
    )  # fmt: skip
    drawn.set_gid("replicates")


def _marks(ax: Axes, pane: _Pane, others: np.ndarray) -> None:
    """A disc where the equilibrium is one of both, else a diamond in the colour of what happened to it."""
    for (x, y), both in zip(pane.points, near(pane.points, others)):
        ax.plot([x], [y], ls="none", marker="o" if both else "D", ms=10, color=GOOD if both else pane.alone,
                mec="white", mew=1.2, zorder=5, clip_on=False)  # fmt: skip
    for x, y in others[~near(others, pane.points)]:
        ax.plot([x], [y], ls="none", marker="o", ms=10, mfc="none", mec=MUTED, mew=1.2, zorder=4, clip_on=False)

"""Figure: where gradient ascent goes in one two-agent game, with J alone and with guidance mixed in."""

from __future__ import annotations

from typing import Any

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


def draw_equilibrium_field(frames: Frames) -> Figure:
    """Vector fields of grad J and grad J_alpha over both agents' probabilities, equilibria of both marked."""
    record = need(frames["equilibrium_field"], "equilibrium_field", "game").iloc[0]
    mixture = "" if pd.isna(record["alpha"]) else f"\u03b1 = {record['alpha']:g}"
    of_j, of_mixed = (
        columns_of(record, (f"{name}_equilibria_1", f"{name}_equilibria_2")).to_numpy() for name in ("j", "mixed")
    )
    lost, gained = (~near(of_j, of_mixed)).sum(), (~near(of_mixed, of_j)).sum()
    fig, axes = panels(
        1, 2, keys=KEYS, height=4.0, gap=(0.9, 0.8), detailed=True, width=10.0,
        title=f"One game of two agents, {mixture}: {lost} of {len(of_j)} equilibria lost, {gained} gained",
        subtitle="Where every agent goes that follows the gradient of J (left) and of J_\u03b1 (right).",
        caption=f"{sentence(record['words'])} Arrows point along the gradient with respect to the two probabilities, "
        "paler where it is flatter. Exact values on the whole grid; equilibria from the tables of the game, mixed ones "
        "inside.",
    )  # fmt: skip
    left, right = axes.flat
    _arrows(left, record, "j", of_j, credit_look("return").color)
    _arrows(right, record, "mixed", of_mixed, "#a8569f")
    _marks(left, of_j, of_mixed, BAD)
    _marks(right, of_mixed, of_j, NEW)
    detail(left, "Gradient of J", "")
    detail(right, f"Gradient of J_\u03b1, {mixture}", "")
    left.set_ylabel("agent 2: probability of its second action")
    return fig


def _arrows(ax: Axes, record: pd.Series, objective: str, points: np.ndarray, color: str) -> None:
    """Arrows of one length, stronger colour where the gradient is steeper: direction first, size second."""
    names = ("p1", "p2", f"{objective}_slope_1", f"{objective}_slope_2")
    arrows = need(columns_of(record, names), "equilibrium_field", "slope").to_numpy()
    x, y, u, v = arrows[~near(arrows[:, :2], points, COVERED)].T
    size = np.hypot(u, v)
    strength = 0.18 + 0.72 * np.sqrt(size / max(float(size.max()), 1e-300))
    length = 0.8 / max(len(np.unique(x)) - 1, 1) / np.where(size > 0, size, 1.0)
    drawn = ax.quiver(
        x, y, u * length, v * length, color=[(*to_rgb(color), s) for s in strength], angles="xy",
        scale_units="xy", scale=1.0, width=0.006, headwidth=4.0, headlength=4.5, pivot="mid", zorder=2,
    )  # fmt: skip
    drawn.set_gid("replicates")
    ax.set(xlim=(-0.06, 1.06), ylim=(-0.06, 1.06), xlabel="agent 1: probability of its second action")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_ticks([0, 0.5, 1.0], ["0", "0.5", "1"])


def _marks(ax: Axes, points: np.ndarray, others: np.ndarray, alone: str) -> None:
    """A disc where the equilibrium is one of both, else a diamond in the colour of what happened to it."""
    common = near(points, others)
    style: dict[str, Any] = {"ls": "none", "ms": 10, "mew": 1.2, "clip_on": False}
    for chosen, marker, color in ((common, "o", GOOD), (~common, "D", alone)):
        ax.plot(*points[chosen].T, marker=marker, color=color, mec="white", zorder=5, **style)
    ax.plot(*others[~near(others, points)].T, marker="o", mfc="none", mec=MUTED, zorder=4, **style)

"""Figure: score profiles, the share of runs that reach a score, for every score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import Limits, quiet, rule, share_y
from dgpg_verify.reporting.drawing.look import Look
from dgpg_verify.reporting.drawing.marks import joined
from dgpg_verify.reporting.drawing.sheet import detail
from dgpg_verify.reporting.frame import Frame, Frames, known, need, where
from dgpg_verify.reporting.training import aggregate, captions
from dgpg_verify.reporting.training.axes import REFERENCES
from dgpg_verify.reporting.training.methods import MethodLook, families, family_panels, identified, looks

COLUMNS = 4


def draw_score_profiles(frames: Frames) -> Figure:
    """Share of runs whose score exceeds a threshold, against the threshold, with bands; one column per N.

    Table `profiles`, part main; families of methods in rows of panels.
    """
    measured = known(where(frames["profiles"], part="main"), "share")
    measured = identified(frames, need(measured, "profiles", "share of part main"))
    sizes = aggregate.telling_sizes(measured, COLUMNS)
    rows = where(measured, n=sizes)
    span = (float(rows["threshold"].min()), float(rows["threshold"].max()))
    look = looks(rows)
    fig, axes = family_panels(
        look, len(sizes), title="How many runs reach which score", height=1.75, gap=(0.5, 0.98),
        subtitle="The share of runs whose score exceeds the value below.",
        caption=_caption(rows, span[0]) + captions.sizes_left_out(measured["n"], sizes),
    )  # fmt: skip
    for line, family in zip(axes, families(look)):
        for ax, n in zip(line, sizes):
            _panel(ax, where(rows, family=family, n=n), look, span)
            detail(ax, f"{n:g} agents", family)
        line[0].set_ylabel("share of runs")
    for ax in axes[-1]:
        ax.set_xlabel("score")
    return fig


def _panel(ax: Axes, rows: Frame, look: Mapping[Any, MethodLook], span: Limits) -> None:
    ax.set_xlim(span)
    share_y(ax, -0.02, 1.03, 0.5)
    rule(ax, 0.5, lw=0.8, ls=(0, (2, 2)))
    for score in REFERENCES:
        rule(ax, x=score)
    profiles = dict(list(rows.sort_values("threshold", kind="stable").groupby("row")))
    for row in (row for row in look if row in profiles):
        _profile(ax, profiles[row], look[row])
    quiet(ax)


def _profile(ax: Axes, profile: Frame, look: Look) -> None:
    """The profile as steps, its band shaded, a few markers so that nothing hangs on colour alone."""
    x, y = profile["threshold"], profile["share"]
    if profile[["low", "high"]].notna().all(axis=None):
        band: dict[str, Any] = {"color": look.color, "alpha": 0.07, "lw": 0, "zorder": 2}
        ax.fill_between(x, profile["low"], profile["high"], step="post", **band)
    places = np.unique(np.linspace(0, len(x) - 1, 6).astype(int)).tolist()
    joined(ax, x, y, look, drawstyle="steps-post", lw=1.8, ms=5, mew=0.8, markevery=places, gid="replicates", zorder=4,
           clip_on=False)  # fmt: skip


def _caption(rows: Frame, low: float) -> str:
    widest = rows["band"].max()
    band = f"; a whole curve at once: \u00b1\u00a0{widest:.2g}" if np.isfinite(widest) else ""
    return (
        "A curve further to the right is better: at every score, the share of runs above it. Dashed: Random = 0, "
        f"Best-Fit = 1, and half of the runs. Shaded: intervals, score by score{band}. Score of a run: mean over the "
        f"last 20 % of its evaluations; runs below {low:g} lie left of the frame."
    )

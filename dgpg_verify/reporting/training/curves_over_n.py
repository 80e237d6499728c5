"""Figure: learning curves of one method at every N on top of each other: does the time to converge grow with N?"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import Limits, quiet
from dgpg_verify.reporting.drawing.look import Look, shades
from dgpg_verify.reporting.drawing.marks import key
from dgpg_verify.reporting.drawing.sheet import detail, grid
from dgpg_verify.reporting.frame import Frame, Frames, few, known, need, where
from dgpg_verify.reporting.training import aggregate, captions
from dgpg_verify.reporting.training.axes import episode_axis, score_axis
from dgpg_verify.reporting.training.marks import draw_runs
from dgpg_verify.reporting.training.methods import Looks, identified, looks

METHODS = ("dgpg", "guidance_only", "mappo")
MARKERS = "osD^vPX"
PANELS, SIZES = 6, len(MARKERS)


def draw_curves_over_n(frames: Frames) -> Figure:
    """Learning curves of the rows trained at most N, one panel per row, colour by N.

    Table `curves`, part main: DG-PG, guidance alone, MAPPO; `training_scores` for the title.
    """
    curves = identified(frames, known(where(frames["curves"], part="main"), "score"))
    measured = need(where(curves, method=METHODS), "curves", "score of DG-PG, guidance alone or MAPPO in part main")
    look = looks(measured)
    sizes = few(measured["n"], SIZES)
    count = measured.groupby("row")["n"].nunique()
    widest = sorted(look, key=lambda row: -count[row])[:PANELS]
    shown = [row for row in look if row in widest]
    rows = where(measured, row=shown, n=sizes)
    limits = aggregate.score_limits(rows["score"])
    ends = {row: _ends(where(measured, row=row)) for row in look}
    left = [f"{look[row].label} ({ends[row]})" for row in look if row not in shown]
    caption = captions.curves_text(rows, aggregate.outside(rows["score"], limits))
    caption += f" Not drawn here: {', '.join(left)}." if left else ""
    of_n = size_looks(sizes)
    fig, axes = grid(
        shown, title=_title(frames["training_scores"], shown, look), caption=caption, gap=(0.6, 1.0),
        subtitle="If the time to converge did not depend on N, the curves of a panel would rise together.",
        keys=[key(f"N = {n:g}", one) for n, one in of_n.items()],
    )  # fmt: skip
    left_edge = min(ax.get_position().x0 for ax in axes.values())
    for row, ax in axes.items():
        _panel(ax, where(rows, row=row), of_n, limits, named=ax.get_position().x0 == left_edge)
        detail(ax, look[row].label, ends[row])
    return fig


def size_looks(sizes: Sequence[float]) -> dict[float, Look]:
    """N -> light for few agents, dark for many, each with its own marker."""
    return {n: Look(color, MARKERS[k % len(MARKERS)], k) for k, (n, color) in enumerate(shades(sizes).items())}


def _panel(ax: Axes, rows: Frame, of_n: dict[float, Look], limits: Limits, *, named: bool) -> None:
    score_axis(ax, limits, named=named)
    episode_axis(ax, rows["episode"].max())
    for n, look in of_n.items():
        draw_runs(ax, where(rows, n=n), look)
    quiet(ax)


def _ends(rows: Frame) -> str:
    low, high = rows["n"].min(), rows["n"].max()
    return f"N = {low:g} to {high:g}" if low < high else f"N = {low:g}"


def _title(scores: Frame, rows: Sequence[str], look: Looks) -> str:
    """Mean episodes to settle at the smallest and largest N, of the first row whose runs settle at both."""
    for row in rows:
        if ends := aggregate.settling_ends(where(scores, row=row)):
            (small, at_small), (large, at_large) = ends
            return (
                f"{look[row].label}: runs settle after {at_small:.3g} episodes on average at N\u00a0=\u00a0{small:g}, "
                f"{at_large:.3g} at N\u00a0=\u00a0{large:g}"
            )
    return "The same method at every N: does the time to converge grow?"

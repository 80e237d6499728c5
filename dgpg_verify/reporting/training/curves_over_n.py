"""Figure: learning curves of one method at every N on top of each other: does the time to converge grow with N?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dgpg_verify.reporting.drawing.select import Group, by_n, need, number
from dgpg_verify.reporting.drawing.style import detail, panels, quiet, styled
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.training.methods import Look, looks, method_of
from dgpg_verify.reporting.training.runs import (
    Limits,
    axis_text,
    draw_runs,
    episode_axis,
    few,
    outside,
    outside_text,
    runs_text,
    score_axis,
    score_limits,
    split_runs,
)

MARKERS = "osD^vPX"
METHODS = ("dgpg", "guidance_only", "mappo")


def size_look(k: int, count: int, n: float) -> Look:
    """Dark for few agents, light for many; viridis, whose order colour-blind readers see too."""
    color = to_hex(matplotlib.colormaps["viridis"](0.88 * k / max(count - 1, 1)))
    return Look(color, MARKERS[k % len(MARKERS)], "-", k, f"N = {n:g}")


def _title(tables: Tables, rows: Sequence[str], labels: Mapping[str, str]) -> str:
    """Mean episodes to settle at the smallest and largest N, of the first row whose runs settle at both."""
    for row in rows:
        found = by_n([r for r in tables.get("training_scores", ()) if r["row"] == row], "settle_mean")
        if len(found) > 1:
            (small, a), *_, (large, b) = found.items()
            return (
                f"{labels[row]}: runs settle after {a[0]:.3g} episodes on average at N\u00a0=\u00a0{small:g}, "
                f"{b[0]:.3g} at N\u00a0=\u00a0{large:g}"
            )
    return "The same method at every N: does the time to converge grow?"


def _ends(sizes: Sequence[float]) -> str:
    return f"N = {min(sizes):g}" + (f" to {max(sizes):g}" if len(set(sizes)) > 1 else "")


def _panel(ax: Axes, rows: Sequence[Record], sizes: Sequence[float], limits: Limits, named: bool) -> None:
    score_axis(ax, limits, named=named)
    episode_axis(ax, max(float(r["episode"]) for r in rows))
    for k, n in enumerate(sizes):
        draw_runs(ax, split_runs([r for r in rows if r["n"] == n]), size_look(k, len(sizes), n))
    quiet(ax)


def draw_curves_over_n(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """Learning curves of the rows trained at most N, one panel a row, colour from N; at most six rows and seven N.

    tables["curves"], part main: DG-PG, guidance alone, MAPPO; `training_scores` for the title. Raises NothingToDraw.
    """
    rows = [
        r
        for r in tables.get("curves", ())
        if r.get("part") == "main" and method_of(r) in METHODS and number(r.get("score")) is not None
    ]
    need(rows, "curves", "score of DG-PG, guidance alone or MAPPO in part main")
    found = looks(tables, rows)
    sizes = few([float(r["n"]) for r in rows], 7)
    ends = {row: _ends([float(r["n"]) for r in rows if r["row"] == row]) for row in found}
    width = {row: len({r["n"] for r in rows if r["row"] == row}) for row in found}
    kept = sorted(found, key=lambda row: -width[row])[:6]
    chosen = [row for row in found if row in kept]
    rows = [r for r in rows if r["row"] in chosen and float(r["n"]) in sizes]
    limits = score_limits(float(r["score"]) for r in rows)
    beyond = outside((float(r["score"]) for r in rows), limits)
    left = [f"{one.label} ({ends[row]})" for row, one in found.items() if row not in chosen]
    caption = (
        f"{runs_text(rows)}, every thin line one, thick lines medians. Score: Random = 0, Best-Fit = 1 (dashed). "
        "Dotted: 10 and 20 episodes, the claimed times."
        f"{axis_text(max(float(r['episode']) for r in rows))}{outside_text(beyond, 'evaluations lie')}"
        f"{' Not drawn here: ' + ', '.join(left) + '.' if left else ''} {dispute}"
    )
    keys = [
        (Line2D([], [], color=one.color, marker=one.marker, ms=6.5, lw=1.8, mec="white", mew=0.6), one.label)
        for one in (size_look(k, len(sizes), n) for k, n in enumerate(sizes))
    ]
    cols = {1: 1, 2: 2, 4: 2}.get(len(chosen), 3)
    with styled():
        fig, axes = panels(
            -(-len(chosen) // cols), cols, title=_title(tables, chosen, {row: found[row].label for row in chosen}),
            subtitle="If the time to converge did not depend on N, the curves of a panel would rise together.",
            caption=caption, height=2.5, width=12.0 if cols > 1 else 8.5, gap=(0.6, 1.0), keys=keys, detailed=True,
        )  # fmt: skip
        flat = [ax for line in axes for ax in line]
        for ax in flat[len(chosen) :]:
            ax.remove()
        for k, (ax, row) in enumerate(zip(flat, chosen)):
            mine = [r for r in rows if r["row"] == row]
            _panel(ax, mine, sizes, limits, k % cols == 0)
            detail(ax, found[row].label, ends[row])
    return fig

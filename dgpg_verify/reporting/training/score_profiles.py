"""Figure: score profiles, the share of runs that reach a score, for every score."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.select import Group, need, number
from dgpg_verify.reporting.drawing.style import MUTED, detail, panels, quiet, styled
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.training.methods import FAMILIES, Look, family_of, look_keys, looks
from dgpg_verify.reporting.training.runs import few

PART = "main"


def _curve(ax: Axes, rows: list[Record], look: Look) -> None:
    """The profile as steps, its band shaded, a few markers so that colour is not needed."""
    rows = sorted(rows, key=lambda r: r["threshold"])
    x, y = (np.array([float(r[k]) for r in rows]) for k in ("threshold", "share"))
    ends = [[number(r.get(k)) for k in ("low", "high")] for r in rows]
    if all(a is not None and b is not None for a, b in ends):
        low, high = np.array(ends, dtype=float).T
        ax.fill_between(x, low, high, color=look.color, alpha=0.07, lw=0, zorder=2, step="post")
    ax.step(x, y, where="post", color=look.color, lw=1.8, ls=look.dash, zorder=4, gid="replicates")
    at = np.unique(np.linspace(0, len(x) - 1, 6).astype(int))
    ax.plot(x[at], y[at], ls="none", marker=look.marker, ms=5, color=look.color, mfc=look.face, mec=look.edge,
            mew=0.8, zorder=5, clip_on=False)  # fmt: skip


def draw_score_profiles(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """Share of runs whose score exceeds a threshold, against the threshold, with bands; one column per N (<= 4).

    tables["profiles"], part main; families of methods in rows of panels. Raises NothingToDraw.
    """
    rows = [r for r in tables.get("profiles", ()) if r.get("part") == PART and number(r.get("share")) is not None]
    need(rows, "profiles", "share of part main")
    methods = {n: {family_of(r) for r in rows if r["n"] == n} for n in {float(r["n"]) for r in rows}}
    full = [n for n, found in methods.items() if len(found) == max(map(len, methods.values()))]
    sizes = few(full, 4)
    other = sorted(set(methods) - set(sizes))
    rows = [r for r in rows if float(r["n"]) in sizes]
    low, high = min(float(r["threshold"]) for r in rows), max(float(r["threshold"]) for r in rows)
    found = looks(tables, rows)
    seen = {family_of(r) for r in rows}
    present = [name for name in FAMILIES if name in seen]
    widths = [v for r in rows if (v := number(r.get("band"))) is not None]
    band = f"; a whole curve at once: \u00b1\u00a0{max(widths):.2g}" if widths else ""
    caption = (
        "A curve further to the right is better: at every score, the share of runs above it. Dashed: Random = 0, "
        f"Best-Fit = 1, and half of the runs. Shaded: intervals, score by score{band}. Score of a run: mean over the "
        f"last 20 % of its evaluations; runs below {low:g} lie left of the frame."
        f"{' Not drawn: N = ' + ', '.join(f'{n:g}' for n in other) + '.' if other else ''} {dispute}"
    )
    with styled():
        fig, axes = panels(
            len(present), len(sizes), title="How many runs reach which score",
            subtitle="The share of runs whose score exceeds the value below.",
            caption=caption, height=1.75, width=12.0 if len(sizes) > 1 else 8.5,
            gap=(0.42, 0.98), keys=look_keys(found), detailed=True,
        )  # fmt: skip
        for f, family in enumerate(present):
            for c, n in enumerate(sizes):
                ax = axes[f][c]
                ax.set_xlim(low, high)
                ax.set_ylim(-0.02, 1.03)
                ax.set_yticks([0, 0.5, 1], ["0", "50\u00a0%", "100\u00a0%"])
                ax.axhline(0.5, color=MUTED, lw=0.8, ls=(0, (2, 2)), zorder=1)
                for value in (0.0, 1.0):
                    ax.axvline(value, color=MUTED, lw=1.0, ls=(0, (6, 2)), zorder=1)
                for row, one in found.items():
                    mine = [r for r in rows if r["row"] == row and r["n"] == n and family_of(r) == family]
                    if mine:
                        _curve(ax, mine, one)
                quiet(ax)
                detail(ax, f"{n:g} agents", family)
                if f == len(present) - 1:
                    ax.set_xlabel("score")
                if c == 0:
                    ax.set_ylabel("share of runs")
    return fig

"""Figure: every method at the preset and at the settings a search chose for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dgpg_verify.reporting.drawing.grid import Keys
from dgpg_verify.reporting.drawing.select import Group, need, number
from dgpg_verify.reporting.drawing.style import GRID, INK, MUTED, detail, make_room, panels, quiet, styled
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.training.methods import Look, looks
from dgpg_verify.reporting.training.runs import (
    Limits,
    dots,
    equally_long,
    few,
    outside,
    outside_text,
    runs_text,
    score_limits,
)

PART, SUFFIX = "own", "/tuned"
APART = 0.17  # of a line's height: the preset above, own settings below


def _preset(records: Sequence[Record], methods: set[str]) -> list[Record]:
    """The same methods at the preset, after as many episodes, each under its own name."""
    labels = {str(r["row"]): r["label"] for r in records if r.get("part") == "main" and r["row"] in methods}
    found = [(str(r["row"]).removesuffix("/equal"), r) for r in equally_long(records)]
    return [{**r, "row": row, "label": labels[row]} for row, r in found if row in labels]


def _order(own: Sequence[Record]) -> list[str]:
    """Methods, the best at its own settings first (mean over N)."""
    found: dict[str, list[float]] = {}
    for r in own:
        if (mean := number(r.get("mean"))) is not None:
            found.setdefault(_method(r), []).append(mean)
    return sorted(found, key=lambda row: (-float(np.mean(found[row])), row))


def _method(record: Record) -> str:
    return str(record["row"]).removesuffix(SUFFIX)


def _estimate(ax: Axes, record: Record, y: float, limits: Limits, look: Look, face: str) -> None:
    """A mean with its interval."""
    low, high, mean = (number(record.get(name)) for name in ("low", "high", "mean"))
    if low is not None and high is not None:
        ax.plot(np.clip([low, high], *limits), [y, y], color=look.color, lw=1.6, zorder=4, solid_capstyle="butt")
    if mean is not None and limits[0] <= mean <= limits[1]:
        ax.plot([mean], [y], ls="none", marker="D", ms=5.5, mfc=face, mec=look.color, mew=1.2, zorder=5)


def _panel(
    ax: Axes, order: Sequence[str], preset: Sequence[Record], own: Sequence[Record], runs: Sequence[Record],
    limits: Limits, found: Mapping[str, Look],
) -> None:  # fmt: skip
    ax.set_xlim(limits)
    ax.set_ylim(len(order) - 0.4, -0.6)
    for value in (0.0, 1.0):
        ax.axvline(value, color=MUTED, lw=1.0, ls=(0, (6, 2)), zorder=1.5)
    for y, row in enumerate(order):
        ax.axhline(y + 0.5, color=GRID, lw=0.7, zorder=0)
        levels = [v for r in runs if _method(r) == row and (v := number(r.get("level"))) is not None]
        dots(ax, levels, [y + APART] * len(levels), found[row].color, limits=limits, across=True)
        for records, shift, face in ((preset, -APART, "white"), (own, APART, found[row].color)):
            for r in (r for r in records if _method(r) == row):
                _estimate(ax, r, y + shift, limits, found[row], face)
    quiet(ax)
    ax.grid(False)
    ax.tick_params(axis="y", length=0)


def _title(own: Sequence[Record], preset: Sequence[Record], n: float, found: Mapping[str, Look]) -> str:
    """What tuning gains most, at the largest N."""
    before = {r["row"]: number(r.get("mean")) for r in preset if r["n"] == n}
    gains = {
        _method(r): (float(r["mean"]), float(r["mean"]) - was)
        for r in own
        if r["n"] == n and number(r.get("mean")) is not None and (was := before.get(_method(r))) is not None
    }
    if not gains:
        return "Each method at the settings that a search chose for it"
    row = max(gains, key=lambda key: abs(gains[key][1]))
    level, gain = gains[row]
    return f"Tuning moves \u2018{found[row].label}\u2019 most, by {gain:+.2f} to {level:.2f} at {n:g} agents"


def _keys() -> Keys:
    def one(face: str) -> Line2D:
        return Line2D([], [], color=INK, marker="D", ms=6, mfc=face, mec=INK, lw=1.6)

    return [(one("white"), "the preset"), (one(INK), "its own settings, chosen on the other seeds")]


def draw_own_settings(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """Level of every method at the preset and at its own settings, one panel per N (at most three).

    tables["runs"] and tables["training_scores"], part own, beside main and equal. Raises NothingToDraw.
    """
    own = [r for r in tables.get("training_scores", ()) if r.get("part") == PART]
    need(own, "training_scores", "row of part own")
    sizes = few({float(r["n"]) for r in own}, 3)
    own = [r for r in own if float(r["n"]) in sizes]
    order = _order(own)
    preset = [r for r in _preset(list(tables["training_scores"]), {*order}) if float(r["n"]) in sizes]
    runs = [r for r in tables.get("runs", ()) if r.get("part") == PART and float(r["n"]) in sizes]
    found = looks(tables, [{**r, "row": _method(r)} for r in preset])
    order = [row for row in order if row in found]
    levels = [v for r in runs if (v := number(r.get("level"))) is not None]
    limits = score_limits([*levels, *(v for r in preset if (v := number(r.get("mean"))) is not None)])
    caption = (
        f"{runs_text(runs)}; small dots: single runs at the method's own settings, diamonds means with "
        "intervals. The search tries as many settings for every method (step size, sharing of parameters, roll-outs "
        "an update); a seed is judged at those that did best on the other seeds. Score of the last 20 % of "
        "evaluations; dashed: Random = 0, Best-Fit = 1. Triangles: "
        f"runs beyond the frame.{outside_text(outside(levels, limits), 'levels lie')} {dispute}"
    )
    with styled():
        fig, axes = panels(
            1, len(sizes), title=_title(own, preset, max(sizes), found),
            subtitle="As many episodes for all. Methods are sorted by their mean at their own settings.",
            caption=caption, height=0.5 + 0.33 * len(order), gap=(0.3, 0.8), keys=_keys(),
            width=12.0 if len(sizes) > 1 else 9.5,
        )  # fmt: skip
        make_room(fig, axes[0], 2.0)
        for k, (ax, n) in enumerate(zip(axes[0], sizes)):
            _panel(ax, order, [r for r in preset if r["n"] == n], [r for r in own if r["n"] == n],
                   [r for r in runs if r["n"] == n], limits, found)  # fmt: skip
            ax.set_yticks(range(len(order)), [found[row].label for row in order] if k == 0 else [""] * len(order))
            ax.tick_params(axis="y", labelsize=9.0, labelcolor=INK, pad=6)
            detail(ax, f"{n:g} agents", "")
            ax.set_xlabel("score")
    return fig

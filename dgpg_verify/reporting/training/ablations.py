"""Figure: what is left when one thing is changed: levels of every ablation, sorted within groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.select import Group, need, number
from dgpg_verify.reporting.drawing.style import GRID, INK, MUTED, detail, make_room, panels, quiet, styled
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.training.methods import label_of, method_of
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
from dgpg_verify.reporting.wording import method_name

COLORS = ("#0072b2", "#d55e00", "#009e73", "#8a5fb5", "#b08a4a", "#1b3a5c", "#cc79a7", "#7f7f7f")
MAIN = "As run"
BASE = "DG-PG, parts"  # what every ablation changes
GROUPS = {
    "reference": "Other reference",
    "influence": "Form of influence",
    "alpha": "Schedule of \u03b1",
    "setting": "Setting",
}
Line = tuple[str, str]  # group, label; rows of one label are parts of one curve


def group_of_row(record: Mapping[str, object]) -> str:
    """The group an ablation is listed in: its own field `group`, else what its row's key and method tell."""
    if record.get("group"):
        return str(record["group"])
    if record.get("part") in ("main", "equal"):
        return MAIN
    key = f"{record['row']} {record.get('label')}"
    known = (name for word, name in GROUPS.items() if word in key)
    return next(known, method_name(method_of(record)))


def _kept(records: Sequence[Record], ns: set[float]) -> list[Record]:
    """Ablations, and what they are compared with at the same N: DG-PG, guidance alone and MAPPO as run, after as many
    episodes."""
    as_run = equally_long(records)
    chosen = [r for r in as_run if method_of(r) in ("dgpg", "mappo", "guidance_only") and float(r["n"]) in ns]
    return [*chosen, *(r for r in records if r.get("part") == "ablation")]


def _sorted_lines(sums: Sequence[Record], runs: Sequence[Record]) -> list[Line]:
    """(group, label) from top to bottom: groups as they come with `as run` first, best line of a group first."""
    names = {_label(r): group_of_row(r) for r in (*runs, *sums)}
    order = sorted(dict.fromkeys(names.values()), key=lambda name: name != MAIN)
    height = {label: _mean(sums, runs, label) for label in names}
    lines = sorted(names, key=lambda label: (order.index(names[label]), -height[label], label))
    return [(names[label], label) for label in lines]


def _mean(sums: Sequence[Record], runs: Sequence[Record], label: str) -> float:
    """The mean level of a line over all N."""
    values = [v for r in sums if _label(r) == label and (v := number(r.get("mean"))) is not None]
    values = values or [v for r in runs if _label(r) == label and (v := number(r.get("level"))) is not None]
    return float(np.mean(values)) if values else -np.inf


def _places(lines: Sequence[Line]) -> dict[str, float]:
    """Label -> height from the top, with a gap before every group for its name."""
    places, y, last = {}, 0.0, None
    for group, label in lines:
        y += 1.25 if group != last else 0.0
        places[label], y, last = y, y + 1.0, group
    return places


def _panel(ax: Axes, lines: Sequence[Line], sums: Sequence[Record], runs: Sequence[Record], limits: Limits,
           colors: Mapping[str, str]) -> None:  # fmt: skip
    places = _places(lines)
    ax.set_xlim(limits)
    ax.set_ylim(max(places.values()) + 0.7, 0.1)
    for value in (0.0, 1.0):
        ax.axvline(value, color=MUTED, lw=1.0, ls=(0, (6, 2)), zorder=1.5)
    if any(label == BASE for _, label in lines):
        ax.axvline(_mean(sums, runs, BASE), color=colors[MAIN], lw=1.0, ls=":", zorder=1.5)
    for group, label in lines:
        y, color = places[label], colors[group]
        ax.axhline(y, color=GRID, lw=0.7, zorder=0)
        found = [v for r in runs if _label(r) == label and (v := number(r.get("level"))) is not None]
        dots(ax, found, [y] * len(found), color, limits=limits, across=True)
        stated = next((r for r in sums if _label(r) == label), {})
        low, high = number(stated.get("low")), number(stated.get("high"))
        if low is not None and high is not None:
            ax.plot(np.clip([low, high], *limits), [y, y], color=color, lw=2.0, zorder=4, solid_capstyle="butt")
        mean = number(stated.get("mean")) if stated else float(np.mean(found)) if found else None
        if mean is not None and limits[0] <= mean <= limits[1]:
            ax.plot([mean], [y], ls="none", marker="D", ms=6, color=color, mec="white", mew=0.6, zorder=5)
    quiet(ax)
    ax.grid(False)
    ax.tick_params(axis="y", length=0)


def _title(lines: Sequence[Line], sums: Sequence[Record], runs: Sequence[Record]) -> str:
    """The change that costs most, beside what it changes."""
    worst = min((label for g, label in lines if g != MAIN), key=lambda label: _mean(sums, runs, label))
    base = next((label for _, label in lines if label == BASE), None)
    beside = f" in place of {_mean(sums, runs, base):.2f}" if base else ""
    return f"Largest loss: \u2018{_short(worst)}\u2019, mean score {_mean(sums, runs, worst):.2f}{beside}"


def _names(ax: Axes, lines: Sequence[Line], colors: Mapping[str, str]) -> None:
    """Labels left of the panel, group names above their first line."""
    places = _places(lines)
    ax.set_yticks([places[label] for _, label in lines], [_short(label) for _, label in lines])
    ax.tick_params(axis="y", labelsize=9.0, labelcolor=INK, pad=6)
    first = dict(reversed(lines))
    for group, label in first.items():
        ax.annotate(group, (0, places[label] - 0.85), (-6, 0), xycoords=("axes fraction", "data"), va="center",
                    ha="right", textcoords="offset points", size=9.0, weight="bold", color=colors[group])  # fmt: skip


def _label(record: Record) -> str:
    label = label_of(record)
    return f"{label} (no descent term)" if method_of(record) == "mappo" else label


def _short(text: str, most: int = 44) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "\u2026"


def draw_ablations(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """Level of every ablated row, each run a dot, mean and interval beside it, one panel per N (at most three).

    tables["runs"] and tables["training_scores"], part ablation, beside DG-PG, guidance alone and MAPPO as run.
    Field `group` (optional) names the group of a row. Raises NothingToDraw.
    """
    every = [*tables.get("runs", ()), *tables.get("training_scores", ())]
    ns = {float(r["n"]) for r in every if r.get("part") == "ablation"}
    need([r for r in every if r.get("part") == "ablation"], "runs", "record of part ablation")
    sizes = few(ns, 3)
    runs = [r for r in _kept(tables.get("runs", ()), ns) if float(r["n"]) in sizes]
    sums = [r for r in _kept(tables.get("training_scores", ()), ns) if float(r["n"]) in sizes]
    lines = _sorted_lines(sums, runs)
    colors = {name: COLORS[k % len(COLORS)] for k, name in enumerate(dict.fromkeys(g for g, _ in lines))}
    levels = [v for r in runs if (v := number(r.get("level"))) is not None]
    limits = score_limits(levels)
    caption = (
        f"{runs_text(runs)}; every dot one run, diamonds means with intervals. Score of the last 20 % of evaluations; "
        "dashed: Random = 0, Best-Fit = 1. Same architecture, roll-outs an update, evaluation and seeds throughout. "
        f"Triangles: runs beyond the frame.{outside_text(outside(levels, limits), 'levels lie')} "
        f"{dispute}"
    )
    with styled():
        fig, axes = panels(
            1, len(sizes), title=_title(lines, sums, runs),
            subtitle="Coloured groups change one thing of DG-PG in setting parts, whose mean is dotted; as run: the "
            "other methods. MAPPO has no descent term.",
            caption=caption, height=0.3 + 0.215 * (max(_places(lines).values()) + 1), gap=(0.3, 0.8),
            width=12.0 if len(sizes) > 1 else 9.5,
        )  # fmt: skip
        make_room(fig, axes[0], 2.8)
        for k, (ax, n) in enumerate(zip(axes[0], sizes)):
            _panel(ax, lines, [r for r in sums if r["n"] == n], [r for r in runs if r["n"] == n], limits, colors)
            if k == 0:
                _names(ax, lines, colors)
            else:
                ax.set_yticks([])
            detail(ax, f"{n:g} agents", "")
            ax.set_xlabel("score")
    return fig

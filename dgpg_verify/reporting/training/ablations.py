"""Figure: what is left when one thing is changed: levels of every ablation, sorted within groups."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import Limits, rule
from dgpg_verify.reporting.drawing.look import Look
from dgpg_verify.reporting.drawing.marks import dots
from dgpg_verify.reporting.drawing.sheet import LEFT, WIDTH, detail, indent, panels
from dgpg_verify.reporting.frame import Frame, Frames, few, need, where
from dgpg_verify.reporting.training import aggregate, captions
from dgpg_verify.reporting.training.axes import names_left, score_across
from dgpg_verify.reporting.training.marks import diamonds
from dgpg_verify.reporting.training.methods import identified
from dgpg_verify.reporting.wording import method_name

COLORS = ("#0072b2", "#d55e00", "#009e73", "#8a5fb5", "#b08a4a", "#1b3a5c", "#cc79a7", "#7f7f7f")
MAIN = "As run"
BASE = "DG-PG, parts"  # what every ablation changes
PANELS = 3
GROUPS = {
    "reference": "Other reference",
    "influence": "Form of influence",
    "alpha": "Schedule of \u03b1",
    "setting": "Setting",
}
NAMES = {  # patterns in names of ablations, and how a reader sees them
    "^\u03b1 n\\^(\\S+)$": "\u03b1 = N^\\1",
    "^\u03b1 (\\S+)->(\\S+)$": "\u03b1 from \\1 to \\2",
    "^\u03b1 adaptive$": "adaptive \u03b1",
    r"^multi step": "multi-step",
    r"^reference biased:(\S+)$": r"reference biased by \1 up and down",
    r"^reference lagged:(\S+)$": r"reference of \1 steps ago",
    r"^reference noise:(\S+)$": r"reference with noise exp(\1 Z)",
    r"^reference rounded$": "reference rounded to 0.1",
    r"^reference shuffled$": "reference shuffled over servers",
    r"^reference speed aware$": "reference aware of speeds",
}


def draw_ablations(frames: Frames) -> Figure:
    """Level of every ablated row, each run a dot, mean and interval beside it, one panel per N.

    Tables `runs` and `training_scores`, part ablation, beside DG-PG, guidance alone and MAPPO as run. The column
    `group` (optional) names the group of a row.
    """
    tables = [frames[table] for table in ("runs", "training_scores")]
    ablated = [where(rows, part="ablation") for rows in tables]
    need(ablated[1] if ablated[0].empty else ablated[0], "runs", "record of part ablation")
    sizes = few({n for rows in ablated for n in rows["n"]}, PANELS)
    runs, scores = (named(where(aggregate.with_ablations(identified(frames, rows)), n=sizes)) for rows in tables)
    lines = aggregate.ablation_lines(scores, runs, MAIN)
    looks = {group: Look(COLORS[k % len(COLORS)]) for k, group in enumerate(dict.fromkeys(lines["group"]))}
    limits = aggregate.score_limits(runs["level"])
    caption = (
        f"{captions.runs_text(runs)}; every dot one run, diamonds means with intervals. Score of the last 20 % of "
        "evaluations; dashed: Random = 0, Best-Fit = 1. Same architecture, roll-outs per update, evaluation and seeds "
        "throughout. "
        f"Triangles: runs beyond the frame.{captions.outside_text(aggregate.outside(runs['level'], limits), 'level')}"
    )
    subtitle = (
        f"Coloured groups change one thing of {BASE}, whose mean is dotted; as run: the other methods. MAPPO has no "
        "descent term."
    )
    fig, axes = panels(
        1, len(sizes), title=_title(lines), subtitle=subtitle, caption=caption,
        height=0.3 + 0.215 * (lines["y"].max() + 1), gap=(0.3, 0.8), width=WIDTH if len(sizes) > 1 else 9.5,
    )  # fmt: skip
    indent(fig, axes, LEFT + 2.8)
    for ax, n in zip(axes[0], sizes):
        _panel(ax, lines, where(scores, n=n), where(runs, n=n), limits, looks)
        names_left(ax, lines["y"], lines["name"].map(_short), shown=ax is axes[0, 0])
        detail(ax, f"{n:g} agents", "")
    _name_groups(axes[0, 0], lines, looks)
    return fig


def named(rows: Frame) -> Frame:
    """Identified rows with the name of each line in this figure, and the group it is listed in."""
    names = [_line_name(name, method) for name, method in zip(rows["name"], rows["method"])]
    return rows.assign(name=names, group=[group_of_row(row) for row in rows.to_dict("records")])


def group_of_row(row: Mapping[str, Any]) -> str:
    """The group of an identified row: its own field `group`, else what its key, label and method tell."""
    if row["group"]:
        return str(row["group"])
    if row["part"] in ("main", "equal"):
        return MAIN
    key = f"{row['row']} {row['label']}"
    return next((name for word, name in GROUPS.items() if word in key), method_name(row["method"]))


def _line_name(name: str, method: str) -> str:
    for pattern, words in NAMES.items():
        name = re.sub(pattern, words, name)
    return f"{name} (no descent term)" if method == "mappo" else name


def _panel(ax: Axes, lines: Frame, scores: Frame, runs: Frame, limits: Limits, looks: Mapping[str, Look]) -> None:
    y = lines.set_index("name")["y"]
    ax.set_ylim(y.max() + 0.7, 0.1)
    score_across(ax, limits, y)
    points = aggregate.estimates(scores, runs, "name").assign(y=y)
    if BASE in points.index:
        rule(ax, x=points["value"][BASE], color=looks[MAIN].color, ls=":", zorder=1.5)
    for group, same in lines.groupby("group", sort=False):
        mine, look = where(runs, name=[*same["name"]]), looks[group]
        dots(ax, mine["level"], mine["name"].map(y), look, limits=limits, across=True)
        diamonds(ax, points.reindex(same["name"]), limits, look)


def _name_groups(ax: Axes, lines: Frame, looks: Mapping[str, Look]) -> None:
    """Names of the groups left of the panel, above the first line of each."""
    for group, y in lines.groupby("group", sort=False)["y"].min().items():
        ax.annotate(group, (0, y - 0.85), (-6, 0), xycoords=("axes fraction", "data"), va="center", ha="right",
                    textcoords="offset points", size=9.0, weight="bold", color=looks[group].color)  # fmt: skip


def _title(lines: Frame) -> str:
    """The change that costs most, beside what it changes."""
    worst = lines[lines["group"] != MAIN].sort_values("mean", kind="stable").iloc[0]
    base = f" in place of {_level(lines, BASE):.2f}" if BASE in set(lines["name"]) else ""
    return f"Largest loss: \u2018{_short(worst['name'])}\u2019, mean score {worst['mean']:.2f}{base}"


def _level(lines: Frame, name: str) -> float:
    return float(lines.set_index("name")["mean"][name])


def _short(text: str, most: int = 44) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "\u2026"

"""Figures of levels line by line, one panel per N: what is left when one thing is changed, and own settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import Limits, quiet, rule
from dgpg_verify.reporting.drawing.look import GRID, INK, Look
from dgpg_verify.reporting.drawing.marks import dots, key
from dgpg_verify.reporting.drawing.sheet import LEFT, WIDTH, detail, indent, panels
from dgpg_verify.reporting.frame import Frame, Frames, few, need, where
from dgpg_verify.reporting.training import aggregate, captions
from dgpg_verify.reporting.training.drawing import REFERENCES, diamonds
from dgpg_verify.reporting.training.methods import Looks, identified, looks
from dgpg_verify.reporting.wording import method_name

PANELS = 3
COLORS = ("#0072b2", "#d55e00", "#009e73", "#8a5fb5", "#b08a4a", "#1b3a5c", "#cc79a7", "#7f7f7f")
MAIN = "As run"
BASE = "DG-PG, parts"  # what every ablation changes
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
OWN, SUFFIX = "own", "/tuned"  # part of the runs at own settings, and the end of their keys
APART = 0.17  # of a line's height: the preset above, own settings below
OWN_KEYS = [
    key("the preset", Look(INK, "D"), mfc="white", mec=INK, lw=1.6),
    key("its own settings, chosen on the other seeds", Look(INK, "D"), mec=INK, lw=1.6),
]


def _lines(
    sizes: Sequence[float],
    names: pd.Series,
    draw: Callable[[Axes, float], None],
    limits: Limits,
    beyond: int,
    *,
    ends: tuple[float, float],
    below: float,
    room: float,
    caption: str,
    **layout: Any,
) -> tuple[Figure, Axes]:
    """Scores to the right, one line per entry of `names` (index: its height), one panel per N; also the first panel.

    Parameters
    ----------
    draw : fills the panel of one N.
    beyond : how many levels lie outside `limits`, for the caption.
    ends : lower and upper end of the panels.
    below : how far below a name its thin line lies.
    room : inches left of the panels for the names.
    layout : goes to `panels`.
    """
    caption += f" Triangles: runs beyond the frame.{captions.outside_text(beyond, 'level')}"
    width = WIDTH if len(sizes) > 1 else 9.5
    fig, axes = panels(1, len(sizes), caption=caption, gap=(0.3, 0.8), width=width, **layout)
    indent(fig, axes, LEFT + room)
    for ax, n in zip(axes[0], sizes):
        ax.set_ylim(ends)
        ax.set_xlim(limits)
        for score in REFERENCES:
            rule(ax, x=score, zorder=1.5)
        for y in names.index:
            rule(ax, y + below, color=GRID, lw=0.7, ls="-", zorder=0)
        draw(ax, n)
        quiet(ax, lines=False)
        ax.set_xlabel("score")
        ax.set_yticks([])
        detail(ax, f"{n:g} agents", "")
    first = axes[0, 0]
    first.set_yticks(names.index, names)
    first.tick_params(axis="y", labelsize=9.0, labelcolor=INK, pad=6)
    return fig, first


def draw_ablations(frames: Frames) -> Figure:
    """Level of every ablated row, each run a dot, mean and interval beside it, one panel per N.

    Tables `runs` and `training_scores`, part ablation, beside DG-PG, guidance alone and MAPPO as run.
    """
    tables = [frames[table] for table in ("runs", "training_scores")]
    ablated = [where(rows, part="ablation") for rows in tables]
    need(ablated[1] if ablated[0].empty else ablated[0], "runs", "record of part ablation")
    sizes = few({n for rows in ablated for n in rows["n"]}, PANELS)
    runs, scores = (_named(where(aggregate.with_ablations(identified(frames, rows)), n=sizes)) for rows in tables)
    lines = aggregate.ablation_lines(scores, runs, MAIN)
    look = {group: Look(COLORS[k % len(COLORS)]) for k, group in enumerate(dict.fromkeys(lines["group"]))}
    limits, most = aggregate.score_limits(runs["level"]), lines["y"].max()
    fig, first = _lines(
        sizes,
        lines.set_index("y")["name"].map(_short),
        lambda ax, n: _ablations(ax, lines, where(scores, n=n), where(runs, n=n), limits, look),
        limits,
        aggregate.outside(runs["level"], limits),
        ends=(most + 0.7, 0.1),
        below=0.0,
        room=2.8,
        title=_ablation_title(lines),
        subtitle=f"Coloured groups change one thing of {BASE}, whose mean is dotted; as run: the other methods. MAPPO "
        "has no descent term.",
        caption=f"{captions.runs_text(runs)}; every dot one run, diamonds means with intervals. Score of the last "
        "20 % of evaluations; dashed: Random = 0, Best-Fit = 1. Same architecture, roll-outs per update, evaluation "
        "and seeds throughout.",
        height=0.3 + 0.215 * (most + 1),
    )
    for group, y in lines.groupby("group", sort=False)["y"].min().items():
        first.annotate(group, (0, y - 0.85), (-6, 0), xycoords=("axes fraction", "data"), va="center", ha="right",
                       textcoords="offset points", size=9.0, weight="bold", color=look[group].color)  # fmt: skip
    return fig


def _named(rows: Frame) -> Frame:
    """Identified rows with the name of each line in this figure, and the group it is listed in."""
    names = rows["name"].replace(NAMES, regex=True)
    names += (rows["method"] == "mappo").map({True: " (no descent term)", False: ""})
    return rows.assign(name=names, group=[group_of_row(row) for row in rows.to_dict("records")])


def group_of_row(row: Mapping[str, Any]) -> str:
    """The group of an identified row: what its key, label and method tell."""
    if row["part"] in ("main", "equal"):
        return MAIN
    key = f"{row['row']} {row['label']}"
    return next((name for word, name in GROUPS.items() if word in key), method_name(row["method"]))


def _ablations(ax: Axes, lines: Frame, scores: Frame, runs: Frame, limits: Limits, look: Mapping[str, Look]) -> None:
    """Runs and means of one N in the colours of their groups, and the mean of what is changed."""
    y = lines.set_index("name")["y"]
    points = aggregate.estimates(scores, runs, "name").assign(y=y)
    if BASE in points.index:
        rule(ax, x=points["value"][BASE], color=look[MAIN].color, ls=":", zorder=1.5)
    for group, same in lines.groupby("group", sort=False):
        shown = where(runs, name=[*same["name"]])
        dots(ax, shown["level"], shown["name"].map(y), look[group], limits=limits, across=True)
        diamonds(ax, points.reindex(same["name"]), limits, look[group])


def _ablation_title(lines: Frame) -> str:
    """The change that costs most, beside what it changes."""
    worst = lines[lines["group"] != MAIN].sort_values("mean", kind="stable").iloc[0]
    base = "".join(f" in place of {mean:.2f}" for mean in where(lines, name=BASE)["mean"])
    return f"Largest loss: \u2018{_short(worst['name'])}\u2019, mean score {worst['mean']:.2f}{base}"


def _short(text: str, most: int = 44) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "\u2026"


def draw_own_settings(frames: Frames) -> Figure:
    """Level of every method at the preset and at the settings that a search chose for it, one panel per N.

    Tables `runs` and `training_scores`, part own, beside main and equal. The best at its own settings stands on top.
    """
    scores = need(where(frames["training_scores"], part=OWN), "training_scores", f"row of part {OWN}")
    sizes = few(scores["n"], PANELS)
    tuned, runs = (_of_method(where(frames[table], part=OWN, n=sizes)) for table in ("training_scores", "runs"))
    preset = where(_preset(frames, {*tuned["row"]}), n=sizes)
    look = looks(preset)
    best_first = (-tuned.groupby("row")["mean"].mean()).sort_values(kind="stable").index
    names = pd.Series([row for row in best_first if row in look])
    limits = aggregate.score_limits([*runs["level"], *preset["mean"]])
    fig, _ = _lines(
        sizes,
        names.map(lambda row: look[row].label),
        lambda ax, n: _own_settings(ax, names, where(tuned, n=n), where(preset, n=n), where(runs, n=n), limits, look),
        limits,
        aggregate.outside(runs["level"], limits),
        ends=(len(names) - 0.4, -0.6),
        below=0.5,
        room=2.0,
        title=_own_title(where(tuned, n=max(sizes)), where(preset, n=max(sizes)), look),
        subtitle="Equally many episodes for all. Methods are sorted by their mean at their own settings.",
        caption=f"{captions.runs_text(runs)}; small dots: single runs at the method's own settings, diamonds means "
        "with intervals. The search tries equally many settings for every method (step size, sharing of parameters, "
        "roll-outs per update); a seed is judged at those that did best on the other seeds. Score of the last 20 % of "
        "evaluations; dashed: Random = 0, Best-Fit = 1.",
        keys=OWN_KEYS,
        height=0.5 + 0.33 * len(names),
    )
    return fig


def _of_method(rows: Frame) -> Frame:
    return rows.assign(row=rows["row"].str.removesuffix(SUFFIX))


def _preset(frames: Frames, methods: set[str]) -> Frame:
    """The same methods at the preset, equally long, each under its own key and label."""
    scores = identified(frames, frames["training_scores"])
    names = where(scores, part="main").drop_duplicates("row", keep="last").set_index("row")["name"]
    preset = aggregate.equally_long(scores)
    preset = preset.assign(row=preset["row"].str.removesuffix("/equal"))
    preset = where(preset, row=methods & {*names.index})
    return preset.assign(name=preset["row"].map(names))


def _own_settings(
    ax: Axes, names: pd.Series, tuned: Frame, preset: Frame, runs: Frame, limits: Limits, look: Looks
) -> None:
    """Per method of one N: the preset hollow, its own settings filled, and the runs at these."""
    at_own, at_preset = (aggregate.estimates(scores, runs.iloc[:0], "row") for scores in (tuned, preset))
    for y, row in names.items():
        dots(ax, where(runs, row=row)["level"], y + APART, look[row], limits=limits, across=True, marker="o")
        diamonds(ax, at_preset[at_preset.index == row].assign(y=y - APART), limits, look[row], face="white")
        diamonds(ax, at_own[at_own.index == row].assign(y=y + APART), limits, look[row])


def _own_title(tuned: Frame, preset: Frame, look: Looks) -> str:
    """What its own settings change most, at one N."""
    gains = aggregate.tuning_gains(tuned, preset)
    if gains.empty:
        return "Each method at the settings that a search chose for it"
    row = gains["gain"].abs().idxmax()
    before, after, gain = gains.loc[row, ["before", "mean", "gain"]]
    return (
        f"Its own settings move \u2018{look[row].label}\u2019 most: mean score {after:.2f} in place of {before:.2f} "
        f"({gain:+.2f}) at {tuned['n'].iloc[0]:g} agents"
    )

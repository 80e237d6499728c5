"""Figure of a matched budget: score against joint samples and against processor time, and what is first at Best-Fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import Limits, nothing_in, plain_text, quiet
from dgpg_verify.reporting.drawing.axes import limits as log_limits
from dgpg_verify.reporting.drawing.look import INK, MUTED
from dgpg_verify.reporting.drawing.marks import joined, key
from dgpg_verify.reporting.drawing.sheet import LEFT, detail, indent, panels
from dgpg_verify.reporting.frame import Frame, Frames, few, known, need, positive, where
from dgpg_verify.reporting.training import aggregate, captions
from dgpg_verify.reporting.training.drawing import score_axis
from dgpg_verify.reporting.training.methods import Looks, identified, looks
from dgpg_verify.reporting.wording import count_text, number_text

# rows of one legend entry: the same method with 30 and with 200 episodes, or one row in place of the other
ENTRIES = (
    ("dgpg/parts", "dgpg/parts/200 episodes"),
    ("dgpg/both", "dgpg/both/200 episodes"),
    ("guidance_only/exact",),
    ("difference_replay",),
    ("mappo/practitioner", "mappo"),
    ("mappo/preset",),
    ("ippo/practitioner", "ippo"),
    ("happo/practitioner", "happo"),
)
LONGER = "/200 episodes"  # drawn beside the shorter row; another second row is drawn only in place of the first
N_SHOWN = (5, 10, 20, 50)
AXES = {"samples": "joint samples", "seconds": "processor seconds of learning"}
TABLE = 4.75  # inches right of the panels
COLUMNS = {"samples": 0.66, "seconds": 0.82, "never": 0.99}  # right ends, in shares of that room
FIGURES = 2  # significant, of samples and seconds in titles


def draw_score_by_budget(frames: Frames) -> Figure:
    """Score against joint samples (left) and processor time (right), one row of panels per N, log axes.

    Tables `curves`, of the rows in ENTRIES, and `first_reach`: when each of them is first at Best-Fit, as a list beside
    the panels and in the title.
    """
    rows = identified(frames, known(_shown(frames["curves"]), "score", "samples"))
    rows = where(need(rows, "curves", "score of the methods that are compared by budget"), n=_sizes(rows))
    rows = rows[rows["episode"] > 0]
    reach = where(_shown(frames["first_reach"]), row={*rows["row"]}, n={*rows["n"]})
    look, sizes = _looks(rows), sorted(set(rows["n"]))
    curves = {place: _curve(same) for place, same in rows.groupby(["n", "row"])}
    span = aggregate.score_limits(score for curve in curves.values() for score in curve["score"])
    budgets = {column: log_limits(positive(rows, column), pad=0.02) for column in AXES}
    fig, axes = panels(
        len(sizes), len(AXES), title=_first_text(reach, look, "samples"), subtitle=_subtitle(reach, look),
        caption=_caption(rows), height=2.35, gap=(0.35, 0.98), detailed=True, keys=_keys(look),
    )  # fmt: skip
    indent(fig, axes, LEFT, TABLE)
    for line, n in zip(axes, sizes):
        for ax, column in zip(line, AXES):
            score_axis(ax, span, named=ax is line[0])
            _budget_axis(ax, budgets[column])
            for row in (row for row in look if (n, row) in curves):
                _draw(ax, curves[n, row], column, look, row)
            detail(ax, f"{n:g} agents" if ax is line[0] else "", f"score against {AXES[column]}")
            quiet(ax)
            if not positive(where(rows, n=n), column):
                nothing_in(ax, "not kept in this run")
        line[-1].tick_params(axis="y", labelleft=False)
        _list(line[-1], where(reach, n=n), look)
    for ax, words in zip(axes[-1], AXES.values()):
        ax.set_xlabel(words)
    return fig


def _shown(rows: Frame) -> Frame:
    """The rows of ENTRIES; of two that stand for each other the first that is there."""
    present = {*rows["row"]}
    kept = []
    for first, *more in ENTRIES:
        kept += [first, *(row for row in more if row.endswith(LONGER) or first not in present)]
    return where(rows, row=kept)


def _sizes(rows: Frame) -> list[float]:
    """The N of N_SHOWN that were measured, else a few of those that were."""
    return [n for n in N_SHOWN if n in set(rows["n"])] or few(rows["n"], len(N_SHOWN))


def _looks(rows: Frame) -> Looks:
    """A look per row in the order of ENTRIES; a longer run of one method looks like the shorter."""
    one = rows[~rows["row"].str.endswith(LONGER) | ~rows["row"].str.removesuffix(LONGER).isin(rows["row"])]
    found = looks(one)
    order = [row for entry in ENTRIES for row in entry if row in {*rows["row"]}]
    return {row: found.get(row) or found[row.removesuffix(LONGER)] for row in order}


def _keys(look: Looks) -> list[tuple[Any, str]]:
    """One legend entry per look; what was trained for longer as well is said to be so."""
    longer = {row.removesuffix(LONGER) for row in look if row.endswith(LONGER)}
    firsts = {style: row for row, style in [*look.items()][::-1]}
    return [
        key(f"{style.label}, 30 and 200 episodes" if row in longer and row in look else style.label, style)
        for row, style in ((firsts[style], style) for style in dict.fromkeys(look.values()))
    ]


def _budget_axis(ax: Axes, span: Limits) -> None:
    """Log axis of a budget with ticks at 1, 2, 5 or at 1, 3 of every decade, over many decades at 1 alone."""
    ax.set_xscale("log")
    ax.set_xlim(span)
    low, high = np.log10(span)
    marks = (1, 2, 5) if high - low < 1.7 else (1, 3) if high - low < 3.2 else (1,)
    ticks = [m * 10.0**k for k in range(int(np.floor(low)), int(np.ceil(high))) for m in marks]
    ticks = [tick for tick in ticks if span[0] <= tick <= span[1]]
    ax.set_xticks(ticks, [plain_text(tick) if tick >= 1 else f"{tick:g}" for tick in ticks])


def _curve(rows: Frame) -> Frame:
    """Medians over runs at every evaluation, columns samples, seconds, score; low and high: the score's quartiles."""
    by_episode = rows.groupby("episode")
    curve = by_episode[["samples", "seconds", "score"]].median()
    return curve.assign(low=by_episode["score"].quantile(0.25), high=by_episode["score"].quantile(0.75))


def _draw(ax: Axes, curve: Frame, column: str, look: Looks, row: str) -> None:
    """One method: its median with a band, and a mark where training ends."""
    line, style = curve[curve[column] > 0], look[row]
    if line.empty:
        return
    x = line[column].to_numpy(dtype=float)
    ax.fill_between(x, line["low"], line["high"], color=style.color, alpha=0.13, lw=0, zorder=2)
    marks: dict[str, Any] = {"ms": 5.2, "mew": 0.8, "markevery": [len(x) - 1]}
    joined(ax, x, line["score"], style, lw=1.7, zorder=4, **marks)


def _list(ax: Axes, reach: Frame, look: Looks) -> None:
    """Right of a panel: when each method of one N is first at Best-Fit, the quickest in samples first."""
    reach = reach.sort_values("samples", kind="stable", na_position="last")
    figure = ax.get_figure(root=True)
    assert figure is not None
    width, height = figure.get_size_inches() * ax.get_position().size
    room, step = (TABLE - 0.25) / width, 0.19 / height
    given: dict[str, Any] = {"transform": ax.transAxes, "va": "center", "size": 8.8, "clip_on": False}

    def write(y: float, name: str, cells: Mapping[str, str], color: str, **style: Any) -> None:
        ax.text(1.0 + 0.03 * room, y, name, color=color, **given | style)
        for column, text in cells.items():
            ax.text(1.0 + COLUMNS[column] * room, y, text, ha="right", color=INK, **given)

    if not reach.empty:
        write(1.0, "first at Best-Fit after", {name: name for name in COLUMNS}, MUTED)
    for k, record in enumerate(reach.to_dict("records"), 1):
        cells = {"samples": _count(record["samples"]), "seconds": number_text(record["seconds"], FIGURES)}
        cells["never"] = f"{record['never']:g} of {record['seeds']:g}"
        write(1.0 - k * step, _short(record["label"]), cells, look[record["row"]].color, weight="bold")


def _short(text: str, most: int = 31) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "\u2026"


def _count(value: float) -> str:
    return count_text(value) if np.isfinite(value) else "-"


def _first_text(reach: Frame, look: Looks, column: str) -> str:
    """Which method is first at Best-Fit at every N, and with how much of a budget; N that agree together."""
    quickest = known(reach, column).sort_values(column, kind="stable").drop_duplicates("n").sort_values("n")
    if quickest.empty:
        return f"Score against {AXES[column]}" + (": no method is at Best-Fit in most of its runs" * (len(reach) > 0))
    parts = []
    for row, same in quickest.groupby("row", sort=False):
        ends = [_amount(value, column) for value in (same[column].min(), same[column].max())]
        label = same["label"].iloc[0] or look[str(row)].label
        parts.append(f"{label} at {captions.sizes_text(same['n'])} ({' to '.join(dict.fromkeys(ends))} {column})")
    none = captions.sizes_text(set(reach["n"]) - set(quickest["n"]))
    nobody = f"; none at {none}" if set(reach["n"]) - set(quickest["n"]) else ""
    return f"First at Best-Fit in {AXES[column]}: {'; '.join(parts)}{nobody}"


def _amount(value: float, column: str) -> str:
    return count_text(value) if column == "samples" else number_text(value, FIGURES)


def _subtitle(reach: Frame, look: Looks) -> str:
    time = _first_text(reach, look, "seconds") + ". " if len(known(reach, "seconds")) else ""
    return (
        f"{time}All methods on the same fleets and held-out workloads; a method is better where its line is higher at "
        "the same budget."
    )


def _caption(rows: Frame) -> str:
    longer = " Two lines of one colour: 30 and 200 episodes, each with its own schedule of \u03b1."
    return (
        f"{captions.runs_text(rows)}; lines are medians, bands the middle half of the runs (cut off at the frame), "
        "marks stand where training ends; dashed: shared parameters."
        f"{longer * bool(rows['row'].str.endswith(LONGER).any())} Score: Random = 0, Best-Fit = 1. Joint samples: "
        "episodes times steps of an episode. Seconds: of one processor, spent on learning, not on evaluations; fleets "
        "that learn together share them. First at Best-Fit: the first evaluation of a run whose 3-point median is at "
        "or above 1; medians over runs, \u2018-\u2019 where half of them or more never are. Evaluations lie up to "
        f"{_apart(rows):g} episodes apart."
    )


def _apart(rows: Frame) -> float:
    """The most episodes between two evaluations of one method, the start among them."""
    gaps = [np.diff([0.0, *sorted(set(same))]).max() for _, same in rows.groupby(["row", "n"])["episode"]]
    return float(max(gaps))

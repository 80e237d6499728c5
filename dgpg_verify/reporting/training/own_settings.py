"""Figure: every method at the preset and at the settings a search chose for it."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import Limits
from dgpg_verify.reporting.drawing.look import INK, Look
from dgpg_verify.reporting.drawing.marks import dots, key
from dgpg_verify.reporting.drawing.sheet import LEFT, WIDTH, detail, indent, panels
from dgpg_verify.reporting.frame import Frame, Frames, few, need, where
from dgpg_verify.reporting.training import aggregate, captions
from dgpg_verify.reporting.training.axes import names_left, score_across
from dgpg_verify.reporting.training.marks import diamonds
from dgpg_verify.reporting.training.methods import Looks, identified, looks

PART, SUFFIX = "own", "/tuned"
APART = 0.17  # of a line's height: the preset above, own settings below
PANELS = 3
KEYS = [
    key("the preset", Look(INK, "D"), mfc="white", mec=INK, lw=1.6),
    key("its own settings, chosen on the other seeds", Look(INK, "D"), mec=INK, lw=1.6),
]


def draw_own_settings(frames: Frames) -> Figure:
    """Level of every method at the preset and at its own settings, one panel per N.

    Tables `runs` and `training_scores`, part own, beside main and equal.
    """
    every = need(where(frames["training_scores"], part=PART), "training_scores", f"row of part {PART}")
    sizes = few(every["n"], PANELS)
    own, runs = (_of_method(where(frames[table], part=PART, n=sizes)) for table in ("training_scores", "runs"))
    preset = where(_preset(frames, {*own["row"]}), n=sizes)
    look = looks(preset)
    order = [row for row in _order(own) if row in look]
    limits = aggregate.score_limits([*runs["level"], *preset["mean"]])
    caption = (
        f"{captions.runs_text(runs)}; small dots: single runs at the method's own settings, diamonds means with "
        "intervals. The search tries equally many settings for every method (step size, sharing of parameters, "
        "roll-outs per update); a seed is judged at those that did best on the other seeds. Score of the last 20 % of "
        "evaluations; dashed: Random = 0, Best-Fit = 1. Triangles: runs beyond the frame."
        f"{captions.outside_text(aggregate.outside(runs['level'], limits), 'level')}"
    )
    fig, axes = panels(
        1, len(sizes), title=_title(own, preset, max(sizes), look), caption=caption, keys=KEYS,
        subtitle="Equally many episodes for all. Methods are sorted by their mean at their own settings.",
        height=0.5 + 0.33 * len(order), gap=(0.3, 0.8), width=WIDTH if len(sizes) > 1 else 9.5,
    )  # fmt: skip
    indent(fig, axes, LEFT + 2.0)
    for ax, n in zip(axes[0], sizes):
        ax.set_ylim(len(order) - 0.4, -0.6)
        score_across(ax, limits, [y + 0.5 for y in range(len(order))])
        _estimates(ax, where(own, n=n), where(preset, n=n), where(runs, n=n), {row: look[row] for row in order}, limits)
        names_left(ax, range(len(order)), [look[row].label for row in order], shown=ax is axes[0, 0])
        detail(ax, f"{n:g} agents", "")
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


def _order(own: Frame) -> list[str]:
    """Methods, the best at its own settings first (mean over N)."""
    means = aggregate.mean_levels(own, own.assign(level=own["mean"]), "row")
    return sorted(means.index, key=lambda row: (-means[row], row))


def _estimates(ax: Axes, own: Frame, preset: Frame, runs: Frame, look: Looks, limits: Limits) -> None:
    """Per method, from top to bottom: the preset hollow, its own settings filled, and the runs at these."""
    at_own, at_preset = (aggregate.estimates(scores, runs.iloc[:0], "row") for scores in (own, preset))
    for y, (row, one) in enumerate(look.items()):
        levels = where(runs, row=row)["level"]
        dots(ax, levels, y + APART, one, limits=limits, across=True, marker="o")
        diamonds(ax, at_preset[at_preset.index == row].assign(y=y - APART), limits, one, face="white")
        diamonds(ax, at_own[at_own.index == row].assign(y=y + APART), limits, one)


def _title(own: Frame, preset: Frame, n: float, look: Looks) -> str:
    """What its own settings change most, at the largest N."""
    gains = aggregate.tuning_gains(where(own, n=n), where(preset, n=n))
    if gains.empty:
        return "Each method at the settings that a search chose for it"
    row = gains["gain"].abs().idxmax()
    before, after, gain = gains.loc[row, ["before", "mean", "gain"]]
    return (
        f"Its own settings move \u2018{look[row].label}\u2019 most: mean score {after:.2f} in place of {before:.2f} "
        f"({gain:+.2f}) at {n:g} agents"
    )

"""Figure: what guidance adds in time and memory, and what the model costs per agent, against N."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import limits, log_y, n_axis, quiet, rule
from dgpg_verify.reporting.drawing.captions import count_range
from dgpg_verify.reporting.drawing.look import MUTED, Look
from dgpg_verify.reporting.drawing.marks import dots, summary
from dgpg_verify.reporting.drawing.sheet import detail, panels
from dgpg_verify.reporting.frame import Frame, Frames, by_n, geometric_mean, need, over_n, positive
from dgpg_verify.reporting.wording import number_text

MODEL = "model_per_agent"
PANELS = {
    "ratio": ("learning time", "with guidance / without", Look("#0072b2", "s")),
    "bytes_ratio": ("memory", "with guidance / without", Look("#d55e00", "o")),
    MODEL: ("evaluating the model", "\u03bcs per agent and joint step", Look("#009e73", "D")),
}


def _title(rows: Frame) -> str:
    """The time ratio at the largest N, with its interval where there are several replicates."""
    points = over_n(rows, "ratio", geometric_mean)
    if points.empty:
        return "What guidance adds in time and memory"
    last = points.iloc[-1]
    several = len(by_n(rows, "ratio")[last["n"]]) > 1
    times = "{value:.3g} [{low:.3g}, {high:.3g}]".format(**last) if several else number_text(last["value"])
    return f"At N\u00a0=\u00a0{last['n']:g} learning with guidance takes {times} times as long"


def _panel(ax: Axes, rows: Frame, column: str, look: Look) -> None:
    values = positive(rows, column)
    n_axis(ax, rows["n"])
    if column == MODEL:
        log_y(ax, *limits(values, pad=0.2, least_decades=1.0))
    else:
        ax.set_ylim(min([0.9, *values]) - 0.02, max([1.3, *values]) * 1.03)
        rule(ax, 1.0)
        ax.annotate("no cost", (0.5, 1), (0, -4), va="top", ha="center", size=8, color=MUTED,
                    textcoords="offset points", xycoords=("axes fraction", "data"))  # fmt: skip
    dots(ax, rows["n"], rows[column], look)
    summary(ax, over_n(rows, column, geometric_mean), look)
    quiet(ax)


def draw_guidance_cost(frames: Frames) -> Figure:
    """Time ratio, memory ratio and the model's time per agent and joint step, against N, every replicate.

    Table `guidance_cost`; the model's time is model_seconds / n. Raises NothingToDraw.
    """
    table = need(frames["guidance_cost"], "guidance_cost", "record")
    rows = table.assign(**{MODEL: 1e6 * table["model_seconds"] / table["n"]})
    shown = {column: panel for column, panel in PANELS.items() if rows[column].notna().any()}
    need(rows if shown else rows.iloc[:0], "guidance_cost", "ratio or model_seconds")
    counts = [len(values) for values in by_n(rows, next(iter(shown))).values()]
    fig, axes = panels(
        1,
        len(shown),
        title=_title(rows),
        subtitle="One iteration of the same learner, with and without guidance.",
        caption=f"{count_range(counts)} replicates for every N, timed in turn with and without guidance; small marks "
        "are replicates, large ones geometric means with 95 % intervals. Memory: the most bytes of tensors at once, "
        "counted. Model: reference, influence z and guidance credit of one joint step, divided by N; level means O(1) "
        "for each agent.",
        height=2.5,
        gap=(0.7, 0.8),
        detailed=True,
    )
    for ax, (column, (name, unit, look)) in zip(axes.flat, shown.items()):
        _panel(ax, rows, column, look)
        detail(ax, name, unit)
    return fig
